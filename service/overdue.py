"""The end of a process in which something goes on that cannot be broken off."""

import logging
import multiprocessing
import os
from threading import Timer

logger = logging.getLogger(__name__)

_SECONDS = 2.0  # to tell all clients, and to close


def alarm_after(grace_seconds: float) -> Timer:
    """Make an alarm that ends the process, with exit code 1, soon after its grace time.

    Threads that run a model or decode a picture cannot be stopped, and Python waits for them; who
    asked for the end would wait on, and in the end kill whatever there is. Start it when the grace
    time begins, and cancel it at a regular end.
    """
    alarm = Timer(grace_seconds + _SECONDS, _end_process)
    alarm.daemon = True
    return alarm


def _end_process() -> None:
    logger.error("ended though work goes on that cannot be broken off")
    for child in multiprocessing.active_children():
        child.kill()  # one that decodes would do so to the end
    os._exit(1)
