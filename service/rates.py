"""How often a caller may ask, whether there is room or not."""

import math
from time import time

from limits import parse_many
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from service.errors import RateLimited

_CALLERS = 1000  # that are forgotten together, at least


class Rates:
    """Counts the pictures of each caller in windows that move with the clock, in memory."""

    def __init__(self, limits: str) -> None:
        """Begin to count.

        Args:
            limits: One or several, all of which hold, in the notation of the library `limits`:
                "60/minute", "2/second; 1000/day".

        Raises:
            ValueError: This is no such notation, or a limit lets nobody in.
        """
        try:
            self._limits = parse_many(limits)
        except ValueError:
            raise ValueError("expected something like 60/minute or 2/second; 1000/day") from None
        if not all(limit.amount for limit in self._limits):
            raise ValueError("0 would let nothing in")
        self._storage = MemoryStorage()
        self._windows = MovingWindowRateLimiter(self._storage)
        self._sweep_at = _CALLERS

    def check(self, caller: str) -> None:
        """Say whether `caller` may have another picture; counts nothing.

        Raises:
            RateLimited: Not before the oldest one in some window has moved out of it.
        """
        for limit in self._limits:
            if not self._windows.test(limit, caller):
                room = self._windows.get_window_stats(limit, caller).reset_time
                raise RateLimited(str(limit), max(1, math.ceil(room - time())))

    def spend(self, caller: str) -> None:
        """Count a picture.

        Raises:
            RateLimited: As `check` does; nothing is counted then.
        """
        self.check(caller)
        for limit in self._limits:
            self._windows.hit(limit, caller)
        self._forget_who_stays_away()

    def _forget_who_stays_away(self) -> None:
        # The library empties their windows, but keeps the empty ones for ever.
        windows = self._storage.events
        if len(windows) >= self._sweep_at:
            for key in [key for key, window in windows.items() if not window]:
                self._storage.clear(key)
            self._sweep_at = len(windows) + _CALLERS
