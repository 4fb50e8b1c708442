"""A load generator that costs little.

It shares the cores with the service that it measures: each millisecond that it computes is one that
the service lacks. Clients of the usual kind parse much that is not needed here and take about a
millisecond a request; this one writes bytes that were made before, reads a status, headers and as
many bytes as they announce, on connections that are kept, and takes a tenth of that.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, suppress
from time import perf_counter
from typing import NamedTuple, TypeVar

from benchmarks.load_service import HOST

Item = TypeVar("Item")

PATIENCE_SECONDS = 60.0
_IDLE_SECONDS = 2.0  # far less than what the service keeps
_MOST_IN_FLIGHT = 1000


class Answer(NamedTuple):
    """What came back."""

    status: int
    """0: the connection broke, or nothing came in time."""
    seconds: float
    headers: dict[str, str]
    body: bytes


Note = Callable[[Answer], object]


class Connection(NamedTuple):
    """An open connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


class _Idle(NamedTuple):
    connection: Connection
    since: float


class Client:
    """Sends requests to one service; for one event loop, within which its connections are kept."""

    def __init__(self, port: int, address: str = HOST) -> None:
        """Get ready; nothing is connected yet.

        Args:
            port: Of the service.
            address: Where the requests come from, one of the loopback.
        """
        self._port = port
        self._address = address
        self._idle: list[_Idle] = []

    async def send(self, request: bytes) -> Answer:
        """Send a request, on a connection that is open already if there is one."""
        begin = perf_counter()
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                async with self._connection() as connection:
                    connection.writer.write(request)
                    status, headers, body = await receive(connection.reader)
                    if headers.get("connection") == "close":
                        connection.writer.close()
        except (OSError, EOFError, ValueError, TimeoutError):
            return Answer(0, perf_counter() - begin, {}, b"")
        return Answer(status, perf_counter() - begin, headers, body)

    async def connect(self) -> Connection:
        """Open a connection of one's own."""
        source = (self._address, 0)
        return Connection(*await asyncio.open_connection(HOST, self._port, local_addr=source))

    async def __aenter__(self) -> "Client":
        return self

    async def __aexit__(self, *_: object) -> None:
        while self._idle:
            writer = self._idle.pop().connection.writer
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    @asynccontextmanager
    async def _connection(self) -> AsyncGenerator[Connection]:
        connection = self._kept() or await self.connect()
        try:
            yield connection
        except BaseException:
            connection.writer.transport.abort()
            raise
        if not connection.writer.is_closing():
            self._idle.append(_Idle(connection, perf_counter()))

    def _kept(self) -> Connection | None:
        while self._idle:
            connection, since = self._idle.pop()
            if perf_counter() - since < _IDLE_SECONDS and not connection.reader.at_eof():
                return connection
            connection.writer.close()
        return None


async def receive(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    """Read one answer that announces its length.

    Raises:
        EOFError: The connection was closed before its end.
        ValueError: It is no answer.
    """
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.LimitOverrunError:
        raise ValueError("the head of the answer does not end") from None
    first, *lines = head[:-4].split("\r\n")
    headers = {name.lower(): value for name, _, value in (each.partition(": ") for each in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return int(first[9:12]), headers, body


def post(path: str, body: bytes, content_type: str = "application/octet-stream") -> bytes:
    """Make the bytes of a POST."""
    head = f"POST {path} HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: {content_type}\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


async def in_turn(client: Client, requests: Iterable[bytes], clients: int, note: Note) -> None:
    """Let `clients` at a time send the requests, each the next one when it has its answer."""

    async def ask(request: bytes) -> None:
        note(await client.send(request))

    await share(requests, clients, ask)


async def share(
    items: Iterable[Item], workers: int, work: Callable[[Item], Awaitable[None]]
) -> None:
    """Let `workers` at a time work through the items, each taking the next when it is done."""
    shared = iter(items)

    async def one() -> None:
        for item in shared:
            await work(item)

    async with asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(one())


async def at_a_rate(
    client: Client, requests: Iterable[bytes], per_second: float, note: Note
) -> None:
    """Send the requests at a rate, whether or not the former ones are answered.

    Not more than 1,000 wait for their answers at one time.
    """
    room = asyncio.Semaphore(_MOST_IN_FLIGHT)
    begin = perf_counter()

    async def one(request: bytes) -> None:
        note(await client.send(request))
        room.release()

    async with asyncio.TaskGroup() as group:
        for number, request in enumerate(requests):
            await asyncio.sleep(begin + number / per_second - perf_counter())
            await room.acquire()
            group.create_task(one(request))


def for_seconds(requests: Iterable[bytes], seconds: float) -> Iterator[bytes]:
    """Go through `requests` until the time is over."""
    end = perf_counter() + seconds
    for request in requests:
        if perf_counter() >= end:
            return
        yield request
