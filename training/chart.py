"""What a doctor keeps of a run between examinations; it travels in the run's checkpoint."""

from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from training.vitals import Vitals

Thumbnails = Float[Tensor, "n 3 t t"]


@dataclass(frozen=True)
class Complaint:
    """A symptom that a run was found to have and is not yet rid of."""

    since: int
    """First step known to show it."""
    seen: int
    """Last step known to show it."""
    failure: bool


@dataclass
class Chart:
    """A run's file at its doctor's."""

    MEMORY = 20
    """Examinations that are kept."""

    losses: list[Float[Tensor, " losses"]] = field(default_factory=list[Tensor])
    """Of the steps since the last examination, on the device."""
    past: list[Vitals] = field(default_factory=list[Vitals])
    """The last examinations in their order."""
    seen: dict[str, Thumbnails] = field(default_factory=dict[str, Tensor])
    """What the last examination saw the generators make, by direction."""
    complaints: dict[str, Complaint] = field(default_factory=dict[str, Complaint])
    """By kind and place."""

    suspect: bool = False
    """The last examination alone looked like a failure, which may be one or pass."""

    @property
    def failing(self) -> bool:
        """Nothing more is learned as it is."""
        return any(complaint.failure for complaint in self.complaints.values())

    @property
    def well(self) -> bool:
        """It neither fails nor looks as if it would."""
        return not self.failing and not self.suspect

    @property
    def failures(self) -> str:
        """Name those in a few words."""
        failures = [(key, each) for key, each in self.complaints.items() if each.failure]
        return ", ".join(f"{key} since step {each.since}" for key, each in failures)

    def note(self, vitals: Vitals, seen: dict[str, Thumbnails]) -> None:
        """Take an examination in; the losses of its steps are not needed any more."""
        self.past = [*self.past, vitals][-self.MEMORY :]
        self.seen = seen
        self.losses = []

    def state_dict(self) -> dict[str, Any]:
        """All of it, as plain data."""
        return {
            "losses": list(self.losses),
            "past": [vitals.model_dump() for vitals in self.past],
            "seen": self.seen,
            "suspect": self.suspect,
            "complaints": {key: asdict(each) for key, each in self.complaints.items()},
        }

    @classmethod
    def from_state_dict(cls, state: dict[str, Any], device: torch.device) -> "Chart":
        """Continue on `device` where `state_dict` was called.

        Raises:
            KeyError, TypeError, ValueError: It is not what `state_dict` gave.
        """
        return cls(
            losses=[losses.to(device) for losses in state["losses"]],
            past=[Vitals.model_validate(vitals) for vitals in state["past"]],
            seen={way: seen.to(device) for way, seen in state["seen"].items()},
            suspect=state["suspect"],
            complaints={key: Complaint(**each) for key, each in state["complaints"].items()},
        )
