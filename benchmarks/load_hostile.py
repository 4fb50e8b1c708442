"""Pictures of other projects' test suites that broke something once."""

import csv
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import uvloop

from benchmarks.load_client import Client, post, share
from benchmarks.load_report import Finding
from benchmarks.load_service import Service, serving
from benchmarks.load_speed import PATH, Subject
from benchmarks.program import watched

PICTURES = Path(__file__).parents[2] / "shared/data/hostile-images"

CLIENTS = 32
_BOMB = "reject_bomb"
_MOST_BOMB_SECONDS = 0.25
_MOST_BOMB_MIB = 64.0


class Hostile(NamedTuple):
    """A file, and what its collectors say of it."""

    path: str
    label: str
    content: bytes

    @property
    def request(self) -> bytes:
        """That has it translated; PNG, so that alpha is written as well."""
        return post(f"{PATH}?format=png", self.content)


def hostile_pictures(folder: Path = PICTURES) -> list[Hostile]:
    """Read them all; none where the folder is not there."""
    if not folder.is_dir():
        return []
    with (folder / "manifest.tsv").open() as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return [
        Hostile(row["path"], row["expect"], (folder / row["path"]).read_bytes()) for row in rows
    ]


def hostile(subject: Subject, pictures: Sequence[Hostile]) -> list[Finding]:
    """Send each alone, then all in parallel; the bombs once more, each with its cost."""
    if not pictures:
        why = f"skipped: there is no {PICTURES}"
        return [Finding(case="hostile", preset=subject.preset, goal="", measured=why, met=None)]
    with serving(subject.models, subject.flags) as service:
        alone = send_all(service, pictures, 1)
        together = send_all(service, pictures, CLIENTS)
        bombs = [each for each in pictures if each.label == _BOMB]
        costs = uvloop.run(_costs(service, bombs))
        alive = service.alive
    return [
        _statuses(subject, "alone", alone, alive),
        _statuses(subject, f"{CLIENTS} at a time", together, alive),
        _bombs(subject, costs),
    ]


def send_all(service: Service, pictures: Sequence[Hostile], clients: int) -> list[int]:
    """Return the status of each."""
    return uvloop.run(_send(service, pictures, clients))


async def _send(service: Service, pictures: Sequence[Hostile], clients: int) -> list[int]:
    statuses = [0] * len(pictures)
    async with Client(service.port) as client:

        async def ask(number: int) -> None:
            statuses[number] = (await client.send(pictures[number].request)).status

        numbers = watched(range(len(pictures)), f"sending hostile pictures, {clients} at a time")
        await share(numbers, clients, ask)
    return statuses


class _Cost(NamedTuple):
    seconds: float
    mib: float
    """By which the service and its children grew at the peak; 0 where that cannot be seen."""


async def _costs(service: Service, bombs: Sequence[Hostile]) -> list[_Cost]:
    costs = list[_Cost]()
    async with Client(service.port) as client:
        for bomb in bombs:
            processes = [each.pid for each in service.processes()]
            before = {pid: _forget_peak(pid) for pid in processes}
            answer = await client.send(bomb.request)
            grown = sum(max(0, _memory(pid, "VmHWM") - before[pid]) for pid in processes)
            costs.append(_Cost(answer.seconds, grown / 1024))
    return costs


def _forget_peak(pid: int) -> int:
    """Let the peak begin anew; returns what the process holds now, in KiB."""
    with suppress(OSError):
        Path(f"/proc/{pid}/clear_refs").write_text("5")
    return _memory(pid, "VmRSS")


def _memory(pid: int, field: str) -> int:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(f"{field}:"):
                return int(line.split()[1])
    return 0


def _statuses(subject: Subject, how: str, statuses: Sequence[int], alive: bool) -> Finding:
    counts = Counter(statuses)
    told = ", ".join(f"{count:,} × {status}" for status, count in sorted(counts.items()))
    return Finding(
        case=f"hostile, {how}",
        preset=subject.preset,
        goal=f"{len(statuses):,} pictures: no 5xx, nothing broken, no restart",
        measured=told + ("" if alive else "; the service died"),
        met=alive and all(200 <= status < 500 for status in counts),
        facts={"statuses": counts},
    )


def _bombs(subject: Subject, costs: Sequence[_Cost]) -> Finding:
    slowest = max(cost.seconds for cost in costs)
    largest = max(cost.mib for cost in costs)
    return Finding(
        case="hostile, bombs",
        preset=subject.preset,
        goal=f"each under {1000 * _MOST_BOMB_SECONDS:g} ms and {_MOST_BOMB_MIB:g} MiB",
        measured=f"{len(costs)}: at most {1000 * slowest:.0f} ms and {largest:.0f} MiB",
        met=slowest < _MOST_BOMB_SECONDS and largest < _MOST_BOMB_MIB,
        facts={"costs": costs},
    )
