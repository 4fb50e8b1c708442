"""`cyclegan translate`: translate pictures and whole folders of them."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from pydantic import PositiveInt
from pydantic_settings import CliPositionalArg
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from cyclegan.command_line import parse
from cyclegan.cores import available_cores
from cyclegan.errors import CycleGANError, UsageError
from cyclegan.printable import printable
from service.errors import ClientError
from service.folder import Job, other_files, plan_jobs
from service.pipeline import translate_file
from service.translation_settings import TranslationSettings
from service.translator import Translator


class TranslateSettings(TranslationSettings):
    """Translate pictures, and folders of pictures with all their subfolders.

    With --ray it does so on several machines; see `cyclegan translate --ray --help`.
    """

    pictures: CliPositionalArg[list[Path]]
    """Pictures and folders."""
    out: Path
    """Folder for the results, which keep the names of their pictures."""
    threads: PositiveInt | None = None
    """Threads for the model; as many as this process may use cores if not given."""


def run(arguments: Sequence[str]) -> int:
    """Translate; 0 when all pictures are done, 1 when some could not be.

    Raises:
        CycleGANError: A flag is wrong, the model is damaged, or there is nothing to translate.
    """
    settings = parse(TranslateSettings, arguments, "cyclegan translate")
    jobs = plan_jobs(settings.pictures, settings.out, settings.picture_format)
    translator = settings.load(settings.threads or available_cores())
    _prepare(settings.out)
    console = Console(stderr=True, highlight=False)
    failed = _translate_all(jobs, partial(_translate_one, translator, settings), console)
    done = len(jobs) - failed
    console.print(
        f"{done} translated into {settings.out}, {failed} failed"
        f"{_passed_over(other_files(settings.pictures, settings.out))}",
        markup=False,
        soft_wrap=True,
    )
    return 1 if failed else 0


def _passed_over(files: Sequence[Path]) -> str:
    """Say which kinds of files were not looked at, as photographs in HEIC."""
    if not files:
        return ""
    endings = sorted({file.suffix.lower() or "no ending" for file in files})
    return f"; {len(files)} passed over, which are not named like pictures ({', '.join(endings)})"


def _prepare(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"{out} cannot be a folder ({error.strerror}); give another --out"
        ) from None
    if not os.access(out, os.W_OK | os.X_OK):
        raise UsageError(f"{out} may not be written to; give another --out")


def _translate_all(jobs: Sequence[Job], work: Callable[[Job], str | None], console: Console) -> int:
    failed = 0
    # Two: one picture is decoded and another encoded while the model has a third.
    with _progress(console) as progress, ThreadPoolExecutor(2) as workers:
        task = progress.add_task("translating", total=len(jobs))
        try:
            for problem in workers.map(work, jobs):
                if problem:
                    failed += 1
                    progress.console.print(printable(problem), markup=False, soft_wrap=True)
                progress.advance(task)
        except BaseException:
            workers.shutdown(cancel_futures=True)  # Ctrl-C: not after the last picture
            raise
    return failed


def _translate_one(translator: Translator, settings: TranslateSettings, job: Job) -> str | None:
    """Translate one picture; say in one line why it could not be done."""
    try:
        result = translate_file(job.source.read_bytes(), translator, settings.order(job.format))
        _write(job.target, result.data)
    except OSError as error:
        return f"{job.source} to {job.target}: {error.strerror or error}"
    except (ClientError, CycleGANError) as error:
        return f"{job.source}: {error}"
    return None


def _write(target: Path, data: bytes) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    # Unlike cyclegan.atomic_file this does not wait for the disk: a lost result is made again.
    partial_file = target.with_name(f".{target.name}.partial")
    try:
        partial_file.write_bytes(data)
        partial_file.replace(target)
    finally:
        partial_file.unlink(missing_ok=True)


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _ImagesPerSecond(),
        TextColumn("left:"),
        TimeRemainingColumn(),
        console=console,
    )


class _ImagesPerSecond(ProgressColumn):
    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("- images/s" if speed is None else f"{speed:.1f} images/s")
