"""`python -m benchmarks.ray_serve`: replicas on Ray against one process, and the death of one."""

import os
import signal
import statistics
import sys
from collections.abc import Sequence
from itertools import cycle, repeat
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Literal, get_args

import psutil
import torch
import uvloop
from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt

from benchmarks.engines import export_untrained
from benchmarks.load_client import Client, for_seconds, in_turn, post, share
from benchmarks.load_pictures import jpegs
from benchmarks.load_report import Finding, LoadReport, show
from benchmarks.load_service import HOST, Service, serving
from benchmarks.load_speed import PATH, SIDE
from benchmarks.load_tally import Tally
from benchmarks.machine import Machine
from benchmarks.program import check_writable, console, run_program, watched
from cyclegan.command_line import parse, write_json

Case = Literal["replicas", "kill", "proxy"]

_LEAST_SHARE = 0.9
_PICTURES = 32
_START_SECONDS = 240.0
_ALONE = ("--threads", "2")
_ON_RAY = ("--ray", "--replicas", "2", "--threads", "1")


class RayServe(BaseModel):
    """Hold the service on Ray, two replicas of one thread, against one process of two."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    case: tuple[Case, ...] = get_args(Case)
    """What to measure; everything if not given."""
    preset: Literal["paper", "compact", "tiny"] = "compact"
    """Generator, untrained."""
    provider: str = "auto"
    """As in `cyclegan serve`."""
    clients: PositiveInt = 8
    """That each send their next picture when they have their answer."""
    seconds: PositiveFloat = 20.0
    """Of one measurement."""
    rounds: PositiveInt = 3
    """Each a start and a measurement of both."""
    json_file: Path | None = Field(default=None, alias="json")
    """File to write all facts to."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the table, write the JSON."""
    return run_program(_run, arguments)


def _run(arguments: Sequence[str]) -> None:
    benchmark = parse(RayServe, arguments, "python -m benchmarks.ray_serve")
    check_writable(benchmark.json_file)
    report = measure(benchmark)
    show(report, console(), "the service on Ray")
    if benchmark.json_file:
        write_json(report, benchmark.json_file)


def measure(benchmark: RayServe) -> LoadReport:
    """Do all that is asked for; a UsageError says that the service does not start."""
    findings = list[Finding]()
    with TemporaryDirectory() as folder:
        export_untrained(benchmark.preset, Path(folder))
        for case in dict.fromkeys(benchmark.case):
            findings.append(_CASES[case](benchmark, Path(folder)))
    return LoadReport(
        machine=Machine.here(torch.device("cpu")),
        settings=benchmark.model_dump(mode="json", by_alias=True),
        findings=tuple(findings),
    )


def _replicas(benchmark: RayServe, models: Path) -> Finding:
    ways = {"alone": _ALONE, "ray": _ON_RAY}
    speeds: dict[str, list[float]] = {name: [] for name in ways}
    tally = Tally()
    for number in watched(range(benchmark.rounds), "saturating"):
        for name in ways if number % 2 == 0 else reversed(ways):
            flags = (*ways[name], "--provider", benchmark.provider)
            with serving(models, flags, _START_SECONDS) as service:
                uvloop.run(_speed(service, benchmark, Tally()))  # warm
                speeds[name].append(uvloop.run(_speed(service, benchmark, tally)))
    shares = [ray / alone for ray, alone in zip(speeds["ray"], speeds["alone"], strict=True)]
    alone, ray = (statistics.median(speeds[name]) for name in ways)
    return Finding(
        case="replicas",
        preset=benchmark.preset,
        goal=f"two replicas: at least {_LEAST_SHARE:.0%} of one process's pictures a second",
        measured=f"{statistics.median(shares):.1%}: {ray:.3g} of {alone:.3g} a second",
        met=statistics.median(shares) >= _LEAST_SHARE and tally.only(200),
        facts={"shares": shares, "statuses": tally.statuses} | speeds,
    )


async def _speed(service: Service, benchmark: RayServe, tally: Tally) -> float:
    before = tally.total  # of the measurements that it has counted already
    async with Client(service.port) as client:
        begin = perf_counter()
        requests = for_seconds(_requests(), benchmark.seconds)
        await in_turn(client, requests, benchmark.clients, tally.note)
        return (tally.total - before) / (perf_counter() - begin)


def _requests() -> "cycle[bytes]":
    return cycle(post(f"{PATH}?format=jpeg", file) for file in jpegs(_PICTURES, SIDE))


def _kill(benchmark: RayServe, models: Path) -> Finding:
    flags = (*_ON_RAY, "--provider", benchmark.provider)
    with serving(models, flags, _START_SECONDS) as service:
        first, last = uvloop.run(_with_a_death(service, benchmark))
    return Finding(
        case="kill",
        preset=benchmark.preset,
        goal="no request lost that is sent a second time",
        measured=f"{first}; sent again: {last}",
        met=first.total > 0 and last.total == last.statuses[200],
        facts={"first": first.statuses, "again": last.statuses},
    )


async def _with_a_death(service: Service, benchmark: RayServe) -> tuple[Tally, Tally]:
    first, again = Tally(), Tally()
    begin = perf_counter()
    killed = False

    async def ask(request: bytes) -> None:
        nonlocal killed
        if not killed and perf_counter() - begin > benchmark.seconds / 3:
            killed = True
            _kill_a_replica(service)
        answer = await client.send(request)
        first.note(answer)
        if answer.status != 200:
            again.note(await client.send(request))

    async with Client(service.port) as client:
        requests = for_seconds(_requests(), benchmark.seconds)
        await share(requests, benchmark.clients, ask)
    return first, again


def _kill_a_replica(service: Service) -> None:
    replica = next(each for each in service.processes() if _is_replica(each))
    os.kill(replica.pid, signal.SIGKILL)


def _proxy(benchmark: RayServe, models: Path) -> Finding:
    tally = Tally()
    with serving(models, (*_ON_RAY, "--provider", benchmark.provider), _START_SECONDS) as service:
        speed = uvloop.run(_asked(service, benchmark, tally))
    return Finding(
        case="proxy",
        preset=benchmark.preset,
        goal="none: how many requests that cost nothing it passes on",
        measured=f"{speed:,.0f} a second: {tally}",
        met=None,
        facts={"requests_per_second": speed},
    )


async def _asked(service: Service, benchmark: RayServe, tally: Tally) -> float:
    request = f"GET /livez HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()
    async with Client(service.port) as client:
        begin = perf_counter()
        requests = for_seconds(repeat(request), benchmark.seconds)
        await in_turn(client, requests, benchmark.clients, tally.note)
        return tally.total / (perf_counter() - begin)


def _is_replica(process: psutil.Process) -> bool:
    try:
        return "ServeReplica" in " ".join(process.cmdline())
    except psutil.Error:  # it has just ended
        return False


_CASES = {"replicas": _replicas, "kill": _kill, "proxy": _proxy}


if __name__ == "__main__":
    sys.exit(main())
