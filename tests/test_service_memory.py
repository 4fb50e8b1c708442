"""The bound on all bodies that are in memory at a time."""

import asyncio

import pytest
from fake_models import write_models

from service.app import create_app
from service.body_memory import BodyMemory
from service.errors import MemoryFull
from service.settings import ServiceSettings

PATH = "/v1/translate/summer2winter"


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return write_models(tmp_path_factory.mktemp("models"))


class Sender:
    """A client that sends its body piece by piece, when it is told to."""

    def __init__(self, app):
        self._pieces = asyncio.Queue()
        self.status = None
        self.headers = {}
        self.body = b""
        scope = {
            "type": "http",
            "method": "POST",
            "path": PATH,
            "query_string": b"",
            "headers": [(b"transfer-encoding", b"chunked")],
            "client": ("host", 1),
        }
        self.task = asyncio.create_task(app(scope, self._pieces.get, self._send))

    async def piece(self, size, *, last=False):
        await self._pieces.put({"type": "http.request", "body": bytes(size), "more_body": not last})
        for _ in range(20):  # until it has been read
            await asyncio.sleep(0)

    async def leave(self):
        await self._pieces.put({"type": "http.disconnect"})
        await self.task

    async def end(self):
        await self.piece(0, last=True)
        await asyncio.wait_for(self.task, 5)

    async def _send(self, message):
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = dict(message["headers"])
        else:
            self.body += message["body"]


def with_app(models, act):
    """Run `act(app)` in the lifespan of a service that holds 1,000 bytes."""
    limits = {"max_body_bytes": 900, "max_batch_bytes": 900, "max_held_bytes": 1000}
    app = create_app(ServiceSettings(models=models, **limits))

    async def acted():
        async with app.router.lifespan_context(app):
            await act(app)

    asyncio.run(acted())


def test_what_is_more_than_is_kept_is_429_until_another_request_has_ended(models):
    async def act(app):
        first, second = Sender(app), Sender(app)
        await first.piece(600)
        await second.piece(401)
        await second.end()
        assert second.status == 429
        assert b'"memory-full"' in second.body
        assert second.headers[b"retry-after"] == b"1"

        third = Sender(app)
        await third.piece(400)
        await first.end()
        await third.piece(500)
        await third.end()
        assert first.status == third.status == 415  # zeros are no picture

    with_app(models, act)


@pytest.mark.parametrize("way_to_end", ["leave", "end"])
def test_room_is_given_back_however_a_request_ends(models, way_to_end):
    async def act(app):
        for _ in range(5):
            sender = Sender(app)
            await sender.piece(800)
            await getattr(sender, way_to_end)()
            assert sender.status != 429

    with_app(models, act)


def test_a_refused_body_is_not_kept(models):
    async def act(app):
        full, refused = Sender(app), Sender(app)
        await full.piece(900)
        for _ in range(3):
            await refused.piece(101)
        await refused.end()
        await full.end()
        assert refused.status == 429

        next_one = Sender(app)
        await next_one.piece(900)
        await next_one.end()
        assert next_one.status == 415

    with_app(models, act)


def test_as_much_as_is_kept_fits_and_no_byte_more():
    memory = BodyMemory(10)

    memory.hold(4)
    memory.hold(6)
    with pytest.raises(MemoryFull, match="10 bytes"):
        memory.hold(1)
    memory.release(6)
    memory.hold(6)

    assert memory.held_bytes == 10


def test_a_bound_below_the_largest_body_is_refused():
    with pytest.raises(ValueError, match="--max-held-bytes is 99, and a body may have 104,857,600"):
        ServiceSettings(max_held_bytes=99)
