"""What a training says on the console when it begins and when it ends."""

import logging

import torch

from training.data import UnpairedCrops
from training.device import is_slow_in_bf16, settled_precision
from training.saves import BEST, kept_best
from training.settings import TrainSettings
from training.state import TrainState
from training.validation import read_scores

logger = logging.getLogger(__name__)


def say_what_begins(
    state: TrainState,
    whole: int,
    crops: UnpairedCrops,
    device: torch.device,
    settings: TrainSettings,
) -> None:
    """Say where it stands, how long it is, and on what it runs."""
    pictures = (
        f"{len(crops.a)} pictures of {settings.names[0]}, {len(crops.b)} of {settings.names[1]}"
    )
    precision = settled_precision(settings.precision, device)
    ranks = f", {state.ranks.count} ranks" if state.ranks.count > 1 else ""
    logger.info(
        "%s from step %d of %d on %s in %s%s: %s",
        settings.run, state.step, whole, device, precision, ranks, pictures,
    )  # fmt: skip
    if settings.pictures_per_step > max(len(crops.a), len(crops.b)):
        logger.warning(
            "a step takes %d pictures of each domain, more than there are: they repeat, and each "
            "epoch of the schedule is one step", settings.pictures_per_step,
        )  # fmt: skip
    logger.info("watch with: tensorboard --logdir %s, or look into %s/samples", *[settings.run] * 2)


def warn_of_slow_steps(settings: TrainSettings, device: torch.device) -> None:
    """Say that another precision would be faster, while nothing has been waited for."""
    if settings.precision == "bf16" and is_slow_in_bf16(device):
        logger.warning(
            "this CPU has no instructions for bf16, in which a step takes many times as long as in "
            "fp32: stop with Ctrl-C, and give --precision auto"
        )


def say_how_it_ended(step: int, whole: int, settings: TrainSettings) -> None:
    """Say where it stands, how good it is, and what to do with it."""
    run = settings.run
    if settings.steps and settings.steps <= step < whole:
        logger.info("saved at step %d of %d; go on with a larger --steps, or without", step, whole)
    elif step < whole:
        logger.info("saved at step %d of %d; the same command goes on from there", step, whole)
    else:
        logger.info(
            "finished, all %d steps; another --run with --start-from %s trains on", whole, run
        )
    if settings.validation.every:
        _say_how_good_it_is(settings)
    logger.info("export with: cyclegan export --run %s --out models/NAME", run)


def _say_how_good_it_is(settings: TrainSettings) -> None:
    if best := kept_best(settings.run):
        last = read_scores(settings.run)[-1]
        for word, (step, score) in (("last", last), ("best", best)):
            logger.info("%s measured, step %d: %s", word, step, score.sentence)
        logger.info("the best is %s, which `cyclegan export --run` takes too", settings.run / BEST)
