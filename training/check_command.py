"""The verb `cyclegan check-data`."""

import os
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, model_validator
from pydantic_settings import CliPositionalArg
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cyclegan.command_line import parse, write_json
from cyclegan.errors import DataError
from cyclegan.generator import Generator
from training.check_data import DataReport, PartFacts, Size, check_data
from training.folders import find_folders
from training.issues import LEAST_CROP, Issue
from training.progress import tracked
from training.survey import PictureFacts, Unreadable

_NAMED_FILES = 5  # per issue; --json names all


class CheckSettings(BaseModel):
    """Look for trouble in two folders of pictures before training; 1 if training would fail."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    data: CliPositionalArg[Path | None] = None
    """Folder with trainA and trainB (and testA, testB), or with a and b."""
    domain_a: Path | None = None
    """Folder of domain A, searched recursively; instead of DATA, with --domain-b."""
    domain_b: Path | None = None
    """Folder of domain B."""
    crop: PositiveInt = 256
    """Side of the training crops, in pixels, as for training."""
    load_size: PositiveInt = 286
    """Side to which training resizes pictures before cropping, in pixels."""
    report: Path | None = Field(default=None, alias="json")
    """File to write the same facts to, for machines."""

    @model_validator(mode="after")
    def _crop_fits(self) -> "CheckSettings":
        if self.crop % Generator.SIZE_MULTIPLE or self.crop < LEAST_CROP:
            raise ValueError(
                f"crop is {self.crop} pixels; training takes multiples of "
                f"{Generator.SIZE_MULTIPLE} from {LEAST_CROP} on"
            )
        if self.load_size < self.crop:
            raise ValueError(
                f"load-size is {self.load_size} pixels, less than the crop of {self.crop}; "
                f"give --load-size {round(self.crop * 286 / 256)} or a smaller --crop"
            )
        return self


def run(arguments: Sequence[str]) -> int:
    """Report on a data set; 0 if it can be trained on, 1 if not."""
    # Every other verb has a flag for the folder, so people give one here, too.
    words = [word.removeprefix("--data=") for word in arguments if word != "--data"]
    settings = parse(CheckSettings, words, "cyclegan check-data")
    report = _check(settings)
    console = Console(highlight=False)
    _show(report, console)
    if settings.report:
        write_json(report, settings.report)
    return 0 if report.trainable else 1


def _check(settings: CheckSettings) -> DataReport:
    try:
        folders = find_folders(settings.data, settings.domain_a, settings.domain_b)
    except DataError as error:
        issue = Issue(kind="no-folders", fatal=True, sentence=str(error))
        return DataReport(trainable=False, parts={}, issues=[issue])
    # Of damaged tags and the like: the picture can be used, and the report is about pictures.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return check_data(folders, crop=settings.crop, load_size=settings.load_size, track=_track)


def _track(
    read: Iterable[PictureFacts | Unreadable], label: str, count: int
) -> Iterable[PictureFacts | Unreadable]:
    return tracked(read, f"reading {label}", count)


def _show(report: DataReport, console: Console) -> None:
    if report.parts:
        console.print(_table(report), end="\n\n")
    base = _base(report)
    for issue in report.issues:
        console.print(_paragraph(issue, base))
    if not report.issues:
        console.print("nothing to mend; training can begin")
    elif report.trainable:
        console.print("\ntraining would work")
    else:
        console.print("\n[red]training would fail[/]")


def _table(report: DataReport) -> Table:
    table = Table(box=box.SIMPLE, show_edge=False)
    table.add_column("")
    for name in report.parts:
        table.add_column(name, justify="right")
    columns = [_cells(facts) for facts in report.parts.values()]
    for label in columns[0]:
        table.add_row(label, *(column[label] for column in columns))
    return table


def _cells(facts: PartFacts) -> dict[str, str]:
    return {
        "pictures": f"{facts.pictures:,}",
        "unreadable": _count(facts.unreadable),
        "smallest": _size(facts.smallest),
        "median": _size(facts.median),
        "largest": _size(facts.largest),
        "width / height": _range(facts.aspects),
        "formats": "\n".join(f"{name} {count:,}" for name, count in facts.formats.items()) or "–",
        "without colour": _count(facts.grey),
        "same file twice": _count(facts.exact_duplicates),
        "nearly the same": _count(facts.near_duplicates),
    }


def _count(count: int) -> str:
    return f"{count:,}" if count else "–"


def _size(size: Size | None) -> str:
    return f"{size[0]}×{size[1]}" if size else "–"


def _range(aspects: tuple[float, float] | None) -> str:
    if aspects is None:
        return "–"
    least, greatest = (f"{aspect:.2f}" for aspect in aspects)
    return least if least == greatest else f"{least} to {greatest}"


def _base(report: DataReport) -> str:
    """What the paths of all folders begin with, and the report need not repeat."""
    folders = [facts.folder for facts in report.parts.values()]
    try:
        base = os.path.commonpath(folders)
    except ValueError:  # none, or one relative and another absolute
        return ""
    return f"{base}{os.sep}" if base else ""


def _below(base: str, file: str) -> str:
    """Shorten the paths of a file, or of a pair of them."""
    return " = ".join(path.removeprefix(base) for path in file.split(" = "))


def _paragraph(issue: Issue, base: str) -> Table:
    """A sentence and the files that it is about, indented behind a mark."""
    paragraph = Table.grid(padding=(0, 1))
    paragraph.add_column(width=5)
    paragraph.add_column(overflow="fold")
    mark = "[red]stop[/]" if issue.fatal else "[yellow]note[/]"
    paragraph.add_row(mark, Text(issue.sentence))
    for file in issue.files[:_NAMED_FILES]:
        paragraph.add_row("", Text(_below(base, file), style="dim"))
    if (more := len(issue.files) - _NAMED_FILES) > 0:
        paragraph.add_row("", Text(f"and {more:,} more (--json FILE names all)", style="dim"))
    return paragraph
