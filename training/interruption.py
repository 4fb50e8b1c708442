"""Ctrl-C and SIGTERM end a run between two steps, so that what is saved is a whole state."""

import os
import signal
import time
from types import FrameType


class Interruption:
    """While entered, notes the first signal in `requested`; a later one ends the program."""

    SIGNALS = (signal.SIGINT, signal.SIGTERM)
    SAME_SECONDS = 1.0
    """Within this a second signal is the first: Ctrl-C reaches a rank from the terminal, and again
    from `torchrun`."""

    def __init__(self) -> None:
        self.requested = False

    def __enter__(self) -> "Interruption":
        self._former = {number: signal.getsignal(number) for number in self.SIGNALS}
        for number in self.SIGNALS:
            signal.signal(number, self._note)
        return self

    def __exit__(self, *_error: object) -> None:
        for number, handler in self._former.items():
            signal.signal(number, handler)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        if self.requested:
            if time.monotonic() - self._first > self.SAME_SECONDS:
                raise KeyboardInterrupt
            return
        self.requested, self._first = True, time.monotonic()
        # Not `print`: a signal may come in the middle of one.
        os.write(2, b"\nstopping after this step, and saving; once more ends at once\n")
