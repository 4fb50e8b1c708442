"""One training, by the authors' step or by ours, and how far from the truth it has come."""

from pathlib import Path
from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict, ValidationError

from benchmarks.naive_step import NaiveTraining
from cyclegan.atomic_file import write_atomically
from cyclegan.checkpoint import LATEST, Checkpoint
from cyclegan.errors import UsageError
from cyclegan.generator import Generator
from cyclegan.networks import Networks
from cyclegan.pixels import to_signed
from evaluation.counterpart_errors import errors_to
from evaluation.measures import CounterpartErrors
from evaluation.picture_sets import Domain, PictureSets
from training.device import choose_device, prepare_device
from training.folders import find_folders
from training.loop import train
from training.pictures import picture_files
from training.ranks import ALONE
from training.settings import TrainSettings
from training.sources import crops_of
from training.state import TrainState
from training.validation import made_by

Way = Literal["naive", "fp32", "bf16", "compiled", "recipe"]
"""The authors' step in fp32; ours in fp32, in bf16, compiled in what --precision auto
takes, and as a recipe has it."""


class Trial(BaseModel):
    """A way and a seed, trained and measured."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    way: Way
    seed: int
    to_b: CounterpartErrors
    to_a: CounterpartErrors
    settings: TrainSettings


def trial(way: Way, settings: TrainSettings, sets: PictureSets) -> Trial:
    """Train to the end of the schedule and measure; one that is there already is read.

    Args:
        way: How steps are taken.
        settings: Of the run, with its folder and seed.
        sets: Pictures to measure on.

    Raises:
        UsageError: What is there was done with other settings.
    """
    file = settings.run / "trial.json"
    former = _former(file)
    if former is not None:
        if former.settings != settings:
            raise UsageError(f"{file} is of other settings than these; give another --out")
        return former
    networks = _naively(settings) if way == "naive" else _by_ours(settings)
    done = Trial(
        way=way,
        seed=settings.seed,
        to_b=_errors(networks.gen_ab, sets.a, sets.b),
        to_a=_errors(networks.gen_ba, sets.b, sets.a),
        settings=settings,
    )
    settings.run.mkdir(parents=True, exist_ok=True)
    write_atomically(file, done.model_dump_json(indent=2).encode())
    return done


def _former(file: Path) -> Trial | None:
    try:
        return Trial.model_validate_json(file.read_bytes())
    except (FileNotFoundError, ValidationError):  # or of another version
        return None


def _by_ours(settings: TrainSettings) -> Networks:
    train(settings)
    return Checkpoint.load(settings.run / LATEST).networks(averaged=True)


def _naively(settings: TrainSettings) -> Networks:
    """Take the authors' steps, from the weights, on the crops and at the rates that ours has."""
    device = choose_device(settings.device)
    prepare_device(device, "fp32")
    networks = TrainState.start(settings, device).networks
    naive = NaiveTraining(settings, device)
    naive.networks.copy_weights(networks)
    folders = find_folders(settings.data)
    files = picture_files(folders.train_a), picture_files(folders.train_b)
    crops = crops_of(files, settings, ALONE)
    for step in range(settings.schedule.steps(crops.steps_per_epoch)):
        for optimizer in (naive.optim_gen, naive.optim_disc):
            optimizer.param_groups[0]["lr"] = settings.schedule.rate(step, crops.steps_per_epoch)
        naive.step(*(to_signed(each.to(device)) for each in crops[step]))
    with torch.no_grad():
        for ours, theirs in zip(networks.parameters(), naive.networks.parameters(), strict=True):
            ours.copy_(theirs)
    return networks


def _errors(generator: Generator, source: Domain, target: Domain) -> CounterpartErrors:
    return errors_to(target, source, made_by(generator.eval(), source.test))


def folder_of(out: Path, way: Way, seed: int) -> Path:
    """Say where a trial lies."""
    return out / f"{way}-seed{seed}"
