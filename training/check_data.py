"""Looking through a data set before training on it: its facts and its troubles."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from statistics import median

from pydantic import BaseModel, ConfigDict

from cyclegan.errors import DataError
from training.duplicates import Pair, find_pairs
from training.folders import DataFolders
from training.issues import Issue, Part, Shown, find_issues
from training.pictures import other_files, picture_files
from training.survey import PictureFacts, Unreadable, survey

Size = tuple[int, int]

Track = Callable[
    [Iterable[PictureFacts | Unreadable], str, int], Iterable[PictureFacts | Unreadable]
]
"""Shows how far reading has come: gets what is read, a label and how many there will be."""


class PartFacts(BaseModel):
    """One folder in numbers; sizes are (width, height) in pixels, of upright pictures."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    folder: Shown
    pictures: int
    """Those that can be read."""
    unreadable: int
    smallest: Size | None
    """Of the picture with the fewest pixels."""
    median: Size | None
    """Of widths and of heights."""
    largest: Size | None
    aspects: tuple[float, float] | None
    """The least and the greatest width divided by height."""
    formats: dict[str, int]
    grey: int
    exact_duplicates: int
    """Pictures that repeat another of this folder byte for byte."""
    near_duplicates: int


class DataReport(BaseModel):
    """What `cyclegan check-data` found."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    trainable: bool
    """Training would work."""
    parts: dict[str, PartFacts]
    """By name: trainA, trainB and, where there are any, testA and testB."""
    issues: list[Issue]


def check_data(folders: DataFolders, *, crop: int, load_size: int, track: Track) -> DataReport:
    """Read all pictures and judge them.

    Args:
        folders: The data set.
        crop: Side of the training crops, in pixels.
        load_size: Side to which training resizes pictures, in pixels.
        track: Shows the progress of each folder.
    """
    parts = [_look_through(name, folder, track) for name, folder in _named(folders)]
    pairs = find_pairs([picture for part in parts for picture in part.pictures])
    issues = find_issues(parts, pairs, crop, load_size)
    return DataReport(
        trainable=not any(issue.fatal for issue in issues),
        parts={part.name: _in_numbers(part, pairs) for part in parts},
        issues=issues,
    )


def _named(folders: DataFolders) -> list[tuple[str, Path]]:
    named = [
        ("trainA", folders.train_a),
        ("trainB", folders.train_b),
        ("testA", folders.test_a),
        ("testB", folders.test_b),
    ]
    return [(name, folder) for name, folder in named if folder is not None]


def _look_through(name: str, folder: Path, track: Track) -> Part:
    try:
        files = picture_files(folder)
    except DataError as error:
        return Part(name, folder, missing=str(error))
    part = Part(name, folder, others=other_files(folder))
    for facts in track(survey(name, files), name, len(files)):
        match facts:
            case PictureFacts():
                part.pictures.append(facts)
            case Unreadable():
                part.unreadable.append(facts)
    return part


def _in_numbers(part: Part, pairs: Sequence[Pair]) -> PartFacts:
    pictures = part.pictures
    sizes = sorted(((p.width, p.height) for p in pictures), key=lambda size: size[0] * size[1])
    aspects = [p.aspect for p in pictures]
    return PartFacts(
        folder=str(part.folder),
        pictures=len(pictures),
        unreadable=len(part.unreadable),
        smallest=sizes[0] if sizes else None,
        median=_median(sizes) if sizes else None,
        largest=sizes[-1] if sizes else None,
        aspects=(min(aspects), max(aspects)) if aspects else None,
        formats=dict(Counter(p.format for p in pictures).most_common()),
        grey=sum(p.grey for p in pictures),
        exact_duplicates=_repeats(part.name, pairs, exact=True),
        near_duplicates=_repeats(part.name, pairs, exact=False),
    )


def _median(sizes: Sequence[Size]) -> Size:
    widths, heights = zip(*sizes, strict=True)
    return round(median(widths)), round(median(heights))


def _repeats(name: str, pairs: Sequence[Pair], *, exact: bool) -> int:
    within = (p for p in pairs if p.exact == exact and p.first.part == p.second.part == name)
    return len({pair.second.file for pair in within})
