"""What runs the models: the choice, and what the engines have in common.

Each engine is imported only when a model is loaded with it.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Shaped, UInt8

from cyclegan.errors import UsageError

Provider = Literal["cpu", "cuda", "openvino"]
ProviderChoice = Literal["auto", "cpu", "cuda", "openvino"]
Precision = Literal["fp32", "bf16"]
Pictures = UInt8[np.ndarray, "n h w 3"]
Anything = Shaped[np.ndarray, "..."]

logger = logging.getLogger(__name__)

_NAMES = {
    "cpu": "ONNX Runtime on the CPU",
    "cuda": "ONNX Runtime on the GPU",
    "openvino": "OpenVINO on the CPU",
}


class EngineError(Exception):
    """The engine cannot load a model or run it; the message is the line that the engine said."""


@runtime_checkable
class LoadedModel(Protocol):
    """A model in an engine; safe among threads."""

    @property
    def metadata(self) -> Mapping[str, str]:
        """Keys and values of the ONNX file."""
        ...

    def run(self, pictures: Pictures) -> Anything:
        """Translate; what the model gives, pictures or not, is the caller's to keep.

        Raises:
            EngineError: The model failed, as a rule because memory was short.
        """
        ...


@dataclass(frozen=True)
class Engine:
    """What runs the models: ONNX Runtime on the CPU or on a GPU, or OpenVINO on the CPU.

    bf16 rounds the numbers in the model to 8 bits: faster on a CPU that computes with them, but
    what comes out is a few levels off.

    Raises:
        UsageError: Only OpenVINO computes in bf16.
    """

    provider: Provider
    threads: int
    precision: Precision = "fp32"

    def __post_init__(self) -> None:
        if self.precision == "bf16" and self.provider != "openvino":
            raise UsageError(
                f"the provider {self.provider!r} does not compute in bf16; install and choose "
                "--provider openvino, or choose --precision fp32"
            )

    @classmethod
    def choose(cls, provider: ProviderChoice, threads: int, precision: Precision) -> "Engine":
        """Take the given provider, or for `auto` the faster of those for the CPU; log which.

        Raises:
            UsageError: The provider does not compute in this precision.
        """
        if provider == "auto":
            provider = "openvino" if find_spec("openvino") else "cpu"
        engine = cls(provider, threads, precision)
        logger.info("models run in %s", engine)
        return engine

    @property
    def size_multiple(self) -> int:
        """Sides of pictures should be multiples of this, in pixels.

        On a GPU memory grows with each new size, and nothing gives it back.
        """
        return 64 if self.provider == "cuda" else 1

    def load(self, model: bytes) -> LoadedModel:
        """Load the content of an ONNX file.

        Raises:
            EngineError: The file is damaged, or no ONNX model.
            UsageError: The provider is not there, or does not compute in this precision here.
        """
        if self.provider == "openvino":
            if not find_spec("openvino"):
                raise UsageError(
                    "the provider 'openvino' is not installed; install the extra `openvino`, "
                    "or choose --provider cpu"
                )
            from service.openvino_engine import OpenVinoModel

            return OpenVinoModel(model, self.threads, self.precision)
        from service.onnxruntime_engine import OnnxRuntimeModel

        return OnnxRuntimeModel(model, self.provider, self.threads)

    def __str__(self) -> str:
        plural = "" if self.threads == 1 else "s"
        return f"{_NAMES[self.provider]}, {self.precision}, {self.threads} thread{plural}"
