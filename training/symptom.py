"""What a symptom of a run is, and what it is told by.

Sources of the symptoms: for losses and gradients Chintala et al. 2016, github.com/soumith/ganhacks,
tip 10 ("Track failures early"); for what is CycleGAN's own the issues of
junyanz/pytorch-CycleGAN-and-pix2pix, cited as JZ with their number. Where a source gives no number,
the threshold lies far from all that healthy runs showed, see docs/log.md.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from math import inf, log

from training.chart import Chart
from training.imitation_settings import DistillSettings
from training.settings import TrainSettings
from training.vitals import Vitals

GRADIENT_NORM = 100.0
"""Greatest healthy norm of the gradient of a loss of weight 1 (ganhacks)."""

# With scores of ½, 0 and 0, and half of the loss, as in the step. An auto-encoder's loss is near
# zero when it restores well, and that of a critic estimates a distance: they say nothing here.
_UNDECIDED = {"lsgan": 0.25, "minimax": log(2), "non_saturating": log(2), "hinge": 1.0}

Past = Sequence[Vitals]
"""Examinations in their order, at least one."""


@dataclass(frozen=True)
class Symptom:
    """What a run suffers from, where, and since when."""

    kind: str
    """The same word for the same kind of trouble."""
    where: str
    """The domain or network that has it."""
    since: int
    """The first examined step that shows it."""
    sentence: str
    """What is seen since when, what it usually means, and what to do."""
    failure: bool = False
    """As it is, nothing more is learned, and further steps do not mend it."""


@dataclass(frozen=True)
class Norms:
    """What the numbers of a run are read against."""

    domains: tuple[str, str]
    """Names of A and B."""
    rate: float
    """Full learning rate of the generators."""
    undecided: float | None
    """Loss of a discriminator that cannot tell real from fake, where that says anything."""
    taught: bool
    """A teacher's pictures hold the generators, and no cycle does."""
    discriminators_rate: float
    """The discriminators' learning rate as a share of the generators'."""
    anchored: bool
    """A score means the same in all steps; that of a critic may drift."""
    generator_gradient: float
    """Greatest norm that a healthy gradient has."""
    discriminator_gradient: float
    short: int = 3
    """Examinations for which a symptom must last where nothing healthy looks like it: a gradient is
    that of one step, and translations are those of one moment."""
    long: int = 10
    """Examinations for which one must last that comes and goes in healthy runs."""
    longest: int = Chart.MEMORY
    """Examinations, all that are kept, for which one must last that new networks have at first."""

    @classmethod
    def of(cls, settings: TrainSettings) -> "Norms":
        """Tell what is healthy with these settings."""
        objective = settings.objective
        unit = GRADIENT_NORM if objective != "wgan" else inf  # a clipped critic has no scale
        penalty = settings.judging.penalty if objective == "wgan_gp" else 0.0
        return cls(
            domains=settings.names,
            rate=settings.schedule.learning_rate,
            undecided=_UNDECIDED.get(objective),
            taught=isinstance(settings, DistillSettings),
            discriminators_rate=settings.optimizers.discriminators_rate,
            anchored=objective not in ("wgan", "wgan_gp"),
            generator_gradient=unit * settings.objective_weight,
            discriminator_gradient=unit * (1 + penalty),
        )

    @property
    def anchor(self) -> str:
        """The flag by which a translation keeps nearer to its picture."""
        return "--imitation.pixels" if self.taught else "--weights.cycle"

    @property
    def slower(self) -> str:
        """The flag for discriminators at a quarter of their learning rate."""
        return f"--optimizers.discriminators-rate {self.discriminators_rate / 4:g}"

    def at_once(self) -> "Norms":
        """Give norms by which one examination is enough, for a suspicion."""
        return replace(self, short=1, long=1, longest=1)


def lasting(past: Past, shows: Callable[[Vitals], bool], times: int) -> int | None:
    """Step from which on all examinations show something, if those are at least `times`."""
    showing = list(takewhile(shows, reversed(past)))
    return showing[-1].step if len(showing) >= times else None
