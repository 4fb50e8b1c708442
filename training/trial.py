"""A trial: one objective, trained with one seed and measured at the end."""

import time
from dataclasses import dataclass
from math import isfinite
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from cyclegan.atomic_file import write_atomically
from cyclegan.checkpoint import LATEST, Checkpoint
from cyclegan.errors import TrainingFailed, UsageError
from cyclegan.networks import Networks
from training.counterparts import Counterparts, Errors
from training.device import choose_device
from training.loop import train
from training.settings import TrainSettings

_OUTCOME = "outcome.json"  # in the folder of the run


class Outcome(BaseModel):
    """What a trial has come to."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    step: int
    """Steps of the generators that are saved."""
    errors: Errors | None = None
    """At the last step; none before it and after a failure."""
    failure: str | None = None
    """Why training ended without anything to measure, in a sentence."""
    seconds: float
    """Spent on the steps that were timed, reading and saving included."""
    timed_steps: int
    """Steps of which the time is known; those of a killed run are not among them."""
    settings: TrainSettings

    @property
    def finished(self) -> bool:
        """Tell whether there is nothing more to do."""
        return self.errors is not None or self.failure is not None

    def __str__(self) -> str:
        a, b = self.settings.names
        if self.errors is not None:
            return f"error to {b} {self.errors.to_b:.2f}, to {a} {self.errors.to_a:.2f}"
        return self.failure or f"stopped at step {self.step}"


@dataclass(frozen=True)
class Trial:
    """A training run and the step at which it is measured."""

    settings: TrainSettings
    last: int

    @classmethod
    def evened(cls, settings: TrainSettings, pictures: int) -> "Trial":
        """Give generators as many steps as they would take with one update of discriminators each.

        An epoch shows every picture once, so with five updates for each step it has a fifth of the
        steps, and the schedule must be five times as long.

        Args:
            settings: As given; the schedule is what changes.
            pictures: Of the larger domain.
        """
        steps, own_steps = (
            max(1, pictures // batch) for batch in (settings.batch, settings.pictures_per_step)
        )
        longer = settings.schedule.model_copy(
            update={
                "constant_epochs": settings.schedule.constant_epochs * steps / own_steps,
                "decay_epochs": settings.schedule.decay_epochs * steps / own_steps,
            }
        )
        whole = settings.schedule.steps(steps)
        return cls(
            settings.model_copy(update={"schedule": longer}),
            min(whole, settings.steps or whole),
        )

    def hold(self, counterparts: Counterparts) -> Outcome:
        """Train to the last step and measure, or go on where that was interrupted.

        What was finished with the same settings is not held again. A training that fails is an
        outcome too.

        Raises:
            DataError, UsageError, CheckpointError: As `training.loop.train`.
        """
        former = _former(self.settings.run)
        if former is not None and former.finished and former.settings == self.settings:
            return former
        before, start = _steps_taken(self.settings.run), time.monotonic()
        errors, failure = None, None
        try:
            if train(self.settings).step >= self.last:
                errors = _measure(self.settings, counterparts)
        except TrainingFailed as error:
            failure = str(error)
        step = _steps_taken(self.settings.run)
        outcome = Outcome(
            step=step,
            errors=errors,
            failure=failure,
            seconds=time.monotonic() - start + (former.seconds if former else 0),
            timed_steps=step - before + (former.timed_steps if former else 0),
            settings=self.settings,
        )
        _write(outcome)
        return outcome


def trained(settings: TrainSettings) -> Networks:
    """Load what a run ended with, as export would: the moving average if it keeps one."""
    networks = Checkpoint.load(settings.run / LATEST).networks(averaged=True)
    return networks.to(choose_device(settings.device))


def _measure(settings: TrainSettings, counterparts: Counterparts) -> Errors:
    errors = counterparts.errors(trained(settings))
    if not all(isfinite(error) for error in errors.model_dump().values()):
        raise TrainingFailed(f"{settings.run} translates into what are no finite numbers")
    return errors


def _steps_taken(run: Path) -> int:
    latest = run / LATEST
    return Checkpoint.load(latest).facts.steps if latest.exists() else 0


def _former(run: Path) -> Outcome | None:
    try:
        return Outcome.model_validate_json((run / _OUTCOME).read_bytes())
    except (FileNotFoundError, ValidationError):  # or of another version
        return None


def _write(outcome: Outcome) -> None:
    run = outcome.settings.run
    try:
        write_atomically(run / _OUTCOME, (outcome.model_dump_json(indent=2) + "\n").encode())
    except OSError as error:
        raise UsageError(
            f"{run} could not be written to ({error.strerror}); make room, then run the same "
            "command again"
        ) from None
