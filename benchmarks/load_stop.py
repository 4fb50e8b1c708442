"""Stopping the service, and killing parts of it, while it works."""

import asyncio
import signal
from contextlib import suppress
from itertools import cycle
from time import perf_counter

import psutil
import uvloop

from benchmarks.load_client import Client, for_seconds, in_turn, post
from benchmarks.load_pictures import jpegs
from benchmarks.load_report import Finding
from benchmarks.load_service import Service, serving
from benchmarks.load_speed import PATH, SIDE, Subject
from benchmarks.load_tally import Tally

_IN_FLIGHT = 64
_ARRIVED_SECONDS = 0.3
_CLIENTS = 8
_KILLS = 10
_BETWEEN_SECONDS = 0.5


def stop(subject: Subject, side: int = SIDE) -> list[Finding]:
    """Send SIGTERM while 64 requests wait for their answers."""
    requests = [post(f"{PATH}?format=jpeg", file) for file in jpegs(_IN_FLIGHT, side)]
    tally, late = Tally(), Tally()
    with serving(subject.models, subject.flags) as service:
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
        await asyncio.sleep(_ARRIVED_SECONDS)
        answered = tally.total
        service.terminate()
        await asyncio.sleep(_ARRIVED_SECONDS)
        # Refused by the closed port (broken), or told to go elsewhere (503).
        await in_turn(client, requests[:_CLIENTS], 1, late.note)
        await load
        return answered


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
