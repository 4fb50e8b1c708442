"""Counting answers."""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from benchmarks.load_client import Answer


@dataclass
class Tally:
    """Counts answers without keeping them."""

    statuses: Counter[int] = field(default_factory=Counter[int])
    seconds: list[float] = field(default_factory=list[float])
    """That each 200 took."""
    without_retry_after: int = 0
    """Refusals (429, 503) that do not say when to come again."""

    def note(self, answer: Answer) -> None:
        """Count one."""
        self.statuses[answer.status] += 1
        if answer.status == 200:
            self.seconds.append(answer.seconds)
        elif answer.status in (429, 503) and not answer.headers.get("retry-after", "").isdigit():
            self.without_retry_after += 1

    @property
    def total(self) -> int:
        """How many there were."""
        return self.statuses.total()

    def only(self, *statuses: int) -> bool:
        """Whether there were answers, and none with another status."""
        return self.statuses.keys() <= set(statuses) and self.total > 0

    def percentile(self, percent: float) -> float:
        """Seconds in which so many of the 200s were there; infinity when there was none."""
        return float(np.percentile(self.seconds, percent)) if self.seconds else float("inf")

    def __str__(self) -> str:
        names = {0: "broken"}
        parts = (f"{n:,} × {names.get(s, s)}" for s, n in sorted(self.statuses.items()))
        return ", ".join(parts) or "nothing"
