"""How long the scheduler lets a thread compute before another of this process takes its core."""

import contextlib
import os


def keep_slices_whole() -> None:
    """Let no thread take a core from another just because it has been woken (Linux).

    A request wakes the event loop and the codecs about ten times, and each time one of the threads
    of the model that works at another picture had to wait, and its siblings with it: 3 to 4 % of
    the pictures a second of a saturated service (docs/log.md). Threads and processes that are
    started after this inherit it.
    """
    if hasattr(os, "SCHED_BATCH"):
        with contextlib.suppress(OSError):  # a sandbox may forbid it; then it is only slower
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
