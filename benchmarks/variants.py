"""The steps of training that are compared: the naive one, and ours in each precision."""

from collections.abc import Callable
from typing import Literal, NamedTuple

import torch
from pydantic import BaseModel, ConfigDict

from benchmarks.memory import MIB, peak_growth
from benchmarks.naive_step import NaiveTraining
from training.device import SettledPrecision, prepare_device
from training.recording import warm_up_steps
from training.settings import TrainSettings
from training.state import TrainState
from training.step import train_step
from training.train_command import read_settings

Step = Callable[[], object]


def settings_for(preset: str, size: int, batch: int, *, load_size: int = 0) -> TrainSettings:
    """Make the settings of a run that is never begun.

    Raises:
        UsageError: The size does not fit the networks.
    """
    flags = {
        "run": "unused",
        "preset": preset,
        "crop": size,
        "load-size": load_size or size,
        "batch": batch,
        "precision": "fp32",
    }
    return read_settings(
        [word for name, value in flags.items() for word in (f"--{name}", f"{value}")]
    )


class Variant(NamedTuple):
    """A way to take a step."""

    kind: Literal["naive", "ours"]
    precision: SettledPrecision
    compiled: bool = False
    """By torch.compile; ours only."""

    @property
    def name(self) -> str:
        """How tables call it."""
        return f"{self.kind} {self.precision}{' compiled' if self.compiled else ''}"

    def step(self, settings: TrainSettings, device: torch.device) -> Step:
        """Build the networks and return what takes one step with them, always the same pictures."""
        settings = settings.model_copy(
            update={"precision": self.precision, "compile": "on" if self.compiled else "off"}
        )
        torch.manual_seed(settings.seed)
        shape = 2, settings.batch, settings.crop, settings.crop, 3
        # Laid out as pictures are, channels last.
        real_a, real_b = (torch.rand(shape, device=device) * 2 - 1).permute(0, 1, 4, 2, 3)
        state = TrainState.start(settings, device)
        if self.kind == "naive":
            naive = NaiveTraining(settings, device)
            naive.networks.copy_weights(state.networks)
            return lambda: naive.step(real_a, real_b)

        return lambda: train_step(state, real_a, real_b, settings.weights)


class Operator(BaseModel):
    """What PyTorch's profiler says of one kind of operator in a step."""

    model_config = ConfigDict(frozen=True)

    name: str
    calls: int
    milliseconds: float
    """In the operator itself, not in those that it calls."""
    share: float
    """Of the sum over all operators."""


def wait_for(device: torch.device) -> None:
    """Return when the device has done all that it was told to."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def peak_memory(variant: Variant, settings: TrainSettings, device: torch.device) -> float:
    """Take steps and return the peak in MiB: what CUDA allocated, or what the process grew by.

    To be called in a new process.
    """
    prepare_device(device, "auto")

    def steps() -> None:
        step = variant.step(settings, device)
        # Until Adam's moments are there, and a recording.
        for _ in range(warm_up_steps(device)):
            step()
        wait_for(device)

    growth = peak_growth(steps)
    return torch.cuda.max_memory_allocated(device) / MIB if device.type == "cuda" else growth


def slowest_operators(step: Step, device: torch.device, count: int) -> tuple[Operator, ...]:
    """Profile one step; the time is the device's."""
    activities = [torch.profiler.ProfilerActivity.CPU]
    if device.type == "cuda":
        activities.append(torch.profiler.ProfilerActivity.CUDA)
    with torch.profiler.profile(activities=activities, acc_events=True) as profiler:
        step()
        wait_for(device)
    of_device = "self_cpu_time_total" if device.type == "cpu" else "self_device_time_total"
    events = profiler.key_averages()
    whole = sum(getattr(event, of_device) for event in events) or 1.0
    operators = [
        Operator(name=e.key, calls=e.count, milliseconds=spent / 1000, share=spent / whole)
        for e, spent in ((e, float(getattr(e, of_device))) for e in events)
    ]
    return tuple(sorted(operators, key=lambda operator: -operator.milliseconds)[:count])
