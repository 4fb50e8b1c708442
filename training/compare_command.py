"""The verb `cyclegan compare`."""

import argparse
import logging
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PositiveInt
from rich.console import Console

from cyclegan.adversary import Objective
from cyclegan.atomic_file import write_atomically
from cyclegan.command_line import parse
from cyclegan.errors import UsageError
from cyclegan.generator import Generator
from training.comparison import Comparison
from training.comparison_pictures import grid, plot
from training.comparison_table import markdown, table
from training.counterparts import Counterparts, find_counterparts
from training.folders import find_folders
from training.inherited_names import with_names
from training.pictures import picture_files
from training.presets import with_preset
from training.recipe import with_recipe
from training.samples import png
from training.settings import TrainSettings
from training.trial import Outcome, Trial, trained

logger = logging.getLogger(__name__)

_COMMAND = "cyclegan compare"
_EVERY = get_args(Objective)


def _every_if_all(names: list[str]) -> list[str]:
    if names == ["all"]:
        return list(_EVERY)
    if unknown := [name for name in names if name not in _EVERY]:
        raise ValueError(f"{unknown[0]} is no objective; expected all, or {', '.join(_EVERY)}")
    return list(dict.fromkeys(names))


class CompareSettings(BaseModel):
    """Train objectives from the same start, and measure each on held-out pairs.

    Every flag of cyclegan train is taken too, --data, --names and --preset first of all, and holds
    for all runs. Pairs are files of the same name in testA and testB. The same command again
    continues, and repeats nothing that is done.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    objectives: Annotated[list[Objective], BeforeValidator(_every_if_all)] = Field(min_length=1)
    """all, or names, with blanks between."""
    out: Path
    """Folder for the runs, OBJECTIVE-seedN, and for the comparison: table, plot and pictures."""
    seeds: PositiveInt = 3
    """Runs of each objective, each from another start."""
    seed: int = Field(default=0, ge=0, lt=2**32)
    """Seed of the first; that of the next is one more."""


def run(arguments: Sequence[str]) -> int:
    """Compare objectives; 0 when all trials are done, 1 when it was stopped before."""
    settings, words = _read(arguments)
    trainings = _trainings(settings, words)
    one = trainings[0]
    folders = find_folders(one.data, one.domain_a, one.domain_b)
    # In the scale of training, of which the crops are cut.
    side = one.load_size - one.load_size % Generator.SIZE_MULTIPLE
    counterparts = Counterparts(find_counterparts(folders), side)
    pictures = max(len(picture_files(part)) for part in (folders.train_a, folders.train_b))
    trials = [Trial.evened(training, pictures) for training in trainings]

    _make(settings.out)
    outcomes = [outcome for outcome in _hold_all(trials, counterparts) if outcome.finished]
    if outcomes:
        comparison = Comparison.of(outcomes, counterparts)
        Console(highlight=False).print(table(comparison))
        _write(comparison, counterparts, settings.out)
    if len(outcomes) < len(trials):
        logger.info("%d of %d runs are done; the same command goes on", len(outcomes), len(trials))
        return 1
    return 0


def _read(arguments: Sequence[str]) -> tuple[CompareSettings, list[str]]:
    """Divide the words, and those of a recipe, into this verb's, read, and every training's."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    parser.add_argument("--objectives", nargs="+", default=[])
    for flag in ("--out", "--seeds", "--seed"):
        parser.add_argument(flag)
    try:
        own, words = parser.parse_known_args(with_names(with_recipe(arguments)))
    except argparse.ArgumentError as error:
        raise UsageError(f"{_COMMAND}: {error}; see {_COMMAND} --help") from None
    if {"-h", "--help"} & set(words):
        parse(CompareSettings, ["--help"], _COMMAND)
    for word in words:
        if word.partition("=")[0] in ("--run", "--objective"):
            raise UsageError(
                f"{_COMMAND}: {word} is for one training, also in a recipe; give --objectives, and "
                "--out for all runs"
            )
    given = [f"--objectives={name}" for name in own.objectives]
    given += [f"--{name}={value}" for name, value in vars(own).items() if isinstance(value, str)]
    return parse(CompareSettings, given, _COMMAND), words


def _trainings(settings: CompareSettings, words: list[str]) -> list[TrainSettings]:
    """Settings of every run, as `cyclegan train` would read them: all objectives of a seed first.

    So that what is stopped early has compared something.
    """
    return [
        parse(TrainSettings, with_preset([*words, *_flags(settings.out, name, seed)]), _COMMAND)
        for seed in range(settings.seed, settings.seed + settings.seeds)
        for name in settings.objectives
    ]


def _flags(out: Path, objective: Objective, seed: int) -> list[str]:
    run = out / f"{objective}-seed{seed}"
    return [f"--objective={objective}", f"--seed={seed}", f"--run={run}"]


def _hold_all(trials: Sequence[Trial], counterparts: Counterparts) -> Iterator[Outcome]:
    """Hold one trial after the other, up to one that is interrupted."""
    start = time.monotonic()
    for number, trial in enumerate(trials, 1):
        name = trial.settings.run.name
        logger.info("run %d of %d: %s", number, len(trials), name)
        outcome = trial.hold(counterparts)
        yield outcome
        if not outcome.finished:
            return
        left = (time.monotonic() - start) / number * (len(trials) - number)
        logger.info("%s: %s; about %.0f minutes left", name, outcome, left / 60)


def _make(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"{out} cannot be made ({error.strerror}); give another folder with --out"
        ) from None


def _write(comparison: Comparison, counterparts: Counterparts, out: Path) -> None:
    shown: dict[str, TrainSettings] = {}  # of each objective the first that did not fail
    for trial in comparison.trials:
        if trial.errors is not None:
            shown.setdefault(trial.settings.objective, trial.settings)
    networks = ((name, trained(settings)) for name, settings in shown.items())
    contents = {
        "comparison.json": (comparison.model_dump_json(indent=2) + "\n").encode(),
        "comparison.md": markdown(comparison).encode(),
        "comparison.png": plot(comparison),
        "pictures.png": png(grid(networks, counterparts, comparison.names)),
    }
    try:
        for name, content in contents.items():
            write_atomically(out / name, content)
    except OSError as error:
        raise UsageError(
            f"{out} could not be written to ({error.strerror}); make room, then run the same "
            "command again"
        ) from None
    logger.info("written to %s: %s", out, ", ".join(contents))
