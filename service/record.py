"""What is known of one request: who learns something writes it down, log and metrics read it."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from time import perf_counter

from fastapi import Request

# Asked every few seconds by whoever keeps the service running: neither logged nor traced.
HEALTH_ROUTES = frozenset(
    ("/livez", "/readyz", "/healthz", "/health", "/v2/health/live", "/v2/health/ready")
)
_QUICK_BYTES = 512 * 1024  # hashed in a quarter of a millisecond; more would keep others waiting


@dataclass(frozen=True)
class Phase:
    """A part of the work on one picture."""

    name: str
    began: float
    """In seconds of `perf_counter`."""
    milliseconds: float


@dataclass
class RequestRecord:
    """Made by the envelope, filled on the way, and read when the answer has ended."""

    request_id: str
    method: str
    path: str
    """As it was sent, with its percent signs; whatever a client writes there, it is one line."""
    began: float = field(default_factory=perf_counter)
    """In seconds of `perf_counter`."""
    seconds: float = 0.0
    """Until the last of the answer was sent."""
    status: int = 0
    """Of the answer; 0 while there is none."""
    route: str = ""
    """The path with names in place of what a client fills in; empty if no route was found."""
    caller: str = ""
    """Id of the caller, never a key; the client's host where it has none."""
    translation: str = ""
    """The shortest name that leads to the model; empty before it is known to be on offer."""
    bytes_in: int = 0
    """Of the body, as far as it was read."""
    bytes_out: int = 0
    """Of the answer's body."""
    sha256: str = ""
    """Of the picture that came in."""
    code: str = ""
    """Of the problem that was answered."""
    detail: str = ""
    cause: str = ""
    """What the problem came of: for the log alone, a client does not see it."""
    refused: list[str] = field(default_factory=list[str])
    """Code of each problem: of the answer, or of single pictures of a batch."""
    phases: list[Phase] = field(default_factory=list[Phase])
    sizes: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    """Width and height of each picture that was translated, before it was reduced."""
    trace_id: str = ""

    def note_picture(
        self, size: tuple[int, int], began: float, timings: Mapping[str, float]
    ) -> None:
        """Write down a picture that was translated, by phases that followed one another.

        Args:
            size: Width and height, before it was reduced.
            began: When the first phase began, in seconds of `perf_counter`.
            timings: Milliseconds of each phase.
        """
        self.sizes.append(size)
        for name, milliseconds in timings.items():
            self.phases.append(Phase(name, began, milliseconds))
            began += milliseconds / 1000

    def note_problem(self, code: str, detail: str, cause: str = "") -> None:
        """Write down what was answered instead of a result."""
        self.code, self.detail, self.cause = code, detail, cause
        self.refused.append(code)

    def timings(self) -> dict[str, float]:
        """Milliseconds by phase, of all pictures together."""
        sums: dict[str, float] = {}
        for phase in self.phases:
            sums[phase.name] = sums.get(phase.name, 0.0) + phase.milliseconds
        return sums


def record_of(request: Request) -> RequestRecord:
    """Find the record that the envelope has made."""
    return request.state.record


async def fingerprint(data: bytes) -> str:
    """Make the SHA-256 of a picture file, in hexadecimal."""
    if len(data) <= _QUICK_BYTES:
        return sha256(data).hexdigest()
    return await asyncio.to_thread(lambda: sha256(data).hexdigest())
