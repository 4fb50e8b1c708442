"""The verb `cyclegan draw-data`."""

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from shutil import rmtree

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt
from rich.console import Console
from rich.progress import track

from cyclegan.command_line import parse
from cyclegan.errors import UsageError
from training.landscapes import MOST_PICTURES, drawing


class DrawSettings(BaseModel):
    """Draw landscapes to try things out: summer as domain A, winter as domain B, unpaired."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    out: Path
    """Folder to make, for trainA, trainB, testA and testB."""
    side: int = Field(default=64, ge=16, le=1024)
    """Side of the pictures, in pixels."""
    train: int = Field(default=300, ge=1, le=MOST_PICTURES)
    """Training pictures of each domain, no scene in both."""
    test: int = Field(default=20, ge=0, le=MOST_PICTURES)
    """Test scenes, each in both domains under the same name."""
    seed: NonNegativeInt = 0
    """Another seed draws other scenes."""


def run(arguments: Sequence[str]) -> int:
    """Draw the data set; nothing that was there before is touched."""
    settings = parse(DrawSettings, arguments, "cyclegan draw-data")
    _check_empty(settings.out)
    with ExitStack() as undo:
        undo.callback(rmtree, settings.out, ignore_errors=True)
        _draw(settings)
        undo.pop_all()
    sys.stdout.write(
        f"drew {settings.train} summer and {settings.train} winter pictures and {settings.test} "
        f"test scenes of {settings.side} pixels in {settings.out}\n"
    )
    return 0


def _draw(settings: DrawSettings) -> None:
    files = drawing(
        settings.out,
        side=settings.side,
        train=settings.train,
        test=settings.test,
        seed=settings.seed,
    )
    count = 2 * (settings.train + settings.test)
    console = Console(stderr=True)
    hidden = not console.is_terminal
    try:
        for _ in track(files, "drawing", count, console=console, transient=True, disable=hidden):
            pass
    except OSError as error:
        raise UsageError(
            f"{settings.out} cannot be written to ({error.strerror}); give another --out"
        ) from None


def _check_empty(folder: Path) -> None:
    if not folder.exists():
        return
    if not folder.is_dir():
        raise UsageError(f"{folder} is a file; give a folder to make with --out")
    if any(folder.iterdir()):
        raise UsageError(f"{folder} is not empty; give another --out, or empty it first")
