"""Where to compute."""

from contextlib import AbstractContextManager, nullcontext
from typing import Literal

import numpy as np
import torch
from torch import distributed

from cyclegan.cores import available_cores
from cyclegan.errors import UsageError
from training.ranks import local_rank

Precision = Literal["auto", "fp32", "bf16"]
"""Of convolutions; auto takes bfloat16 where the device computes it faster than float32."""
SettledPrecision = Literal["fp32", "bf16"]


def choose_device(wanted: Literal["auto", "cuda", "mps", "cpu"]) -> torch.device:
    """Take the device that is wanted, or the best that is there; of several GPUs the rank's own.

    Raises:
        UsageError: The wanted device is not there.
    """
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if wanted == "auto":
        return _of_this_rank(next((name for name, found in there.items() if found), "cpu"))
    if not there.get(wanted, True):
        raise UsageError(
            f"--device is {wanted!r}, but PyTorch finds no such device here; "
            "give --device cpu, or auto for the best that is there"
        )
    return _of_this_rank(wanted)


def _of_this_rank(name: str) -> torch.device:
    if name != "cuda" or not distributed.is_torchelastic_launched():
        return torch.device(name)
    if local_rank() >= torch.cuda.device_count():
        raise UsageError(
            f"rank {local_rank()} of this machine finds {torch.cuda.device_count()} GPUs; start at "
            "most as many processes, or give --device cpu"
        )
    return torch.device(name, local_rank())


def prepare_device(device: torch.device, precision: Precision) -> None:
    """Let a device compute as fast as it can, and make sure that it can compute so.

    On CUDA, cuDNN looks for the fastest convolutions at the first step; those of float32 use TF32,
    which is PyTorch's own default, unless `precision` is fp32. On a CPU there are no more threads
    than a quota leaves cores.

    Raises:
        UsageError: The device has no bfloat16.
    """
    if device.type == "cuda":
        torch.backends.cudnn.benchmark = True
        torch.backends.cudnn.allow_tf32 = precision != "fp32"
    if device.type == "cpu":
        # Never more than before: torchrun gives each rank its share by OMP_NUM_THREADS.
        torch.set_num_threads(min(torch.get_num_threads(), available_cores()))
    if precision == "bf16" and not _has_bf16(device):
        raise UsageError(
            f"--precision is bf16, which {device} does not have; give fp32, which every device "
            "has, or auto"
        )


def _has_bf16(device: torch.device) -> bool:
    match device.type:
        case "cuda":
            return torch.cuda.is_bf16_supported(including_emulation=False)
        case "mps":
            return torch.backends.mps.is_macos_or_newer(14, 0)
        case _:
            return True  # every CPU, if slowly


def settled_precision(precision: Precision, device: torch.device) -> SettledPrecision:
    """Tell in what convolutions are computed."""
    if precision == "auto":
        return "bf16" if _is_faster_in_bf16(device) else "fp32"
    return precision


def _is_faster_in_bf16(device: torch.device) -> bool:
    if device.type == "cpu":
        return _cpu_computes_in_bf16()
    return device.type == "cuda" and _has_bf16(device)


def is_slow_in_bf16(device: torch.device) -> bool:
    """Tell a CPU without instructions for it, which converts for each product."""
    return device.type == "cpu" and not _cpu_computes_in_bf16()


def _cpu_computes_in_bf16() -> bool:
    features = torch.cpu.get_capabilities()
    return bool(features.get("avx512_bf16") or features.get("amx_bf16"))


def precision_context(
    precision: SettledPrecision, device: torch.device
) -> AbstractContextManager[object]:
    """Compute convolutions in bfloat16 inside the block, if so wanted; losses stay float32."""
    if precision == "fp32":
        return nullcontext()
    return torch.autocast(device.type, torch.bfloat16)


def sent(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """Copy to the device; on CUDA from pinned memory, so that nobody waits for it."""
    if device.type == "cuda":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


def seed_step(seed: int, step: int, rank: int = 0) -> None:
    """Let whatever a rank's step draws at random follow from the run's seed and the step's number.

    So that a continued run draws what an uninterrupted one does.
    """
    # One number of 64 bits that no neighbouring seed, step or rank shares.
    entropy = np.random.SeedSequence([seed, step, rank])
    torch.manual_seed(int(entropy.generate_state(1, np.uint64)[0]))
