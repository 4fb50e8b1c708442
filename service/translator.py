"""A loaded model: pictures of one domain in, of the other out."""

import math
import os
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from cyclegan.contract import ModelCard
from cyclegan.errors import ModelError
from service.engine import Engine, EngineError, LoadedModel
from service.external_data import leads_elsewhere


@dataclass(frozen=True)
class Translator:
    """One model in its engine and what it says about itself; safe among threads."""

    model: str
    """Name of the folder that the model lies in."""
    card: ModelCard
    sha256: str
    """Of the ONNX file, in hexadecimal."""
    engine: Engine
    loaded: LoadedModel

    @classmethod
    def load(cls, file: Path, engine: Engine) -> "Translator":
        """Read `models/NAME/a2b.onnx` or `b2a.onnx` and translate two pictures to warm it up.

        Raises:
            ModelError: The file is damaged, has no card, leads to other files, or does not keep
                the contract.
            UsageError: The engine's provider is not there.
        """
        try:
            data = file.read_bytes()
            if leads_elsewhere(data):
                raise ModelError(
                    f"{file} leads to other files; expected one that holds all of its weights: "
                    "export it again with `cyclegan export`"
                )
            loaded = engine.load(data)  # the bytes that are hashed
        except OSError as error:
            raise ModelError(f"{file} cannot be read: {error.strerror}") from None
        except (EngineError, ValueError):
            raise ModelError(
                f"{file} is damaged, or no ONNX model; export it again with `cyclegan export`"
            ) from None
        card = ModelCard.from_metadata(loaded.metadata, str(file))
        translator = cls(_folder_name(file), card, sha256(data).hexdigest(), engine, loaded)
        translator._warm_up(file)
        return translator

    @property
    def provider(self) -> str:
        """What runs the model."""
        return self.engine.provider

    def translate(self, pixels: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "h w 3"]:
        """Translate RGB pixels of any size; the result has the same size.

        Raises:
            ModelError: The model failed, as a rule because memory was short.
        """
        height, width, _ = pixels.shape
        return self.run(self.padded(pixels)[None])[0, :height, :width]

    def run(self, pictures: UInt8[np.ndarray, "n h w 3"]) -> UInt8[np.ndarray, "n h w 3"]:
        """Translate pictures that are padded already.

        Raises:
            ModelError: The model failed, as a rule because memory was short, or gave something else
                than as many pictures of the same size.
        """
        try:
            result = self.loaded.run(pictures)
        except EngineError as error:
            raise ModelError(
                f"the model {self.model} failed on bytes of shape {pictures.shape}: {error}"
            ) from error
        if result.dtype != np.uint8 or result.shape != pictures.shape:
            raise ModelError(
                f"the model {self.model} made {result.dtype} of shape {result.shape} of bytes of "
                f"shape {pictures.shape}; expected bytes of the same shape"
            )
        return result

    def padded_size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width that pixels of this height and width are padded to."""
        return self._padded_side(height), self._padded_side(width)

    def padded(self, pixels: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "h2 w2 3"]:
        """Add what the model needs below and to the right, by reflection."""
        height, width, _ = pixels.shape
        full_height, full_width = self.padded_size(height, width)
        # NumPy reflects as often as is needed, and repeats a side of one pixel.
        missing = (0, full_height - height), (0, full_width - width), (0, 0)
        return np.pad(pixels, missing, mode="reflect")

    def _padded_side(self, side: int) -> int:
        multiple = math.lcm(self.card.size_multiple, self.engine.size_multiple)
        return -(-max(side, self.card.min_side) // multiple) * multiple

    def _warm_up(self, file: Path) -> None:
        # Neither a square nor alone: a model that is made for one size or one picture would hide.
        black = self.padded(np.zeros((1, self.card.min_side + 1, 3), np.uint8))
        try:
            self.run(np.stack([black, black]))
            self.run(black[None])
        except ModelError as error:
            raise ModelError(
                f"{file} does not do what its card promises ({error}); export the model again"
            ) from None


def _folder_name(file: Path) -> str:
    # Not `resolve`: two links to one folder are two models.
    return Path(os.path.abspath(file)).parent.name  # noqa: PTH100
