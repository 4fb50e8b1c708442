"""The terms of the CycleGAN objective, as functions of tensors alone.

Equations: Zhu et al. 2017, arXiv:1703.10593; least squares: Mao et al. 2017, arXiv:1611.04076.
"""

from jaxtyping import Float
from torch import Tensor

Images = Float[Tensor, "n 3 h w"]
Scores = Float[Tensor, "n 1 p q"]
Loss = Float[Tensor, ""]


def generator_loss(scores_fake: Scores) -> Loss:
    """Least-squares loss of a generator: E[(D(G(x)) - 1)²] (section 4)."""
    return (scores_fake - 1).square().mean()


def discriminator_loss(scores_real: Scores, scores_fake: Scores) -> Loss:
    """Least-squares loss of a discriminator: ½ E[(D(y) - 1)²] + ½ E[D(G(x))²] (section 4).

    The ½ makes a discriminator learn at half the generators' speed (section 7.1).
    """
    return 0.5 * ((scores_real - 1).square().mean() + scores_fake.square().mean())


def l1_loss(images: Images, target: Images) -> Loss:
    """Mean absolute difference: ‖F(G(x)) - x‖₁ (equation 2) and ‖G(y) - y‖₁ (section 5.2)."""
    return (images - target).abs().mean()
