"""`python -m benchmarks.bulk_planning`: what it costs to list the pictures of a bulk.

Empty files on the local disk stand for pictures, a half of them with results: names are all that
is looked at. How long object storage takes to list them: not measured.
"""

import sys
import tracemalloc
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from pydantic import BaseModel, ConfigDict, PositiveInt

from benchmarks.program import console, run_program
from cyclegan.command_line import parse
from service.bulk_plan import missing, plan_bulk
from service.storage import place_of

_FOLDERS = 100


class BulkPlanning(BaseModel):
    """Measure time and memory of planning a bulk."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    pictures: PositiveInt = 200_000
    """How many."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    return run_program(_run, arguments)


def _run(arguments: Sequence[str]) -> None:
    benchmark = parse(BulkPlanning, arguments, "python -m benchmarks.bulk_planning")
    with TemporaryDirectory() as folder:
        touch(Path(folder) / "in", benchmark.pictures)
        touch(Path(folder) / "out", benchmark.pictures // 2)
        begin = perf_counter()
        _plan(folder)
        seconds = perf_counter() - begin
        tracemalloc.start()  # slow, so not in the same run
        _plan(folder)
        memory = tracemalloc.get_traced_memory()[1]
    console().print(
        f"{benchmark.pictures:,} pictures planned in {seconds:.2f} s: "
        f"{benchmark.pictures / seconds:,.0f} a second, {memory / benchmark.pictures:.0f} bytes of "
        "memory each at the peak"
    )


def touch(folder: Path, pictures: int) -> None:
    """Make empty files in a hundred folders."""
    for number in range(_FOLDERS):
        (folder / f"{number:02}").mkdir(parents=True)
    for number in range(pictures):
        (folder / f"{number % _FOLDERS:02}" / f"{number:09}.jpg").touch()


def _plan(folder: str) -> None:
    out = place_of(f"{folder}/out")
    missing(plan_bulk([place_of(f"{folder}/in")], out, None), out)


if __name__ == "__main__":
    sys.exit(main())
