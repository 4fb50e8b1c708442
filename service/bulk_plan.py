"""Which pictures a bulk translates, and where the results go: names alone, nothing is read."""

from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import NamedTuple

from cyclegan.errors import UsageError
from service.formats import PictureFormat
from service.picture_names import READ, is_picture_name, result_name
from service.storage import Place, files_in


class BulkJob(NamedTuple):
    """One file to read and one to write."""

    origin: int
    """Which of the places that were given it lies in."""
    source: str
    target: str
    format: str
    """Of the target."""


def plan_bulk(inputs: Sequence[Place], out: Place, format: PictureFormat | None) -> list[BulkJob]:
    """Find the pictures and name their results.

    Args:
        inputs: Pictures, and folders that are searched to the bottom; hidden files are left out,
            and so is `out` where it lies in such a folder.
        out: Folder of the results; the subfolders of a searched folder are kept.
        format: Of the results; without it each keeps its picture's, and becomes a PNG where that
            cannot be written.

    Raises:
        UsageError: There is no picture, or a result would overwrite a picture or another result.
    """
    jobs: dict[str, BulkJob] = {}
    for origin, place in enumerate(inputs):
        for source, name in _pictures(place, out):
            named, chosen = result_name(name, format)
            job = BulkJob(origin, source, f"{out.path}/{named}", chosen.value)
            former = jobs.setdefault(job.target, job)
            # The same picture, named twice, is translated once.
            if former.source != source or not _same(inputs[former.origin], place):
                raise UsageError(
                    f"{former.source} and {source} would both become {job.target}; "
                    "translate them into different folders"
                )
    sources = {job.source for job in jobs.values() if _same(inputs[job.origin], out)}
    for target in jobs.keys() & sources:
        raise UsageError(f"{target} would be overwritten; choose another folder with --out")
    return list(jobs.values())


def missing(jobs: Sequence[BulkJob], out: Place) -> list[BulkJob]:
    """Leave out what has its result already: a result is there wholly or not at all."""
    there = set(files_in(out))
    return [job for job in jobs if job.target not in there]


def _pictures(place: Place, out: Place) -> Iterator[tuple[str, PurePosixPath]]:
    if _same(place, out) and place.path == out.path:
        raise UsageError(f"--out is {out.given}, the folder of the pictures itself; choose another")
    files = files_in(place)
    if files == [place.path]:
        yield place.path, PurePosixPath(PurePosixPath(place.path).name)
        return
    results = f"{out.path}/" if _same(place, out) else None
    found = False
    for path in sorted(files):
        name = PurePosixPath(path).relative_to(place.path)
        if is_picture_name(name) and not (results and path.startswith(results)):
            found = True
            yield path, name
    if not found:
        raise UsageError(
            f"there is no picture in {place.given}; expected {', '.join(sorted(READ))}"
        )


def _same(place: Place, other: Place) -> bool:
    return place.filesystem.equals(other.filesystem)
