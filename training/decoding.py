"""The pictures of a domain, decoded once: into memory, or into a file where they are too many."""

import math
import os
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryFile

import numpy as np
from jaxtyping import UInt8

from cyclegan.errors import UsageError
from training.pictures import squares
from training.progress import tracked

Pictures = UInt8[np.ndarray, "_ side side 3"]
"""Of one domain, resized to squares; nobody changes them."""


def decoded(
    files: Sequence[Path], side: int, *, memory_bytes: int, folder: Path, label: str | None
) -> Pictures:
    """Decode pictures, with a bar on a terminal, so that a bad file is met before training.

    Args:
        files: Of one domain.
        side: To which they are resized, in pixels.
        memory_bytes: Beyond it the result is mapped from a file; a batch then costs what the disk
            takes for what the system has not kept in memory.
        folder: Where that file lies; it has no name and vanishes with the process.
        label: Beside the bar; without one there is none.

    Raises:
        DataError: A file cannot be read.
        UsageError: They fit neither into memory nor into `folder`.
    """
    shape = len(files), side, side, 3
    fits = math.prod(shape) <= memory_bytes
    pictures = np.empty(shape, np.uint8) if fits else _in_a_file(shape, folder)
    read = squares(files, side)
    for place, picture in enumerate(tracked(read, label, len(files)) if label else read):
        pictures[place] = picture
    return pictures


def _in_a_file(shape: tuple[int, ...], folder: Path) -> Pictures:
    size = math.prod(shape)
    try:
        folder.mkdir(parents=True, exist_ok=True)  # the first rank has made its own
        with TemporaryFile(dir=folder) as file:
            _take(file.fileno(), size)
            return np.memmap(file, np.uint8, "r+", shape=shape)
    except OSError as error:
        raise UsageError(
            f"{shape[0]} pictures of {shape[1]} pixels are {size / 2**30:.3g} GiB, more than "
            f"--cache-mib lets into memory, and {folder} has no room for them ({error.strerror}); "
            "make room there, or give more --cache-mib or a smaller --load-size"
        ) from None


def _take(descriptor: int, size: int) -> None:
    """Let a file have its size."""
    # Where the system can, its room too: a mapped file that finds the disk full ends the process.
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, 0, size)
    else:
        os.truncate(descriptor, size)
