"""`python -m benchmarks.hostile`: what it costs to read, or to refuse, each hostile picture."""

import csv
import sys
from collections import Counter
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from time import perf_counter

import torch
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field, PositiveInt
from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.machine import Machine
from benchmarks.memory import in_new_process, peak_growth
from benchmarks.program import check_writable, console, run_program, watched
from cyclegan.command_line import parse, write_json
from cyclegan.errors import UsageError
from service.errors import ClientError
from service.images import decode_reduced

_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
_PICTURES = Path(__file__).parents[2] / "shared/data/hostile-images"


class HostileBenchmark(BaseModel):
    """Measure time and memory of decoding hostile pictures, each kind in a process of its own."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    pictures: Path = _PICTURES
    """Folder of the files, with a manifest.tsv that has the columns path and expect."""
    max_pixels: PositiveInt = 50_000_000
    """Largest picture that is decoded, in pixels."""
    max_edge: PositiveInt = 1024
    """Longest side to which a picture is reduced, in pixels."""
    json_file: Path | None = Field(default=None, alias="json")
    """File to write all facts to."""


class Reading(BaseModel):
    """What became of one file."""

    model_config = ConfigDict(frozen=True)

    path: str
    status: int
    """Of the answer that it would get."""
    milliseconds: float


class Kind(BaseModel):
    """All files of one label."""

    model_config = ConfigDict(frozen=True)

    label: str
    readings: tuple[Reading, ...]
    mib: float
    """By which a process grew at its peak that read one after another: none takes more."""


class HostileReport(BaseModel):
    """All facts of one run."""

    model_config = ConfigDict(frozen=True)

    machine: Machine
    settings: HostileBenchmark
    kinds: tuple[Kind, ...]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the table, write the JSON."""
    return run_program(_run, arguments)


def _run(arguments: Sequence[str]) -> None:
    benchmark = parse(HostileBenchmark, arguments, "python -m benchmarks.hostile")
    check_writable(benchmark.json_file)
    report = measure(benchmark)
    _show(report, console())
    if benchmark.json_file:
        write_json(report, benchmark.json_file)


def measure(benchmark: HostileBenchmark) -> HostileReport:
    """Measure every file of the manifest.

    Raises:
        UsageError: There is no manifest.
    """
    manifest = benchmark.pictures / "manifest.tsv"
    try:
        rows = list(csv.DictReader(manifest.read_text().splitlines(), delimiter="\t"))
    except OSError:
        raise UsageError(f"there is no {manifest}; choose the folder with --pictures") from None
    labels = sorted({row["expect"] for row in rows})
    kinds: list[Kind] = []
    for label in watched(labels, "reading hostile pictures"):
        paths = [row["path"] for row in rows if row["expect"] == label]
        kinds.append(in_new_process(_read_all, label, benchmark, paths))
    machine = Machine.here(torch.device("cpu"))
    return HostileReport(machine=machine, settings=benchmark, kinds=tuple(kinds))


def _read_all(label: str, benchmark: HostileBenchmark, paths: Sequence[str]) -> Kind:
    for format in _FORMATS:  # what the first picture of each loads is no growth
        tiny = BytesIO()
        Image.new("RGB", (16, 16)).save(tiny, format)
        decode_reduced(tiny.getvalue(), 256, 8)
    readings: list[Reading] = []
    mib = peak_growth(lambda: readings.extend(_read(path, benchmark) for path in paths))
    return Kind(label=label, readings=tuple(readings), mib=mib)


def _read(path: str, benchmark: HostileBenchmark) -> Reading:
    data = (benchmark.pictures / path).read_bytes()
    status = 200
    begin = perf_counter()
    try:
        decode_reduced(data, benchmark.max_pixels, benchmark.max_edge)
    except ClientError as error:
        status = int(error.status)
    return Reading(path=path, status=status, milliseconds=1000 * (perf_counter() - begin))


def _show(report: HostileReport, console: Console) -> None:
    console.print(str(report.machine))
    table = Table(title="reading hostile pictures", title_justify="left", box=box.SIMPLE)
    for heading in ("label", "files", "answers", "slowest", "most memory"):
        table.add_column(heading, justify="left" if heading == "answers" else "right")
    for kind in report.kinds:
        statuses = Counter(reading.status for reading in kind.readings)
        table.add_row(
            kind.label,
            f"{len(kind.readings):,}",
            ", ".join(f"{count:,} × {status}" for status, count in sorted(statuses.items())),
            f"{max(reading.milliseconds for reading in kind.readings):.0f} ms",
            f"{kind.mib:.0f} MiB",
        )
    console.print(table)


if __name__ == "__main__":
    sys.exit(main())
