"""What clients that misbehave do to the others."""

import asyncio
import platform
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from itertools import cycle

import uvloop

from benchmarks.load_client import Client, Connection, for_seconds, in_turn, post
from benchmarks.load_pictures import jpegs
from benchmarks.load_report import Finding
from benchmarks.load_service import HOST, Service, serving
from benchmarks.load_speed import PATH, SIDE, Subject
from benchmarks.load_tally import Tally

_CROWD = 100
_OTHERS = 4
_MOST_TIMES = 2.0
_ROUNDS = 3
# Another address, so that the service can tell them from the others; only Linux has it ready.
_THEIR_ADDRESS = "127.0.0.2" if platform.system() == "Linux" else HOST

Misbehave = Callable[[Client, int, bytes], Awaitable[None]]


def slow_senders(subject: Subject, seconds: float) -> list[Finding]:
    """Send one byte a second, half of them from the first byte, half once the head is sent."""
    return _beside(subject, seconds, "slow senders", "that send a byte a second", _send_slowly)


def leavers(subject: Subject, seconds: float) -> list[Finding]:
    """Leave once a second, half of them in the middle of the body, half while they wait."""
    return _beside(subject, seconds, "leavers", "that leave in the middle", _leave)


def _beside(
    subject: Subject, seconds: float, case: str, who: str, misbehave: Misbehave
) -> list[Finding]:
    requests = [post(f"{PATH}?format=jpeg", file) for file in jpegs(_OTHERS, SIDE)]
    normal, beside = Tally(), Tally()

    async def load(service: Service, tally: Tally) -> None:
        lasting = for_seconds(cycle(requests), seconds / _ROUNDS)
        async with Client(service.port) as client:
            await in_turn(client, lasting, _OTHERS, tally.note)

    async def load_beside(service: Service) -> None:
        async with _crowd(service, misbehave, requests[0]):
            await load(service, beside)

    with serving(subject.models, subject.flags) as service:
        uvloop.run(load(service, Tally()))  # warm
        for _ in range(_ROUNDS):
            uvloop.run(load(service, normal))
            uvloop.run(load_beside(service))
        alive = service.alive
    usual, slowed = normal.percentile(99), beside.percentile(99)
    return [
        Finding(
            case=case,
            preset=subject.preset,
            goal=f"p99 of {_OTHERS} clients at most {_MOST_TIMES:g} × the usual, beside {_CROWD} "
            f"{who}",
            measured=f"{slowed / usual:.2f} ×: {1000 * slowed:.0f} and {1000 * usual:.0f} ms; "
            f"{beside}",
            met=slowed <= _MOST_TIMES * usual and beside.only(200) and alive,
            facts={"statuses": beside.statuses}
            | {
                name: {f"p{p}_ms": 1000 * tally.percentile(p) for p in (50, 95, 99, 100)}
                for name, tally in (("usual", normal), ("beside", beside))
            },
        )
    ]


@asynccontextmanager
async def _crowd(service: Service, misbehave: Misbehave, request: bytes) -> AsyncGenerator[None]:
    client = Client(service.port, _THEIR_ADDRESS)

    async def again(number: int) -> None:
        while True:
            with suppress(OSError):  # the service has sent them away
                await misbehave(client, number, request)

    crowd = [asyncio.create_task(again(number)) for number in range(_CROWD)]
    try:
        yield
    finally:
        for each in crowd:
            each.cancel()
        await asyncio.gather(*crowd, return_exceptions=True)


async def _send_slowly(client: Client, number: int, request: bytes) -> None:
    at_once = 0 if number % 2 else request.index(b"\r\n\r\n") + 4
    async with _connected(client) as connection:
        connection.writer.write(request[:at_once])
        for at in range(at_once, len(request)):
            connection.writer.write(request[at : at + 1])
            await connection.writer.drain()
            with suppress(TimeoutError):  # as a rule there is no answer yet
                async with asyncio.timeout(1):
                    await connection.reader.read()
                    return


async def _leave(client: Client, number: int, request: bytes) -> None:
    async with _connected(client) as connection:
        connection.writer.write(request[: len(request) // 2] if number % 2 else request)
        await asyncio.sleep(0.05)
    await asyncio.sleep(0.95)


@asynccontextmanager
async def _connected(client: Client) -> AsyncGenerator[Connection]:
    connection = await client.connect()
    try:
        yield connection
    finally:
        connection.writer.transport.abort()
