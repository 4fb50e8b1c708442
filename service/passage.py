"""The way of one picture through the threads, without the event loop."""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import replace
from typing import TypeVar

from service.batching import Inference, Pixels
from service.images import encode
from service.pipeline import Order, Read, Result, Stopwatch
from service.translator import Translator

Given = TypeVar("Given")

Reader = Callable[[bytes, Order], "Future[Read]"]
"""Begins to decode a picture, in another thread or process."""


class Passage:
    """Decodes, translates and encodes; the end of a phase begins the next.

    The event loop hears of the last end alone: woken for each, it would three times take a core
    from the model that works at another picture (docs/log.md).
    """

    def __init__(
        self, reader: Reader, inference: Inference, writers: Executor, watch: Stopwatch
    ) -> None:
        """Get ready.

        Args:
            reader: Decodes.
            inference: Runs the models.
            writers: Threads to encode in.
            watch: Notes the phases.
        """
        self.end: Future[Result] = Future()
        """The result or why there is none; cancelled when the picture was dropped."""
        self._reader = reader
        self._inference = inference
        self._writers = writers
        self._watch = watch
        self._dropped = False
        self._cancel: Callable[[], object]  # the phase, if it has not begun

    def begin(self, data: bytes, translator: Translator, order: Order) -> None:
        """Start the first phase; to be called once."""

        def infer(given: Read) -> None:
            self._watch.lap("decode")
            pixels = self._inference.submit(translator, given.picture.pixels)
            self._go_on(pixels, lambda pixels: encode_them(given, pixels))

        def encode_them(given: Read, pixels: Pixels) -> None:
            self._watch.lap("infer")
            picture = replace(given.picture, pixels=pixels)
            encoded = self._writers.submit(encode, picture, order.format, order.quality)
            self._go_on(encoded, lambda encoded: finish(given, encoded))

        def finish(given: Read, encoded: bytes) -> None:
            self._watch.lap("encode")
            size, timings = given.picture.size, self._watch.timings
            self.end.set_result(Result(encoded, size, given.size, timings))

        self._go_on(self._reader(data, order), infer)

    def drop(self) -> None:
        """Begin no other phase; one that has begun is finished before `end` is cancelled."""
        self._dropped = True
        self._cancel()

    def _go_on(self, phase: "Future[Given]", following: Callable[[Given], None]) -> None:
        def go_on(_: "Future[Given]") -> None:
            if self._dropped:
                self.end.cancel()
                return
            try:
                following(phase.result())
            except Exception as error:  # as an executor does: whoever waits must hear of it
                self.end.set_exception(error)

        self._cancel = phase.cancel
        phase.add_done_callback(go_on)
