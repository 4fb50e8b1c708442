"""Flags that go together, under a name."""

import argparse
from collections.abc import Sequence

PRESETS = {
    "paper": "",
    "compact": (
        "--networks.generator.width 32 --networks.generator.blocks 6 "
        "--networks.generator.block separable --networks.generator.upsampling resize"
    ),
    "tiny": (
        "--crop 64 --load-size 72 --schedule.learning-rate 5e-4 "
        "--schedule.constant-epochs 2 --schedule.decay-epochs 2 "
        "--networks.generator.width 16 --networks.generator.blocks 3 "
        "--networks.generator.upsampling resize "
        "--networks.discriminator.width 32 --networks.discriminator.layers 2 "
        "--checkpoint-every 200 --sample-every 200 --log-every 10"
    ),
}
"""What is read before the user's own flags, which therefore win."""


def with_preset(arguments: Sequence[str]) -> list[str]:
    """Put the flags of the `--preset` among `arguments` before them.

    A preset that does not exist adds none; the settings then name those that do.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--preset", nargs="?")
    known, _ = parser.parse_known_args(list(arguments))
    return [*PRESETS.get(known.preset, "").split(), *arguments]
