"""What the domains are called where nobody says: as in the model that a training goes on from."""

import argparse
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from cyclegan.errors import CycleGANError
from training.trained import domains_of


def with_names(arguments: Sequence[str]) -> list[str]:
    """Put the names of the teacher, or of what a run begins with, before `arguments` without any.

    What cannot be read has no names here; whoever reads all of it says why.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    for flag in ("--names", "--teacher", "--start-from"):
        parser.add_argument(flag, nargs="?")
    known, _ = parser.parse_known_args(list(arguments))
    former = known.teacher or known.start_from
    if known.names is None and former is not None:
        with suppress(CycleGANError):
            return ["--names", ",".join(domains_of(Path(former))), *arguments]
    return list(arguments)
