"""`torch.compile`: whether it works here, whether it is faster, and saying so."""

import logging
import statistics
from time import perf_counter

import torch

from training.ranks import Ranks
from training.settings import TrainSettings
from training.state import TrainState
from training.step import train_step

logger = logging.getLogger(__name__)

_TRIES = 3


def settled_compilation(
    settings: TrainSettings, device: torch.device, ranks: Ranks
) -> TrainSettings:
    """Find out, together, whether to compile: `compile` of the result is on or off.

    Networks of their own are tried, so that the run begins untouched. A failure is said, and
    training goes on without.
    """
    if settings.compile == "off":
        return settings
    of_one_rank = settings.model_copy(
        update={"batch": settings.batch // ranks.count, "start_from": None}
    )
    works = not ranks.any(not _is_worth_it(of_one_rank, device))
    return settings.model_copy(update={"compile": "on" if works else "off"})


def _is_worth_it(settings: TrainSettings, device: torch.device) -> bool:
    compiled = settings.model_copy(update={"compile": "on"})
    begin = perf_counter()
    try:
        seconds = _seconds(compiled, device)
    except Exception as error:  # whatever compilers throw
        reason = str(error).strip().splitlines()[0]
        logger.warning("torch.compile fails (%s); training goes on without it", reason)
        return False
    spent = perf_counter() - begin
    if settings.compile == "on":
        logger.info("compiled in %.0f s", spent)
        return True
    eager = _seconds(settings.model_copy(update={"compile": "off"}), device)
    logger.info(
        "a step takes %.3g s compiled and %.3g s as it is: %s (measured in %.0f s)",
        seconds, eager, "compiling" if seconds < eager else "not compiling", spent,
    )  # fmt: skip
    return seconds < eager


def _seconds(settings: TrainSettings, device: torch.device) -> float:
    """Measure a step of networks that nobody needs, behind two that compile and warm up."""
    state = TrainState.start(settings, device)
    random = torch.Generator().manual_seed(0)
    shape = settings.pictures_per_step, 3, settings.crop, settings.crop
    real_a, real_b = (torch.rand(shape, generator=random).to(device) * 2 - 1 for _ in range(2))
    taken: list[float] = []
    for _ in range(2 + _TRIES):
        begin = perf_counter()
        losses = train_step(state, real_a, real_b, settings.weights)
        losses.cycle_a.item()  # waits for the device
        taken.append(perf_counter() - begin)
    return statistics.median(taken[2:])
