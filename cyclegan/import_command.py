"""The verb `cyclegan import-weights`."""

import logging
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict
from pydantic_settings import CliPositionalArg

from cyclegan.checkpoint import load_tensors
from cyclegan.command_line import parse
from cyclegan.contract import FILE_AB, FILE_BA, DomainNames, ModelCard, TrainingFacts
from cyclegan.errors import UsageError
from cyclegan.export import describe, summary, to_onnx, write_files
from cyclegan.exported_weights import card_of
from cyclegan.reference import read_generator

logger = logging.getLogger(__name__)


class ImportSettings(BaseModel):
    """Make an ONNX model of a generator in the form of the authors' implementation."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    file: CliPositionalArg[Path]
    """The generator's weights, as in style_monet.pth or latest_net_G_A.pth."""
    out: Path
    """Folder to write the model to, as in models/NAME; it may hold the way back already."""
    names: DomainNames
    """What the generator translates from and into, as in photo,painting."""
    reverse: bool = False
    """The file is the way back, from the second domain of --names into the first (a G_B)."""


def run(arguments: Sequence[str]) -> int:
    """Import one direction."""
    settings = parse(ImportSettings, arguments, "cyclegan import-weights")
    generator = read_generator(load_tensors(settings.file))
    a, b = settings.names
    files = FILE_AB, FILE_BA
    domains, (name, other) = ((b, a), files[::-1]) if settings.reverse else ((a, b), files)
    facts = TrainingFacts(origin=f"imported from {settings.file.name}, a file of the authors' form")
    card = describe(generator, domains, facts)
    _check_way_back(settings.out / other, card)
    write_files(settings.out, {name: to_onnx(generator, card)})
    logger.info("%s: %s", settings.out / name, summary(card))
    return 0


def _check_way_back(other: Path, card: ModelCard) -> None:
    if not other.exists():
        return
    found = card_of(other)
    if not card.is_way_back_of(found):
        raise UsageError(
            f"{other} translates {found.translation}, to which {card.translation} is not the way "
            "back; nothing was written: give another --out"
        )
