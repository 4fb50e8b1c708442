"""The networks that a new run begins with: drawn anew, or those of an earlier training."""

from cyclegan.adoption import adopt_generators
from cyclegan.errors import UsageError
from cyclegan.networks import Networks, initialise
from training.settings import TrainSettings
from training.trained import Trained


def first_networks(settings: TrainSettings, teacher: Trained | None = None) -> Networks:
    """Draw weights from `settings.seed`, and put those to start from in their place.

    Args:
        settings: Of the new run.
        teacher: Of a distillation, with whose discriminators it begins where they fit, unless it
            starts from a run whose discriminators do.

    Raises:
        CheckpointError: The checkpoint to start from cannot be read, or is of another shape.
        ModelError: The exported model to start from cannot be read.
        UsageError: There is neither, or its domains are those of the run the other way round.
    """
    networks = Networks(settings.networks)
    initialise(networks, settings.seed)
    if teacher is not None:
        teacher.lend_discriminators(networks, settings.objective)
    if settings.start_from is None:
        return networks
    former = Trained.read(settings.start_from, "--start-from")
    _check_not_reversed(former.domains, settings)
    adopt_generators(networks, former.gen_ab, former.gen_ba)
    former.lend_discriminators(networks, settings.objective)
    return networks


def _check_not_reversed(domains: tuple[str, str], settings: TrainSettings) -> None:
    a, b = domains
    if settings.names == (b, a):
        raise UsageError(
            f"--start-from {settings.start_from} has {a} as domain A and {b} as domain B, and "
            f"--names of this run the other way round; give --names {a},{b}, and the pictures of "
            f"{a} as domain A"
        )
