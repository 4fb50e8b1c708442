"""The terms of the CycleGAN objective, as functions of tensors alone.

Scores are logits, one for each patch, high for real; energies are low for real. Every function
returns what is minimised, finite and with finite gradients for scores of ±1e4 in float32 and
bfloat16.

Equations: Zhu et al. 2017, arXiv:1703.10593; the adversarial ones name their own source.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity, relu, softplus

Images = Float[Tensor, "n 3 h w"]
Scores = Float[Tensor, "n 1 p q"]
Codes = Float[Tensor, "n c h w"]
Labels = Float[Tensor, "n 1 1 1"]
Loss = Float[Tensor, ""]


def l1_loss(images: Images, target: Images) -> Loss:
    """Mean absolute difference: ‖F(G(x)) - x‖₁ (equation 2) and ‖G(y) - y‖₁ (section 5.2)."""
    return (images - target).abs().mean()


def lsgan_generator(fake: Scores) -> Loss:
    """E[(D(G(x)) - 1)²] (Mao et al. 2017, arXiv:1611.04076, equation 9; Zhu et al., section 4)."""
    return (fake - 1).square().mean()


def lsgan_discriminator(
    real: Scores, fake: Scores, real_labels: Labels, fake_labels: Labels
) -> Loss:
    """E[(D(y) - b)²] + E[(D(G(x)) - a)²] (Mao et al., equation 2).

    The labels are b = 1 and a = 0 unless they are smoothed.
    """
    return (real - real_labels).square().mean() + (fake - fake_labels).square().mean()


def minimax_generator(fake: Scores) -> Loss:
    """E[log(1 - D(G(x)))], which saturates where D is sure (Goodfellow et al. 2014, equation 1).

    arXiv:1406.2661; D is the sigmoid of the score, and log(1 - σ(s)) = -softplus(s).
    """
    return -softplus(fake).mean()


def minimax_discriminator(
    real: Scores, fake: Scores, real_labels: Labels, fake_labels: Labels
) -> Loss:
    """-E[log D(y)] - E[log(1 - D(G(x)))] (Goodfellow et al. 2014, equation 1).

    With labels other than 1 and 0 the cross-entropy against them. A label over 1 counts as 1: the
    loss would have no lower bound.
    """
    return _cross_entropy(real, real_labels) + _cross_entropy(fake, fake_labels)


def _cross_entropy(scores: Scores, labels: Labels) -> Loss:
    labels = labels.clamp(max=1.0)
    return (labels * softplus(-scores) + (1 - labels) * softplus(scores)).mean()


def non_saturating_generator(fake: Scores) -> Loss:
    """-E[log D(G(x))], the flipped label (Goodfellow et al. 2014, section 3)."""
    return softplus(-fake).mean()


def wasserstein_generator(fake: Scores) -> Loss:
    """-E[D(G(x))] (Arjovsky et al. 2017, arXiv:1701.07875, algorithm 1)."""
    return -fake.mean()


def wasserstein_critic(real: Scores, fake: Scores) -> Loss:
    """E[D(G(x))] - E[D(y)], minus the estimate of the earth mover's distance (algorithm 1)."""
    return fake.mean() - real.mean()


def gradient_penalty(critic: nn.Module, real: Images, fake: Images) -> Loss:
    """E[(‖∇D(x̂)‖₂ - 1)²] (Gulrajani et al. 2017, arXiv:1704.00028, equation 3).

    Each x̂ lies at a random place between a real and a fake image. The critic's value of an image is
    the mean of its patches' scores; the gradient is taken in float32 whatever autocast says.
    """
    place = torch.rand(len(real), 1, 1, 1, device=real.device)
    between = (place * real + (1 - place) * fake).detach().float().requires_grad_()
    with torch.autocast(real.device.type, enabled=False):
        values = critic(between).mean(dim=(1, 2, 3))
        [slope] = torch.autograd.grad(values.sum(), between, create_graph=True)
    return (slope.flatten(1).norm(dim=1) - 1).square().mean()


def hinge_discriminator(real: Scores, fake: Scores) -> Loss:
    """E[max(0, 1 - D(y))] + E[max(0, 1 + D(G(x)))]; the generator's is `wasserstein_generator`.

    Lim and Ye 2017, arXiv:1705.02894, equations 9 and 10.
    """
    return relu(1 - real).mean() + relu(1 + fake).mean()


def energy_generator(fake: Scores) -> Loss:
    """E[D(G(x))], D an energy (Zhao et al. 2017, arXiv:1609.03126, equation 2)."""
    return fake.mean()


def energy_discriminator(real: Scores, fake: Scores, margin: float) -> Loss:
    """E[D(y)] + E[max(0, m - D(G(x)))], D an energy (Zhao et al. 2017, equation 1)."""
    return real.mean() + relu(margin - fake).mean()


def pulling_away(codes: Codes) -> Loss:
    """Mean squared cosine between the codes of different images (Zhao et al. 2017, equation 4).

    Raises:
        ValueError: There is only one image.
    """
    n = len(codes)
    if n < 2:
        raise ValueError(f"the pulling-away term compares images; the batch has {n}, expected 2")
    flat = codes.flatten(1)
    cosines = cosine_similarity(flat[:, None], flat[None], dim=2)
    return (cosines.square().sum() - cosines.diagonal().square().sum()) / (n * (n - 1))
