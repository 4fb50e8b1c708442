"""The verb `cyclegan evaluate`."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator
from rich.console import Console

from cyclegan.atomic_file import write_atomically
from cyclegan.command_line import parse
from cyclegan.contract import ModelCard
from cyclegan.errors import UsageError
from evaluation.evaluation import evaluate
from evaluation.evaluation_table import markdown, table
from evaluation.exported_pair import ExportedPair
from evaluation.gallery import gallery
from evaluation.inception import find_inception
from evaluation.picture_sets import LEAST, PictureSets
from evaluation.sliced_wasserstein import COARSEST
from training.samples import png
from training.validation_settings import SMALLEST, measured_side

logger = logging.getLogger(__name__)

_COMMAND = "cyclegan evaluate"
_USUAL = 256  # pixels a side of the pictures that the method's authors train and measure on


class EvaluateSettings(BaseModel):
    """Measure an exported model on held-out pictures, and say by which protocol.

    No number speaks alone: distances to the target domain stand beside those of its own test
    pictures and of untranslated ones, and what a translation keeps beside what it changes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    model: Path
    """Folder of an exported model, with a2b.onnx and b2a.onnx."""
    data: Path
    """Folder with trainA, trainB, testA and testB: those of the training, and held-out ones."""
    out: Path
    """Folder for evaluation.json, evaluation.md and a grid of pictures for each direction."""
    side: Annotated[int, Field(ge=2 * COARSEST, multiple_of=COARSEST)] | None = None
    """Pixels a side to which all pictures are resized. If not given, the --load-size of the model's
    training, rounded down to a multiple of 32; 256 for a model that does not tell it."""
    most: Annotated[int, Field(ge=LEAST)] | None = None
    """Pictures of each folder, spread over it; all if not given. Fewer raise all distances."""
    counterparts: bool = False
    """Pictures of the same name in testA and testB show the same scene: measure by those alone,
    and how far translations are from them, too."""
    labels: str | None = None
    """Domain whose pictures are label maps, with --counterparts: the share of pixels whose label is
    right, each taken for the nearest of the colours that whole areas of that domain have."""
    inception: Path | None = None
    """File of Inception's weights for FID and KID; downloaded once if not given."""
    fid: bool = True
    """Measure FID and KID; --no-fid leaves them out, and downloads nothing."""
    seed: int = 0
    """Of the patches that are compared and of the classifiers."""

    @model_validator(mode="after")
    def _labels_have_counterparts(self) -> "EvaluateSettings":
        if self.labels and not self.counterparts:
            raise ValueError(
                f"labels is {self.labels} without --counterparts, which tell the right ones"
            )
        return self


def run(arguments: Sequence[str]) -> int:
    """Evaluate a model; 0 when it is done."""
    settings = parse(EvaluateSettings, arguments, _COMMAND)
    model = ExportedPair(settings.model)
    side = settings.side or _side_of_training(model.card)
    # What is soon known comes before the minutes that measuring takes.
    _write({}, settings.out)
    inception = find_inception(settings.inception) if settings.fid else None
    a, b = model.names
    logger.info("reading the pictures of %s: A is taken for %s, B for %s", settings.data, a, b)
    sets = PictureSets.read(
        settings.data,
        model.names,
        side,
        settings.most,
        settings.counterparts,
        settings.labels,
    )
    evaluation, made = evaluate(model, sets, inception, settings.seed, logger.info)
    Console(highlight=False).print(table(evaluation))
    contents = {
        "evaluation.json": (evaluation.model_dump_json(indent=2) + "\n").encode(),
        "evaluation.md": markdown(evaluation).encode(),
        f"{a}2{b}.png": png(gallery(sets.a.test, made.b).permute(1, 2, 0).numpy()),
        f"{b}2{a}.png": png(gallery(sets.b.test, made.a).permute(1, 2, 0).numpy()),
    }
    _write(contents, settings.out)
    logger.info("written to %s: %s", settings.out, ", ".join(contents))
    return 0


def _write(contents: Mapping[str, bytes], folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in contents.items():
            write_atomically(folder / name, content)
    except OSError as error:
        raise UsageError(
            f"{folder} could not be written to ({error.strerror}); give another --out"
        ) from None


def _side_of_training(card: ModelCard) -> int:
    """Choose the size that `--validation` measures at, which the model knows."""
    load_size = card.training.settings.get("load_size")
    if not isinstance(load_size, int) or load_size < SMALLEST:
        logger.info("measuring at %d pixels, since the model does not tell its own size", _USUAL)
        return _USUAL
    side = measured_side(load_size)
    logger.info("measuring at %d pixels, as the model was trained; --side gives another", side)
    return side
