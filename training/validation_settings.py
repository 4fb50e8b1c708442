"""How a run is measured on held-out pictures while it trains."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt

SMALLEST = 32
"""Pixels a side from which on pictures have two scales to be measured on."""

Measure = Literal["excess", "edges", "cycle"]


def measured_side(load_size: int) -> int:
    """Pixels a side at which a run with this --load-size, at least `SMALLEST`, is measured."""
    return load_size - load_size % SMALLEST


class ValidationSettings(BaseModel):
    """How often the run is measured on testA and testB, and by what its best state is known."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    every: NonNegativeInt = 0
    """Steps from one measurement on held-out pictures to the next; 0 for none."""
    pictures: int = Field(default=50, ge=2)
    """Of each domain that are translated, spread over testA and testB."""
    best_by: Measure = "excess"
    """What best.pt is kept by: excess, the distance of textures to the target's as a share of the
    untranslated ones'; edges, the share of outlines kept; cycle, the error there and back. The
    last two are best where nothing is changed; see docs/evaluation.md."""
