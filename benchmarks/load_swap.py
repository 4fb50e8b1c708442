"""A model replaced again and again while others send."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from io import BytesIO
from itertools import repeat, takewhile
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np
import uvloop
from jaxtyping import UInt8
from PIL import Image

from benchmarks.load_client import Answer, Client, in_turn, post
from benchmarks.load_pictures import altered, draw, encoded
from benchmarks.load_report import Finding
from benchmarks.load_service import Service, serving
from benchmarks.load_speed import PATH, Bare, Subject
from benchmarks.load_tally import Tally
from cyclegan.atomic_file import write_atomically
from cyclegan.contract import FILE_AB

Pixels = UInt8[np.ndarray, "h w 3"]

_SIDE = 64
_CLIENTS = 8
_SWAPS = 5
_NOTICED_SECONDS = 20.0
_BROKEN_SECONDS = 3.0
_TOLERANCE = 2  # levels; the same model in another process may round otherwise


@dataclass
class _Judge:
    """Compares each answer with what the model that it names should give."""

    expected: dict[str, Pixels]
    """By the beginning of the model's sha256."""
    tally: Tally = field(default_factory=Tally)
    models: Counter[str] = field(default_factory=Counter[str])
    wrong: int = 0

    def note(self, answer: Answer) -> None:
        """Count one, and whether it is wrong."""
        self.tally.note(answer)
        if answer.status != 200:
            return
        model = answer.headers.get("x-model", "").partition("sha256:")[2]
        self.models[model] += 1
        if model not in self.expected:
            self.wrong += 1
            return
        with Image.open(BytesIO(answer.body)) as image:
            differences = np.asarray(image).astype(int) - self.expected[model]
        self.wrong += bool(np.abs(differences).max() > _TOLERANCE)


def swap(subject: Subject) -> list[Finding]:
    """Replace the model five times by another one and back, then by a broken file."""
    picture = draw(_SIDE, _SIDE, seed=0)
    request = post(f"{PATH}?format=png", encoded(picture, "png"))
    former = (subject.models / subject.preset / FILE_AB).read_bytes()
    judge, contents = _Judge({}), dict[str, bytes]()
    with TemporaryDirectory() as folder:
        ours = subject._replace(models=Path(folder))
        file = ours.models / ours.preset / FILE_AB
        file.parent.mkdir()
        for content in (altered(former), former):
            file.write_bytes(content)
            translator = Bare(ours).translator
            judge.expected[translator.sha256[:8]] = translator.translate(np.asarray(picture))
            contents[translator.sha256[:8]] = content
        with serving(ours.models, ours.flags) as service:
            seconds = uvloop.run(_swap(service, request, file, contents, judge))
            alive = service.alive
    told = ", ".join(f"{each:.1f}" for each in seconds)
    in_time = max(seconds) < _NOTICED_SECONDS
    return [
        Finding(
            case="swap",
            preset=subject.preset,
            goal=f"model swapped {_SWAPS} times under load, then broken: every answer 200, from "
            "the former or the new model",
            measured=f"{judge.tally}, {judge.wrong} wrong; new after {told} s",
            met=judge.tally.only(200) and not judge.wrong and in_time and alive,
            facts={"models": judge.models, "seconds": seconds},
        )
    ]


async def _swap(
    service: Service, request: bytes, file: Path, contents: dict[str, bytes], judge: _Judge
) -> list[float]:
    """Return how long it took each time until the new model answered."""
    over, seconds = asyncio.Event(), list[float]()
    lasting = takewhile(lambda _: not over.is_set(), repeat(request))
    async with Client(service.port) as client:
        load = asyncio.create_task(in_turn(client, lasting, _CLIENTS, judge.note))
        for number in range(_SWAPS):
            model = list(contents)[number % 2]
            before, begin = judge.models[model], perf_counter()
            write_atomically(file, contents[model])
            while judge.models[model] == before and perf_counter() - begin < _NOTICED_SECONDS:
                await asyncio.sleep(0.05)
            seconds.append(perf_counter() - begin)
        write_atomically(file, b"broken")
        await asyncio.sleep(_BROKEN_SECONDS)
        over.set()
        await load
    return seconds
