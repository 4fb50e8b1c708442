"""Memory that glibc keeps for threads."""

import ctypes

_M_ARENA_MAX = -8  # malloc.h
_ARENAS = 2


def keep_few_arenas() -> None:
    """Let all threads share two heaps; call it before there are threads.

    glibc gives each thread a heap of its own, none of which gives back what pictures of many sizes
    leave behind: memory would go on growing by a few MiB every thousand pictures. Elsewhere this
    does nothing.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, _ARENAS)
