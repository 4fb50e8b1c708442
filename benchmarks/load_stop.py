"""Stopping the service, and killing parts of it, while it works."""

import asyncio
import re
import signal
from contextlib import suppress
from itertools import cycle
from time import perf_counter
from urllib.request import urlopen

import psutil
import uvloop

from benchmarks.load_client import Client, for_seconds, in_turn, post
from benchmarks.load_pictures import jpegs
from benchmarks.load_report import Finding
from benchmarks.load_service import Service, serving
from benchmarks.load_speed import PATH, SIDE, Subject
from benchmarks.load_tally import Tally

_IN_FLIGHT = 64
_METRICS = re.compile(r"http://\S+/metrics")
_ACCEPTED = re.compile(r"^cyclegan_(?:places_taken|queue_waiting) (\S+)", re.MULTILINE)
_MOST_SECONDS_TO_ARRIVE = 30.0
_POLL_SECONDS = 0.05
_REFUSING_SECONDS = 0.3
_CLIENTS = 8
_KILLS = 10
_BETWEEN_SECONDS = 0.5


def stop(subject: Subject, side: int = SIDE) -> list[Finding]:
    """Send SIGTERM while 64 requests wait for their answers."""
    requests = [post(f"{PATH}?format=jpeg", file) for file in jpegs(_IN_FLIGHT, side)]
    tally, late = Tally(), Tally()
    with serving(subject.models, (*subject.flags, "--metrics-port", "0")) as service:
        begin = perf_counter()
        answered_before = uvloop.run(_stop(service, requests, tally, late))
        exit_code = service.wait()
        seconds = perf_counter() - begin
    return [
        Finding(
            case="stop",
            preset=subject.preset,
            goal=f"all of {_IN_FLIGHT} in flight are answered after SIGTERM, exit code 0",
            measured=f"{tally}, {answered_before} of them before SIGTERM; exit code {exit_code}; "
            f"{seconds:.1f} s; who came after it: {late}",
            met=tally.only(200) and tally.total == _IN_FLIGHT and exit_code == 0,
            facts={"statuses": tally.statuses, "late": late.statuses, "seconds": seconds},
        )
    ]


async def _stop(service: Service, requests: list[bytes], tally: Tally, late: Tally) -> int:
    """Return how many were answered before the signal."""
    async with Client(service.port) as client:
        load = asyncio.create_task(in_turn(client, requests, len(requests), tally.note))
        await _until_all_are_in(service, tally)
        answered = tally.total
        service.terminate()
        await asyncio.sleep(_REFUSING_SECONDS)
        # Refused by the closed port (broken), or told to go elsewhere (503).
        await in_turn(client, requests[:_CLIENTS], 1, late.note)
        await load
        return answered


async def _until_all_are_in(service: Service, tally: Tally) -> None:
    """Wait until the service has accepted every request; what it has not, it may refuse."""
    found = _METRICS.search(service.log)
    assert found, "the service did not say where its metrics are"
    deadline = perf_counter() + _MOST_SECONDS_TO_ARRIVE
    while perf_counter() < deadline:
        metrics = await asyncio.to_thread(_fetched, found[0])
        if tally.total + sum(map(float, _ACCEPTED.findall(metrics))) >= _IN_FLIGHT:
            return
        await asyncio.sleep(_POLL_SECONDS)  # or asking would take the cores of what is measured


def _fetched(url: str) -> str:
    with urlopen(url, timeout=_MOST_SECONDS_TO_ARRIVE) as answer:
        return answer.read().decode()


def kill(subject: Subject) -> list[Finding]:
    """Kill a decoding process again and again while others send."""
    requests = [post(f"{PATH}?format=jpeg", file) for file in jpegs(_CLIENTS, SIDE)]
    tally = Tally()
    with serving(subject.models, (*subject.flags, "--isolation", "process")) as service:
        killed = uvloop.run(_kill(service, requests, tally))
        alive = service.alive
    return [
        Finding(
            case="kill",
            preset=subject.preset,
            goal=f"decoding processes killed {_KILLS} times under load: all answered",
            measured=f"{killed} killed; {tally}" + ("" if alive else "; the service died"),
            met=tally.only(200) and killed == _KILLS and alive,
            facts={"statuses": tally.statuses},
        )
    ]


async def _kill(service: Service, requests: list[bytes], tally: Tally) -> int:
    killed = 0
    lasting = for_seconds(cycle(requests), (_KILLS + 2) * _BETWEEN_SECONDS)
    async with Client(service.port) as client:
        load = asyncio.create_task(in_turn(client, lasting, _CLIENTS, tally.note))
        for _ in range(_KILLS):
            await asyncio.sleep(_BETWEEN_SECONDS)
            for worker in _decoders(service)[:1]:
                with suppress(psutil.Error):
                    worker.send_signal(signal.SIGKILL)
                    killed += 1
        await load
    return killed


def _decoders(service: Service) -> list[psutil.Process]:
    found = list[psutil.Process]()
    for process in service.processes()[1:]:
        with suppress(psutil.Error):
            # Others track resources, or only fork them.
            if not process.children() and "resource_tracker" not in " ".join(process.cmdline()):
                found.append(process)
    return found
