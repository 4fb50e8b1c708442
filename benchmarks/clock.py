"""Measuring several things alternately, so that a drift of the machine hits all of them."""

import statistics
from collections.abc import Callable, Iterable, Mapping
from time import perf_counter, sleep

from pydantic import BaseModel, ConfigDict


class Times(BaseModel):
    """Milliseconds that the same work took in each round."""

    model_config = ConfigDict(frozen=True)

    median: float
    lower_quartile: float
    upper_quartile: float
    p95: float
    rounds: tuple[float, ...]

    @classmethod
    def of(cls, rounds: list[float]) -> "Times":
        """Summarise the rounds; with a single one, all are that one."""
        cuts = statistics.quantiles(rounds, n=20, method="inclusive") if rounds[1:] else rounds * 19
        return cls(
            median=cuts[9],
            lower_quartile=cuts[4],
            upper_quartile=cuts[14],
            p95=cuts[18],
            rounds=tuple(rounds),
        )

    def speed_against(self, other: "Times") -> float:
        """How many times as fast as `other`: the median of the ratios within each round."""
        return statistics.median(
            theirs / mine for mine, theirs in zip(self.rounds, other.rounds, strict=True)
        )


def measure_alternately(
    works: Mapping[str, Callable[[], object]],
    rounds: Iterable[object],
    calls: int = 1,
    pictures: int = 1,
    wait: Callable[[], None] = lambda: None,
    pause_seconds: float = 0.0,
) -> dict[str, Times]:
    """Time each work once a round, in milliseconds for one call (or one of its pictures).

    Args:
        works: By name; already warm.
        rounds: One element for each round.
        calls: Calls from one look at the clock to the next.
        pictures: Divides the time of a call.
        wait: Returns when the device has done all that it was told to.
        pause_seconds: Rest before each look at the clock, in which the threads of the former work
            stop spinning for more; they would take the cores of the next.
    """
    milliseconds: dict[str, list[float]] = {name: [] for name in works}
    for _ in rounds:
        for name, work in works.items():
            wait()
            sleep(pause_seconds)
            begin = perf_counter()
            for _ in range(calls):
                work()
            wait()
            milliseconds[name].append(1000 * (perf_counter() - begin) / (calls * pictures))
    return {name: Times.of(values) for name, values in milliseconds.items()}
