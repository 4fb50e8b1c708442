"""Peak memory of a piece of work, in a process of its own so that none hides another."""

import multiprocessing
import resource
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from cyclegan.errors import UsageError

Result = TypeVar("Result")

MIB = 2**20
_PROCESS = Path("/proc/self")


def in_new_process(function: Callable[..., Result], *arguments: Any) -> Result:  # noqa: ANN401
    """Call a function of a module with arguments that can be pickled, and wait.

    Raises:
        UsageError: The process was killed, as a rule because memory was short.
    """
    spawn = multiprocessing.get_context("spawn")  # a fork would begin with our memory
    with ProcessPoolExecutor(1, mp_context=spawn) as pool:
        try:
            return pool.submit(function, *arguments).result()
        except BrokenProcessPool:
            raise UsageError(
                "a measuring process was killed, probably for its memory; "
                "give a smaller --size or --batch, or --no-memory"
            ) from None


def peak_growth(work: Callable[[], object]) -> float:
    """Do it and return by how many MiB the process grew at its peak.

    To be called in a new process: what is freed but not given back would not count.
    """
    with suppress(OSError):
        (_PROCESS / "clear_refs").write_text("5")  # the peak begins anew
    before = _resident()
    work()
    return max(0.0, (_peak() - before) / MIB)


def _resident() -> int:
    return _status("VmRSS") if _PROCESS.exists() else _largest()


def _peak() -> int:
    # Not ru_maxrss: on Linux a child begins with that of the process which started it.
    return _status("VmHWM") if _PROCESS.exists() else _largest()


def _largest() -> int:
    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return largest if sys.platform == "darwin" else 1024 * largest


def _status(field: str) -> int:
    lines = (_PROCESS / "status").read_text().splitlines()
    [line] = [line for line in lines if line.startswith(f"{field}:")]
    return 1024 * int(line.split()[1])
