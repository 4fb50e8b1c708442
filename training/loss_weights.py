"""What the terms of the generators' objective count."""

from pydantic import BaseModel, ConfigDict, NonNegativeFloat, PositiveFloat


class LossWeights(BaseModel):
    """Weights in the generators' objective (equation 3 and section 5.2)."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False
    )

    cycle: PositiveFloat = 10.0
    """Weight of the cycle loss; the adversarial loss has weight 1."""
    identity: NonNegativeFloat = 0.5
    """Weight of the identity loss, relative to the cycle loss; 0 saves two forward passes."""
