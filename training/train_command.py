"""The verb `cyclegan train`."""

from collections.abc import Sequence

from cyclegan.command_line import parse
from training.loop import train
from training.settings import TrainSettings


def run(arguments: Sequence[str]) -> int:
    """Train, or continue a training."""
    train(parse(TrainSettings, arguments, "cyclegan train"))
    return 0
