"""`torch.compile`: whether it works here, whether it is faster, and saying so."""

import logging
import statistics
from collections.abc import Callable
from time import perf_counter

import torch

from cyclegan.errors import first_line
from training.fitting import is_out_of_memory
from training.ranks import Ranks
from training.recording import warm_up_steps
from training.rehearsal import Step, rehearsal
from training.settings import TrainSettings

logger = logging.getLogger(__name__)

_TRIES = 3


def settled_compilation(
    settings: TrainSettings, step: Step, device: torch.device, ranks: Ranks
) -> TrainSettings:
    """Find out, together, whether to compile: `compile` of the result is on or off.

    Networks of their own are tried, so that the run begins untouched. A failure is said, and
    training goes on without.

    Raises:
        RuntimeError: A step does not fit into memory.
    """
    if settings.compile == "off":
        return settings
    of_one_rank = settings.model_copy(update={"batch": settings.batch // ranks.count})
    works = not ranks.any(not _is_worth_it(of_one_rank, step, device))
    return settings.model_copy(update={"compile": "on" if works else "off"})


def _is_worth_it(settings: TrainSettings, step: Step, device: torch.device) -> bool:
    def seconds(how: str) -> float:
        tried = rehearsal(step, settings.model_copy(update={"compile": how}), device)
        begin = perf_counter()
        tried()
        if how == "on":
            logger.info("compiled in %.0f s", perf_counter() - begin)
        # Nothing is to be compared with where compiling is asked for.
        return _seconds(tried, device) if settings.compile == "auto" else 0.0

    try:
        compiled = seconds("on")
    except Exception as error:  # whatever compilers throw
        if is_out_of_memory(error):
            raise
        logger.warning("torch.compile fails (%s); training goes on without it", first_line(error))
        return False
    if settings.compile == "on":
        return True
    eager = seconds("off")  # what was compiled has left the device
    is_faster = compiled < eager
    logger.info(
        "a step takes %.3g s compiled and %.3g s as it is: %s",
        compiled, eager, "compiling" if is_faster else "not compiling",
    )  # fmt: skip
    return is_faster


def _seconds(step: Callable[[], None], device: torch.device) -> float:
    """Measure a step, behind some that warm up."""
    warm_up = warm_up_steps(device)
    taken: list[float] = []
    for _ in range(warm_up + _TRIES):
        begin = perf_counter()
        step()
        taken.append(perf_counter() - begin)
    return statistics.median(taken[warm_up:])
