"""The memory that request bodies take, all together."""

from service.errors import MemoryFull


class BodyMemory:
    """Counts the bytes of bodies from their arrival to the end of their requests.

    A place is only taken for a whole body, so without this bound many large ones that arrive at the
    same time would fill the memory before any of them is refused.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.held_bytes = 0

    def hold(self, size: int) -> None:
        """Count `size` bytes that have come.

        Raises:
            MemoryFull: They would be too many; nothing is counted then.
        """
        if self.held_bytes + size > self.max_bytes:
            raise MemoryFull(self.max_bytes)
        self.held_bytes += size

    def release(self, size: int) -> None:
        """Count `size` bytes less, since their request has ended."""
        self.held_bytes -= size
