"""The pictures that a model is measured by: those it was trained on, and held-out ones."""

from dataclasses import dataclass
from pathlib import Path

from cyclegan.errors import DataError
from cyclegan.pixels import Pictures
from training.folders import find_folders
from training.pictures import picture_files, read_squares
from training.samples import evenly

LEAST = 2
"""Pictures in a folder: spreads and distances need more than one."""


@dataclass(frozen=True)
class Domain:
    """One of the two domains."""

    name: str
    train: Pictures
    """Seen by the training, for what a measure needs to know of the domain."""
    test: Pictures
    """Held out: these are translated, and compared with."""


@dataclass(frozen=True)
class PictureSets:
    """Both domains, squares of one size."""

    a: Domain
    b: Domain

    @classmethod
    def read(cls, data: Path, names: tuple[str, str], side: int, most: int | None) -> "PictureSets":
        """Read the folder of a data set.

        Args:
            data: With trainA, trainB, testA and testB.
            names: Of domain A and B.
            side: To which pictures are resized, squashed, as in training.
            most: Pictures of each folder, spread over it; all if not given.

        Raises:
            DataError: A folder is missing or has too few pictures, or one cannot be read.
        """
        folders = find_folders(data)
        if folders.test_a is None or folders.test_b is None:
            raise DataError(
                f"{data} has no testA and testB; a model is measured by pictures that its training "
                "has not seen: move some of each domain there, and train without them"
            )
        a, b = names
        return cls(
            Domain(a, _read(folders.train_a, side, most), _read(folders.test_a, side, most)),
            Domain(b, _read(folders.train_b, side, most), _read(folders.test_b, side, most)),
        )


def _read(folder: Path, side: int, most: int | None) -> Pictures:
    files = picture_files(folder)
    files = evenly(files, most or len(files))
    if len(files) < LEAST:
        raise DataError(
            f"{folder} has {len(files)} picture; expected {LEAST} at least, better 100 and more"
        )
    return read_squares(files, side)
