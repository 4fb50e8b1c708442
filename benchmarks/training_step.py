"""`python -m benchmarks.training_step`: our step of training against the authors', in one run."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, PositiveInt

from benchmarks.clock import Times, measure_alternately
from benchmarks.machine import Machine
from benchmarks.memory import in_new_process
from benchmarks.operations import matrix_peaks, step_operations
from benchmarks.program import check_writable, console, run_program, watched
from benchmarks.training_report import Measured, TrainingReport, show
from benchmarks.variants import (
    Operator,
    Step,
    Variant,
    peak_memory,
    settings_for,
    slowest_operators,
    wait_for,
)
from cyclegan.command_line import parse, write_json
from training.device import SettledPrecision, choose_device, is_slow_in_bf16, prepare_device
from training.recording import warm_up_steps
from training.settings import TrainSettings

_NAIVE = Variant("naive", "fp32")
_SHOWN_OPERATORS = 12


class StepBenchmark(BaseModel):
    """Measure our step of training against the naive one, alternately: naive, ours, naive, ..."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    device: Literal["auto", "cuda", "cpu"] = "auto"
    """Where to compute; auto takes cuda if it is there."""
    size: PositiveInt = 256
    """Side of the square pictures, in pixels."""
    batch: PositiveInt = 1
    """Pictures of each domain in a step."""
    naive_batch: PositiveInt | None = None
    """Pictures of each domain in a naive step, if not as many as in ours; the authors have 1."""
    preset: Literal["paper", "compact", "tiny"] = "paper"
    """Networks, as in `cyclegan train`."""
    precision: tuple[SettledPrecision, ...] | None = None
    """Precisions of our step; by default fp32, and bf16 where the device has instructions for it.
    The naive one is always fp32."""
    compile: bool = False
    """Also take our steps with torch.compile; on a CPU the first one then takes a minute."""
    repeats: PositiveInt = 10
    """Rounds; in each, every step is timed once."""
    steps: PositiveInt | None = None
    """Steps from one look at the clock to the next; by default 1 on a CPU and 10 on a GPU."""
    cuda_graphs: bool = True
    """On a GPU, take our steps as CUDA graphs; --no-cuda-graphs as they are."""
    warm_up: PositiveInt | None = None
    """Steps of each kind before the first round; by default 2 on a CPU and 6 on a GPU, of which the
    fourth is recorded."""
    matrix: PositiveInt | None = None
    """Side of the matrices whose product is the device's peak; by default 2048, on a GPU 8192."""
    memory: bool = True
    """Measure the peak memory of each kind in a process of its own; --no-memory does not."""
    profile: bool = False
    """Also show the slowest operators."""
    json_file: Path | None = Field(default=None, alias="json")
    """File to write all facts to."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the table, write the JSON."""
    return run_program(_run, arguments)


def _run(arguments: Sequence[str]) -> None:
    benchmark = parse(StepBenchmark, arguments, "python -m benchmarks.training_step")
    check_writable(benchmark.json_file)
    report = measure(benchmark)
    show(report, console())
    if benchmark.json_file:
        write_json(report, benchmark.json_file)


def measure(benchmark: StepBenchmark) -> TrainingReport:
    """Do all that is asked for.

    Raises:
        UsageError: The device is not there, the size does not fit the networks, or memory is short.
    """
    device = _device(benchmark)
    variants = _variants(benchmark, device)
    # Memory comes first: later this process itself holds some of the device's.
    memory = _memory(variants, device) if benchmark.memory else {}
    side = benchmark.matrix or (2048 if device.type == "cpu" else 8192)
    precisions: set[SettledPrecision] = {variant.precision for variant in variants}
    prepare_device(device, "bf16" if "bf16" in precisions else "auto")  # not fp32: with TF32
    peaks = matrix_peaks(device, precisions, side, lambda: wait_for(device))
    steps = {variant.name: variant.step(settings, device) for variant, settings in variants.items()}
    times = _times(steps, benchmark, device)
    naive = variants[_NAIVE]
    found = _Found(
        naive_batch=naive.batch,
        operations=step_operations(naive) // naive.batch,
        peaks=peaks,
        times=times,
        memory=memory,
        slowest=_slowest(steps, device) if benchmark.profile else {},
    )
    return TrainingReport(
        machine=Machine.here(device),
        settings=benchmark.model_dump(mode="json", by_alias=True),
        operations_per_picture=found.operations,
        matrix_peaks={name: peak / 1e12 for name, peak in peaks.items()},
        variants=tuple(found.about(*each) for each in variants.items()),
    )


