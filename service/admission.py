"""Who works now, who waits, and who is sent away at once.

In the manner of imgproxy: a bounded number of places to work at, a bounded queue before them, and
whoever finds both full is told when to come again. Places are given to the callers in turn, so
that one who sends much does not keep the others waiting.
"""

import asyncio
import math
from collections import OrderedDict, deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from time import monotonic

from service.errors import Draining, QueueFull
from service.rates import Rates

_RECENT = 0.1  # weight of the newest time of work in their moving average


class Admission:
    """Places to work at and the queue before them; for one event loop."""

    def __init__(
        self,
        workers: int,
        queue: int,
        share: int | None = None,
        rates: Rates | None = None,
        patience_seconds: float = math.inf,
    ) -> None:
        """Open.

        Args:
            workers: Places to work at.
            queue: How many may wait.
            share: How many of those that wait may be of one caller; all, if not given.
            rates: How often a caller may come, if that is limited.
            patience_seconds: Who would wait and work longer than this, for all that is known, is
                refused as if the queue were full: better now than after having waited.
        """
        self.workers = workers
        self.queue = queue
        self.share = queue if share is None else share
        self.working = 0
        self.waiting = 0
        """How many wait: counted, since other threads may ask while the lines change."""
        self.closed = False
        self._rates = rates
        self._patience_seconds = patience_seconds
        self._lines: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()
        self._seconds = 0.0  # of work at a place, a moving average

    def close(self) -> None:
        """Let nobody in any more; who is behind the door already still gets a place."""
        self.closed = True

    def check(self, caller: str) -> None:
        """Be the door: refuse now what would be refused after its body has been read.

        Raises:
            Draining: Nobody is let in any more.
            QueueFull: There is neither a place nor room to wait.
            RateLimited: The caller comes too often.
        """
        if self.closed:
            raise Draining
        self._check_room(caller)
        if self._rates:
            self._rates.check(caller)

    @asynccontextmanager
    async def place(self, caller: str) -> AsyncGenerator[None]:
        """Wait for a place and work at it.

        Args:
            caller: Who asks; places are given in turn to those who wait.

        Raises:
            QueueFull: There is neither a place nor room to wait.
            RateLimited: The caller comes too often.
        """
        self._check_room(caller)
        if self._rates:
            self._rates.spend(caller)
        if self.working < self.workers:
            self.working += 1
        else:
            await self._wait(caller)
        begin = monotonic()
        try:
            yield
        finally:
            self._note(monotonic() - begin)
            self._give_back()

    def retry_after_seconds(self) -> int:
        """When there should be room: the time that the work now accepted takes, at least 1."""
        return max(1, math.ceil(self._backlog_seconds()))

    def _backlog_seconds(self) -> float:
        return (self.waiting + self.working) * self._seconds / self.workers

    def _check_room(self, caller: str) -> None:
        if self.working < self.workers:
            return
        full = self.waiting >= self.queue or len(self._lines.get(caller, ())) >= self.share
        if full or self._backlog_seconds() + self._seconds > self._patience_seconds:
            raise QueueFull(self.waiting, self.retry_after_seconds())

    async def _wait(self, caller: str) -> None:
        turn = asyncio.get_running_loop().create_future()
        self._lines.setdefault(caller, deque()).append(turn)
        self.waiting += 1
        try:
            await turn  # whoever gives a place back hands it over
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._give_back()  # handed over in the same moment
            else:
                self._forget(caller, turn)
            raise

    def _give_back(self) -> None:
        while self._lines:
            caller, line = next(iter(self._lines.items()))
            turn = line.popleft()
            self.waiting -= 1
            if not line:
                del self._lines[caller]
            if turn.done():
                continue  # it has left in the same moment, and its caller's turn is not over
            if line:
                self._lines.move_to_end(caller)
            turn.set_result(None)
            return
        self.working -= 1

    def _forget(self, caller: str, turn: asyncio.Future[None]) -> None:
        line = self._lines.get(caller)
        if line is None or turn not in line:
            return
        line.remove(turn)
        self.waiting -= 1
        if not line:
            del self._lines[caller]

    def _note(self, seconds: float) -> None:
        self._seconds += (seconds - self._seconds) * (_RECENT if self._seconds else 1.0)
