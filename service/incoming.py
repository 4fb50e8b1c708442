"""A request's body on its way in, and what is left of it when the answer is made before its end."""

import asyncio
import math
from contextlib import suppress

from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope

from service.body_memory import BodyMemory

_BOUND_BYTES = 1024 * 1024  # of what nobody reads: more than this is not waited for
_BOUND_SECONDS = 1.0


class IncomingBody:
    """Counts what comes in, and knows whether it has ended.

    A server that closes a connection on which the client still sends makes the client's system
    throw the answer away unread (RFC 9112, section 9.6). So the rest is read before the end.
    """

    def __init__(self, scope: Scope, receive: Receive, memory: BodyMemory) -> None:
        headers = Headers(scope=scope)
        announced = headers.get("content-length", "0")
        self._bytes = int(announced) if announced.isascii() and announced.isdigit() else math.inf
        if "transfer-encoding" in headers:
            self._bytes = math.inf
        self._receive = receive
        self._memory = memory
        self._held = 0
        self.ended = not self._bytes
        self.received = 0
        """Bytes so far."""

    @property
    def endless(self) -> bool:
        """Whether more is to come, for all that is known, than is worth waiting for."""
        return not self.ended and self._bytes - self.received > _BOUND_BYTES

    async def receive(self) -> Message:
        """Pass the next message on.

        Raises:
            MemoryFull: There is no room for it.
        """
        message = await self._next()
        size = len(message.get("body", b""))
        self._memory.hold(size)
        self._held += size
        return message

    def release(self) -> None:
        """Take no room any more, since the request has ended."""
        self._memory.release(self._held)
        self._held = 0

    async def drain(self) -> None:
        """Read on for a second and a megabyte at most, and forget it."""
        enough = self.received + _BOUND_BYTES
        with suppress(TimeoutError):
            async with asyncio.timeout(_BOUND_SECONDS):
                while not self.ended and self.received < enough:
                    await self._next()

    async def _next(self) -> Message:
        message = await self._receive()
        self.received += len(message.get("body", b""))
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            self.ended = True
        return message
