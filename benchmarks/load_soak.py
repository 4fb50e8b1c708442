"""Thousands of pictures of mixed sizes and formats: does the memory stop growing?"""

import statistics

import uvloop

from benchmarks.load_client import Answer, Client, in_turn, post
from benchmarks.load_pictures import mixed
from benchmarks.load_report import Finding
from benchmarks.load_service import Service, serving
from benchmarks.load_speed import PATH, Subject
from benchmarks.load_tally import Tally
from benchmarks.program import watched

_CLIENTS = 8
_WARM = 1000
_EVERY = 10  # requests from one look at the memory to the next
_SAMPLES = 5
_MOST_GROWTH = 0.05


def soak(subject: Subject, requests: int) -> list[Finding]:
    """Send pictures of random sides from 16 to 512 pixels, in and out in three formats."""
    warm = min(_WARM, requests // 5)
    tally, memory = Tally(), list[float]()
    with serving(subject.models, subject.flags) as service:
        uvloop.run(_send(service, requests, tally, memory))
    # Each is noisy by what is in work; a few around the point are not.
    early = statistics.median(memory[warm // _EVERY :][:_SAMPLES])
    late = statistics.median(memory[-_SAMPLES:])
    growth = late / early - 1
    return [
        Finding(
            case="soak",
            preset=subject.preset,
            goal=f"memory grows by less than {_MOST_GROWTH:.0%} after the first {warm:,} requests",
            measured=f"{growth:+.1%}: {early:.0f} to {late:.0f} MiB, at most {max(memory):.0f}, "
            f"in {tally.total:,} requests: {tally}",
            met=growth < _MOST_GROWTH and tally.only(200),
            facts={"statuses": tally.statuses, "mib": memory},
        )
    ]


async def _send(service: Service, requests: int, tally: Tally, memory: list[float]) -> None:
    def note(answer: Answer) -> None:
        tally.note(answer)
        if tally.total % _EVERY == 0:
            memory.append(service.memory_mib())

    drawn = (post(f"{PATH}?format={wanted}", file) for file, wanted in mixed(requests))
    shown = (request for _, request in zip(watched(range(requests), "soaking"), drawn, strict=True))
    async with Client(service.port) as client:
        await in_turn(client, shown, _CLIENTS, note)
