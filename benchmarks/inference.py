"""`python -m benchmarks.inference`: how fast exported generators translate, in one run."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, NamedTuple

import torch
from pydantic import BaseModel, ConfigDict, Field, PositiveInt

from benchmarks.clock import Times, measure_alternately
from benchmarks.engines import (
    EngineName,
    Pictures,
    Subject,
    available_engines,
    export_untrained,
    open_engine,
    peak_memory,
    random_pictures,
)
from benchmarks.inference_report import Difference, InferenceReport, Measured, show
from benchmarks.machine import Machine
from benchmarks.memory import in_new_process
from benchmarks.operations import generator_multiply_adds
from benchmarks.program import check_writable, console, run_program, watched
from cyclegan.command_line import parse, write_json
from cyclegan.cores import available_cores
from cyclegan.generator import Generator, GeneratorConfig
from training.settings import Preset

Side = Annotated[int, Field(ge=Generator.MIN_SIDE, multiple_of=Generator.SIZE_MULTIPLE)]

_FULL = "paper"
_PAUSE_SECONDS = 0.05


class InferenceBenchmark(BaseModel):
    """Measure untrained generators on the CPU in PyTorch and in each engine of the service.

    They take turns: each engine once in each round.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    size: tuple[Side, ...] = (256,)
    """Sides of the square pictures, in pixels."""
    batch: tuple[PositiveInt, ...] = (1,)
    """Pictures at a time; the service translates one at a time."""
    presets: tuple[Preset, ...] = ("paper", "compact", "light", "pyramid")
    """Generators, as in `cyclegan train --preset`; speeds are against paper."""
    engines: tuple[EngineName, ...] | None = None
    """What translates; by default all that are there."""
    threads: PositiveInt = Field(default_factory=available_cores)
    """Threads of each engine; by default the cores that this process may use."""
    repeats: PositiveInt = 20
    """Rounds; in each, every generator translates once in every engine."""
    memory: bool = True
    """Measure each case's memory in a process of its own; --no-memory does not."""
    json_file: Path | None = Field(default=None, alias="json")
    """File to write all facts to."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the table, write the JSON."""
    return run_program(_run, arguments)


def _run(arguments: Sequence[str]) -> None:
    benchmark = parse(InferenceBenchmark, arguments, "python -m benchmarks.inference")
    check_writable(benchmark.json_file)
    report = measure(benchmark)
    show(report, console())
    if benchmark.json_file:
        write_json(report, benchmark.json_file)


def measure(benchmark: InferenceBenchmark) -> InferenceReport:
    """Do all that is asked for.

    Raises:
        ExportError: A generator cannot be exported.
        UsageError: Memory is short.
    """
    torch.set_num_threads(benchmark.threads)
    available, missing = available_engines()
    engines = list(dict.fromkeys(benchmark.engines or available))
    with TemporaryDirectory() as folder:
        presets = list(dict.fromkeys(benchmark.presets))
        subjects = [export_untrained(p, Path(folder)) for p in watched(presets, "exporting")]
        cases = [
            measured
            for size in dict.fromkeys(benchmark.size)
            for batch in dict.fromkeys(benchmark.batch)
            for measured in _at(size, batch, subjects, engines, benchmark)
        ]
    return InferenceReport(
        machine=Machine.here(torch.device("cpu")),
        openvino=version("openvino") if find_spec("openvino") else None,
        missing=None if benchmark.engines else missing,
        settings=benchmark.model_dump(mode="json", by_alias=True),
        cases=tuple(cases),
    )


class _Case(NamedTuple):
    subject: Subject
    engine: EngineName

    @property
    def name(self) -> str:
        return _name(self.subject.preset, self.engine)


def _at(
    size: int,
    batch: int,
    subjects: Sequence[Subject],
    engines: Sequence[EngineName],
    benchmark: InferenceBenchmark,
) -> list[Measured]:
    cases = [_Case(subject, engine) for subject in subjects for engine in engines]
    what = f"of {batch} × {size}×{size}"
    memory = dict[str, float]()
    if benchmark.memory:
        for case in watched(cases, f"measuring memory {what}"):
            arguments = case.engine, case.subject, benchmark.threads, batch, size
            memory[case.name] = in_new_process(peak_memory, *arguments)
    pictures = random_pictures(batch, size)
    opened = {c.name: open_engine(c.engine, c.subject, benchmark.threads) for c in cases}
    results = {name: translate(pictures) for name, translate in opened.items()}  # and warm
    rounds = watched(range(benchmark.repeats), f"measuring time {what}")
    times = measure_alternately(
        {name: partial(translate, pictures) for name, translate in opened.items()},
        rounds,
        pictures=batch,
        pause_seconds=_PAUSE_SECONDS,
    )
    found = _Found(size, batch, times, memory, results)
    return [found.about(case) for case in cases]


@dataclass(frozen=True)
class _Found:
    """Raw findings at one size and batch; all but these go by the name of a case."""

    size: int
    batch: int
    times: Mapping[str, Times]
    memory: Mapping[str, float]
    results: Mapping[str, Pictures]

    def about(self, case: _Case) -> Measured:
        mine = self.times[case.name]
        full = self.times.get(_name(_FULL, case.engine))
        reference = self.results.get(_name(case.subject.preset, "onnxruntime"))
        config = GeneratorConfig.model_validate(case.subject.architecture)
        return Measured(
            preset=case.subject.preset,
            engine=case.engine,
            size=self.size,
            batch=self.batch,
            milliseconds=mine,
            pictures_per_second=1000 / mine.median,
            speed_against_full=None if full is None else mine.speed_against(full),
            difference=Difference.between(self.results[case.name], reference),
            memory_mib=self.memory.get(case.name),
            giga_multiply_adds=generator_multiply_adds(config, self.size) / 1e9,
            file_mb=case.subject.file.stat().st_size / 1e6,
        )


def _name(preset: str, engine: EngineName) -> str:
    return f"{preset} {engine}"


if __name__ == "__main__":
    sys.exit(main())
