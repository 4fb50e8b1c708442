"""`python -m benchmarks.service_load`: what the service promises, measured on the real one.

The service runs as a process of its own, with untrained models; the load comes from this process,
see `benchmarks.load_client` for what it costs.
"""

import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Literal, get_args

import torch
from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt

from benchmarks.engines import export_untrained
from benchmarks.load_hostile import hostile, hostile_pictures
from benchmarks.load_neighbours import leavers, slow_senders
from benchmarks.load_overload import overload
from benchmarks.load_report import Finding, LoadReport, show
from benchmarks.load_soak import soak
from benchmarks.load_speed import Subject, alone, saturation, start
from benchmarks.load_stop import kill, stop
from benchmarks.load_swap import swap
from benchmarks.machine import Machine
from benchmarks.program import check_writable, console, run_program, watched
from cyclegan.command_line import parse, write_json
from service.slices import collect_only_what_comes
from training.settings import Preset

Case = Literal[
    "saturation",
    "alone",
    "start",
    "overload",
    "soak",
    "hostile",
    "stop",
    "kill",
    "swap",
    "slow-senders",
    "leavers",
]


class ServiceLoad(BaseModel):
    """Put the real service under load and hold what it does against what it promises."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    case: tuple[Case, ...] = get_args(Case)
    """What to measure; everything if not given."""
    preset: tuple[Preset, ...] = ("compact",)
    """Generators, as in `cyclegan train --preset`; each case is measured with each."""
    provider: str | None = None
    """As in `cyclegan serve`, and so are the next three; the service's default if not given."""
    precision: str | None = None
    threads: PositiveInt | None = None
    isolation: str | None = None
    concurrency: tuple[PositiveInt, ...] = (8, 64)
    """Clients that saturate."""
    rounds: PositiveInt = 7
    """Rounds of saturation and alone, each bare and through the service, and of start."""
    seconds: PositiveFloat = 15.0
    """Time of one measurement of saturation, and of slow senders and leavers in all."""
    minutes: PositiveFloat = 5.0
    """Time of overload."""
    requests: Annotated[int, Field(ge=100)] = 10_000
    """Pictures of soak."""
    json_file: Path | None = Field(default=None, alias="json")
    """File to write all facts to."""

    @property
    def flags(self) -> tuple[str, ...]:
        """For the service."""
        names = ("provider", "precision", "threads", "isolation")
        given = {name: getattr(self, name) for name in names}
        return tuple(w for n, v in given.items() if v is not None for w in (f"--{n}", str(v)))


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the table, write the JSON."""
    # As Ctrl-C: the service is ended, too.
    former = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return run_program(_run, arguments)
    finally:
        signal.signal(signal.SIGTERM, former)


def _run(arguments: Sequence[str]) -> None:
    load = parse(ServiceLoad, arguments, "python -m benchmarks.service_load")
    check_writable(load.json_file)
    collect_only_what_comes()  # or pauses of this process are measured too
    report = measure(load)
    show(report, console())
    if load.json_file:
        write_json(report, load.json_file)


def measure(load: ServiceLoad) -> LoadReport:
    """Do all that is asked for.

    Raises:
        UsageError: The service does not start.
    """
    findings = list[Finding]()
    with TemporaryDirectory() as folder:
        presets = dict.fromkeys(load.preset)
        subjects = [_subject(p, Path(folder), load) for p in watched(list(presets), "exporting")]
        for case in dict.fromkeys(load.case):
            for subject in subjects:
                findings += _measured(case, subject, load)
    return LoadReport(
        machine=Machine.here(torch.device("cpu")),
        settings=load.model_dump(mode="json", by_alias=True),
        findings=tuple(findings),
    )


def _subject(preset: Preset, folder: Path, load: ServiceLoad) -> Subject:
    models = folder / f"models-{preset}"
    export_untrained(preset, models)
    return Subject(preset, models, load.flags)


def _measured(case: Case, subject: Subject, load: ServiceLoad) -> list[Finding]:
    match case:
        case "saturation":
            return saturation(subject, load.concurrency, load.rounds, load.seconds)
        case "alone":
            return alone(subject, load.rounds)
        case "start":
            return start(subject, load.rounds)
        case "overload":
            return overload(subject, load.minutes)
        case "soak":
            return soak(subject, load.requests)
        case "hostile":
            return hostile(subject, hostile_pictures())
        case "stop":
            return stop(subject)
        case "kill":
            return kill(subject)
        case "swap":
            return swap(subject)
        case "slow-senders":
            return slow_senders(subject, load.seconds)
        case "leavers":
            return leavers(subject, load.seconds)


if __name__ == "__main__":
    sys.exit(main())
