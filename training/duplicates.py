"""Pictures that are there more than once, byte for byte or nearly."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, UInt64

from training.survey import PictureFacts

# Of 256 bits. In summer2winter_yosemite and monet2photo, every pair up to 44 shows the same motif
# from the same place (re-encoded, recoloured, framed, painted again), and from 60 on also pairs of
# different ones; unrelated pictures differ in 128 bits on average.
NEAR_BITS = 48

_BLOCK = 256  # rows compared at once with all pictures: 100 MB for 50,000


@dataclass(frozen=True)
class Pair:
    """Two pictures that are the same, or nearly."""

    first: PictureFacts
    second: PictureFacts
    exact: bool
    """The files are the same byte for byte."""


def find_pairs(pictures: Sequence[PictureFacts]) -> list[Pair]:
    """Pair each picture with the first that is like it in each part of the data set.

    Not with all: a thousand frames of one film would make half a million pairs.
    """
    return [*_exact(pictures), *_near(pictures)]


def _exact(pictures: Sequence[PictureFacts]) -> Iterator[Pair]:
    parts = sorted({picture.part for picture in pictures})
    firsts: dict[tuple[str, bytes], PictureFacts] = {}
    for picture in pictures:
        for part in parts:
            if first := firsts.get((part, picture.digest)):
                yield Pair(first, picture, exact=True)
        firsts.setdefault((picture.part, picture.digest), picture)


def _near(pictures: Sequence[PictureFacts]) -> Iterator[Pair]:
    parts = np.array([picture.part for picture in pictures])
    paired: set[tuple[str, int]] = set()
    for start, alike in _blocks(pictures):
        rows = parts[start : start + len(alike)]
        for part in sorted(set(rows.tolist())):
            among = alike & (rows == part)[:, None]
            for column in np.flatnonzero(among.any(axis=0)).tolist():
                first, second = start + int(among[:, column].argmax()), start + column
                if (part, second) in paired:
                    continue
                paired.add((part, second))
                if pictures[first].digest != pictures[second].digest:
                    yield Pair(pictures[first], pictures[second], exact=False)


def _blocks(
    pictures: Sequence[PictureFacts],
) -> Iterator[tuple[int, Bool[np.ndarray, "rows columns"]]]:
    """Compare some pictures at a time with those that follow.

    Gives the number of the first of them, which the first row and the first column stand for.
    """
    if not pictures:
        return
    hashes: UInt64[np.ndarray, "n 4"] = np.stack([picture.likeness for picture in pictures])
    for start in range(0, len(hashes), _BLOCK):
        rows, columns = hashes[start : start + _BLOCK], hashes[start:]
        bits = np.zeros((len(rows), len(columns)), np.uint16)
        for word in range(hashes.shape[1]):
            bits += np.bitwise_count(rows[:, word, None] ^ columns[None, :, word])
        yield start, np.triu(bits <= NEAR_BITS, 1)
