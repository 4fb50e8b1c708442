"""A connection that nobody can keep open, or fill, without sending or reading anything.

uvicorn limits neither time nor length of a request's head, and waits for ever for a client to read
its answer; both it keeps in memory.
"""

from asyncio import TimerHandle, Transport
from typing import Any, Literal

from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from service.outgoing import ALWAYS, DEFAULTS
from service.plain_parser import PlainParser, plain_head
from service.problems import problem

_HEAD_BYTES = 64 * 1024  # beyond the piece in which it ends; browsers and proxies stay below 16 KiB


class Connection(HttpToolsProtocol):
    """uvicorn's, with limits on the head of each request and on the reading of its answer."""

    parser: PlainParser

    head_seconds = 10.0
    """Time in which a head must have arrived."""
    unread_seconds = 60.0
    """Time in which a client must have read something of what waits for it."""

    def __init__(self, *arguments: Any, **named: Any) -> None:  # noqa: ANN401 - uvicorn's
        super().__init__(*arguments, **named)
        self._in_head = False
        self._head_bytes = 0
        self._alarm: TimerHandle | None = None
        self._unread_bytes = 0
        self._look: TimerHandle | None = None
        self._answered: RequestResponseCycle | None = None
        self._to_parse = b""
        self._parse_anew()

    def connection_made(self, transport: Transport) -> None:
        """Begin to wait for the first head; uvicorn itself sees to the time between two."""
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        self._forget_head()
        self._stop_looking()
        if self._answered:  # uvicorn tells the latest one, which may only be waiting for its turn
            self._answered.disconnected = True
            self._answered.message_event.set()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse, and count what was head to its end."""
        self._to_parse = data
        while self._to_parse and not self.transport.is_closing():
            # One offer after another may be in it, each of which leaves a rest.
            piece, self._to_parse = self._to_parse, b""
            super().data_received(piece)
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > _HEAD_BYTES:
                self._refuse(431, "head-too-large", f"its head has more than {_HEAD_BYTES:,} bytes")

    def on_message_begin(self) -> None:
        """Begin to wait for the rest of a head."""
        super().on_message_begin()
        self._in_head, self._head_bytes = True, 0
        self._await_head()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; what comes after a body is none, has no bound, and is not kept."""
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Let the application have the request; the time of a body is its own business."""
        self._forget_head()
        if not self.parser.is_offered_more:
            super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Let the application know, unless the request begins again."""
        if not self.parser.is_offered_more:
            super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Say it as any other problem, and close."""
        self._refuse(400, "bad-request", msg)

    def pause_writing(self) -> None:
        """Begin to look whether the client reads what waits for it."""
        super().pause_writing()
        self._look_again()

    def resume_writing(self) -> None:
        """Look no more: it has read nearly all."""
        self._stop_looking()
        super().resume_writing()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._answered = cycle
        super()._start_asgi_task(cycle, app)

    def _parse_anew(self) -> None:
        self.parser = PlainParser(self, self._begin_again)

    def _begin_again(self, rest: bytes) -> None:
        head = plain_head(self.parser.get_method(), self.url, self.headers)
        self._parse_anew()
        self._to_parse = head + rest

    def _look_again(self) -> None:
        self._unread_bytes = self.transport.get_write_buffer_size()
        self._look = self.loop.call_later(self.unread_seconds, self._check_reading)

    def _check_reading(self) -> None:
        if self.transport.get_write_buffer_size() < self._unread_bytes:
            self._look_again()
        else:
            self.transport.abort()  # closing would wait for it to read the rest

    def _stop_looking(self) -> None:
        if self._look is not None:
            self._look.cancel()
            self._look = None

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
            408, "head-timeout", f"its head was not complete after {self.head_seconds:g} seconds"
        )

    def _refuse(self, status: Literal[400, 408, 431], code: str, detail: str) -> None:
        self._forget_head()
        answering = self.cycle and not self.cycle.response_complete
        if not answering:
            answer = problem("none", status, code, "The request is refused", detail)
            self.transport.write(_as_bytes(status, bytes(answer.body)))
        self.transport.close()


def connection(head_seconds: float, unread_seconds: float) -> type[Connection]:
    """Make the class of connections with these limits; uvicorn wants a class."""
    limits = {"head_seconds": head_seconds, "unread_seconds": unread_seconds}
    return type("Connection", (Connection,), limits)


def _as_bytes(status: int, body: bytes) -> bytes:
    headers = [
        *ALWAYS,
        *DEFAULTS,
        (b"content-type", b"application/problem+json"),
        (b"content-length", b"%d" % len(body)),
        (b"connection", b"close"),
    ]
    lines = [b"HTTP/1.1 %d Refused" % status, *(b"%s: %s" % header for header in headers)]
    return b"\r\n".join([*lines, b"", body])
