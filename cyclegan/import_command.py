"""The verb `cyclegan import-weights`."""

import logging
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict
from pydantic_settings import CliPositionalArg

from cyclegan.checkpoint import load_tensors
from cyclegan.command_line import parse
from cyclegan.contract import FILE_AB, FILE_BA, DomainNames, TrainingFacts
from cyclegan.export import describe, summary, to_onnx, write_files
from cyclegan.reference import read_generator

logger = logging.getLogger(__name__)


class ImportSettings(BaseModel):
    """Make an ONNX model of a generator in the form of the authors' implementation."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    file: CliPositionalArg[Path]
    """The generator's weights, as in style_monet.pth or latest_net_G_A.pth."""
    out: Path
    """Folder to write the model to, as in models/NAME."""
    names: DomainNames
    """What the generator translates from and into, as in photo,painting."""
    reverse: bool = False
    """The file is the way back, from the second domain of --names into the first (a G_B)."""


def run(arguments: Sequence[str]) -> int:
    """Import one direction."""
    settings = parse(ImportSettings, arguments, "cyclegan import-weights")
    generator = read_generator(load_tensors(settings.file))
    a, b = settings.names
    domains, name = ((b, a), FILE_BA) if settings.reverse else ((a, b), FILE_AB)
    facts = TrainingFacts(origin=f"imported from {settings.file.name}, a file of the authors' form")
    card = describe(generator, domains, facts)
    write_files(settings.out, {name: to_onnx(generator, card)})
    logger.info("%s: %s", settings.out / name, summary(card))
    return 0
