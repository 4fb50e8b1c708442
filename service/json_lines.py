"""Answers in JSON Lines: each line is sent as soon as it is there."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Coroutine, Iterator, Mapping
from contextlib import aclosing
from itertools import islice
from typing import Any, TypeVar

from fastapi.responses import StreamingResponse
from pydantic import BaseModel
from starlette.types import Receive, Scope, Send

Line = TypeVar("Line", bound=BaseModel)


class JsonLines(StreamingResponse):
    """Sends lines as they come; while the client does not take one, no further is asked for."""

    media_type = "application/jsonl"

    def __init__(self, lines: AsyncGenerator[BaseModel], headers: Mapping[str, str]) -> None:
        self._lines = lines
        super().__init__(_encoded(lines), headers=headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        # Not its parent's way, which listens for the client's departure but then leaves the lines
        # to the garbage collector.
        async with aclosing(self._lines):
            await self.stream_response(send)


async def in_completion_order(
    work: Iterator[Coroutine[Any, Any, Line]], at_once: int, departure: Awaitable[None]
) -> AsyncGenerator[Line]:
    """Do several things side by side, and yield what each makes once it is done.

    Args:
        work: Taken one by one; none of them raises.
        at_once: How many are done at one time.
        departure: Done when nobody waits for the rest any more; that is dropped then.
    """
    running: set[asyncio.Task[Line]] = set()
    left = asyncio.ensure_future(departure)
    try:
        while True:
            more = islice(work, at_once - len(running))
            running |= {asyncio.create_task(each) for each in more}
            if not running:
                return
            done, _ = await asyncio.wait({*running, left}, return_when=asyncio.FIRST_COMPLETED)
            if left in done:
                return
            for each in running & done:
                running.remove(each)
                yield each.result()
    finally:
        for each in (left, *running):
            each.cancel()


async def _encoded(lines: AsyncGenerator[BaseModel]) -> AsyncGenerator[bytes]:
    async for line in lines:
        yield line.model_dump_json(exclude_none=True).encode() + b"\n"