@dataclass(frozen=True)
class _Found:
    """Raw findings; operations are per second in `peaks`, and the rest goes by a variant's name."""

    naive_batch: int
    operations: int
    """Of a picture of each domain."""
    peaks: Mapping[str, float]
    times: Mapping[str, Times]
    memory: Mapping[str, float]
    slowest: Mapping[str, tuple[Operator, ...]]

    def about(self, variant: Variant, settings: TrainSettings) -> Measured:
        times = self.times[variant.name]
        pictures_per_second = 1000 * settings.batch / times.median
        operations_per_second = self.operations * pictures_per_second
        # PyTorch convolves float32 in TF32 where the device has it, unless told otherwise.
        peak = "tf32" if variant.precision == "fp32" and "tf32" in self.peaks else variant.precision
        return Measured(
            name=variant.name,
            precision=variant.precision,
            batch=settings.batch,
            milliseconds=times,
            pictures_per_second=pictures_per_second,
            speed_against_naive=times.speed_against(self.times[_NAIVE.name])
            * (settings.batch / self.naive_batch),
            teraflops=operations_per_second / 1e12,
            peak=peak,
            peak_share=operations_per_second / self.peaks[peak],
            memory_mib=self.memory.get(variant.name),
            slowest=self.slowest.get(variant.name, ()),
        )


def _variants(benchmark: StepBenchmark, device: torch.device) -> dict[Variant, TrainSettings]:
    """Tell what is measured, the naive step first, and on which batches."""

    def with_batch(batch: int) -> TrainSettings:
        settings = settings_for(benchmark.preset, benchmark.size, batch)
        return settings.model_copy(update={"cuda_graphs": benchmark.cuda_graphs})

    ways = (False, True) if benchmark.compile else (False,)
    precisions = dict.fromkeys(benchmark.precision or _usual_precisions(device))
    ours = [Variant("ours", precision, way) for precision in precisions for way in ways]
    naive = with_batch(benchmark.naive_batch or benchmark.batch)
    return {_NAIVE: naive} | dict.fromkeys(ours, with_batch(benchmark.batch))


def _usual_precisions(device: torch.device) -> tuple[SettledPrecision, ...]:
    # A step of `paper` in bf16 takes minutes where each product is converted.
    return ("fp32",) if is_slow_in_bf16(device) else ("fp32", "bf16")


def _device(benchmark: StepBenchmark) -> torch.device:
    if benchmark.device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return choose_device(benchmark.device)


def _memory(variants: Mapping[Variant, TrainSettings], device: torch.device) -> dict[str, float]:
    return {
        variant.name: in_new_process(peak_memory, variant, settings, device)
        for variant, settings in watched(list(variants.items()), "measuring memory")
    }


def _times(
    steps: Mapping[str, Step], benchmark: StepBenchmark, device: torch.device
) -> dict[str, Times]:
    for step in watched(list(steps.values()), "warming up"):
        for _ in range(benchmark.warm_up or warm_up_steps(device)):
            step()
    return measure_alternately(
        steps,
        watched(range(benchmark.repeats), "measuring time"),
        calls=benchmark.steps or (1 if device.type == "cpu" else 10),
        wait=lambda: wait_for(device),
    )


def _slowest(steps: Mapping[str, Step], device: torch.device) -> dict[str, tuple[Operator, ...]]:
    return {name: slowest_operators(step, device, _SHOWN_OPERATORS) for name, step in steps.items()}


if __name__ == "__main__":
    sys.exit(main())
