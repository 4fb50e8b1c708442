"""The verb `cyclegan distill`."""

from collections.abc import Sequence

from cyclegan.command_line import parse
from training.imitation_settings import DistillSettings
from training.inherited_names import with_names
from training.loop import train
from training.presets import with_preset
from training.recipe import with_recipe


def run(arguments: Sequence[str]) -> int:
    """Distil, or continue a distillation."""
    train(read_settings(arguments))
    return 0


def read_settings(arguments: Sequence[str]) -> DistillSettings:
    """Read the words behind `cyclegan distill`; the students are compact unless told otherwise.

    Raises:
        UsageError: A flag is unknown, missing, or its value not allowed; there is no such recipe.
    """
    words = with_preset(["--preset", "compact", *with_names(with_recipe(arguments))])
    return parse(DistillSettings, words, "cyclegan distill")
