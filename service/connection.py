"""A connection that nobody can keep open, or fill, with the head of a request that never ends.

uvicorn limits neither its time nor its length, and keeps all of it in memory.
"""

from asyncio import TimerHandle, Transport
from typing import Any, Literal

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from service.problems import problem

_HEAD_BYTES = 64 * 1024  # beyond the piece in which it ends; browsers and proxies stay below 16 KiB


class Connection(HttpToolsProtocol):
    """uvicorn's, with a limit of time and of length on the head of each request."""

    head_seconds = 10.0
    """Time in which a head must have arrived."""

    def __init__(self, *arguments: Any, **named: Any) -> None:  # noqa: ANN401 - uvicorn's
        super().__init__(*arguments, **named)
        self._in_head = False
        self._head_bytes = 0
        self._alarm: TimerHandle | None = None

    def connection_made(self, transport: Transport) -> None:
        """Begin to wait for the first head; uvicorn itself sees to the time between two."""
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        self._forget_head()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse, and count what was head to its end."""
        super().data_received(data)
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > _HEAD_BYTES:
                self._refuse(431, "head-too-large", f"it has more than {_HEAD_BYTES:,} bytes")

    def on_message_begin(self) -> None:
        """Begin to wait for the rest of a head."""
        super().on_message_begin()
        self._in_head, self._head_bytes = True, 0
        self._await_head()

    def on_headers_complete(self) -> None:
        """Let the application have the request; the time of a body is its own business."""
        self._forget_head()
        super().on_headers_complete()

    def _await_head(self) -> None:
        if self._alarm is None:
            self._alarm = self.loop.call_later(self.head_seconds, self._too_late)

    def _forget_head(self) -> None:
        self._in_head = False
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def _too_late(self) -> None:
        self._refuse(
            408, "head-timeout", f"it was not complete after {self.head_seconds:g} seconds"
        )

    def _refuse(self, status: Literal[408, 431], code: str, detail: str) -> None:
        self._forget_head()
        answering = self.cycle and not self.cycle.response_complete
        if not answering:
            answer = problem("none", status, code, "The head of the request is refused", detail)
            self.transport.write(_as_bytes(status, bytes(answer.body)))
        self.transport.close()


def connection(head_seconds: float) -> type[Connection]:
    """Make the class of connections with this limit; uvicorn wants a class."""
    return type("Connection", (Connection,), {"head_seconds": head_seconds})


def _as_bytes(status: int, body: bytes) -> bytes:
    head = (
        f"HTTP/1.1 {status} Refused\r\nContent-Type: application/problem+json\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body
