"""Who takes a core, or the interpreter, from whom."""

import contextlib
import gc
import os
import sys
from collections.abc import Generator

_SWITCH_SECONDS = 0.0005  # Python's own choice is ten times as long


def hand_over_early() -> None:
    """Let a thread that waits for the interpreter have it soon.

    The thread that runs the models is in the interpreter only between two runs; for as long as it
    waits for it there, all cores of the models rest.
    """
    sys.setswitchinterval(_SWITCH_SECONDS)


def collect_only_what_comes() -> None:
    """Let the collector of garbage never again look through what is there now.

    It holds the interpreter while it does: 40 to 66 ms about once a minute of a flooded service, in
    which a health check waited, since all modules and models are looked through (docs/log.md).
    """
    gc.collect()
    gc.freeze()


def keep_slices_whole() -> None:
    """Let this thread, and those that it starts, take no core by merely waking up (Linux).

    A request wakes decoders, encoders and threads of the models about ten times. Each time one of
    the threads of a model that works at another picture had to wait, and its siblings with it: 1 to
    3 % of the pictures a second of a saturated service. The event loop stays as it is, or health
    checks would wait for a slice (docs/log.md).
    """
    _ask_for("SCHED_BATCH")


@contextlib.contextmanager
def slices_kept_whole() -> Generator[None]:
    """Start threads for which `keep_slices_whole` holds, from one for which it does not."""
    keep_slices_whole()
    try:
        yield
    finally:
        _ask_for("SCHED_OTHER")


def _ask_for(policy: str) -> None:
    if hasattr(os, policy):
        with contextlib.suppress(OSError):  # a sandbox may forbid it; then it is only slower
            os.sched_setscheduler(0, getattr(os, policy), os.sched_param(0))
