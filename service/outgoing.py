"""An answer on its way out: what every one carries, and what has become of the request's body."""

from collections.abc import Iterable
from time import perf_counter

from starlette.types import Message, Send

from service.incoming import IncomingBody
from service.record import RequestRecord

DEFAULTS = [
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
]
"""For answers that say nothing else: a page that shows one may do nothing with it, and keep
nothing."""
ALWAYS = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
]
"""For every answer."""


class OutgoingAnswer:
    """Adds what every answer carries, and does not end before the request's body has.

    Or, where that might take for ever, tells the client that the connection will be closed.
    """

    def __init__(self, record: RequestRecord, body: IncomingBody, send: Send) -> None:
        self._record = record
        self._body = body
        self._send = send

    async def send(self, message: Message) -> None:
        """Pass the next message on."""
        if message["type"] == "http.response.start":
            self._record.status = int(message["status"])
            message["headers"] = self._headers(message.get("headers", ()))
            await self._send(message)
            return
        last = not message.get("more_body", False)
        self._record.bytes_out += len(message.get("body", b""))
        if last and not self._body.ended:
            await self._send({**message, "more_body": True})
            self._note_time()
            await self._body.drain()
            message = {"type": "http.response.body", "body": b"", "more_body": False}
        await self._send(message)
        if last:
            self._note_time()

    def _note_time(self) -> None:
        record = self._record
        record.seconds = record.seconds or perf_counter() - record.began

    def _headers(self, given: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        record = self._record
        headers = [*given, *ALWAYS, (b"x-request-id", record.request_id.encode())]
        names = {name.lower() for name, _ in headers}
        headers += (pair for pair in DEFAULTS if pair[0] not in names)
        if record.phases:
            headers.append((b"server-timing", _server_timing(record)))
        if self._body.endless and b"connection" not in names:
            headers.append((b"connection", b"close"))
        return headers


def _server_timing(record: RequestRecord) -> bytes:
    timings = record.timings()
    timings["total"] = (perf_counter() - record.began) * 1000
    return ", ".join(f"{name};dur={time:.1f}" for name, time in timings.items()).encode()
