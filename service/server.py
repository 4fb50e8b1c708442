"""Listening to HTTP, and stopping so that nothing is lost that was begun.

uvicorn alone closes its port at the first signal and ends as if it had been killed. Whoever sends
requests would find a closed port before it can learn that it should send them elsewhere.
"""

import asyncio
import logging
import signal
from collections.abc import Callable
from time import monotonic
from types import FrameType

import uvicorn
from uvicorn.server import HANDLED_SIGNALS

logger = logging.getLogger(__name__)


class Server(uvicorn.Server):
    """Goes on answering after SIGTERM or Ctrl-C until what was begun before is answered."""

    def __init__(
        self,
        config: uvicorn.Config,
        close: Callable[[], None],
        grace_seconds: float,
        drain_seconds: float,
    ) -> None:
        """Prepare.

        Args:
            config: Of the application.
            close: Makes the application refuse what is new.
            grace_seconds: From the signal to the end, at most; one more if something has to be
                broken off then, and as long as it takes if it cannot be (`service.overdue`).
            drain_seconds: From the signal to the closing of the port, at least.
        """
        super().__init__(config)
        self.finished = True
        """Whether all was answered that had been begun before the signal."""
        self._close = close
        self._grace_seconds = grace_seconds
        self._drain_seconds = drain_seconds

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to stop; a second signal ends the process at once, as if nobody handled it."""
        for each in HANDLED_SIGNALS:
            signal.signal(each, signal.SIG_DFL)
        self.should_exit = True  # nothing else: this runs between any two instructions

    async def main_loop(self) -> None:
        """Serve until a signal comes, and then until everything is answered."""
        await super().main_loop()
        self._close()
        end = monotonic() + self._grace_seconds
        begun = set(self.server_state.tasks)  # also those that still send their answer
        logger.info("stopping; requests to finish: %d", len(begun))
        draining = asyncio.create_task(asyncio.sleep(self._drain_seconds))
        _, left = await asyncio.wait([*begun, draining], timeout=self._grace_seconds)
        if left:
            self.finished = False
            logger.error("requests that were not finished in time: %d", len(left))
        # For what else is on its way in or out; what is left then, uvicorn cancels, which answers
        # it with 503.
        self.config.timeout_graceful_shutdown = max(1, int(end - monotonic()))
