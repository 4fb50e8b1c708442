"""The pictures that a model is measured by: those it was trained on, and held-out ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cyclegan.errors import DataError, UsageError
from cyclegan.pixels import Pictures
from training.counterparts import find_counterparts
from training.folders import find_folders
from training.pictures import picture_files, squares, together
from training.progress import tracked
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
    has_labels: bool = False
    """Its pictures are label maps."""


@dataclass(frozen=True)
class PictureSets:
    """Both domains, squares of one size."""

    a: Domain
    b: Domain
    has_counterparts: bool = False
    """Test pictures at the same place show the same scene."""

    @classmethod
    def read(
        cls,
        data: Path,
        names: tuple[str, str],
        side: int,
        most: int | None,
        counterparts: bool = False,
        labels: str | None = None,
    ) -> "PictureSets":
        """Read the folder of a data set.

        Args:
            data: With trainA, trainB, testA and testB.
            names: Of domain A and B.
            side: To which pictures are resized, squashed, as in training.
            most: Pictures of each folder, spread over it; all if not given.
            counterparts: Take those test pictures alone whose name is in both folders.
            labels: Name of the domain whose pictures are label maps.

        Raises:
            DataError: A folder is missing or has too few pictures, or one cannot be read.
            UsageError: No domain is called as `labels`.
        """
        if labels not in (None, *names):
            raise UsageError(f"--labels is {labels}; the domains are {names[0]} and {names[1]}")
        folders = find_folders(data)
        if folders.test_a is None or folders.test_b is None:
            raise DataError(
                f"{data} has no testA and testB; a model is measured by pictures that its training "
                "has not seen: move some of each domain there, and train without them"
            )
        if counterparts:
            test_a, test_b = zip(*find_counterparts(folders), strict=True)
        else:
            test_a, test_b = _files(folders.test_a), _files(folders.test_b)

        def domain(name: str, train: Path, test: Sequence[Path]) -> Domain:
            chosen = [evenly(files, most or len(files)) for files in (_files(train), test)]
            seen, held_out = (_read(files, side, f"reading {name}") for files in chosen)
            return Domain(name, seen, held_out, name == labels)

        a, b = names
        return cls(
            domain(a, folders.train_a, test_a), domain(b, folders.train_b, test_b), counterparts
        )


def _read(files: Sequence[Path], side: int, label: str) -> Pictures:
    return together(tracked(squares(files, side), label, len(files)))


def _files(folder: Path) -> Sequence[Path]:
    files = picture_files(folder)
    if len(files) < LEAST:
        raise DataError(
            f"{folder} has {len(files)} picture; expected {LEAST} at least, better 100 and more"
        )
    return files
