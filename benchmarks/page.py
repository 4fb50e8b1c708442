"""`python -m benchmarks.page`: how long a person waits for the first picture.

From the drop to the moment when the browser has the translation decoded, on a service and a browser
that have seen no picture yet; service and browser share the cores.
"""

import sys
from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Literal, NamedTuple

import torch
from playwright.sync_api import Page
from pydantic import BaseModel, ConfigDict, PositiveInt
from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.browser import browsing
from benchmarks.engines import export_untrained
from benchmarks.load_pictures import draw, encoded
from benchmarks.load_service import serving
from benchmarks.machine import Machine
from benchmarks.program import console, run_program, watched
from cyclegan.command_line import parse

_GOAL_SECONDS = 2.0
_SIZES = ((256, 256), (1024, 768), (4000, 3000))
_DROP = """base64 => {
  const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  const given = new DataTransfer();
  given.items.add(new File([bytes], "picture.jpg", { type: "image/jpeg" }));
  const after = document.querySelector("#slider .after");
  const shown = new Promise((done) => after.addEventListener("load", done, { once: true }));
  const began = performance.now();
  document.dispatchEvent(new DragEvent("drop", { dataTransfer: given, bubbles: true }));
  return shown.then(() => after.decode()).then(() => (performance.now() - began) / 1000);
}"""


class PageSettings(BaseModel):
    """Measure the page's first translation after a drop."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    preset: Literal["paper", "compact", "tiny"] = "compact"
    """Generator, as in `cyclegan train --preset`, untrained."""
    rounds: PositiveInt = 5
    """Services and browsers that are started for each size."""


class Wait(NamedTuple):
    """How long one picture took, in seconds."""

    all: float
    in_service: float
    """Of it, by the service's own clock."""


Waits = dict[tuple[int, int], list[Wait]]
"""By width and height."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print the table."""
    return run_program(_run, arguments)


def _run(arguments: Sequence[str]) -> None:
    settings = parse(PageSettings, arguments, "python -m benchmarks.page")
    show(measure(settings), settings.preset, console())


def measure(settings: PageSettings) -> Waits:
    """Drop a picture of each size on fresh pages of fresh services.

    Raises:
        UsageError: There is no Chromium, or the service does not start.
    """
    with TemporaryDirectory() as folder:
        models = Path(folder)
        export_untrained(settings.preset, models)
        return {
            size: [_first_wait(models, size) for _ in range(settings.rounds)]
            for size in watched(_SIZES, "dropping")
        }


def _first_wait(models: Path, size: tuple[int, int]) -> Wait:
    file = encoded(draw(*size, seed=0), "jpeg")
    with serving(models) as service, browsing() as browser:
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{service.port}/")
        page.locator("#choose").wait_for()
        return _drop(page, file)


def _drop(page: Page, file: bytes) -> Wait:
    with page.expect_response("**/v1/translate/**") as answer:
        seconds = float(page.evaluate(_DROP, b64encode(file).decode()))
    total = answer.value.headers["server-timing"].rpartition("total;dur=")[2]
    return Wait(seconds, float(total) / 1000)


def show(waits: Waits, preset: str, console: Console) -> None:
    """Print the table."""
    console.print(str(Machine.here(torch.device("cpu"))))
    title = f"{preset}: seconds from drop to picture"
    table = Table(title=title, title_justify="left", box=box.SIMPLE)
    for heading in (
        "picture",
        "median",
        "longest",
        "of it in the service",
        f"under {_GOAL_SECONDS:g}",
    ):
        table.add_column(heading)
    for (width, height), each in waits.items():
        longest, middle = max(wait.all for wait in each), median(wait.all for wait in each)
        inside = median(wait.in_service for wait in each)
        met = "yes" if longest < _GOAL_SECONDS else "NO"
        numbers = (f"{seconds:.2f}" for seconds in (middle, longest, inside))
        table.add_row(f"{width} × {height}", *numbers, met)
    console.print(table)


if __name__ == "__main__":
    sys.exit(main())
