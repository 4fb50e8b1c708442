"""Ten times more requests than the service can do."""

import statistics
from collections.abc import Sequence
from itertools import cycle
from time import perf_counter

import uvloop

from benchmarks.load_client import Client, at_a_rate, for_seconds, in_turn, post
from benchmarks.load_pictures import jpegs
from benchmarks.load_report import Finding
from benchmarks.load_service import Service, sampled, serving
from benchmarks.load_speed import PATH, SIDE, Subject
from benchmarks.load_tally import Tally
from cyclegan.command_line import parse
from service.settings import ServiceSettings

_TIMES_TOO_MUCH = 10
_CLIENTS = 8
_CAPACITY_SECONDS = 5.0
_PROBE_SECONDS = 0.2
_MOST_PROBE_SECONDS = 0.05
_MEMORY_SECONDS = 0.5
_MOST_GROWTH = 0.05


def overload(subject: Subject, minutes: float) -> list[Finding]:
    """Find out what the service can do, then send ten times that, whatever it answers."""
    requests = [post(f"{PATH}?format=jpeg", file) for file in jpegs(_CLIENTS, SIDE)]
    tally, seconds = Tally(), 60 * minutes
    with serving(subject.models, subject.flags) as service:
        capacity = uvloop.run(_capacity(service, requests, min(seconds, _CAPACITY_SECONDS)))
        with (
            sampled(service.memory_mib, _MEMORY_SECONDS) as memory,
            sampled(service.probe, _PROBE_SECONDS) as probes,
        ):
            rate = uvloop.run(_flood(service, requests, capacity, seconds, tally))
        alive = service.alive
    load = f"{rate:.3g} a second, {rate / capacity:.1f} × what it can do, for {minutes:g} minutes"
    return [
        _ends(subject, load, tally, alive),
        _latency(subject, tally),
        _health(subject, probes),
        _memory(subject, memory),
    ]


async def _capacity(service: Service, requests: Sequence[bytes], seconds: float) -> float:
    tally, begin = Tally(), perf_counter()
    async with Client(service.port) as client:
        await in_turn(client, for_seconds(cycle(requests), seconds), _CLIENTS, tally.note)
        return tally.total / (perf_counter() - begin)


async def _flood(
    service: Service, requests: Sequence[bytes], capacity: float, seconds: float, tally: Tally
) -> float:
    """Return how many requests a second were sent."""
    in_time = for_seconds(cycle(requests), seconds)
    async with Client(service.port) as client:
        await at_a_rate(client, in_time, _TIMES_TOO_MUCH * capacity, tally.note)
    return tally.total / seconds


def _ends(subject: Subject, load: str, tally: Tally, alive: bool) -> Finding:
    return Finding(
        case="overload",
        preset=subject.preset,
        goal="every request ends in 200, or in 429 with Retry-After",
        measured=f"{tally} ({load})",
        met=tally.only(200, 429) and not tally.without_retry_after and alive,
        facts={"statuses": tally.statuses, "without_retry_after": tally.without_retry_after},
    )


def _latency(subject: Subject, tally: Tally) -> Finding:
    deadline = parse(ServiceSettings, subject.flags, "python -m service").deadline_seconds
    seconds = {f"p{p}": tally.percentile(p) for p in (50, 95, 99, 100)}
    return Finding(
        case="overload",
        preset=subject.preset,
        goal=f"p99 of the accepted within the deadline of {deadline:g} s",
        measured=", ".join(f"{name} {value:.2f} s" for name, value in seconds.items()),
        met=seconds["p99"] <= deadline,
        facts=seconds,
    )


def _health(subject: Subject, probes: Sequence[float]) -> Finding:
    slowest = max(probes, default=float("inf"))
    return Finding(
        case="overload",
        preset=subject.preset,
        goal=f"/livez always under {1000 * _MOST_PROBE_SECONDS:g} ms",
        measured=f"at most {1000 * slowest:.1f} ms, p50 {1000 * statistics.median(probes):.1f} ms "
        f"({len(probes):,} times)",
        met=slowest < _MOST_PROBE_SECONDS,
    )


def _memory(subject: Subject, samples: Sequence[float]) -> Finding:
    quarter = len(samples) // 4
    early = statistics.median(samples[quarter : 2 * quarter])
    late = statistics.median(samples[-quarter:])
    growth = late / early - 1
    return Finding(
        case="overload",
        preset=subject.preset,
        goal=f"memory grows by less than {_MOST_GROWTH:.0%} from the second quarter to the last",
        measured=f"{growth:+.1%}: {early:.0f} to {late:.0f} MiB, at most {max(samples):.0f}",
        met=growth < _MOST_GROWTH,
        facts={"mib": samples},
    )
