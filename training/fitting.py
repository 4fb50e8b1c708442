"""A step that does not fit into memory: noticing it, and finding out in how many parts it would."""

import torch

from cyclegan.errors import UsageError
from training.settings import TrainSettings
from training.state import TrainState
from training.step import train_step


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether `error` is the device's, or the machine's, having too little memory."""
    return isinstance(error, torch.OutOfMemoryError) or (
        isinstance(error, RuntimeError) and "can't allocate memory" in str(error)
    )


def too_large(settings: TrainSettings, device: torch.device, ranks: int) -> UsageError:
    """Try, with other networks and pictures, in how many parts a step fits; to be raised."""
    share = settings.batch // ranks
    message = (
        f"a step with {share // settings.accumulate} pictures of {settings.crop} pixels of each "
        f"domain at once does not fit into the memory of {device}; "
    )
    # The pulling-away term compares the images of a part.
    least = 2 if settings.judging.pull else 1
    for parts in range(settings.accumulate + 1, share // least + 1):
        if share % parts == 0 and _fits(settings, share // parts, device):
            return UsageError(f"{message}--accumulate {parts} fits, for the same result")
    return UsageError(
        f"{message}nor {'do two' if least == 2 else 'does a single one'}: give "
        "--recompute-activations or a smaller --crop"
    )


def _fits(settings: TrainSettings, pictures: int, device: torch.device) -> bool:
    """Take two steps, since optimizers keep more from the first one on."""
    trial = settings.model_copy(
        update={"batch": pictures, "accumulate": 1, "compile": "off", "start_from": None}
    )
    shape = trial.pictures_per_step, 3, trial.crop, trial.crop
    try:
        state = TrainState.start(trial, device)
        for _ in range(2):
            real_a, real_b = (torch.zeros(shape, device=device) for _ in range(2))
            train_step(state, real_a, real_b, trial.weights)
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        return False
    return True
