"""The networks that a new run begins with: drawn anew, or those of an earlier training."""

from pathlib import Path

from cyclegan.adoption import adopt_discriminators, adopt_generators
from cyclegan.checkpoint import LATEST, Checkpoint, checkpoint_of
from cyclegan.contract import FILE_AB
from cyclegan.errors import UsageError
from cyclegan.networks import Networks, initialise
from training.settings import TrainSettings


def first_networks(settings: TrainSettings) -> Networks:
    """Draw weights from `settings.seed`, and put those to start from in their place.

    Raises:
        CheckpointError: The checkpoint to start from cannot be read, or is of another shape.
        ModelError: The exported model to start from cannot be read.
        UsageError: There is neither, or its domains are those of the run the other way round.
    """
    networks = Networks(settings.networks)
    initialise(networks, settings.seed)
    start = settings.start_from
    if start is None:
        return networks
    if start.is_dir() and not (start / LATEST).exists():
        _begin_with_model(networks, start, settings)
    else:
        _begin_with_checkpoint(networks, Checkpoint.load(checkpoint_of(start)), settings)
    return networks


def _begin_with_model(networks: Networks, folder: Path, settings: TrainSettings) -> None:
    if not (folder / FILE_AB).exists():
        raise UsageError(
            f"--start-from {folder} holds neither {LATEST} nor {FILE_AB}; expected the --run of a "
            "`cyclegan train`, one of its checkpoints, or the --out of a `cyclegan export`"
        )
    # Brings ONNX along, which no other training needs.
    from cyclegan.exported_weights import exported_generators

    gen_ab, gen_ba, domains = exported_generators(folder)
    _check_not_reversed(domains, settings)
    adopt_generators(networks, gen_ab, gen_ba)


def _begin_with_checkpoint(networks: Networks, former: Checkpoint, settings: TrainSettings) -> None:
    _check_not_reversed(former.domains, settings)
    theirs = former.networks(averaged=True)
    adopt_generators(networks, theirs.gen_ab, theirs.gen_ba)
    # What scores mean depends on what is played for.
    if former.facts.settings.get("objective") == settings.objective:
        adopt_discriminators(networks, theirs)


def _check_not_reversed(domains: tuple[str, str], settings: TrainSettings) -> None:
    a, b = domains
    if settings.names == (b, a):
        raise UsageError(
            f"--start-from {settings.start_from} has {a} as domain A and {b} as domain B, and "
            f"--names of this run the other way round; give --names {a},{b}, and the pictures of "
            f"{a} as domain A"
        )
