"""What is watched, shown and written of a run from step to step, besides its checkpoints."""

from contextlib import ExitStack

from training.compiled import uncompiled
from training.doctor import Doctor
from training.progress import TrainingBar
from training.report import Report
from training.samples import Samples
from training.settings import TrainSettings
from training.state import TrainState
from training.step import StepLosses


class Upkeep:
    """The doctor, the losses, the samples and the bar; of several ranks, the first one's."""

    def __init__(
        self,
        state: TrainState,
        last: int,
        doctor: Doctor,
        samples: Samples,
        settings: TrainSettings,
    ) -> None:
        self._last, self._settings = last, settings
        self._doctor, self._samples = doctor, samples
        self._report = Report(settings.run, state.step)
        self._bar = TrainingBar(state.step, last, settings.pictures_per_step)
        self._open = ExitStack()

    def __enter__(self) -> "Upkeep":
        self._open.enter_context(self._report)
        self._open.enter_context(self._bar)
        return self

    def __exit__(self, *_error: object) -> None:
        self._open.close()

    def watch(self, state: TrainState, losses: StepLosses) -> None:
        """Let the doctor look at the step just taken; to be done before it is saved."""
        self._report.add(losses)
        self._bar.advance(state.step)
        with uncompiled(self._settings):
            findings = self._doctor.watch(state, losses)
        for finding in findings:
            self._report.finding(finding)
            self._bar.say(f"step {finding.step}: {finding.severity}: {finding.sentence}")

    def show(self, state: TrainState, rate: float) -> None:
        """Write losses and draw samples, where they are due, of a step with this learning rate."""
        settings, finished = self._settings, state.step == self._last
        if finished or state.step % settings.log_every == 0:
            self._bar.show(self._report.losses(state.step, rate))
        if finished or state.step % settings.sample_every == 0:
            with uncompiled(settings):
                self._report.sample(state.step, self._samples.grid(state.networks))
