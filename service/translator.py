"""A loaded model: pictures of one domain in, of the other out."""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
import onnxruntime
from jaxtyping import UInt8

from cyclegan.contract import INPUT, OUTPUT, ModelCard
from cyclegan.errors import ModelError
from service.engine import Engine, EngineErrors


@dataclass(frozen=True)
class Translator:
    """One ONNX Runtime session and what its model says about itself; safe among threads."""

    model: str
    """Name of the folder that the model lies in."""
    card: ModelCard
    sha256: str
    """Of the ONNX file, in hexadecimal."""
    provider: str
    session: onnxruntime.InferenceSession

    @classmethod
    def load(cls, file: Path, engine: Engine) -> "Translator":
        """Read `models/NAME/a2b.onnx` or `b2a.onnx` and translate one picture to warm it up.

        Raises:
            ModelError: The file is damaged, has no card, or does not keep the contract.
            UsageError: The engine's provider is not there.
        """
        try:
            data = file.read_bytes()
            # From the bytes that are hashed; a file cannot lead to others beside it, then.
            session = engine.session(data)
        except OSError as error:
            raise ModelError(f"{file} cannot be read: {error.strerror}") from None
        except EngineErrors:
            raise ModelError(
                f"{file} is damaged, or no ONNX model; export it again with `cyclegan export`"
            ) from None
        card = ModelCard.from_metadata(session.get_modelmeta().custom_metadata_map, str(file))
        digest = sha256(data).hexdigest()
        translator = cls(file.parent.resolve().name, card, digest, engine.provider, session)
        translator._warm_up(file)
        return translator

    def translate(self, pixels: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "h w 3"]:
        """Translate RGB pixels of any size; the result has the same size.

        Raises:
            ModelError: The model failed, as a rule because memory was short.
        """
        height, width, _ = pixels.shape
        try:
            [result] = self.session.run([OUTPUT], {INPUT: self._padded(pixels)[None]})
        except EngineErrors as error:
            raise ModelError(
                f"the model {self.model} failed on a picture of {width}x{height} pixels: "
                f"{_first_line(error)}"
            ) from error
        return np.asarray(result)[0, :height, :width]

    def _padded(self, pixels: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "h2 w2 3"]:
        height, width, _ = pixels.shape
        below, right = self._missing(height), self._missing(width)
        # NumPy reflects as often as is needed, and repeats a side of one pixel.
        return np.pad(pixels, ((0, below), (0, right), (0, 0)), mode="reflect")

    def _missing(self, side: int) -> int:
        least = max(side, self.card.min_side)
        return -(-least // self.card.size_multiple) * self.card.size_multiple - side

    def _warm_up(self, file: Path) -> None:
        try:
            self.translate(np.zeros((1, 1, 3), np.uint8))
        except (ModelError, IndexError, TypeError) as error:
            raise ModelError(
                f"{file} does not do what its card promises ({_first_line(error)}); "
                "export the model again"
            ) from None


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
