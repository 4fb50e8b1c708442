"""What is wrong with a data set, in sentences that say what to do about it."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict

from cyclegan.printable import printable
from training.duplicates import Pair
from training.survey import PictureFacts, Unreadable

_FEW = 100  # the published data sets begin at 400 a domain
_UNBALANCED = 4
LEAST_CROP = 16
"""Pixels that the discriminators of `--preset tiny` need, which need the fewest."""
_FAR_FROM_SQUARE = 1.5  # 3:2, what most cameras take, is 1.5


Shown = Annotated[str, AfterValidator(printable)]
"""Names files, whose names may hold anything."""


class Issue(BaseModel):
    """One thing to mend or to know."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    kind: str
    """The same word for the same kind of trouble."""
    fatal: bool
    """Training would fail."""
    sentence: Shown
    """What was found, and what to do."""
    files: list[Shown] = []
    """The files that are meant, pairs in one line."""


@dataclass(frozen=True)
class Part:
    """One folder of the data set, looked through."""

    name: str
    """trainA, trainB, testA or testB."""
    folder: Path
    pictures: list[PictureFacts] = field(default_factory=list[PictureFacts])
    unreadable: list[Unreadable] = field(default_factory=list[Unreadable])
    others: list[Path] = field(default_factory=list[Path])
    """Files that are not named like pictures."""
    missing: str | None = None
    """Why the folder cannot be searched or holds no picture."""


def find_issues(
    parts: Sequence[Part], pairs: Sequence[Pair], crop: int, load_size: int
) -> list[Issue]:
    """Judge a data set, what would stop training first.

    Args:
        parts: The folders, those for training and those for testing.
        pairs: Duplicates among their pictures.
        crop: Side of the training crops, in pixels.
        load_size: Side to which training resizes pictures, in pixels.
    """
    training = [part for part in parts if part.name.startswith("train") and part.pictures]
    issues = [
        *_unusable(parts),
        *(issue for part in parts for issue in _passed_over(part)),
        *(issue for part in training for issue in _few(part)),
        *_unbalanced(training),
        *(issue for part in training for issue in _small(part, crop, load_size)),
        *(issue for part in training for issue in _stretched(part)),
        *(issue for part in training for issue in _grey(part)),
        *_repeated(pairs),
    ]
    return sorted(issues, key=lambda issue: not issue.fatal)


def _unusable(parts: Sequence[Part]) -> Iterator[Issue]:
    for part in parts:
        if part.missing:
            yield Issue(kind="no-pictures", fatal=True, sentence=part.missing)
        if part.unreadable:
            sentence = (
                f"{part.name}: {_files(len(part.unreadable))} cannot be read, so training stops "
                "there; delete or replace what is named here"
            )
            reasons = [unreadable.reason for unreadable in part.unreadable]
            yield Issue(kind="unreadable", fatal=True, sentence=sentence, files=reasons)


def _passed_over(part: Part) -> Iterator[Issue]:
    if part.others and part.pictures:
        endings = Counter(file.suffix.lower() or "no ending" for file in part.others)
        listed = ", ".join(f"{ending} {count:,}" for ending, count in endings.most_common())
        yield Issue(
            kind="passed-over",
            fatal=False,
            sentence=f"{part.name}: {_files(len(part.others))} passed over by name "
            f"({listed}); save what is a picture as JPEG or PNG",
            files=[str(file) for file in part.others],
        )


def _few(part: Part) -> Iterator[Issue]:
    if len(part.pictures) < _FEW:
        yield Issue(
            kind="few",
            fatal=False,
            sentence=f"{part.name} holds {_pictures(len(part.pictures))}; expect poor results "
            f"below {_FEW}, and collect some hundreds if you can",
        )


def _unbalanced(training: Sequence[Part]) -> Iterator[Issue]:
    if len(training) < 2:
        return
    small, large = sorted(training, key=lambda part: len(part.pictures))
    ratio = len(large.pictures) / len(small.pictures)
    if ratio >= _UNBALANCED:
        yield Issue(
            kind="unbalanced",
            fatal=False,
            sentence=f"{large.name} holds {ratio:.1f} times as many pictures as {small.name}, so "
            f"each of {small.name} is shown that much more often; add pictures to {small.name}",
        )


