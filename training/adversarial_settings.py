"""How the adversaries are told to play; the paper's values, or none, unless asked otherwise."""

from typing import Annotated

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
)

from training.augmentation import Change
from training.optimizers import OptimizerName
from training.stabilisers import Smoothing


class Judging(BaseModel):
    """How discriminators learn; `--objective` sets what its paper says."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False
    )

    updates: PositiveInt = 1
    """Updates of the discriminators for one of the generators, each on a batch of its own; 5 for
    wgan and wgan_gp (arXiv:1701.07875, algorithm 1)."""
    clip: PositiveFloat | None = None
    """Keep the discriminators' weights within plus and minus this; 0.01 for wgan."""
    penalty: PositiveFloat = 10.0
    """Weight of the gradient penalty of wgan_gp (arXiv:1704.00028)."""
    margin: PositiveFloat = 0.2
    """Energy below which ebgan's discriminator pushes fakes up (arXiv:1609.03126); an energy is a
    mean squared error of pixels in [-1, 1]."""
    pull: NonNegativeFloat = 0.0
    """Weight of ebgan's pulling-away term; its paper takes 0.1, and it needs a batch of 2."""


class Optimizers(BaseModel):
    """What moves the weights; `--objective` sets what its paper says."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False
    )

    generators: OptimizerName = "adam"
    """Of the generators; sgd has no momentum."""
    discriminators: OptimizerName = "adam"
    """Of the discriminators."""
    discriminators_rate: PositiveFloat = 1.0
    """Learning rate of the discriminators, as a multiple of that of the generators."""
    beta1: Annotated[float, Field(ge=0, lt=1)] = 0.5
    """Adam's; 0.5 is that of the authors' implementation, the paper does not say."""
    beta2: Annotated[float, Field(ge=0, lt=1)] = 0.999
    """Adam's."""


class Stabilisers(BaseModel):
    """What steadies adversarial training; all are off unless asked for."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False
    )

    labels: Smoothing = "hard"
    """What discriminators should say. one_sided: 0.9 of real pictures (arXiv:1606.03498, section
    3.4). random: 0.7 to 1.2 of real and 0.0 to 0.3 of fake ones (ganhacks, tip 6)."""
    flip: Annotated[float, Field(ge=0, lt=0.5)] = 0.0
    """Probability with which a discriminator is told a picture's opposite (ganhacks, tip 6)."""
    noise: NonNegativeFloat = 0.0
    """Standard deviation of noise on the discriminators' inputs, of pixels in [-1, 1]; falls to
    zero over --stabilisers.noise-steps (arXiv:1610.04490)."""
    noise_steps: PositiveInt = 10_000
    """Steps after which that noise is gone."""
    augment: tuple[Change, ...] = ()
    """Change whatever discriminators see at random, so that they cannot learn a few pictures by
    heart, as color,translation,cutout (arXiv:2006.10738); for less than some hundred pictures."""
    replay_every: NonNegativeInt = 0
    """From one replay to the next, in steps: both sides meet the other side as it was then
    (ganhacks, tip 8). 0: never."""
    replay_steps: PositiveInt = 10
    """Steps that a replay takes."""
    saturation: NonNegativeFloat = 0.0
    """Weight of a penalty on what generators give to tanh beyond 2.5, as 1: against blots of one
    colour, where tanh is so flat that nothing is learned any more. 0: none."""
    spikes: NonNegativeFloat = 0.0
    """Weight of a penalty on features of the generators beyond 8 standard deviations where they
    are enlarged, as 30: against patches of dots. Instance norm alone. 0: none."""
    average: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Keep a moving average of the generators' weights with this decay, such as 0.999, and export
    it (arXiv:1806.04498). 0: none."""
