"""The thread that runs the models, and the line in front of it."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from threading import Condition
from time import monotonic

import numpy as np

from cyclegan.errors import ModelError
from service.images import Pixels
from service.slices import keep_slices_whole
from service.translator import Translator


@dataclass(frozen=True, eq=False)
class _Job:
    translator: Translator
    pixels: Pixels
    future: "Future[Pixels]" = field(default_factory=Future)
    arrival: float = field(default_factory=monotonic)

    def goes_with(self, other: "_Job") -> bool:
        """Whether both fit into one batch: the same model, and the same size once padded."""
        mine, theirs = self.pixels.shape, other.pixels.shape
        return self.translator is other.translator and (
            self.translator.padded_size(*mine[:2]) == self.translator.padded_size(*theirs[:2])
        )


class Inference:
    """Runs one batch after another: each run has all threads of its engine for itself.

    A batch is made of the picture that came first and of those that go with it, in the order in
    which they came. The names of the two limits are those of Triton.
    """

    def __init__(
        self,
        max_batch_size: int = 1,
        max_queue_delay_microseconds: int = 0,
        on_batch: Callable[[int], None] = lambda size: None,
    ) -> None:
        """Begin.

        Args:
            max_batch_size: Pictures in a batch, at most.
            max_queue_delay_microseconds: How long the first picture waits for others to come.
            on_batch: Is told the size of each batch that has been run, in the thread that ran it.
        """
        self._max_batch_size = max_batch_size
        self._delay_seconds = max_queue_delay_microseconds / 1e6
        self._on_batch = on_batch
        self._waiting = deque[_Job]()
        self._changed = Condition()
        self._thread = ThreadPoolExecutor(1, "infer", keep_slices_whole)

    def submit(self, translator: Translator, pixels: Pixels) -> "Future[Pixels]":
        """Translate when it is this picture's turn; cancelled before, it is not."""
        job = _Job(translator, pixels)
        with self._changed:
            # As many turns as pictures; one whose picture went with an earlier one may find none.
            self._thread.submit(self._take_a_turn)
            self._waiting.append(job)
            self._changed.notify()
        return job.future

    def close(self) -> None:
        """Finish what was submitted."""
        self._thread.shutdown()

    def _take_a_turn(self) -> None:
        if batch := self._next_batch():
            _translate(batch)
            self._on_batch(len(batch))  # nobody waits for it

    def _next_batch(self) -> list[_Job]:
        with self._changed:
            if self._waiting:
                left = self._waiting[0].arrival + self._delay_seconds - monotonic()
                self._changed.wait_for(
                    lambda: len(self._alike()) >= self._max_batch_size, max(0.0, left)
                )
            batch = self._alike()
            for job in batch:
                self._waiting.remove(job)
        # From here on they cannot be cancelled any more.
        return [job for job in batch if job.future.set_running_or_notify_cancel()]

    def _alike(self) -> list[_Job]:
        while self._waiting and self._waiting[0].future.cancelled():
            self._waiting.popleft()
        alike = (
            job
            for job in self._waiting
            if not job.future.cancelled() and job.goes_with(self._waiting[0])
        )
        return list(islice(alike, self._max_batch_size))


def _translate(batch: list[_Job]) -> None:
    """Run a batch; should it fail, each picture alone, so that none fails for another."""
    translator = batch[0].translator
    try:
        results = translator.run(np.stack([translator.padded(job.pixels) for job in batch]))
    except ModelError as error:
        if batch[1:]:
            for job in batch:
                _translate([job])
        else:
            batch[0].future.set_exception(error)
    except Exception as error:  # as an executor does: whoever waits must hear of it
        for job in batch:
            job.future.set_exception(error)
    else:
        for job, result in zip(batch, results, strict=True):
            height, width, _ = job.pixels.shape
            job.future.set_result(result[:height, :width])