def _small(part: Part, crop: int, load_size: int) -> Iterator[Issue]:
    small = [p for p in part.pictures if min(p.width, p.height) < crop]
    if small:
        fitting = min(min(p.width, p.height) for p in small) // 4 * 4
        ways_out = "delete them or take larger ones"
        if fitting >= LEAST_CROP:
            ways_out += f", or train with --crop {fitting} --load-size "
            ways_out += f"{round(fitting * load_size / crop)}"
        yield Issue(
            kind="smaller-than-crop",
            fatal=False,
            sentence=f"{part.name}: {_pictures(len(small))} smaller than the crop of {crop} pixels "
            f"would be enlarged to {load_size} × {load_size} and look blurred; {ways_out}",
            files=[f"{p.file} ({p.width} × {p.height})" for p in small],
        )


def _stretched(part: Part) -> Iterator[Issue]:
    far = [p for p in part.pictures if max(p.aspect, 1 / p.aspect) > _FAR_FROM_SQUARE]
    if far:
        yield Issue(
            kind="far-from-square",
            fatal=False,
            sentence=f"{part.name}: {_pictures(len(far))} more than {_FAR_FROM_SQUARE} times as "
            "long as wide would be squashed to a square; cut out the part that matters",
            files=[f"{p.file} ({p.width} × {p.height})" for p in far],
        )


def _grey(part: Part) -> Iterator[Issue]:
    grey = [p for p in part.pictures if p.grey]
    # Where most are grey, grey is what the domain looks like.
    if grey and 2 * len(grey) < len(part.pictures):
        yield Issue(
            kind="grey",
            fatal=False,
            sentence=f"{part.name}: {_pictures(len(grey))} without colour among coloured ones; "
            "delete them, unless such pictures are what you want to be made",
            files=[str(p.file) for p in grey],
        )


def _repeated(pairs: Sequence[Pair]) -> Iterator[Issue]:
    for kind, belongs, where, advice in _REPETITIONS:
        for exact, how in ((True, "the same file"), (False, "nearly the same picture")):
            found = [pair for pair in pairs if pair.exact == exact and belongs(pair)]
            if found:
                count = len({pair.second.file for pair in found})
                yield Issue(
                    kind=f"{'exact' if exact else 'near'}-{kind}",
                    fatal=False,
                    sentence=f"{_pictures(count)} {where} ({how}); {advice}",
                    files=[f"{pair.first.file} = {pair.second.file}" for pair in found],
                )


def _in_both_domains(pair: Pair) -> bool:
    return pair.first.part[-1] != pair.second.part[-1] and not _is_counterpart(pair)


def _is_counterpart(pair: Pair) -> bool:
    """Tell whether a test set means this pair: the same scene in both domains, to measure by."""
    parts = {pair.first.part, pair.second.part}
    same_name = pair.first.file.stem == pair.second.file.stem
    return parts == {"testA", "testB"} and same_name and not pair.exact


def _in_training_and_test(pair: Pair) -> bool:
    return pair.first.part[-1] == pair.second.part[-1] and pair.first.part != pair.second.part


def _in_one_folder(pair: Pair) -> bool:
    return pair.first.part == pair.second.part


_REPETITIONS: tuple[tuple[str, Callable[[Pair], bool], str, str], ...] = (
    (
        "in-both-domains",
        _in_both_domains,
        "found in both domains",
        "delete each where it does not belong, since nothing can be learned from it",
    ),
    (
        "in-train-and-test",
        _in_training_and_test,
        "found both in training and in test",
        "delete them from training, since they make results look better than they are",
    ),
    (
        "in-one-folder",
        _in_one_folder,
        "found again in the same folder",
        "keep one of each, since it would count too often",
    ),
)


def _pictures(count: int) -> str:
    return f"{count:,} picture{'s' if count != 1 else ''}"


def _files(count: int) -> str:
    return f"{count:,} file{'s' if count != 1 else ''}"
