"""What the load tests of the service found, and how it looks as a table."""

from typing import Any

from pydantic import BaseModel, ConfigDict
from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.machine import Machine


class Finding(BaseModel):
    """One goal, and what was measured."""

    model_config = ConfigDict(frozen=True)

    case: str
    preset: str
    goal: str
    measured: str
    met: bool | None
    """None: it could not be measured here; `measured` says why."""
    facts: dict[str, Any] = {}
    """The numbers behind it."""


class LoadReport(BaseModel):
    """All facts of one run."""

    model_config = ConfigDict(frozen=True)

    machine: Machine
    settings: dict[str, Any]
    findings: tuple[Finding, ...]


def show(report: LoadReport, console: Console, title: str = "the service under load") -> None:
    """Print the table."""
    console.print(str(report.machine))
    table = Table(title=title, title_justify="left", box=box.SIMPLE)
    for heading in ("case", "generator"):
        table.add_column(heading, no_wrap=True)
    for heading in ("goal", "measured"):
        table.add_column(heading, ratio=1)
    table.add_column("met", no_wrap=True)
    words = {True: "yes", False: "NO", None: "–"}
    for each in report.findings:
        table.add_row(each.case, each.preset, each.goal, each.measured, words[each.met])
    console.print(table)
