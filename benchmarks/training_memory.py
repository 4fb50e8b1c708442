"""`python -m benchmarks.training_memory`: what a step needs, and what saves of it."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt
from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.machine import Machine
from benchmarks.memory import in_new_process
from benchmarks.program import check_writable, console, run_program, watched
from benchmarks.variants import Variant, peak_memory, settings_for
from cyclegan.command_line import parse, write_json
from training.device import SettledPrecision, choose_device
from training.settings import TrainSettings


class MemoryBenchmark(BaseModel):
    """Measure the peak memory of two steps, each case in a process of its own."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    device: Literal["auto", "cuda", "cpu"] = "auto"
    """Where to compute; auto takes cuda if it is there."""
    size: tuple[PositiveInt, ...] = (256,)
    """Sides of the square pictures, in pixels."""
    batch: tuple[PositiveInt, ...] = (1, 2)
    """Pictures of each domain in a step."""
    preset: Literal["paper", "compact", "tiny"] = "paper"
    """Networks, as in `cyclegan train`."""
    precision: SettledPrecision = "fp32"
    """As in `cyclegan train`."""
    json_file: Path | None = Field(default=None, alias="json")
    """File to write all facts to."""


class Needed(BaseModel):
    """One way to take a step; GiB that CUDA allocated, or by which the process grew."""

    model_config = ConfigDict(frozen=True)

    size: int
    batch: int
    plain: float
    recomputed: float
    """With --recompute-activations."""
    in_parts: float | None
    """With --accumulate as large as the batch; none where that is 1."""

    def __str__(self) -> str:
        """Say it in a line."""
        parts = "" if self.in_parts is None else f", in parts of one {self.in_parts:.2f}"
        return (
            f"{self.size} px, batch {self.batch}: {self.plain:.2f} GiB, "
            f"recomputed {self.recomputed:.2f}{parts}"
        )


class MemoryReport(BaseModel):
    """All facts of one run of the benchmark."""

    model_config = ConfigDict(frozen=True)

    machine: Machine
    settings: dict[str, Any]
    cases: tuple[Needed, ...]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the table, write the JSON."""
    return run_program(_run, arguments)


def _run(arguments: Sequence[str]) -> None:
    benchmark = parse(MemoryBenchmark, arguments, "python -m benchmarks.training_memory")
    check_writable(benchmark.json_file)
    report = measure(benchmark)
    _show(report, console())
    if benchmark.json_file:
        write_json(report, benchmark.json_file)


def measure(benchmark: MemoryBenchmark) -> MemoryReport:
    """Do all that is asked for.

    Raises:
        UsageError: The device is not there, a size does not fit the networks, or memory is short.
    """
    device = choose_device(benchmark.device)
    runs = [settings_for(benchmark.preset, s, b) for s in benchmark.size for b in benchmark.batch]
    variant = Variant("ours", benchmark.precision)

    def peak(settings: TrainSettings) -> float:
        return in_new_process(peak_memory, variant, settings, device) / 1024

    def needed(run: TrainSettings) -> Needed:
        case = Needed(
            size=run.crop,
            batch=run.batch,
            plain=peak(run),
            recomputed=peak(run.model_copy(update={"recompute_activations": True})),
            in_parts=peak(run.model_copy(update={"accumulate": run.batch}))
            if run.batch > 1
            else None,
        )
        # At once: a larger case takes minutes, or may not fit and end all.
        sys.stderr.write(f"{case}\n")
        return case

    return MemoryReport(
        machine=Machine.here(device),
        settings=benchmark.model_dump(mode="json", by_alias=True),
        cases=tuple(needed(run) for run in watched(runs, "measuring memory")),
    )


def _show(report: MemoryReport, console: Console) -> None:
    console.print(str(report.machine))
    table = Table(title="memory of a step, GiB", title_justify="left", box=box.SIMPLE)
    for heading in ("size", "batch", "plain", "recomputed", "in parts of one"):
        table.add_column(heading, justify="right")
    for case in report.cases:
        in_parts = "–" if case.in_parts is None else f"{case.in_parts:.2f}"
        table.add_row(
            f"{case.size}", f"{case.batch}", f"{case.plain:.2f}", f"{case.recomputed:.2f}", in_parts
        )
    console.print(table)


if __name__ == "__main__":
    sys.exit(main())
