"""Bars: a run's losses, pictures per second and time left; how far any other long work has come."""

import time
from collections.abc import Iterable
from datetime import timedelta
from typing import TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    track,
)

Item = TypeVar("Item")

_SUMMED = {
    "adversarial": "adversarial_",
    "cycle": "cycle_",
    "pixels": "pixels_",
    "judges": "discriminator_",
}
"""What is shown of the losses: sums of those whose names begin so, where there are any."""


class TrainingBar:
    """A line on a terminal; elsewhere, as in a log file, a sentence every half minute."""

    SENTENCE_SECONDS = 30

    def __init__(self, step: int, steps: int, batch: int) -> None:
        self._console = Console(stderr=True)
        self._bar = Progress(
            TextColumn("training"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]:.1f} pictures/s"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[losses]}"),
            console=self._console,
        )
        self._task = self._bar.add_task("", total=steps, completed=step, rate=0.0, losses="")
        self._batch, self._steps = batch, steps
        self._last = self._start = time.monotonic()
        self._first_step = step
        self._losses = ""

    def __enter__(self) -> "TrainingBar":
        if self._console.is_terminal:
            self._bar.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._bar.stop()

    def advance(self, step: int) -> None:
        """Show that `step` steps have been taken."""
        now = time.monotonic()
        rate = self._batch * (step - self._first_step) / max(now - self._start, 1e-9)
        self._bar.update(self._task, completed=step, rate=rate)
        if not self._console.is_terminal and now - self._last > self.SENTENCE_SECONDS:
            self._last = now
            left = timedelta(seconds=self._batch * (self._steps - step) // max(rate, 1e-9))
            self._console.print(
                f"step {step} of {self._steps}: {rate:.1f} pictures/s, {left} left; {self._losses}",
                style="",
                soft_wrap=True,
            )

    def say(self, sentence: str) -> None:
        """Write a line above the bar."""
        self._console.print(sentence, markup=False, highlight=False, soft_wrap=True)

    def show(self, losses: dict[str, float]) -> None:
        """Show the latest means."""
        sums = {
            label: [value for name, value in losses.items() if name.startswith(prefix)]
            for label, prefix in _SUMMED.items()
        }
        self._losses = "  ".join(
            f"{label} {sum(values):.3f}" for label, values in sums.items() if values
        )
        self._bar.update(self._task, losses=self._losses)


def tracked(items: Iterable[Item], label: str, count: int) -> Iterable[Item]:
    """Give items, and show on a terminal how many of `count` have been taken."""
    console = Console(stderr=True)
    return track(
        items, label, count, console=console, transient=True, disable=not console.is_terminal
    )
