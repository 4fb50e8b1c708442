"""What the benchmark of the step found, and how it looks as tables."""

from typing import Any

from pydantic import BaseModel, ConfigDict
from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.clock import Times
from benchmarks.machine import Machine
from benchmarks.variants import Operator
from training.device import SettledPrecision


class Measured(BaseModel):
    """One way to take a step."""

    model_config = ConfigDict(frozen=True)

    name: str
    precision: SettledPrecision
    batch: int
    """Pictures of each domain in a step."""
    milliseconds: Times
    """Of one step."""
    pictures_per_second: float
    """Of each domain."""
    speed_against_naive: float
    """Ratio of the pictures per second."""
    teraflops: float
    """Useful operations per second: those of the naive step, whatever the variant does."""
    peak: str
    """The matrix product that `peak_share` refers to."""
    peak_share: float
    memory_mib: float | None
    slowest: tuple[Operator, ...]


class TrainingReport(BaseModel):
    """All facts of one run of the benchmark."""

    model_config = ConfigDict(frozen=True)

    machine: Machine
    settings: dict[str, Any]
    operations_per_picture: int
    """Of each domain: additions and multiplications, forwards and backwards."""
    matrix_peaks: dict[str, float]
    """Teraflops of square matrix products."""
    variants: tuple[Measured, ...]


def show(report: TrainingReport, console: Console) -> None:
    """Print the tables."""
    console.print(str(report.machine))
    console.print(_variants(report))
    peaks = (f"{name} {value:.3g}" for name, value in report.matrix_peaks.items())
    console.print(
        f"A step is {report.operations_per_picture / 1e12:.3g} Tflop for a picture of each domain. "
        f"Matrix products reach, in Tflop/s: {', '.join(peaks)}.\n"
        "ms are medians; speed, by pictures, is the median of the ratios to naive in each round;\n"
        "pictures are those of each domain; Tflop/s counts the same work for all."
    )
    for variant in report.variants:
        if variant.slowest:
            console.print(_operators(variant))


def _variants(report: TrainingReport) -> Table:
    table = Table(
        title="a step of training", title_justify="left", box=box.SIMPLE, padding=(0, 1, 0, 0)
    )
    table.add_column("step", no_wrap=True)
    for heading in ("batch", "ms", "quartiles", "pictures/s", "speed", "Tflop/s", "of peak", "MiB"):
        table.add_column(heading, justify="right", no_wrap=True)
    for variant in report.variants:
        times = variant.milliseconds
        table.add_row(
            variant.name,
            f"{variant.batch}",
            f"{times.median:,.1f}",
            f"{times.lower_quartile:,.1f}–{times.upper_quartile:,.1f}",
            f"{variant.pictures_per_second:.3g}",
            f"{variant.speed_against_naive:.2f}×",
            f"{variant.teraflops:.3g}",
            f"{variant.peak_share:.0%} of {variant.peak}",
            "–" if variant.memory_mib is None else f"{variant.memory_mib:,.0f}",
        )
    return table


def _operators(variant: Measured) -> Table:
    table = Table(
        title=f"slowest operators of {variant.name}", title_justify="left", box=box.SIMPLE
    )
    table.add_column("operator", overflow="ellipsis", no_wrap=True)
    for heading in ("calls", "ms", "share"):
        table.add_column(heading, justify="right", no_wrap=True)
    for operator in variant.slowest:
        table.add_row(
            operator.name,
            str(operator.calls),
            f"{operator.milliseconds:.1f}",
            f"{operator.share:.0%}",
        )
    return table
