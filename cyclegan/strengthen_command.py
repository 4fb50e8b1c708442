"""The verb `cyclegan strengthen`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_settings import CliPositionalArg

from cyclegan.command_line import parse
from cyclegan.contract import FILE_AB, FILE_BA, ModelCard
from cyclegan.errors import UsageError
from cyclegan.export import to_onnx
from cyclegan.export_command import write_models
from cyclegan.exported_weights import exported_pair
from cyclegan.generator import Generator
from cyclegan.strength import strengthened

Times = Annotated[float, Field(ge=0.5, le=2)]
"""Below there is more blur than input, above more paint than picture."""


class StrengthenSettings(BaseModel):
    """Let an exported model change pictures more, or less, than it has learned to."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False
    )

    model: CliPositionalArg[Path]
    """Folder that `cyclegan export` wrote, as models/monet."""
    a2b: Times = 1.0
    """How many times as much the generator of a2b.onnx is to change pictures; 1 is as it is."""
    b2a: Times = 1.0
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
    there, back = exported_pair(settings.model)
    models = {
        FILE_AB: _made(*there, settings.a2b, settings.model / FILE_AB),
        FILE_BA: _made(*back, settings.b2a, settings.model / FILE_BA),
    }
    write_models(models, settings.out)
    return 0


def _made(
    generator: Generator, card: ModelCard, times: float, file: Path
) -> tuple[ModelCard, bytes]:
    """Give the card and the content of what `file`, which holds both, becomes."""
    if times == 1:
        return card, file.read_bytes()
    facts = card.training.model_copy(update={"strength": card.training.strength * times})
    card = card.model_copy(update={"training": facts})
    return card, to_onnx(strengthened(generator, times), card)
