"""Parsing HTTP/1.1 from which no request leads away.

httptools takes whatever follows a head with `Upgrade` for another protocol. A server need not
follow it (RFC 9110, section 7.8), and some clients offer one with each first request: Java's does,
HTTP/2, and would find its picture thrown away.
"""

from array import array
from collections.abc import Callable, Iterable

from httptools import HttpParserUpgrade, HttpRequestParser


class PlainParser(HttpRequestParser):
    """httptools' parser, which begins a request again without its offer."""

    def __init__(self, protocol: object, begin_again: Callable[[bytes], None]) -> None:
        """Prepare.

        Args:
            protocol: What is told of the parts of requests, as httptools does.
            begin_again: Is given what came after a head with an offer, instead of an exception.
        """
        super().__init__(protocol)
        # As uvicorn has it: a request may have an answer before its end.
        self.set_dangerous_leniencies(lenient_data_after_close=True)
        self._begin_again = begin_again

    @property
    def is_offered_more(self) -> bool:
        """Whether the head that has just ended has an offer; then nothing of it counts."""
        return self.should_upgrade() and self.get_method() != b"CONNECT"

    def feed_data(self, data: "bytes | bytearray | memoryview[int] | array[int]") -> None:
        """Parse what has come.

        Raises:
            HttpParserError: It is no HTTP/1.1.
            HttpParserUpgrade: It asks for a tunnel.
        """
        try:
            super().feed_data(data)
        except HttpParserUpgrade as stop:
            if not self.is_offered_more:
                raise
            self._begin_again(bytes(data[stop.args[0] :]))


def plain_head(method: bytes, url: bytes, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Write the head of a request as it would be without an offer."""
    lines = [b"%s: %s" % header for header in headers if header[0] != b"upgrade"]
    return b"\r\n".join([b"%s %s HTTP/1.1" % (method, url), *lines, b"", b""])
