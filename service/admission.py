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

_RECENT = 0.1  # weight of the newest time of work in their moving average


class Admission:
    """Places to work at and the queue before them; for one event loop."""

    def __init__(self, workers: int, queue: int, share: int | None = None) -> None:
        """Open.

        Args:
            workers: Places to work at.
            queue: How many may wait.
            share: How many of those that wait may be of one caller; all, if not given.
        """
        self.workers = workers
        self.queue = queue
        self.share = queue if share is None else share
        self.working = 0
        self._lines: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()
        self._seconds = 0.0  # of work at a place, a moving average
        self._closed = False
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def waiting(self) -> int:
        """How many wait."""
        return sum(map(len, self._lines.values()))

    @property
    def closed(self) -> bool:
        """Whether nobody is let in any more."""
        return self._closed

    def check(self, caller: str) -> None:
        """Refuse now what would be refused after its body has been read.

        Raises:
            QueueFull: There is neither a place nor room to wait.
            Draining: Nobody is let in any more.
        """
        if self._closed:
            raise Draining
        if self.working < self.workers:
            return
        if self.waiting >= self.queue or len(self._lines.get(caller, ())) >= self.share:
            raise QueueFull(self.waiting, self.retry_after_seconds())

    @asynccontextmanager
    async def place(self, caller: str) -> AsyncGenerator[None]:
        """Wait for a place and work at it.

        Args:
            caller: Who asks; places are given in turn to those who wait.

        Raises:
            QueueFull: There is neither a place nor room to wait.
            Draining: Nobody is let in any more.
        """
        self.check(caller)
        if self.working < self.workers:
            self._take()
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
        return max(1, math.ceil((self.waiting + self.working) * self._seconds / self.workers))

    async def drain(self) -> None:
        """Let nobody in any more, and wait until those that were let in are done."""
        self._closed = True
        await self._idle.wait()

    async def _wait(self, caller: str) -> None:
        turn = asyncio.get_running_loop().create_future()
        self._lines.setdefault(caller, deque()).append(turn)
        try:
            await turn  # whoever gives a place back hands it over
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._give_back()  # handed over in the same moment
            else:
                self._forget(caller, turn)
            raise

    def _take(self) -> None:
        self.working += 1
        self._idle.clear()

    def _give_back(self) -> None:
        while self._lines:
            caller, line = self._lines.popitem(last=False)
            turn = line.popleft()
            if line:
                self._lines[caller] = line  # at the end: now it is the others' turn
            if not turn.done():  # else it has left in the same moment
                turn.set_result(None)
                return
        self.working -= 1
        if not self.working:
            self._idle.set()

    def _forget(self, caller: str, turn: asyncio.Future[None]) -> None:
        line = self._lines.get(caller)
        if line is None or turn not in line:
            return
        line.remove(turn)
        if not line:
            del self._lines[caller]

    def _note(self, seconds: float) -> None:
        self._seconds += (seconds - self._seconds) * (_RECENT if self._seconds else 1.0)
