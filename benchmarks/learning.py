"""`python -m benchmarks.learning`: does the fast training learn as much as the authors'?"""

import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt
from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.learning_trials import Trial, Way, folder_of, trial
from benchmarks.machine import Machine
from benchmarks.program import check_writable, console, run_program, watched
from cyclegan.command_line import parse, write_json
from cyclegan.errors import UsageError
from evaluation.measures import Likeness
from evaluation.picture_sets import PictureSets
from training.device import Precision, choose_device
from training.settings import Preset, TrainSettings
from training.train_command import read_settings


class LearningBenchmark(BaseModel):
    """Train alike in several ways, and measure on pictures whose true counterparts are known.

    The same command again goes on where it was stopped.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    data: Path
    """Folder with trainA, trainB, testA and testB; files of the same name in the last two show the
    same scene."""
    out: Path
    """Folder for the runs."""
    names: tuple[str, str] = ("a", "b")
    """Of the domains, as in photo,labels."""
    labels: str | None = None
    """Domain whose pictures are label maps."""
    ways: tuple[Way, ...] = ("naive", "bf16")
    """naive: the authors' step in fp32; fp32, bf16: ours; compiled: ours, in what is faster on the
    device; recipe: that of --recipe. The first is what the others are compared with."""
    recipe: Path | None = None
    """File of flags for the way recipe; its schedule is replaced by --steps."""
    preset: Preset = "paper"
    """Networks of the other ways, as in `cyclegan train`."""
    size: PositiveInt = 128
    """Side of the square crops, of pictures of 286/256 of that, and to measure at; in pixels."""
    steps: PositiveInt = 1200
    """Of each training, half of them at the full learning rate."""
    seeds: PositiveInt = 3
    """Trainings of each way."""
    device: Literal["auto", "cuda", "cpu"] = "auto"
    """Where to compute; auto takes cuda if it is there."""
    json_file: Path | None = Field(default=None, alias="json")
    """File to write all facts to."""


class LearningReport(BaseModel):
    """All facts of one run of the benchmark."""

    model_config = ConfigDict(frozen=True)

    machine: Machine
    settings: dict[str, Any]
    trials: tuple[Trial, ...]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the table, write the JSON."""
    return run_program(_run, arguments)


def _run(arguments: Sequence[str]) -> None:
    benchmark = parse(LearningBenchmark, arguments, "python -m benchmarks.learning")
    check_writable(benchmark.json_file)
    report = measure(benchmark)
    show(report, benchmark, console())
    if benchmark.json_file:
        write_json(report, benchmark.json_file)


def measure(benchmark: LearningBenchmark) -> LearningReport:
    """Train and measure; seeds in turn, so that each way has some when it is stopped.

    Raises:
        UsageError: The way recipe is asked for without one, or settings do not fit.
        DataError: The pictures are not there.
    """
    if ("recipe" in benchmark.ways) != (benchmark.recipe is not None):
        raise UsageError("--ways recipe and --recipe FILE go together; give both or neither")
    sets = PictureSets.read(
        benchmark.data, benchmark.names, benchmark.size, None, True, benchmark.labels
    )
    per_epoch = max(len(sets.a.train), len(sets.b.train))
    todo: list[tuple[Way, int]] = [
        (way, seed) for seed in range(benchmark.seeds) for way in benchmark.ways
    ]
    trials = tuple(
        trial(way, _settings(benchmark, way, seed, per_epoch), sets)
        for way, seed in watched(todo, "training")
    )
    return LearningReport(
        machine=Machine.here(choose_device(benchmark.device)),
        settings=benchmark.model_dump(mode="json", by_alias=True),
        trials=trials,
    )


def _settings(benchmark: LearningBenchmark, way: Way, seed: int, per_epoch: int) -> TrainSettings:
    epochs = benchmark.steps / 2 / per_epoch
    flags: dict[str, object] = {
        "data": benchmark.data,
        "names": ",".join(benchmark.names),
        "run": folder_of(benchmark.out, way, seed),
        "crop": benchmark.size,
        "load-size": round(benchmark.size * 286 / 256),
        "schedule.constant-epochs": epochs,
        "schedule.decay-epochs": epochs,
        "seed": seed,
        "device": benchmark.device,
    }
    if way == "recipe":
        flags["recipe"] = benchmark.recipe
    else:
        flags["preset"] = benchmark.preset
        flags["precision"] = _PRECISIONS[way]
        flags["compile"] = "on" if way == "compiled" else "off"
    return read_settings([word for name, it in flags.items() for word in (f"--{name}", f"{it}")])


_PRECISIONS: dict[Way, Precision] = {
    "naive": "fp32", "fp32": "fp32", "bf16": "bf16", "compiled": "auto",
}  # fmt: skip
_ENDS: tuple[Literal["to_b", "to_a"], ...] = ("to_b", "to_a")
_MEASURES: dict[str, Callable[[Likeness], float | None]] = {
    "L1": lambda likeness: likeness.l1,
    "SSIM": lambda likeness: likeness.ssim,
    "labels right": lambda likeness: likeness.label_accuracy,
}


def show(report: LearningReport, benchmark: LearningBenchmark, out: Console) -> None:
    """Print a table: mean (least to greatest) over the seeds."""
    table = Table(box=box.SIMPLE, title=f"{benchmark.steps} steps, {benchmark.seeds} seeds")
    table.add_column("", no_wrap=True)
    for way in benchmark.ways:
        table.add_column(way, justify="right")
    for target, ends in zip(reversed(benchmark.names), _ENDS, strict=True):
        for name, measured in _MEASURES.items():
            cells = [_cell(report, way, ends, measured) for way in benchmark.ways]
            if all(cells):
                table.add_row(f"{name}, to {target}", *cells)
    out.print(table)
    out.print(f"{report.machine}")


def _cell(
    report: LearningReport,
    way: Way,
    ends: Literal["to_b", "to_a"],
    measured: Callable[[Likeness], float | None],
) -> str:
    likenesses = [getattr(each, ends).translated for each in report.trials if each.way == way]
    values = [value for value in map(measured, likenesses) if value is not None]
    if not values:
        return ""
    return f"{statistics.mean(values):.3f} ({min(values):.3f}–{max(values):.3f})"


if __name__ == "__main__":
    raise SystemExit(main())
