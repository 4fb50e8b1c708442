"""What the benchmark of the loader found, as facts and as a table."""

from typing import Any

from pydantic import BaseModel, ConfigDict
from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.clock import Times
from benchmarks.machine import Machine

GOAL = 500
"""Pictures per second and core."""


class Loaded(BaseModel):
    """One size of batches."""

    model_config = ConfigDict(frozen=True)

    batch: int
    milliseconds: Times
    """To cut one batch of both domains."""
    pictures_per_second: float
    """Of both domains together, on one core."""
    step_milliseconds: float | None
    share: float | None
    """Of the whole step's time that passes until its pictures are on the device."""


class LoaderReport(BaseModel):
    """All facts of one run of the benchmark."""

    model_config = ConfigDict(frozen=True)

    machine: Machine
    settings: dict[str, Any]
    batches: tuple[Loaded, ...]


def show(report: LoaderReport, console: Console) -> None:
    """Print the table."""
    console.print(str(report.machine))
    table = Table(title="pictures from memory", title_justify="left", box=box.SIMPLE)
    for heading in ("batch", "ms", "pictures/s and core", "a step, ms", "share of pictures"):
        table.add_column(heading, justify="right")
    for found in report.batches:
        step = "–" if found.step_milliseconds is None else f"{found.step_milliseconds:,.1f}"
        share = "–" if found.share is None else f"{found.share:.2%}"
        table.add_row(
            f"{found.batch}",
            f"{found.milliseconds.median:.3f}",
            f"{found.pictures_per_second:,.0f}",
            step,
            share,
        )
    console.print(table)
    console.print(f"Goal: {GOAL} pictures per second and core, and less than 2 % of the time.")
