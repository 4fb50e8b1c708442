"""What the domains are called where nobody says: as in the model that a training goes on from."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from cyclegan.checkpoint import LATEST
from cyclegan.command_line import given
from cyclegan.errors import CycleGANError
from training.trained import domains_of


def with_names(arguments: Sequence[str]) -> list[str]:
    """Put the names of the teacher, or of what a run begins with, before `arguments` without any.

    A run that goes on has its own, and needs no more what it began with. What cannot be read has no
    names here; whoever reads all of it says why.
    """
    known = given(arguments, "--names", "--teacher", "--start-from", "--run")
    former = known.teacher or known.start_from
    if known.names is None and former is not None:
        if known.run is not None and (Path(known.run) / LATEST).exists():
            former = known.run
        with suppress(CycleGANError):
            return ["--names", ",".join(domains_of(Path(former))), *arguments]
    return list(arguments)
