"""What a doctor measures of a run: some numbers of its losses, gradients and translations."""

from pydantic import BaseModel, ConfigDict


class Course(BaseModel):
    """One loss since the last examination."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    mean: float
    deviation: float
    """Standard deviation over the steps."""
    peak: float
    """The greatest."""


class Look(BaseModel):
    """What a generator makes of the probes.

    A share is against what the pictures themselves have: 1 is as expected, 0 is nothing.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    brightness: float
    """Mean colour, in [-1, 1]."""
    contrast: float
    """Deviation of colours within a translation, as a share of that within real pictures."""
    variety: float
    """Difference between translations, as a share of that between their originals, or between real
    pictures where those are more alike."""
    likeness: float
    """Correlation of a translation's luminance with its original's, in [-1, 1]."""
    change: float | None = None
    """Mean difference from the same translations at the last examination, in [0, 2]."""
    history: float | None = None
    """Difference between the images of the history, as a share of that between real pictures."""


class Vitals(BaseModel):
    """An examination in numbers."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    step: int
    losses: dict[str, Course]
    """By the names of `StepLosses`, or of `DistillLosses`."""
    broken_since: int | None
    """First step since the last examination with a loss that is no finite number."""
    gradients: dict[str, float]
    """Norm of the last step's gradient, by the names in `Networks`."""
    weights: float
    """Norm of all weights."""
    rate: float
    """Learning rate of the generators in the last step."""
    looks: dict[str, Look]
    """By direction: ab and ba."""
