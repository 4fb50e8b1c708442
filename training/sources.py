"""What a run is made of: its pictures, what is measured on, and who teaches."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from cyclegan.generator import Generator
from training.data import UnpairedCrops
from training.decoding import decoded
from training.device import settled_precision
from training.distillation import Teacher
from training.folders import DataFolders
from training.pictures import fingerprint, picture_files, smaller_than
from training.ranks import Ranks
from training.samples import Samples, evenly
from training.settings import PATHS, TrainSettings
from training.trained import Trained
from training.validation import Validation

logger = logging.getLogger(__name__)

SAMPLE_ROWS = 4

Files = tuple[Sequence[Path], Sequence[Path]]
"""Of A and of B."""


@dataclass(frozen=True)
class Material:
    """What a run works on and with, besides its state."""

    crops: UnpairedCrops
    samples: Samples
    validation: Validation | None
    """On the first rank of a run that is measured."""
    teacher: Teacher | None
    """Of a distillation."""

    @property
    def lender(self) -> Trained | None:
        """Whose discriminators a distillation begins with."""
        return self.teacher.trained if self.teacher else None

    @classmethod
    def of(
        cls,
        folders: DataFolders,
        files: Files,
        settings: TrainSettings,
        teacher: Teacher | None,
        ranks: Ranks,
    ) -> "Material":
        """Read all pictures.

        Raises:
            DataError: A picture cannot be read, or there are none to measure on.
            UsageError: There is no room for them.
        """
        measured = ranks.is_first and settings.validation.every
        return cls(
            teacher=teacher,
            validation=Validation(folders, settings) if measured else None,
            samples=samples_of(folders, settings),
            crops=crops_of(files, settings, ranks),  # last, since it takes longest
        )


def facts_of(
    settings: TrainSettings, files: Files, device: torch.device, step: int
) -> dict[str, object]:
    """Tell what all ranks must have alike; folders may have other names on other machines."""
    own = {*PATHS, "cache_mib"}
    facts: dict[str, object] = settings.model_dump(mode="json", exclude=own)
    facts["step"] = step
    facts["precision"] = settled_precision(settings.precision, device)
    for name, pictures in zip(settings.names, files, strict=True):
        facts[f"pictures of {name}"] = f"{len(pictures)} ({fingerprint(pictures)})"
    return facts


def crops_of(files: Files, settings: TrainSettings, ranks: Ranks) -> UnpairedCrops:
    """Read the pictures and cut this rank's share of them.

    Raises:
        DataError: One cannot be read.
        UsageError: There is no room for them.
    """
    budget = settings.cache_mib * 2**20
    if ranks.is_first:
        of_names = zip(map(len, files), settings.names, strict=True)
        logger.info("reading %s", ", ".join(f"{n} pictures of {name}" for n, name in of_names))
        _warn_of_small_pictures(files, settings)
    a, b = (
        decoded(
            of_domain,
            settings.load_size,
            memory_bytes=budget * len(of_domain) // sum(map(len, files)),
            folder=settings.run,
            label=f"reading {name}" if ranks.is_first else None,
        )
        for of_domain, name in zip(files, settings.names, strict=True)
    )
    return UnpairedCrops(
        a,
        b,
        crop=settings.crop,
        flip=settings.flip,
        batch=settings.pictures_per_step,
        seed=settings.seed,
        mine=ranks.places(settings.batch, settings.judging.updates),
    )


def _warn_of_small_pictures(files: Files, settings: TrainSettings) -> None:
    for pictures, name in zip(files, settings.names, strict=True):
        if small := smaller_than(pictures, settings.crop):
            logger.warning(
                "%d of %d pictures of %s are smaller than the crop of %d pixels: they are enlarged "
                "and look blurred; `cyclegan check-data --crop %d --load-size %d` names them and a "
                "--crop that fits",
                small, len(pictures), name, settings.crop, settings.crop, settings.load_size,
            )  # fmt: skip


def samples_of(folders: DataFolders, settings: TrainSettings) -> Samples:
    """Take test pictures where there are some."""
    files_a = picture_files(folders.test_a or folders.train_a)
    files_b = picture_files(folders.test_b or folders.train_b)
    rows = min(SAMPLE_ROWS, len(files_a), len(files_b))
    # In the scale of training, of which the crops are cut.
    side = settings.load_size - settings.load_size % Generator.SIZE_MULTIPLE
    return Samples(evenly(files_a, rows), evenly(files_b, rows), side, settings.names)
