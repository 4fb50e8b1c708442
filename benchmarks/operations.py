"""How many operations a network or a step needs, and how many a device can do.

Counted on the `meta` device, where tensors have shapes and no content.
"""

from collections.abc import Callable, Set
from time import perf_counter

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.naive_step import NaiveTraining
from cyclegan.generator import Generator, GeneratorConfig
from training.device import SettledPrecision
from training.settings import TrainSettings

_META = torch.device("meta")
_TRIES = 10


def generator_multiply_adds(config: GeneratorConfig, side: int) -> int:
    """Count the exact multiply-adds of one picture, as it is computed.

    Transposed convolutions count at their input's resolution: 49.57 G for the paper's generator at
    256×256, 49.55 G as it is written (`cyclegan/convolutions.py` computes 6 rows of the last layer
    more). Counted at their output's, as is often done, they would count four times: 56.8 G.
    """
    with _META:
        generator, picture = Generator(config), torch.empty(1, 3, side, side)
    return _count(lambda: generator(picture)) // 2


def step_operations(settings: TrainSettings) -> int:
    """Count additions and multiplications of a naive step, forwards and backwards.

    Ours does the same mathematics, so that this is the useful work of every variant.
    """
    with _META:
        naive = NaiveTraining(settings, _META)
        pictures = torch.empty(settings.batch, 3, settings.crop, settings.crop)
    return _count(lambda: naive.step(pictures, pictures))


def matrix_peaks(
    device: torch.device,
    precisions: Set[SettledPrecision],
    side: int,
    wait: Callable[[], None],
) -> dict[str, float]:
    """Measure the most operations per second that square matrix products reach.

    By precision, and on CUDA also for tf32, in which PyTorch convolves float32 by default.
    """
    types: dict[SettledPrecision, torch.dtype] = {"fp32": torch.float32, "bf16": torch.bfloat16}
    peaks: dict[str, float] = {
        name: _peak(device, dtype, side, wait)
        for name, dtype in types.items()
        if name in precisions
    }
    if device.type == "cuda":
        former = torch.get_float32_matmul_precision()
        torch.set_float32_matmul_precision("high")
        peaks["tf32"] = _peak(device, torch.float32, side, wait)
        torch.set_float32_matmul_precision(former)
    return peaks


def _count(work: Callable[[], object]) -> int:
    with FlopCounterMode(display=False) as counter:
        work()
    return counter.get_total_flops()


def _peak(device: torch.device, dtype: torch.dtype, side: int, wait: Callable[[], None]) -> float:
    left = torch.randn(side, side, device=device).to(dtype)
    right = torch.randn(side, side, device=device).to(dtype)
    seconds: list[float] = []
    for _ in range(1 + _TRIES):  # the first one warms up
        wait()
        begin = perf_counter()
        torch.matmul(left, right)
        wait()
        seconds.append(perf_counter() - begin)
    return 2 * side**3 / min(seconds[1:])
