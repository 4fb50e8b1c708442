"""What is watched, shown and written of a run from step to step, besides its checkpoints."""

from contextlib import ExitStack

from training.compiled import uncompiled
from training.distillation import DistillLosses
from training.doctor import Doctor
from training.progress import TrainingBar
from training.report import Report
from training.saves import BEST, keep, kept_best
from training.settings import TrainSettings
from training.sources import Material
from training.state import TrainState
from training.step import StepLosses
from training.validation import Validation


class Upkeep:
    """The doctor, losses, samples, scores and the bar; of several ranks, the first one's."""

    def __init__(
        self,
        state: TrainState,
        last: int,
        doctor: Doctor,
        material: Material,
        settings: TrainSettings,
    ) -> None:
        self._last, self._settings = last, settings
        self._doctor = doctor
        self._samples, self._validation = material.samples, material.validation
        self._report = Report(settings.run, state.step)
        self._best = kept_best(settings.run) if self._validation else None
        self._bar = TrainingBar(state.step, last, settings.pictures_per_step)
        self._open = ExitStack()

    def __enter__(self) -> "Upkeep":
        self._open.enter_context(self._report)
        self._open.enter_context(self._bar)
        return self

    def __exit__(self, *_error: object) -> None:
        self._open.close()

    def watch(self, state: TrainState, losses: StepLosses | DistillLosses) -> None:
        """Let the doctor look at the step just taken; to be done before it is saved."""
        self._report.add(losses)
        self._bar.advance(state.step)
        with uncompiled(self._settings):
            findings = self._doctor.watch(state, losses)
        for finding in findings:
            self._report.finding(finding)
            self._bar.say(f"step {finding.step}: {finding.severity}: {finding.sentence}")

    def _validate(self, state: TrainState, validation: Validation) -> None:
        """Measure what would be exported, and keep it if nothing was better."""
        settings = self._settings
        device = next(state.networks.parameters()).device
        checkpoint = state.to_checkpoint(settings)
        score = validation.score(checkpoint.networks(averaged=True).to(device))
        if self._best is None or score.is_better(self._best[1], settings.validation.best_by):
            checkpoint.save(settings.run / BEST)
            self._best = state.step, score
            beside = f"the best so far, kept in {BEST}"
        else:
            beside = f"best at step {self._best[0]}: {self._best[1].sentence}"
        # Behind the file, so that no score speaks of a best state that was not kept.
        self._report.score(state.step, score)
        self._bar.say(f"step {state.step}: {score.sentence}; {beside}")

    def show(self, state: TrainState, rate: float) -> None:
        """Write losses, samples and states to keep, where they are due.

        Args:
            state: After the step.
            rate: Learning rate of it.
        """
        settings, finished = self._settings, state.step == self._last
        if finished or state.step % settings.log_every == 0:
            self._bar.show(self._report.losses(state.step, rate))
        if finished or state.step % settings.sample_every == 0:
            with uncompiled(settings):
                self._report.sample(state.step, self._samples.grid(state.networks))
        if settings.keep_every and state.step % settings.keep_every == 0:
            keep(state, settings)
        every = settings.validation.every
        if self._validation and (finished or state.step % every == 0):
            self._validate(state, self._validation)
