"""The verb `cyclegan strengthen`."""

import logging
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, PositiveFloat, model_validator
from pydantic_settings import CliPositionalArg

from cyclegan.command_line import parse
from cyclegan.contract import FILE_AB, FILE_BA, ModelCard
from cyclegan.errors import UsageError
from cyclegan.export import describe, summary, to_onnx, write_files
from cyclegan.exported_weights import card_of, exported_generators
from cyclegan.generator import Generator
from cyclegan.strength import strengthened

logger = logging.getLogger(__name__)


class StrengthenSettings(BaseModel):
    """Let an exported model change pictures more, or less, than it has learned to."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False
    )

    model: CliPositionalArg[Path]
    """Folder that `cyclegan export` wrote, as models/monet."""
    a2b: PositiveFloat = 1.0
    """How many times as much the generator of a2b.onnx is to change pictures; 1 is as it is."""
    b2a: PositiveFloat = 1.0
    """The same of b2a.onnx. `cyclegan evaluate` tells what it brings, and what it costs."""
    out: Path
    """Folder to write the new model to, as models/NAME."""

    @model_validator(mode="after")
    def _something_changes(self) -> "StrengthenSettings":
        if self.a2b == self.b2a == 1:
            raise ValueError("give --a2b or --b2a, as in --b2a 1.2")
        return self


def run(arguments: Sequence[str]) -> int:
    """Write both generators anew."""
    settings = parse(StrengthenSettings, arguments, "cyclegan strengthen")
    if settings.out.resolve() == settings.model.resolve():
        raise UsageError(
            f"--out {settings.out} is the model itself, which would be lost, and stronger each "
            "time; give another folder"
        )
    gen_ab, gen_ba, (a, b) = exported_generators(settings.model)
    made = {
        FILE_AB: _made(gen_ab, settings.a2b, (a, b), settings.model / FILE_AB),
        FILE_BA: _made(gen_ba, settings.b2a, (b, a), settings.model / FILE_BA),
    }
    write_files(settings.out, {name: content for name, (_, content) in made.items()})
    for name, (card, _) in made.items():
        strength = f"{card.training.strength:.4g} times as strong as trained"
        logger.info("%s: %s, %s", settings.out / name, summary(card), strength)
    logger.info("serve with: cyclegan serve --models %s", settings.out.parent)
    return 0


def _made(
    generator: Generator, times: float, domains: tuple[str, str], file: Path
) -> tuple[ModelCard, bytes]:
    """Give the card and the content of what `file` becomes."""
    former = card_of(file)
    if times == 1:
        return former, file.read_bytes()
    stronger = strengthened(generator, times)
    strength = former.training.strength * times
    facts = former.training.model_copy(update={"strength": strength})
    card = describe(stronger, domains, facts)
    return card, to_onnx(stronger, card)
