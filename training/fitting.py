"""A step that does not fit into memory: noticing it, and finding out in how many parts it would."""

import torch

from cyclegan.errors import UsageError
from training.recording import warm_up_steps
from training.rehearsal import Step, rehearsal
from training.settings import TrainSettings


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether `error` is the device's, or the machine's, having too little memory."""
    return isinstance(error, torch.OutOfMemoryError) or (
        isinstance(error, RuntimeError) and "can't allocate memory" in str(error)
    )


def too_large(settings: TrainSettings, step: Step, device: torch.device, ranks: int) -> UsageError:
    """Try, with other networks and pictures, in how many parts a step fits; to be raised."""
    share = settings.batch // ranks
    message = (
        f"a step with {share // settings.accumulate} pictures of {settings.crop} pixels of each "
        f"domain at once does not fit into the memory of {device}; "
    )
    # The pulling-away term compares the images of a part.
    least = 2 if settings.judging.pull else 1
    for parts in range(settings.accumulate + 1, share // least + 1):
        if share % parts == 0 and _fits(settings, step, share // parts, device):
            return UsageError(f"{message}--accumulate {parts} fits, for the same result")
    return UsageError(
        f"{message}nor {'do two' if least == 2 else 'does a single one'}: give "
        "--recompute-activations or a smaller --crop"
    )


def _fits(settings: TrainSettings, step: Step, pictures: int, device: torch.device) -> bool:
    """Take so many steps that optimizers and a recording have all that they keep."""
    trial = settings.model_copy(update={"batch": pictures, "accumulate": 1, "compile": "off"})
    try:
        tried = rehearsal(step, trial, device)
        for _ in range(warm_up_steps(device)):
            tried()
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        return False
    return True
