"""What generators and discriminators want of one another, for each objective.

An adversary sees the discriminator itself and not only its scores: a gradient penalty needs its
slope, and an energy its codes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import torch
from torch import nn

from cyclegan import objectives
from cyclegan.discriminator import AutoencoderDiscriminator
from cyclegan.objectives import Images, Labels, Loss, Scores

Objective = Literal["minimax", "non_saturating", "lsgan", "wgan", "wgan_gp", "hinge", "ebgan"]


LabelSource = Callable[[Images], tuple[Labels, Labels]]
"""Gives labels for as many real images, and for as many fakes."""

WITH_LABELS: tuple[Objective, ...] = ("minimax", "non_saturating", "lsgan")


def judged(judge: nn.Module, real: Images, fake: Images) -> tuple[Scores, Scores]:
    """Score real images and as many fakes in one pass, which is faster than two.

    Instance norm leaves each image by itself. Batch norm would mix them, and real and fake images
    need statistics of their own (ganhacks, tip 4): there it takes two passes.
    """
    if any(isinstance(layer, nn.BatchNorm2d) for layer in judge.modules()):
        return judge(real), judge(fake)
    of_real, of_fake = judge(torch.cat((real, fake))).chunk(2)
    return of_real, of_fake


@runtime_checkable
class Adversary(Protocol):
    """Both sides of an adversarial objective; each loss is minimised by its own side."""

    def generator_loss(self, judge: nn.Module, fake: Images) -> Loss:
        """Of the generator that made `fake`, judged by `judge`."""
        ...

    def discriminator_loss(self, judge: nn.Module, real: Images, fake: Images) -> Loss:
        """Of `judge`; no gradient flows into the images."""
        ...


@dataclass(frozen=True)
class ScoreAdversary:
    """An objective that looks at scores alone."""

    generator: Callable[[Scores], Loss]
    discriminator: Callable[[Scores, Scores], Loss]

    def generator_loss(self, judge: nn.Module, fake: Images) -> Loss:
        """See `Adversary`."""
        return self.generator(judge(fake))

    def discriminator_loss(self, judge: nn.Module, real: Images, fake: Images) -> Loss:
        """See `Adversary`."""
        return self.discriminator(*judged(judge, real, fake))


@dataclass(frozen=True)
class LabelAdversary:
    """An objective whose discriminator learns labels: 1 for real and 0 for fake, or near them."""

    generator: Callable[[Scores], Loss]
    discriminator: Callable[[Scores, Scores, Labels, Labels], Loss]
    labels: LabelSource

    def generator_loss(self, judge: nn.Module, fake: Images) -> Loss:
        """See `Adversary`."""
        return self.generator(judge(fake))

    def discriminator_loss(self, judge: nn.Module, real: Images, fake: Images) -> Loss:
        """See `Adversary`."""
        return self.discriminator(*judged(judge, real, fake), *self.labels(real))


@dataclass(frozen=True)
class PenaltyAdversary:
    """Wasserstein's, with the critic's slope held near 1 (arXiv:1704.00028)."""

    weight: float

    def generator_loss(self, judge: nn.Module, fake: Images) -> Loss:
        """See `Adversary`."""
        return objectives.wasserstein_generator(judge(fake))

    def discriminator_loss(self, judge: nn.Module, real: Images, fake: Images) -> Loss:
        """See `Adversary`."""
        distance = objectives.wasserstein_critic(*judged(judge, real, fake))
        return distance + self.weight * objectives.gradient_penalty(judge, real, fake)


@dataclass(frozen=True)
class EnergyAdversary:
    """The discriminator is an auto-encoder, its energy what it cannot restore (1609.03126)."""

    margin: float
    pull: float
    """Weight of the pulling-away term; 0 leaves it out."""

    def generator_loss(self, judge: nn.Module, fake: Images) -> Loss:
        """See `Adversary`."""
        assert isinstance(judge, AutoencoderDiscriminator)  # the settings see to it
        codes = judge.encode(fake)
        loss = objectives.energy_generator(judge.energy(fake, codes))
        return loss + self.pull * objectives.pulling_away(codes) if self.pull else loss

    def discriminator_loss(self, judge: nn.Module, real: Images, fake: Images) -> Loss:
        """See `Adversary`."""
        return objectives.energy_discriminator(*judged(judge, real, fake), self.margin)


def choose_adversary(
    objective: Objective, labels: LabelSource, penalty: float, margin: float, pull: float
) -> Adversary:
    """Make the adversary of an objective.

    Args:
        objective: Its name.
        labels: For the objectives `WITH_LABELS`.
        penalty: Weight of `wgan_gp`'s gradient penalty.
        margin: Energy below which `ebgan`'s discriminator pushes fakes up.
        pull: Weight of `ebgan`'s pulling-away term.
    """
    match objective:
        case "minimax":
            return LabelAdversary(
                objectives.minimax_generator, objectives.minimax_discriminator, labels
            )
        case "non_saturating":
            return LabelAdversary(
                objectives.non_saturating_generator, objectives.minimax_discriminator, labels
            )
        case "lsgan":
            return LabelAdversary(
                objectives.lsgan_generator, objectives.lsgan_discriminator, labels
            )
        case "wgan":
            return ScoreAdversary(objectives.wasserstein_generator, objectives.wasserstein_critic)
        case "wgan_gp":
            return PenaltyAdversary(penalty)
        case "hinge":
            return ScoreAdversary(objectives.wasserstein_generator, objectives.hinge_discriminator)
        case "ebgan":
            return EnergyAdversary(margin, pull)
