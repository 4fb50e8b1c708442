"""Decoding in processes of their own, so that the worst of pictures costs nobody but its sender.

Each process has its own pipe, and so no share in anything that a death could leave locked or half
written; that is why this is not one of the pools that exist, whose workers share their pipes.
"""

import json
import multiprocessing
from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from queue import LifoQueue
from threading import Timer
from time import monotonic

import numpy as np

from service.decode_worker import serve
from service.errors import (
    BadRequest,
    ClientError,
    TooManyPixels,
    UndecodableImage,
    UnsupportedImageType,
)
from service.images import Picture
from service.pipeline import Order, Read

_TRIES = 2
_SECONDS_TO_START = 30.0
_SECONDS_TO_END = 1.0
_ERRORS = {
    kind.code: kind for kind in (BadRequest, UnsupportedImageType, TooManyPixels, UndecodableImage)
}


class IsolatedReader:
    """Reads pictures as `service.pipeline.read` does, under limits of time and memory."""

    def __init__(self, processes: int, seconds: float, megabytes: int) -> None:
        """Start the processes and wait until they are ready.

        Args:
            processes: Pictures that are decoded at one time.
            seconds: That a picture may take.
            megabytes: That it may take beside what a process needs anyway; on Linux only.
        """
        # They wait for the processes, one each.
        self._threads = ThreadPoolExecutor(processes, thread_name_prefix="decode")
        self._seconds = seconds
        self._megabytes = megabytes
        self._free: LifoQueue[_Process] = LifoQueue()
        for _ in range(processes):
            self._free.put(_Process(megabytes))

    def submit(self, data: bytes, order: Order) -> "Future[Read]":
        """Begin to read a picture.

        The future has a `ClientError` if it cannot be read, takes too much time or memory, or has
        been the death of two processes.
        """
        return self._threads.submit(self._read, data, order)

    def close(self) -> None:
        """Finish what was submitted, then end the processes."""
        self._threads.shutdown()
        while not self._free.empty():
            self._free.get().end()

    def _read(self, data: bytes, order: Order) -> Read:
        process = self._free.get()
        try:
            for _ in range(_TRIES):
                if not process.is_alive():
                    process.end()
                    process = _Process(self._megabytes)
                with suppress(_Died):
                    return process.read(data, order, self._seconds)
        finally:
            self._free.put(process)
        raise UndecodableImage(f"the decoder crashed {_TRIES} times over this picture")


class _Died(Exception):
    """The process ended, or answers nonsense, and has to be replaced."""


class _Process:
    def __init__(self, megabytes: int) -> None:
        # A fork of a small process that has everything imported: milliseconds. A fork of this one
        # would take its threads' locks along, in whatever state they are.
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["service.decode_worker"])
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=serve, args=(theirs, megabytes), name="decode", daemon=True
        )
        with theirs:  # or their death would not be the end of our pipe
            self._process.start()
        with self._killed_after(_SECONDS_TO_START):
            self._pipe.recv_bytes()

    def is_alive(self) -> bool:
        return self._process.is_alive()

    def read(self, data: bytes, order: Order, seconds: float) -> Read:
        begin = monotonic()
        try:
            with self._killed_after(seconds):
                question = {"max_pixels": order.max_pixels, "max_edge": order.max_edge}
                self._pipe.send_bytes(json.dumps(question).encode())
                self._pipe.send_bytes(data)
                return self._answer(order.max_pixels)
        except ClientError:
            raise
        # Should a picture have taken it over, it sends what it likes.
        except (EOFError, OSError, ValueError, LookupError, TypeError) as error:
            self.end()
            if monotonic() - begin >= seconds:
                raise UndecodableImage(
                    f"the picture was not decoded after {seconds:g} seconds"
                ) from None
            raise _Died from error

    def end(self) -> None:
        self._pipe.close()  # for a process that waits this is the end
        self._process.join(_SECONDS_TO_END)
        self._process.kill()
        self._process.join()

    def _answer(self, max_pixels: int) -> Read:
        head = json.loads(self._pipe.recv_bytes(2**16))
        if "error" in head:
            raise _ERRORS[head["error"]](head["detail"])
        width, height = head["picture"]
        if width * height > max_pixels:
            raise ValueError("more pixels than it was asked for")
        pixels = self._pipe.recv_bytes(width * height * 3)
        alpha = self._pipe.recv_bytes(width * height) if head["alpha"] else None
        picture = Picture(
            np.frombuffer(pixels, np.uint8).reshape(height, width, 3),
            None if alpha is None else np.frombuffer(alpha, np.uint8).reshape(height, width),
        )
        file_width, file_height = head["file"]
        return Read(picture, (file_width, file_height))

    @contextmanager
    def _killed_after(self, seconds: float) -> Generator[None]:
        # From outside, and whatever it is doing: decoding, or dawdling over its answer.
        alarm = Timer(seconds, self._process.kill)
        alarm.start()
        try:
            yield
        finally:
            alarm.cancel()
