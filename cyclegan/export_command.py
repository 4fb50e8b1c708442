"""The verb `cyclegan export`."""

import io
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict, model_validator

from cyclegan.checkpoint import Checkpoint, checkpoint_of
from cyclegan.command_line import parse
from cyclegan.contract import FILE_AB, FILE_BA, ModelCard
from cyclegan.export import describe, summary, to_onnx, write_files
from cyclegan.networks import Networks
from cyclegan.reference import reference_weights
from cyclegan.triton import write_repository

logger = logging.getLogger(__name__)


class ExportSettings(BaseModel):
    """Write both generators of a run as ONNX models, checked against PyTorch."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    run: Path
    """Folder of a training run, or one of its checkpoints."""
    out: Path | None = None
    """Folder to write a2b.onnx and b2a.onnx to, as in models/NAME."""
    weights: Literal["averaged", "last"] = "averaged"
    """The moving average of a run that keeps one, or its last weights; the card says which."""
    triton: Path | None = None
    """Folder to write both to as a model repository of NVIDIA's Triton Inference Server."""
    reference_weights: Path | None = None
    """Folder to write the four networks to, in the form of the authors' implementation."""

    @model_validator(mode="after")
    def _something_is_wanted(self) -> "ExportSettings":
        if self.out is None and self.triton is None and self.reference_weights is None:
            raise ValueError("give --out models/NAME, --triton DIR or --reference-weights DIR")
        return self


def run(arguments: Sequence[str]) -> int:
    """Export what is asked for."""
    settings = parse(ExportSettings, arguments, "cyclegan export")
    checkpoint = Checkpoint.load(checkpoint_of(settings.run))
    averaged = settings.weights == "averaged" and checkpoint.averaged is not None
    if settings.out is not None or settings.triton is not None:
        models = _models(checkpoint, averaged)
        if settings.out is not None:
            write_models(models, settings.out)
        if settings.triton is not None:
            _write_for_triton(models, settings.triton)
    if settings.reference_weights is not None:
        _export_reference(checkpoint.networks(averaged), settings.reference_weights)
    return 0


Models = dict[str, tuple[ModelCard, bytes]]
"""By the names of their files: what a model says of itself, and its content."""


def _models(checkpoint: Checkpoint, averaged: bool) -> Models:
    # Both are made and checked before one is written: half a model would be served.
    networks, (a, b) = checkpoint.networks(averaged), checkpoint.domains
    facts = checkpoint.facts.model_copy(update={"weights": "averaged" if averaged else "last"})
    card_ab = describe(networks.gen_ab, (a, b), facts)
    card_ba = describe(networks.gen_ba, (b, a), facts)
    return {
        FILE_AB: (card_ab, to_onnx(networks.gen_ab, card_ab)),
        FILE_BA: (card_ba, to_onnx(networks.gen_ba, card_ba)),
    }


def write_models(models: Models, out: Path) -> None:
    """Write them to the folder `out`, and say what is there.

    Raises:
        ExportError: One cannot be written.
    """
    write_files(out, {name: content for name, (_, content) in models.items()})
    for name, (card, _) in models.items():
        logger.info("%s: %s", out / name, summary(card))
    logger.info("serve with: cyclegan serve --models %s", out.parent)


def _write_for_triton(models: Models, folder: Path) -> None:
    write_repository(folder, models.values())
    for card, _ in models.values():
        logger.info("%s: %s", folder / card.translation, summary(card))
    logger.info("serve with: tritonserver --model-repository %s", folder)


def _export_reference(networks: Networks, folder: Path) -> None:
    files: dict[str, bytes] = {}
    for name, weights in reference_weights(networks).items():
        buffer = io.BytesIO()
        torch.save(weights, buffer)
        files[f"latest_net_{name}.pth"] = buffer.getvalue()
    write_files(folder, files)
    logger.info("%s: %s", folder, ", ".join(files))
