"""What the benchmark of translating found, and how it looks as a table."""

from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict
from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.clock import Times
from benchmarks.engines import EngineName, Pictures
from benchmarks.machine import Machine


class Difference(BaseModel):
    """How far the bytes of one engine are from those of ONNX Runtime, in levels of 255."""

    model_config = ConfigDict(frozen=True)

    largest: int
    mean: float

    @classmethod
    def between(cls, pictures: Pictures, reference: Pictures | None) -> "Difference | None":
        """Compare; there is none without a reference."""
        if reference is None:
            return None
        levels = np.abs(pictures.astype(int) - reference)
        return cls(largest=int(levels.max()), mean=float(levels.mean()))


class Measured(BaseModel):
    """One generator in one engine, at one size and batch."""

    model_config = ConfigDict(frozen=True)

    preset: str
    engine: EngineName
    size: int
    batch: int
    milliseconds: Times
    """For one picture."""
    pictures_per_second: float
    speed_against_full: float | None
    """Against the preset `paper` in the same engine; none if it was not measured."""
    difference: Difference | None
    """Against ONNX Runtime on the same pictures; none if it was not measured."""
    memory_mib: float | None
    giga_multiply_adds: float
    """Of one picture, exact: transposed convolutions count at their input's resolution."""
    file_mb: float
    """Of the ONNX file, in millions of bytes."""


class InferenceReport(BaseModel):
    """All facts of one run of the benchmark."""

    model_config = ConfigDict(frozen=True)

    machine: Machine
    openvino: str | None
    """Its version."""
    missing: str | None
    """Why not all engines were measured."""
    settings: dict[str, Any]
    cases: tuple[Measured, ...]


def show(report: InferenceReport, console: Console) -> None:
    """Print the table."""
    console.print(f"{report.machine}, openvino {report.openvino or '–'}")
    if report.missing:
        console.print(f"not all engines: {report.missing}")
    table = Table(title="translating", title_justify="left", box=box.SIMPLE, padding=(0, 1, 0, 0))
    for heading in ("generator", "engine"):
        table.add_column(heading, no_wrap=True)
    numbers = (
        *("size", "batch", "ms", "p95", "pictures/s", "speed"),
        *("levels", "MiB", "G madds", "MB"),
    )
    for heading in numbers:
        table.add_column(heading, justify="right", no_wrap=True)
    for case in report.cases:
        table.add_row(case.preset, case.engine, *_numbers(case))
    console.print(table)
    console.print(
        "ms are medians for one picture; speed is the median of the ratios to the full generator\n"
        "(paper) within each round; levels are the largest and the mean difference of a byte to\n"
        "ONNX Runtime's; MiB is the growth of a process that loads and translates; G madds are\n"
        "exact multiply-adds of one picture, transposed convolutions counted at their input's\n"
        "resolution; MB is the size of the ONNX file."
    )


def _numbers(case: Measured) -> tuple[str, ...]:
    speed, difference = case.speed_against_full, case.difference
    return (
        f"{case.size}",
        f"{case.batch}",
        f"{case.milliseconds.median:,.1f}",
        f"{case.milliseconds.p95:,.1f}",
        f"{case.pictures_per_second:.3g}",
        "–" if speed is None else f"{speed:.2f}×",
        "–" if difference is None else f"{difference.largest}/{difference.mean:.1f}",
        "–" if case.memory_mib is None else f"{case.memory_mib:,.0f}",
        f"{case.giga_multiply_adds:.2f}",
        f"{case.file_mb:.1f}",
    )
