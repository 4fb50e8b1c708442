"""Where to compute."""

from contextlib import AbstractContextManager, nullcontext
from typing import Literal

import numpy as np
import torch

from cyclegan.errors import UsageError


def choose_device(wanted: Literal["auto", "cuda", "mps", "cpu"]) -> torch.device:
    """Take the device that is wanted, or the best that is there.

    Raises:
        UsageError: The wanted device is not there.
    """
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if wanted == "auto":
        return torch.device(next((name for name, found in there.items() if found), "cpu"))
    if not there.get(wanted, True):
        raise UsageError(
            f"--device is {wanted!r}, but PyTorch finds no such device here; "
            "give --device cpu, or auto for the best that is there"
        )
    return torch.device(wanted)


def precision_context(
    precision: Literal["fp32", "bf16"], device: torch.device
) -> AbstractContextManager[object]:
    """Compute convolutions in bfloat16 inside the block, if so wanted; losses stay float32."""
    if precision == "fp32":
        return nullcontext()
    return torch.autocast(device.type, torch.bfloat16)


def seed_step(seed: int, step: int) -> None:
    """Let whatever a step draws at random follow from the run's seed and the step's number.

    So that a continued run draws what an uninterrupted one does.
    """
    # One number of 64 bits that no neighbouring seed or step shares.
    torch.manual_seed(int(np.random.SeedSequence([seed, step]).generate_state(1, np.uint64)[0]))
