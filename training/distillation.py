"""Distillation: small generators learn from the pictures that large ones make of the same.

Sources: Li et al. 2020, arXiv:2003.08936, section 3.1 (the teacher's pictures instead of pairs,
its features, an adversarial loss); Zagoruyko and Komodakis 2017, arXiv:1612.03928, equation 2
(attention maps, which need no layers between features of different widths).
"""

from functools import cached_property
from hashlib import sha256
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from cyclegan.errors import UsageError
from cyclegan.generator import Stages
from cyclegan.objectives import Codes, Images, Loss, l1_loss
from training.imitation_settings import DistillSettings, ImitationWeights
from training.side import Played
from training.state import TrainState
from training.step import take_turns
from training.trained import Trained


class DistillLosses(NamedTuple):
    """The losses of a step without their weights, detached and still on the device."""

    adversarial_ab: Loss
    adversarial_ba: Loss
    pixels_ab: Loss
    pixels_ba: Loss
    features_ab: Loss
    features_ba: Loss
    discriminator_a: Loss
    discriminator_b: Loss


class Teacher:
    """The networks of another training, which learn no more."""

    def __init__(self, trained: Trained, device: torch.device) -> None:
        self.trained = trained
        self._gen_ab = trained.gen_ab.to(device).eval()
        self._gen_ba = trained.gen_ba.to(device).eval()

    @classmethod
    def of(cls, settings: DistillSettings, device: torch.device) -> "Teacher":
        """Load the one that the settings name.

        Raises:
            CheckpointError: The checkpoint cannot be read.
            ModelError: The exported model cannot be read.
            UsageError: There is neither, or it translates between other domains.
        """
        trained = Trained.read(settings.teacher, "--teacher")
        if trained.domains != settings.names:
            a, b = trained.domains
            raise UsageError(
                f"--names is {','.join(settings.names)}, and the teacher {settings.teacher} "
                f"translates between {a} and {b}; give --names {a},{b}, and the pictures of {a} as "
                "domain A"
            )
        return cls(trained, device)

    @cached_property
    def fingerprint(self) -> str:
        """Of its weights, wherever they lie."""
        digest = sha256()
        for weights in (*self._gen_ab.state_dict().values(), *self._gen_ba.state_dict().values()):
            digest.update(weights.numpy(force=True).tobytes())
        return digest.hexdigest()[:16]

    @torch.no_grad()
    def show(self, real_a: Images, real_b: Images) -> tuple[Stages, Stages]:
        """Translate images of A into B, and of B into A."""
        return self._gen_ab.stages(real_a), self._gen_ba.stages(real_b)


def distill_step(
    state: TrainState, teacher: Teacher, real_a: Images, real_b: Images, weights: ImitationWeights
) -> DistillLosses:
    """Update both students once, then both discriminators as often as `state.judging` says.

    Args:
        state: Of the students; changed in place.
        teacher: What they imitate.
        real_a: Images of domain A, in [-1, 1]; as for `train_step`.
        real_b: Images of domain B.
        weights: Weights in the students' objective.
    """
    nets, adversary, opponents = state.networks, state.adversary, state.opponents()
    seen, excess = state.seen, state.excess

    def imitate(real_a: Images, real_b: Images) -> Played:
        ab, ba = nets.gen_ab.stages(real_a), nets.gen_ba.stages(real_b)
        shown_ab, shown_ba = teacher.show(real_a, real_b)
        adversarial_ab = adversary.generator_loss(opponents.disc_b, seen(ab.images))
        adversarial_ba = adversary.generator_loss(opponents.disc_a, seen(ba.images))
        pixels_ab = l1_loss(ab.images, shown_ab.images)
        pixels_ba = l1_loss(ba.images, shown_ba.images)
        features_ab, features_ba = _inattention(ab, shown_ab), _inattention(ba, shown_ba)
        pixels, features = pixels_ab + pixels_ba, features_ab + features_ba
        adversarial = adversarial_ab + adversarial_ba
        objective = adversarial + weights.pixels * pixels + weights.features * features
        objective = objective + excess.of_passes()
        of_ways = pixels_ab, pixels_ba, features_ab, features_ba
        return Played(objective, (adversarial_ab, adversarial_ba, *of_ways), (ba.images, ab.images))

    return DistillLosses(*take_turns(state, opponents, imitate, real_a, real_b))


def _inattention(student: Stages, teacher: Stages) -> Loss:
    """Squared distance between attention maps, in [0, 2], before and behind the residual blocks."""
    distances = [
        (_attention(mine) - _attention(theirs)).square().sum(1).mean()
        for mine, theirs in (
            (student.encoded, teacher.encoded),
            (student.transformed, teacher.transformed),
        )
    ]
    return torch.stack(distances).mean()


def _attention(features: Codes) -> Float[Tensor, "n places"]:
    """Where the features are strong: squares summed over the channels, of length 1 an image."""
    return normalize(features.float().square().sum(1).flatten(1))
