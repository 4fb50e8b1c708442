"""`python -m benchmarks.scaling`: pictures per second with more and more ranks."""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, PositiveInt
from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.clock import Times
from benchmarks.machine import Machine
from benchmarks.program import check_writable, console, run_program, watched
from benchmarks.variants import settings_for
from cyclegan.command_line import parse, write_json
from cyclegan.cores import available_cores
from cyclegan.errors import UsageError
from training.device import choose_device
from training.settings import TrainSettings

_ROOT = Path(__file__).parents[1]


class ScalingBenchmark(BaseModel):
    """Measure steps with several numbers of ranks in turn; each rank has as many pictures."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    device: Literal["auto", "cuda", "cpu"] = "auto"
    """Where to compute; on a CPU the ranks share its cores, on CUDA each has a GPU."""
    ranks: tuple[PositiveInt, ...] = (1, 2)
    """Numbers of ranks; the first is what the others are compared with."""
    size: PositiveInt = 256
    """Side of the square pictures, in pixels."""
    batch: PositiveInt = 1
    """Pictures of each domain in a step of one rank."""
    preset: Literal["paper", "compact", "tiny"] = "paper"
    """Networks, as in `cyclegan train`."""
    steps: PositiveInt = 5
    """Steps that are timed in each round."""
    repeats: PositiveInt = 3
    """Rounds; in each, every number of ranks is started once."""
    json_file: Path | None = Field(default=None, alias="json")
    """File to write all facts to."""


class Scaled(BaseModel):
    """One number of ranks."""

    model_config = ConfigDict(frozen=True)

    ranks: int
    threads: int
    """Of each rank."""
    milliseconds: Times
    """Of a step, the median of each round."""
    pictures_per_second: float
    """Of each domain, over all ranks."""
    speed: float
    """Pictures per second against those of the first number of ranks, median of the rounds."""
    efficiency: float
    """Speed against how many times as many ranks there are."""


class ScalingReport(BaseModel):
    """All facts of one run of the benchmark."""

    model_config = ConfigDict(frozen=True)

    machine: Machine
    settings: dict[str, Any]
    cases: tuple[Scaled, ...]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the table, write the JSON."""
    return run_program(_run, arguments)


def _run(arguments: Sequence[str]) -> None:
    benchmark = parse(ScalingBenchmark, arguments, "python -m benchmarks.scaling")
    check_writable(benchmark.json_file)
    report = measure(benchmark)
    _show(report, console())
    if benchmark.json_file:
        write_json(report, benchmark.json_file)


def measure(benchmark: ScalingBenchmark) -> ScalingReport:
    """Do all that is asked for.

    Raises:
        UsageError: The device is not there, the size does not fit, or a rank failed.
    """
    device = choose_device(benchmark.device)
    numbers = list(dict.fromkeys(benchmark.ranks))
    settings = {
        ranks: settings_for(benchmark.preset, benchmark.size, ranks * benchmark.batch).model_copy(
            update={"device": device.type}
        )
        for ranks in numbers
    }
    rounds: dict[int, list[float]] = {ranks: [] for ranks in numbers}
    turns = [ranks for _ in range(benchmark.repeats) for ranks in numbers]
    for ranks in watched(turns, "measuring"):
        milliseconds = _steps(settings[ranks], ranks, benchmark.steps, device)
        rounds[ranks].append(statistics.median(milliseconds))
    times = {ranks: Times.of(values) for ranks, values in rounds.items()}
    return ScalingReport(
        machine=Machine.here(device),
        settings=benchmark.model_dump(mode="json", by_alias=True),
        cases=tuple(_scaled(ranks, times, benchmark.batch, device) for ranks in numbers),
    )


def _scaled(ranks: int, times: dict[int, Times], batch: int, device: torch.device) -> Scaled:
    first = next(iter(times))
    more = ranks / first
    speed = times[ranks].speed_against(times[first]) * more
    return Scaled(
        ranks=ranks,
        threads=_threads(ranks, device),
        milliseconds=times[ranks],
        pictures_per_second=1000 * batch * ranks / times[ranks].median,
        speed=speed,
        efficiency=speed / more,
    )


def _threads(ranks: int, device: torch.device) -> int:
    return max(1, available_cores() // ranks) if device.type == "cpu" else 1


def _steps(settings: TrainSettings, ranks: int, steps: int, device: torch.device) -> list[float]:
    launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={ranks}"]
    words = ["-m", "benchmarks.rank_steps", settings.model_dump_json(), str(steps)]
    done = subprocess.run(
        [sys.executable, *launcher, *words],
        cwd=_ROOT,
        env=os.environ | {"OMP_NUM_THREADS": str(_threads(ranks, device))},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise UsageError(f"{ranks} ranks failed; the end of what they said:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout)


def _show(report: ScalingReport, console: Console) -> None:
    console.print(str(report.machine))
    table = Table(title="steps in ranks", title_justify="left", box=box.SIMPLE)
    for heading in ("ranks", "threads each", "ms", "pictures/s", "speed", "efficiency"):
        table.add_column(heading, justify="right")
    for case in report.cases:
        table.add_row(
            f"{case.ranks}",
            f"{case.threads}",
            f"{case.milliseconds.median:,.1f}",
            f"{case.pictures_per_second:.3g}",
            f"{case.speed:.2f}×",
            f"{case.efficiency:.0%}",
        )
    console.print(table)


if __name__ == "__main__":
    sys.exit(main())
