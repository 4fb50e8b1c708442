"""What the edges of the benchmarks share: words in, errors and JSON out."""

import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

import torch
from rich.console import Console
from rich.progress import track

from cyclegan.errors import CycleGANError, UsageError

Item = TypeVar("Item")

_WIDTH = 100


def run_program(run: Callable[[Sequence[str]], None], arguments: Sequence[str] | None) -> int:
    """Run a benchmark; 0 when it is measured, 2 when the user can mend it."""
    try:
        run(_one_flag_each(sys.argv[1:] if arguments is None else arguments))
    except CycleGANError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except torch.OutOfMemoryError:
        sys.stderr.write("the device has too little memory; give a smaller --size or --batch\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write("stopped\n")
        return 130
    return 0


def console() -> Console:
    """Make one that is wide enough for the tables also where nothing tells its width, as in CI."""
    terminal = Console()
    return terminal if terminal.is_terminal else Console(width=_WIDTH)


def watched(items: Sequence[Item], description: str) -> Iterable[Item]:
    """Go through `items` with a progress bar on stderr, so that stdout holds the tables alone."""
    return track(items, description, console=Console(stderr=True), transient=True)


def check_writable(file: Path | None) -> None:
    """Find out before hours of measuring whether the folder of a `--json` is there.

    Raises:
        UsageError: It is not.
    """
    if file and not file.parent.is_dir():
        raise UsageError(f"{file.parent} is no folder; give --json a file in one that exists")


def _one_flag_each(words: Sequence[str]) -> list[str]:
    """Turn `--size 256 512`, as people write it, into `--size 256 --size 512`."""
    spread: list[str] = []
    flag = ""
    for word in words:
        if word.startswith("-"):
            flag = word
        elif flag and spread[-1] != flag:
            spread.append(flag)
        spread.append(word)
    return spread
