"""How long to train, and how fast."""

from math import cos, pi
from typing import Literal

from pydantic import BaseModel, ConfigDict, NonNegativeFloat, PositiveFloat


class Schedule(BaseModel):
    """How long to train, and the learning rate on the way (section 7.1)."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False
    )

    constant_epochs: NonNegativeFloat = 100
    """Epochs at the full learning rate; an epoch has as many pictures as the larger domain."""
    decay_epochs: PositiveFloat = 100
    """Epochs over which the learning rate then falls linearly to zero."""
    learning_rate: PositiveFloat = 2e-4
    """Of the generators, and of the discriminators unless they have a multiple of it."""

    policy: Literal["linear", "constant", "cosine"] = "linear"
    """linear: full, then falling to zero over the decay epochs, as in the paper. constant: full to
    the end. cosine: along half a cosine from the first step to zero at the end."""

    def steps(self, steps_per_epoch: int) -> int:
        """Count the steps of the whole schedule."""
        return max(1, round((self.constant_epochs + self.decay_epochs) * steps_per_epoch))

    def rate(self, step: int, steps_per_epoch: int) -> float:
        """Learning rate of the step after `step` steps; where it is zero, no step is taken.

        The reference's own schedule was off by one epoch until 2025, so that its last epoch
        trained with a learning rate of zero.
        """
        steps = self.steps(steps_per_epoch)
        match self.policy:
            case "linear":
                share = min(1.0, (steps - step) / (self.decay_epochs * steps_per_epoch))
            case "constant":
                share = 1.0
            case "cosine":
                share = (1 + cos(pi * step / steps)) / 2
        return self.learning_rate * share
