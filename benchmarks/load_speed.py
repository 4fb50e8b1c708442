"""How fast the service is against the bare work: saturated, alone, and at its start."""

import math
import statistics
from collections.abc import Sequence
from itertools import cycle, islice
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import numpy as np
import uvloop

from benchmarks.load_client import Client, in_turn, post
from benchmarks.load_pictures import jpegs
from benchmarks.load_report import Finding
from benchmarks.load_service import Service, serving
from benchmarks.load_tally import Tally
from benchmarks.program import watched
from cyclegan.command_line import parse
from cyclegan.contract import FILE_AB
from service.app import load_catalogue
from service.formats import PictureFormat
from service.pipeline import Order, read, translate_file
from service.settings import ServiceSettings
from service.translator import Translator

TRANSLATION = "a2b"
PATH = f"/v1/translate/{TRANSLATION}"
SIDE = 256

_LEAST_SHARE = 0.95
_MOST_MILLISECONDS_OVER = 8.0
_MOST_SECONDS_TO_READY = 3.0
_PICTURES = 32
_BLOCK = 10
_BUNDLED_MODELS = 4


class Subject(NamedTuple):
    """What is served."""

    preset: str
    models: Path
    flags: tuple[str, ...]
    """Of `python -m service`."""


class Bare:
    """The work without the service: the same files, engine and threads, in this process."""

    def __init__(self, subject: Subject) -> None:
        words = ["--models", str(subject.models), *subject.flags]
        settings = parse(ServiceSettings, words, "python -m service")
        self.translator: Translator = load_catalogue(settings).find(TRANSLATION)
        self.order = Order(
            format=PictureFormat.JPEG,
            quality=settings.quality,
            max_pixels=settings.max_pixels,
            max_edge=settings.max_edge,
        )

    def pictures_per_second(self, files: Sequence[bytes]) -> float:
        """Decode, translate and encode one after another."""
        begin = perf_counter()
        for file in files:
            translate_file(file, self.translator, self.order)
        return len(files) / (perf_counter() - begin)

    def inference_milliseconds(self, files: Sequence[bytes]) -> list[float]:
        """Translate what is decoded already."""
        milliseconds = list[float]()
        for file in files:
            pixels = read(file, self.order).picture.pixels
            begin = perf_counter()
            self.translator.translate(pixels)
            milliseconds.append(1000 * (perf_counter() - begin))
        return milliseconds


def saturation(
    subject: Subject, concurrency: Sequence[int], rounds: int, round_seconds: float
) -> list[Finding]:
    """Measure the pictures a second of the service against the bare loop's, alternately."""
    files, bare = jpegs(_PICTURES, SIDE), Bare(subject)
    bare.pictures_per_second(files[:_BLOCK])  # warm
    count = int(bare.pictures_per_second(files[:_BLOCK]) * round_seconds)
    work = list(islice(cycle(files), max(count, 2 * max(concurrency))))
    speeds: dict[int, list[float]] = {clients: [] for clients in (0, *concurrency)}
    tally = Tally()
    with serving(subject.models, subject.flags) as service:
        uvloop.run(_served(service, files, max(concurrency), tally))  # warm
        for number in watched(range(rounds), f"saturating ({subject.preset})"):
            ways = list(speeds)
            for clients in ways if number % 2 == 0 else reversed(ways):
                if clients:
                    speed = uvloop.run(_served(service, work, clients, tally))
                else:
                    speed = bare.pictures_per_second(work)
                speeds[clients].append(speed)
    return [_share(subject, speeds[0], n, speeds[n], tally) for n in concurrency]


async def _served(service: Service, files: Sequence[bytes], clients: int, tally: Tally) -> float:
    requests = [post(f"{PATH}?format=jpeg", file) for file in files]
    async with Client(service.port) as client:
        begin = perf_counter()
        await in_turn(client, requests, clients, tally.note)
        return len(files) / (perf_counter() - begin)


def _share(
    subject: Subject, bare: list[float], clients: int, service: list[float], tally: Tally
) -> Finding:
    shares = [mine / theirs for mine, theirs in zip(service, bare, strict=True)]
    share, (least, most) = statistics.median(shares), _median_within(shares)
    return Finding(
        case=f"saturation, {clients} clients",
        preset=subject.preset,
        goal=f"at least {_LEAST_SHARE:.0%} of the pictures a second of a bare loop",
        measured=f"{share:.1%} ({least:.1%} to {most:.1%}): {statistics.median(service):.3g} of "
        f"{statistics.median(bare):.3g} a second",
        met=share >= _LEAST_SHARE and tally.only(200),
        facts={"shares": shares, "bare": bare, "service": service, "statuses": tally.statuses},
    )


def _median_within(values: Sequence[float]) -> tuple[float, float]:
    """Give bounds within which the median of many more would lie, in 19 of 20 cases.

    They are the values of those ranks between which a fair coin, thrown once for each, shows heads.
    """
    ordered, half = sorted(values), 0.98 * len(values) ** 0.5
    lowest, highest = math.floor(len(values) / 2 - half), math.ceil(len(values) / 2 + half)
    return ordered[max(0, lowest)], ordered[min(len(values), highest) - 1]


def alone(subject: Subject, rounds: int) -> list[Finding]:
    """Measure what the service adds to the bare inference where nothing waits, alternately."""
    files, bare, tally = jpegs(_BLOCK, SIDE), Bare(subject), Tally()
    inference = list[float]()
    with serving(subject.models, subject.flags) as service:
        bare.inference_milliseconds(files)  # warm
        uvloop.run(_served(service, files, 1, Tally()))
        for _ in watched(range(rounds), f"asking alone ({subject.preset})"):
            inference += bare.inference_milliseconds(files)
            uvloop.run(_served(service, files, 1, tally))
    answer, bare_p50 = 1000 * tally.percentile(50), float(np.median(inference))
    return [
        Finding(
            case="alone",
            preset=subject.preset,
            goal=f"p50 at most {_MOST_MILLISECONDS_OVER:g} ms over the bare inference",
            measured=f"{answer - bare_p50:.1f} ms over: {answer:.1f} and {bare_p50:.1f} ms",
            met=answer - bare_p50 <= _MOST_MILLISECONDS_OVER and tally.only(200),
            facts={"answers": tally.total, "statuses": tally.statuses}
            | {f"answer_p{p}_ms": 1000 * tally.percentile(p) for p in (50, 95, 99)},
        )
    ]


def start(subject: Subject, rounds: int) -> list[Finding]:
    """Measure the time from the start of the process to a 200 of `/readyz`, with four models."""
    content = (subject.models / subject.preset / FILE_AB).read_bytes()
    models = subject.models.with_name(f"{subject.preset}-bundled")
    for number in range(_BUNDLED_MODELS):
        (models / str(number)).mkdir(parents=True, exist_ok=True)
        (models / str(number) / FILE_AB).write_bytes(content)
    seconds = list[float]()
    for _ in watched(range(rounds), "starting"):
        with serving(models, subject.flags) as service:
            seconds.append(service.seconds_to_ready)
    median = statistics.median(seconds)
    return [
        Finding(
            case="start",
            preset=f"{_BUNDLED_MODELS} × {subject.preset}",
            goal=f"ready in under {_MOST_SECONDS_TO_READY:g} s",
            measured=f"{median:.2f} s; at most {max(seconds):.2f}",
            met=max(seconds) < _MOST_SECONDS_TO_READY,
            facts={"seconds": seconds},
        )
    ]
