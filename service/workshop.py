"""Where pictures are translated: places to work at, threads for the codecs, one for the models.

A picture is decoded while another is in the model and a third is encoded. What nobody waits for any
more is dropped before its next phase; a phase that has begun is finished, and holds its place.
"""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor, Future

from starlette.requests import ClientDisconnect

from service.admission import Admission
from service.batching import Inference
from service.errors import DeadlineExceeded
from service.full_size import seen_by_model
from service.images import Pixels
from service.passage import Passage, Phases
from service.pipeline import Order, Read, Result, Stopwatch, written
from service.translator import Translator

Reader = Callable[[bytes, Order], "Future[Read]"]
"""Begins to decode a picture, in another thread or process."""


class Workshop:
    """The way of one picture over HTTP; for one event loop."""

    def __init__(
        self,
        admission: Admission,
        reader: Reader,
        inference: Inference,
        writers: Executor,
        deadline_seconds: float,
    ) -> None:
        """Put the places and the threads together.

        Args:
            admission: Gives places; the workshop does not close it.
            reader: Decodes.
            inference: Runs the models.
            writers: Threads to encode in.
            deadline_seconds: From asking for a place to the result.
        """
        self.admission = admission
        self._reader = reader
        self._inference = inference
        self._writers = writers
        self._deadline_seconds = deadline_seconds

    async def translate(
        self,
        data: bytes,
        translator: Translator,
        order: Order,
        caller: str,
        departure: Awaitable[None],
    ) -> Result:
        """Translate a picture file as soon as it is its caller's turn.

        Args:
            data: Of the file.
            translator: The model.
            order: How to read and to answer.
            caller: Who asks; callers take turns.
            departure: Done when nobody waits for the result any more.

        Raises:
            ClientError: The picture cannot be read, or not be written as it was ordered.
            QueueFull: There is no room to wait.
            RateLimited: The caller comes too often.
            DeadlineExceeded: It took too long.
            ClientDisconnect: `departure` came first.
            ModelError: The model failed.
        """
        work = asyncio.create_task(self._work(data, translator, order, caller))
        left = asyncio.ensure_future(departure)
        try:
            await asyncio.wait(
                {work, left}, timeout=self._deadline_seconds, return_when=asyncio.FIRST_COMPLETED
            )
            if work.done():
                return work.result()
        finally:
            left.cancel()
            # Answered at once; the work ends with its phase, and only then gives its place back.
            work.cancel()
            work.add_done_callback(_look_at_the_error)
        if left.done() and not left.cancelled():
            raise ClientDisconnect
        raise DeadlineExceeded(self._deadline_seconds)

    async def _work(self, data: bytes, translator: Translator, order: Order, caller: str) -> Result:
        watch = Stopwatch()
        async with self.admission.place(caller):
            watch.lap("queue")
            return await _ended(Passage(self._phases(data, translator, order, watch)))

    def _phases(
        self, data: bytes, translator: Translator, order: Order, watch: Stopwatch
    ) -> Phases:
        given: Read = yield self._reader(data, order)
        watch.lap("decode")
        seen = seen_by_model(given.picture.pixels, order.model_edge)
        translated: Pixels = yield self._inference.submit(translator, seen)
        watch.lap("infer")
        encoded: bytes = yield self._writers.submit(written, given.picture, seen, translated, order)
        watch.lap("encode")
        return Result(encoded, given.picture.size, given.size, watch.timings)


async def _ended(passage: Passage) -> Result:
    """Wait for the end; when cancelled, leave only with it: its place is not free before."""
    waiter = asyncio.wrap_future(passage.end)
    try:
        return await asyncio.shield(waiter)
    except asyncio.CancelledError:
        passage.drop()
        await asyncio.wait({waiter})
        _look_at_the_error(waiter)
        raise


def _look_at_the_error(future: "asyncio.Future[Result]") -> None:
    # Else Python would complain that nobody did.
    if not future.cancelled():
        future.exception()
