"""What a doctor says of a run."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Finding:
    """A line of findings.jsonl: what has begun, what is over, or what was done about it."""

    step: int
    """Where the line belongs in the course of the run."""
    kind: str
    """The same word for the same kind of trouble."""
    where: str
    """The domain or network that has it, if it is of one."""
    severity: Literal["failure", "warning", "note"]
    """`--on-failure` is about failures; notes are of what is over or was done."""
    since: int
    """The first step known to show it."""
    sentence: str
