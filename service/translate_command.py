"""`cyclegan translate`: translate pictures and whole folders of them."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from pydantic import BaseModel, ConfigDict, PositiveInt
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
from service.catalogue import load_model
from service.engine import Engine, Precision, ProviderChoice
from service.errors import ClientError
from service.folder import Job, plan_jobs
from service.formats import FormatName, PictureFormat
from service.pipeline import Order, translate_file
from service.settings import Pixels, Quality
from service.translator import Translator


class TranslateSettings(BaseModel):
    """Translate pictures, and folders of pictures with all their subfolders."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    pictures: CliPositionalArg[list[Path]]
    """Pictures and folders."""
    model: Path
    """Folder of the model: `models/NAME`."""
    to: str
    """Domain to translate into, as the model calls it: `winter`."""
    out: Path
    """Folder for the results, which keep the names of their pictures."""
    format: FormatName | None = None
    """Format of the results; if not given each keeps its picture's, or becomes a PNG."""
    quality: Quality = 90
    """Quality of JPEG and WebP results."""
    max_edge: PositiveInt | None = None
    """Longest side of the results, in pixels; the pictures' own size if not given."""
    max_pixels: Pixels = 50_000_000
    """Largest picture that is decoded, in pixels."""
    provider: ProviderChoice = "auto"
    """What runs the model: ONNX Runtime on the CPU (cpu) or on the GPU (cuda), or OpenVINO on the
    CPU; auto takes OpenVINO if it is installed, else cpu."""
    precision: Precision = "fp32"
    """What the model computes in; bf16 is faster, a few levels off, and needs OpenVINO and a CPU
    that computes in it."""
    threads: PositiveInt | None = None
    """Threads for the model; as many as this process may use cores if not given."""


def run(arguments: Sequence[str]) -> int:
    """Translate; 0 when all pictures are done, 1 when some could not be.

    Raises:
        CycleGANError: A flag is wrong, the model is damaged, or there is nothing to translate.
    """
    settings = parse(TranslateSettings, arguments, "cyclegan translate")
    format = PictureFormat(settings.format) if settings.format else None
    jobs = plan_jobs(settings.pictures, settings.out, format)
    threads = settings.threads or available_cores()
    engine = Engine.choose(settings.provider, threads, settings.precision)
    translator = _choose(load_model(settings.model, engine), settings.to)
    _prepare(settings.out)
    console = Console(stderr=True, highlight=False)
    failed = _translate_all(jobs, partial(_translate_one, translator, settings), console)
    done = len(jobs) - failed
    console.print(
        f"{done} translated into {settings.out}, {failed} failed", markup=False, soft_wrap=True
    )
    return 1 if failed else 0


def _prepare(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"{out} cannot be a folder ({error.strerror}); give another --out"
        ) from None
    if not os.access(out, os.W_OK | os.X_OK):
        raise UsageError(f"{out} may not be written to; give another --out")


def _choose(translators: Sequence[Translator], domain: str) -> Translator:
    for translator in translators:
        if translator.card.target == domain:
            return translator
    offered = " or ".join(f"--to {translator.card.target}" for translator in translators)
    raise UsageError(f"the model does not translate to {domain!r}; it offers {offered}")


def _translate_all(jobs: Sequence[Job], work: Callable[[Job], str | None], console: Console) -> int:
    failed = 0
    # Two: one picture is decoded and another encoded while the model has a third.
    with _progress(console) as progress, ThreadPoolExecutor(2) as workers:
        task = progress.add_task("translating", total=len(jobs))
        try:
            for problem in workers.map(work, jobs):
                if problem:
                    failed += 1
                    progress.console.print(problem, markup=False, soft_wrap=True)
                progress.advance(task)
        except BaseException:
            workers.shutdown(cancel_futures=True)  # Ctrl-C: not after the last picture
            raise
    return failed


def _translate_one(translator: Translator, settings: TranslateSettings, job: Job) -> str | None:
    """Translate one picture; say in one line why it could not be done."""
    order = Order(job.format, settings.quality, settings.max_pixels, settings.max_edge)
    try:
        result = translate_file(job.source.read_bytes(), translator, order)
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
