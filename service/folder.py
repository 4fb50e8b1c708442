"""Which picture files to translate, and where the results go."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cyclegan.errors import UsageError
from service.formats import PictureFormat
from service.picture_names import READ, is_hidden, is_picture_name, result_name

_TOLD = 3
"""Clashes that a message names."""


@dataclass(frozen=True)
class Job:
    """One file to read and one to write."""

    source: Path
    target: Path
    format: PictureFormat
    """Of the target."""


def plan_jobs(inputs: Sequence[Path], out: Path, format: PictureFormat | None) -> list[Job]:
    """Find the pictures and name their results, before anything is read or written.

    Args:
        inputs: Pictures, and folders that are searched to the bottom; hidden files are left out,
            and so is `out` where it lies in such a folder.
        out: Folder of the results; the subfolders of a searched folder are kept.
        format: Of the results; without it each keeps its picture's, and becomes a PNG where that
            cannot be written.

    Raises:
        UsageError: There is no picture, or a result would overwrite a picture or another result.
    """
    jobs: dict[Path, Job] = {}
    clashes: list[str] = []
    for each in inputs:
        for source, name in _pictures(each, out):
            job = _job(source, out / name, format)
            # The same picture, named twice, is translated once.
            former = jobs.setdefault(job.target, job)
            if former.source.resolve() != source.resolve():
                clashes.append(f"{former.source} and {source} would both become {job.target}")
    if clashes:
        more = f", and {len(clashes) - _TOLD} more" if len(clashes) > _TOLD else ""
        raise UsageError(
            f"{', '.join(clashes[:_TOLD])}{more}; rename one of each, or translate them into "
            "different folders"
        )
    _check_no_source_is_a_target(jobs)
    return list(jobs.values())


def other_files(inputs: Sequence[Path], out: Path) -> list[Path]:
    """List what `plan_jobs` passes over in folders, once each: visible files of other names."""
    results = out.resolve()
    others = {
        (folder / name).resolve(): folder / name
        for folder in inputs
        if folder.is_dir()
        for name in _searched(folder, results)
        if not is_picture_name(name)
    }
    return list(others.values())


def _pictures(given: Path, out: Path) -> Iterator[tuple[Path, Path]]:
    if not given.is_dir():
        if not given.exists():
            raise UsageError(f"there is no {given}; expected a picture or a folder of them")
        yield given, Path(given.name)
        return
    results = out.resolve()
    if given.resolve() == results:
        raise UsageError(f"--out is {out}, the folder of the pictures itself; choose another")
    names = [name for name in _searched(given, results) if is_picture_name(name)]
    if not names:
        raise UsageError(f"there is no picture in {given}; expected {', '.join(sorted(READ))}")
    yield from ((given / name, name) for name in names)


def _searched(folder: Path, results: Path) -> list[Path]:
    """List the visible files of a folder to the bottom, without results, by their names in it."""
    return [
        name
        for file in sorted(folder.rglob("*"))
        if not is_hidden(name := file.relative_to(folder))
        and file.is_file()
        and not _is_result(file, folder, results)
    ]


def _is_result(source: Path, searched: Path, results: Path) -> bool:
    return results.is_relative_to(searched.resolve()) and source.resolve().is_relative_to(results)


def _job(source: Path, target: Path, format: PictureFormat | None) -> Job:
    return Job(source, *result_name(target, format))


def _check_no_source_is_a_target(jobs: dict[Path, Job]) -> None:
    sources = {job.source.resolve() for job in jobs.values()}
    for target in jobs:
        if target.resolve() in sources:
            raise UsageError(f"{target} would be overwritten; choose another folder with --out")
