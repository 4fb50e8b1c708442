"""The verb `cyclegan train`."""

from collections.abc import Sequence

from cyclegan.command_line import parse
from training.inherited_names import with_names
from training.loop import train
from training.presets import with_preset
from training.recipe import with_recipe
from training.settings import TrainSettings


def run(arguments: Sequence[str]) -> int:
    """Train, or continue a training."""
    train(read_settings(arguments))
    return 0


def read_settings(arguments: Sequence[str]) -> TrainSettings:
    """Read the words behind `cyclegan train`.

    Raises:
        UsageError: A flag is unknown, missing, or its value not allowed; there is no such recipe.
    """
    words = with_preset(with_names(with_recipe(arguments)))
    return parse(TrainSettings, words, "cyclegan train")
