"""`torch.compile`: whether it works here, whether it is faster, and saying so."""

import logging
import statistics
from collections.abc import Callable
from time import perf_counter

import torch

from cyclegan.errors import first_line
from training.ranks import Ranks
from training.recording import warm_up_steps
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
    begin = perf_counter()
    try:
        step = _trial(settings.model_copy(update={"compile": "on"}), device)
        step()
    except Exception as error:  # whatever compilers throw
        logger.warning("torch.compile fails (%s); training goes on without it", first_line(error))
        return False
    logger.info("compiled in %.0f s", perf_counter() - begin)
    if settings.compile == "on":
        return True
    compiled = _seconds(step, device)
    eager = _seconds(_trial(settings.model_copy(update={"compile": "off"}), device), device)
    is_faster = compiled < eager
    logger.info(
        "a step takes %.3g s compiled and %.3g s as it is: %s",
        compiled, eager, "compiling" if is_faster else "not compiling",
    )  # fmt: skip
    return is_faster


def _trial(settings: TrainSettings, device: torch.device) -> Callable[[], None]:
    """Return what takes a step of networks that nobody needs."""
    state = TrainState.start(settings, device)
    random = torch.Generator().manual_seed(0)
    shape = settings.pictures_per_step, 3, settings.crop, settings.crop
    real_a, real_b = (torch.rand(shape, generator=random).to(device) * 2 - 1 for _ in range(2))

    def step() -> None:
        losses = train_step(state, real_a, real_b, settings.weights)
        losses.cycle_a.item()  # waits for the device

    return step


def _seconds(step: Callable[[], None], device: torch.device) -> float:
    """Measure a step, behind some that warm up."""
    warm_up = warm_up_steps(device)
    taken: list[float] = []
    for _ in range(warm_up + _TRIES):
        begin = perf_counter()
        step()
        taken.append(perf_counter() - begin)
    return statistics.median(taken[warm_up:])
