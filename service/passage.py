"""Work that goes through several threads, without the event loop."""

from collections.abc import Callable, Generator
from concurrent.futures import Future
from typing import Any

from service.pipeline import Result

Phases = Generator[Future[Any], Any, Result]
"""Begins a phase in some thread, yields it, is given its result, and returns the result of all."""


class Passage:
    """One phase after another; the thread that ends one begins the next.

    The event loop hears of the last end alone: woken for each, it would three times take a core
    from the model that works at another picture (docs/log.md).
    """

    def __init__(self, phases: Phases) -> None:
        """Begin."""
        self.end: Future[Result] = Future()
        """The result or why there is none; cancelled when the passage was dropped."""
        self._phases = phases
        self._dropped = False
        self._cancel: Callable[[], object] = self.end.cancel  # then the phase, if it has not begun
        self._go_on(None)

    def drop(self) -> None:
        """Begin no other phase; one that has begun is finished before `end` is cancelled."""
        self._dropped = True
        self._cancel()

    def _go_on(self, former: "Future[Any] | None") -> None:
        if self._dropped:
            self.end.cancel()
            return
        try:
            phase = self._phases.send(former.result() if former else None)
        except StopIteration as over:
            self.end.set_result(over.value)
        except BaseException as error:  # as an executor does: whoever waits must hear of it
            self.end.set_exception(error)
        else:
            self._cancel = phase.cancel
            phase.add_done_callback(self._go_on)
