"""What there is to know about each picture of a folder before training on it."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.pool import ThreadPool
from pathlib import Path

import imagehash
import numpy as np
from jaxtyping import UInt8, UInt64
from PIL import Image

from cyclegan.cores import available_cores
from cyclegan.errors import DataError
from training.pictures import picture_format, read_picture

# 16 × 16 bits, since 64 cannot tell two mountains under a clear sky from one another.
_HASH_SIDE = 16

_GREY_SIDE = 32
_GREY_DIFFERENCE = 12  # of 255; JPEG tints grey by some levels


@dataclass(frozen=True)
class PictureFacts:
    """One picture, as it is after being turned upright."""

    part: str
    """Which folder of the data set: trainA, trainB, testA or testB."""
    file: Path
    width: int
    """In pixels, as the height."""
    height: int
    format: str
    """As Pillow calls it; told from the content, not from the suffix."""
    grey: bool
    """No pixel has a colour worth mentioning."""
    digest: bytes
    """SHA-256 of the file."""
    likeness: UInt64[np.ndarray, "4"]
    """Perceptual hash of 256 bits: similar pictures differ in few of them."""

    @property
    def aspect(self) -> float:
        """Width divided by height."""
        return self.width / self.height


@dataclass(frozen=True)
class Unreadable:
    """A file that is named like a picture and cannot be read as one."""

    part: str
    """Which folder of the data set: trainA, trainB, testA or testB."""
    file: Path
    reason: str
    """One line that names the file and says what to do."""


def survey(part: str, files: Sequence[Path]) -> Iterator[PictureFacts | Unreadable]:
    """Read all files, on all cores, and give what was found in their order."""
    # Threads are enough: decoding and hashing release the interpreter's lock.
    with ThreadPool(available_cores()) as pool:
        yield from pool.imap(lambda file: look_at(part, file), files)


def look_at(part: str, file: Path) -> PictureFacts | Unreadable:
    """Read one file."""
    try:
        pixels = read_picture(file)
        return PictureFacts(
            part=part,
            file=file,
            width=pixels.shape[1],
            height=pixels.shape[0],
            format=picture_format(file),
            grey=_is_grey(pixels),
            digest=hashlib.sha256(file.read_bytes()).digest(),
            likeness=_likeness(pixels),
        )
    except DataError as error:
        return Unreadable(part, file, str(error))


def _is_grey(pixels: UInt8[np.ndarray, "h w 3"]) -> bool:
    small = Image.fromarray(pixels).resize((_GREY_SIDE, _GREY_SIDE), Image.Resampling.BOX)
    return int(np.ptp(np.asarray(small), axis=2).max()) <= _GREY_DIFFERENCE


def _likeness(pixels: UInt8[np.ndarray, "h w 3"]) -> UInt64[np.ndarray, "4"]:
    bits = imagehash.phash(Image.fromarray(pixels), _HASH_SIDE).hash
    return np.packbits(bits).view(np.uint64)
