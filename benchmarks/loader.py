"""`python -m benchmarks.loader`: how fast crops come from memory, and what of a step they take."""

import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, PositiveInt

from benchmarks.clock import Times, measure_alternately
from benchmarks.loader_report import Loaded, LoaderReport, show
from benchmarks.machine import Machine
from benchmarks.program import check_writable, console, run_program, watched
from benchmarks.variants import settings_for, wait_for
from cyclegan.command_line import parse, write_json
from cyclegan.pixels import to_signed
from training.data import UnpairedCrops
from training.decoding import Pictures, decoded
from training.device import choose_device, prepare_device, sent
from training.landscapes import draw_dataset
from training.pictures import picture_files
from training.settings import TrainSettings
from training.state import TrainState
from training.step import train_step


class LoaderBenchmark(BaseModel):
    """Measure how fast crops come from memory, on one core, and what share of a step that is."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    device: Literal["auto", "cuda", "cpu"] = "auto"
    """Where the steps are taken; auto takes cuda if it is there."""
    size: PositiveInt = 256
    """Side of the crops, in pixels; pictures are 286/256 of it, as in the paper."""
    batch: tuple[PositiveInt, ...] = (1, 4)
    """Pictures of each domain in a step."""
    preset: Literal["paper", "compact", "tiny"] = "paper"
    """Networks of the step, as in `cyclegan train`."""
    pictures: PositiveInt = 100
    """Of each domain."""
    repeats: PositiveInt = 5
    """Rounds."""
    steps: bool = True
    """Take steps too; --no-steps measures the crops alone."""
    json_file: Path | None = Field(default=None, alias="json")
    """File to write all facts to."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the table, write the JSON."""
    return run_program(_run, arguments)


def _run(arguments: Sequence[str]) -> None:
    benchmark = parse(LoaderBenchmark, arguments, "python -m benchmarks.loader")
    check_writable(benchmark.json_file)
    report = measure(benchmark)
    show(report, console())
    if benchmark.json_file:
        write_json(report, benchmark.json_file)


def measure(benchmark: LoaderBenchmark) -> LoaderReport:
    """Do all that is asked for, on pictures drawn for it.

    Raises:
        UsageError: The device is not there, or the size does not fit the networks.
    """
    device = choose_device(benchmark.device)
    prepare_device(device, "auto")
    side = round(benchmark.size * 286 / 256)
    runs = [
        settings_for(benchmark.preset, benchmark.size, batch, load_size=side)
        for batch in dict.fromkeys(benchmark.batch)
    ]
    with tempfile.TemporaryDirectory() as folder:
        domains = _drawn(Path(folder), side, benchmark.pictures)
    crops = {
        f"{run.batch}": UnpairedCrops(*domains, crop=run.crop, flip=True, batch=run.batch, seed=0)
        for run in runs
    }
    times = _times(crops, benchmark.repeats)
    return LoaderReport(
        machine=Machine.here(device),
        settings=benchmark.model_dump(mode="json", by_alias=True),
        batches=tuple(
            _loaded(run, crops[f"{run.batch}"], times[f"{run.batch}"], benchmark, device)
            for run in runs
        ),
    )


def _drawn(folder: Path, side: int, pictures: int) -> tuple[Pictures, Pictures]:
    """Draw pictures and decode them, so that the files are needed no more."""
    draw_dataset(folder, side=side, train=pictures, test=1, seed=0)
    enough = pictures * 3 * side**2
    summer, winter = (
        decoded(
            picture_files(folder / name),
            side,
            memory_bytes=enough,
            folder=folder,
            label=f"reading {name}",
        )
        for name in ("trainA", "trainB")
    )
    return summer, winter


def _times(crops: dict[str, UnpairedCrops], repeats: int) -> dict[str, Times]:
    """Time each size of batches, on one core."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    steps = {name: iter(range(10**9)) for name in crops}
    works = {name: lambda name=name: crops[name][next(steps[name])] for name in crops}
    times = measure_alternately(works, watched(range(repeats), "measuring crops"), calls=100)
    torch.set_num_threads(threads)
    return times


def _loaded(
    run: TrainSettings,
    crops: UnpairedCrops,
    times: Times,
    benchmark: LoaderBenchmark,
    device: torch.device,
) -> Loaded:
    whole, share = None, None
    if benchmark.steps:
        whole, share = _step(run, crops, benchmark.repeats, device)
    return Loaded(
        batch=run.batch,
        milliseconds=times,
        pictures_per_second=2000 * run.batch / times.median,
        step_milliseconds=whole,
        share=share,
    )


def _step(
    run: TrainSettings, crops: UnpairedCrops, repeats: int, device: torch.device
) -> tuple[float, float]:
    """Take steps as the loop does; give their median in milliseconds and the share of pictures.

    On a GPU the share is what it would be at most: there the next pictures are cut while the
    device computes.
    """
    state = TrainState.start(run, device)
    wholes: list[float] = []
    shares: list[float] = []
    for _ in watched(range(1 + repeats), f"steps of batch {run.batch}"):
        begin = perf_counter()
        real_a, real_b = (to_signed(sent(x, device)) for x in crops[state.step])
        wait_for(device)
        there = perf_counter()
        train_step(state, real_a, real_b, run.weights)
        wait_for(device)
        end = perf_counter()
        wholes.append(1000 * (end - begin))
        shares.append((there - begin) / (end - begin))
    return statistics.median(wholes[1:]), statistics.median(shares[1:])


if __name__ == "__main__":
    sys.exit(main())
