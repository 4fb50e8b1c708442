"""What came of the trials of several objectives, one row for each objective."""

from collections.abc import Iterable, Sequence

from pydantic import BaseModel, ConfigDict

from cyclegan.adversary import Objective
from training.counterparts import Counterparts
from training.trial import Outcome


class Spread(BaseModel):
    """The same number of several seeds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mean: float
    least: float
    greatest: float

    @classmethod
    def of(cls, numbers: Iterable[float]) -> "Spread | None":
        """Summarise; none of none."""
        known = list(numbers)
        if not known:
            return None
        return cls(mean=sum(known) / len(known), least=min(known), greatest=max(known))


class Row(BaseModel):
    """One objective over all seeds; errors are of the trials that did not fail."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    objective: Objective
    learning_rate: float
    pictures_per_step: int
    """Of each domain, those that only discriminators see among them."""
    trials: int
    failed: int
    """Those that ended in numbers that are none, or were given up."""
    to_b: Spread | None
    to_a: Spread | None
    again: Spread | None
    """Of the way there and back, the mean of both domains."""
    seconds_per_step: float

    @classmethod
    def of(cls, outcomes: Sequence[Outcome]) -> "Row":
        """Summarise the trials of one objective."""
        settings = outcomes[0].settings
        errors = [outcome.errors for outcome in outcomes if outcome.errors is not None]
        return cls(
            objective=settings.objective,
            learning_rate=settings.schedule.learning_rate,
            pictures_per_step=settings.pictures_per_step,
            trials=len(outcomes),
            failed=sum(outcome.failure is not None for outcome in outcomes),
            to_b=Spread.of(each.to_b for each in errors),
            to_a=Spread.of(each.to_a for each in errors),
            again=Spread.of((each.again_a + each.again_b) / 2 for each in errors),
            seconds_per_step=sum(outcome.seconds for outcome in outcomes)
            / max(1, sum(outcome.timed_steps for outcome in outcomes)),
        )


class Comparison(BaseModel):
    """Objectives side by side."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    names: tuple[str, str]
    """Of the domains A and B."""
    pairs: int
    """Held-out pictures of each domain with which errors are measured."""
    blind: tuple[float, float]
    """Errors to B and to A of giving the mean picture of that domain, whatever is asked."""
    steps: int
    """That the generators took in every trial, unless it failed."""
    seeds: list[int]
    rows: list[Row]
    trials: list[Outcome]

    @classmethod
    def of(cls, outcomes: Sequence[Outcome], counterparts: Counterparts) -> "Comparison":
        """Put finished trials side by side, at least one."""
        objectives = dict.fromkeys(outcome.settings.objective for outcome in outcomes)
        trials = {
            name: [outcome for outcome in outcomes if outcome.settings.objective == name]
            for name in objectives
        }
        return cls(
            names=outcomes[0].settings.names,
            pairs=len(counterparts),
            blind=counterparts.blind,
            steps=max(outcome.step for outcome in outcomes),
            seeds=sorted({outcome.settings.seed for outcome in outcomes}),
            rows=[Row.of(same) for same in trials.values()],
            trials=[outcome for same in trials.values() for outcome in same],
        )
