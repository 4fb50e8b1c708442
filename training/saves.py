"""The checkpoints in a run's folder, and the way back to a healthy one.

`latest.pt` is what the run continues from. If that one was taken during a failure, or when one may
have begun, `healthy.pt` is the last from before. What is kept by steps is for export alone.
"""

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import torch
from torch.nn.utils import get_total_norm

from cyclegan.atomic_file import write_atomically
from cyclegan.checkpoint import LATEST, Checkpoint
from cyclegan.errors import CheckpointError, TrainingFailed
from cyclegan.networks import Networks
from training.chart import Chart
from training.finding import Finding
from training.ranks import Ranks
from training.settings import TrainSettings
from training.state import TrainState
from training.trained import Trained
from training.validation import Score, read_scores

HEALTHY = "healthy.pt"
BEST = "best.pt"
"""What scored best on held-out pictures, for export; the run continues from the latest."""

MOST_ROLLBACKS = 3
"""With an eighth of the learning rate it was not the learning rate."""


def save(state: TrainState, settings: TrainSettings) -> bool:
    """Write, together, the latest checkpoint and keep the last healthy one.

    False if this is not to be kept, or another rank writes it.

    Raises:
        CheckpointError: The disk is full or the folder cannot be written to.
        OSError: The same.
    """
    histories = state.ranks.gather(state.histories())
    if not state.ranks.is_first:
        return False
    if is_given_up(state, settings) or not is_finite(state.networks):
        return False
    latest = settings.run / LATEST
    if not state.chart.well and latest.exists() and _chart_of(Checkpoint.load(latest)).well:
        write_atomically(settings.run / HEALTHY, latest.read_bytes())
    state.to_checkpoint(settings, histories[1:]).save(latest)
    return True


def keep(state: TrainState, settings: TrainSettings) -> None:
    """Write what can be exported of this step to a file of its own, unless it is not finite.

    Raises:
        CheckpointError: The disk is full or the folder cannot be written to.
    """
    if is_finite(state.networks):
        kept = replace(state.to_checkpoint(settings), resume={})
        kept.save(settings.run / f"step-{state.step:07}.pt")


def is_given_up(state: TrainState, settings: TrainSettings) -> bool:
    """Tell whether no more steps are to be taken from here; of several ranks, the first knows."""
    return state.chart.failing and settings.on_failure != "warn"


def is_finite(networks: Networks) -> bool:
    """Tell whether all weights and statistics are finite numbers."""
    numbers = [tensor for tensor in networks.state_dict().values() if tensor.is_floating_point()]
    return bool(get_total_norm(numbers).isfinite())


def check_success(state: TrainState, settings: TrainSettings) -> None:
    """Refuse a run's end that is not saved.

    Raises:
        TrainingFailed: It was given up, or its weights are no finite numbers.
    """
    if is_given_up(state, settings):
        why = state.chart.failures
    elif not is_finite(state.networks):
        why = state.chart.failures or "weights that are no finite numbers"
    else:
        return
    raise TrainingFailed(
        f"{settings.run} ended at step {state.step}, which is not saved, because of {why}; "
        "--on-failure rollback goes on from the last healthy checkpoint, or from the start, with "
        "half the learning rate"
    )


class Failed(NamedTuple):
    """What going back needs of a state that failed, which can then leave the device."""

    step: int
    why: str
    rollbacks: int
    ranks: Ranks

    @classmethod
    def of(cls, state: TrainState) -> "Failed":
        """Take it from a state, and keep nothing else."""
        why = state.chart.failures or "what the first rank says"
        return cls(state.step, why, state.rollbacks, state.ranks)


def roll_back(
    failed: Failed, settings: TrainSettings, device: torch.device, teacher: Trained | None
) -> tuple[TrainState, Finding]:
    """Go back, together, to the last healthy checkpoint, or to the start, with half the rate.

    Args:
        failed: What it goes back from.
        settings: Of the run.
        device: Where it computes.
        teacher: Of a distillation, as when it began.

    Raises:
        TrainingFailed: It has been done often enough.
        CheckpointError: The checkpoint cannot be read, or written with the new learning rate.
    """
    if failed.rollbacks == MOST_ROLLBACKS:
        raise TrainingFailed(
            f"{settings.run} fails at step {failed.step} ({failed.why}), after going "
            f"back {MOST_ROLLBACKS} times; begin anew with other settings, findings.jsonl says more"
        )
    healthy = last_healthy(settings)
    if healthy is None:
        state = TrainState.start(settings, device, failed.ranks, teacher)
    else:
        state = TrainState.restore(healthy, settings, device, failed.ranks)
    state.rollbacks = failed.rollbacks + 1
    save(state, settings)
    sentence = (
        f"went back from step {failed.step} to step {state.step} and halved the learning rate, "
        f"{state.rollbacks} of at most {MOST_ROLLBACKS} times, because of {failed.why}"
    )
    return state, Finding(state.step, "rollback", "", "note", failed.step, sentence)


def last_healthy(settings: TrainSettings) -> Checkpoint | None:
    """Load the last checkpoint that shows no sign of a failure.

    Raises:
        CheckpointError: It cannot be read.
    """
    for name in (LATEST, HEALTHY):
        if (settings.run / name).exists():
            checkpoint = Checkpoint.load(settings.run / name)
            if _chart_of(checkpoint).well:
                return checkpoint
    return None


def kept_best(run: Path) -> tuple[int, Score] | None:
    """Tell of which step the best checkpoint is, and its score.

    None if there is none or its score is not known, as after going back to before it.
    """
    try:
        step = Checkpoint.load(run / BEST).facts.steps
    except CheckpointError:
        return None
    return next((scored for scored in reversed(read_scores(run)) if scored[0] == step), None)


def _chart_of(checkpoint: Checkpoint) -> Chart:
    return Chart.from_state_dict(checkpoint.resume["chart"], torch.device("cpu"))
