"""`python -m benchmarks.ray_bulk`: many small pictures, bad ones among them, and a dead worker."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, sleep
from typing import Annotated, Literal

import psutil
import torch
from pydantic import BaseModel, ConfigDict, Field, PositiveInt

from benchmarks.engines import export_untrained
from benchmarks.load_pictures import jpegs
from benchmarks.load_report import Finding, LoadReport, show
from benchmarks.machine import Machine
from benchmarks.program import check_writable, console, run_program
from cyclegan.command_line import parse, write_json

_ROOT = Path(__file__).parents[1]
_DIFFERENT = 64
_BAD_EVERY = 100
_POLL_SECONDS = 0.05


class RayBulk(BaseModel):
    """Translate pictures by Ray Data, of which 1 % is bad, kill a worker on the way, and count."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    pictures: Annotated[int, Field(ge=100)] = 10_000
    """How many, in ten folders."""
    side: PositiveInt = 64
    """Of a picture, in pixels."""
    preset: Literal["paper", "compact", "tiny"] = "tiny"
    """Generator, untrained."""
    provider: str = "auto"
    """As in `cyclegan translate`."""
    json_file: Path | None = Field(default=None, alias="json")
    """File to write all facts to."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the table, write the JSON."""
    return run_program(_run, arguments)


def _run(arguments: Sequence[str]) -> None:
    benchmark = parse(RayBulk, arguments, "python -m benchmarks.ray_bulk")
    check_writable(benchmark.json_file)
    report = measure(benchmark)
    show(report, console(), "bulk on Ray")
    if benchmark.json_file:
        write_json(report, benchmark.json_file)


def measure(benchmark: RayBulk) -> LoadReport:
    """Draw the pictures, translate them, and translate them again."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        export_untrained(benchmark.preset, folder / "models")
        bad = draw(folder / "in", benchmark.pictures, benchmark.side)
        findings = (_with_a_death(folder, benchmark, bad), _again(folder, benchmark, bad))
    return LoadReport(
        machine=Machine.here(torch.device("cpu")),
        settings=benchmark.model_dump(mode="json", by_alias=True),
        findings=findings,
    )


def draw(folder: Path, pictures: int, side: int) -> set[str]:
    """Write JPEG files, each hundredth of them bad; returns the paths of the bad ones."""
    files = jpegs(_DIFFERENT, side)
    kinds = (b"", files[0][: len(files[0]) // 2], b"<svg/>", bytes(1000))
    bad: set[str] = set()
    for number in range(pictures):
        file = folder / str(number % 10) / f"{number:06}.jpg"
        file.parent.mkdir(parents=True, exist_ok=True)
        data = files[number % _DIFFERENT]
        if number % _BAD_EVERY == 0:
            data = kinds[number // _BAD_EVERY % len(kinds)]
            bad.add(str(file))
        file.write_bytes(data)
    return bad


def _with_a_death(folder: Path, benchmark: RayBulk, bad: set[str]) -> Finding:
    begin = perf_counter()
    with _translating(folder, benchmark) as process:
        killed = _kill_a_worker(process, folder / "out", benchmark.pictures // 10)
    said = (folder / "log").read_text()
    seconds = perf_counter() - begin
    results, failures = _results(folder), _failures(folder)
    good = benchmark.pictures - len(bad)
    return Finding(
        case="a worker killed",
        preset=benchmark.preset,
        goal=f"{good:,} results, {len(bad):,} failures by name, nothing twice",
        measured=f"{len(results):,} results, {len(failures):,} failures, {killed} killed, in "
        f"{seconds:.0f} s; it said: {_last_line(said)}",
        met=killed == 1
        and len(results) == good
        and sorted(failures) == sorted(bad)
        and process.returncode == 1,
        facts={"seconds": seconds, "said": said[-2000:]},
    )


def _again(folder: Path, benchmark: RayBulk, bad: set[str]) -> Finding:
    before = _results(folder)
    with _translating(folder, benchmark):
        pass
    said = (folder / "log").read_text()
    return Finding(
        case="the same again",
        preset=benchmark.preset,
        goal="no result is made again, the failures are tried again",
        measured=f"it said: {_last_line(said)}",
        met=_results(folder) == before and sorted(_failures(folder)) == sorted(bad),
    )


def _translating(folder: Path, benchmark: RayBulk) -> "subprocess.Popen[bytes]":
    words = [
        "translate",
        "--ray",
        "--model",
        str(folder / "models" / benchmark.preset),
        "--to",
        "b",
    ]
    words += ["--provider", benchmark.provider, "--out", str(folder / "out"), str(folder / "in")]
    command = [sys.executable, "-m", "cyclegan", *words]
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(command, stdout=log, stderr=log, cwd=_ROOT)


def _kill_a_worker(process: "subprocess.Popen[bytes]", out: Path, results: int) -> int:
    """Wait for so many results, then kill a process that makes them; how many were killed."""
    while process.poll() is None:
        if sum(1 for _ in out.rglob("*.jpg")) >= results:
            for each in _workers(process):
                os.kill(each.pid, signal.SIGKILL)
                return 1
        sleep(_POLL_SECONDS)
    return 0


def _workers(process: "subprocess.Popen[bytes]") -> list[psutil.Process]:
    workers: list[psutil.Process] = []
    for each in psutil.Process(process.pid).children(recursive=True):
        with suppress(psutil.Error):
            if "MapWorker" in " ".join(each.cmdline()):
                workers.append(each)
    return workers


def _results(folder: Path) -> dict[str, int]:
    return {str(file): file.stat().st_mtime_ns for file in (folder / "out").rglob("*.jpg")}


def _failures(folder: Path) -> list[str]:
    lines = (folder / "out" / "failures.jsonl").read_text().splitlines()
    return [json.loads(line)["source"] for line in lines]


def _last_line(said: str) -> str:
    return said.strip().rpartition("\n")[2]


if __name__ == "__main__":
    sys.exit(main())
