"""OpenVINO: how models are loaded and run."""

import io
import os
import sys
from collections.abc import Mapping
from functools import cache

import numpy as np

from cyclegan.contract import INPUT, OUTPUT
from cyclegan.errors import UsageError
from service.engine import Anything, EngineError, Pictures, Precision

# `import openvino` takes its converter of models along, which we do not need and which tells Google
# Analytics that it was imported, with an identifier that it keeps in the home directory.
for _name in ("openvino_telemetry", "openvino.tools.ovc"):
    sys.modules.setdefault(_name, None)  # pyright: ignore[reportArgumentType] - "is not there"

# oneDNN, beneath it, would keep 1,024 kernels, which takes thousands of sizes to fill: memory would
# seem to grow for ever. None at all would slow the service down (docs/log.md).
os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "256")

import openvino  # noqa: E402
from openvino.frontend import FrontEnd, FrontEndManager  # noqa: E402

_DEVICE = "CPU"
_HINTS = {"fp32": "f32", "bf16": "bf16"}


class OpenVinoModel:
    """A model that OpenVINO compiled for the CPU."""

    def __init__(self, model: bytes, threads: int, precision: Precision) -> None:
        """Compile the bytes of an ONNX file.

        Raises:
            EngineError: They are damaged, or no ONNX model.
            UsageError: The CPU does not compute in this precision.
        """
        if precision == "bf16" and not computes_in_bf16():
            raise UsageError("this CPU does not compute in bf16; choose --precision fp32")
        self._properties = {
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": 1,
            "INFERENCE_NUM_THREADS": threads,
            "INFERENCE_PRECISION_HINT": _HINTS[precision],
            # Pinned to a core, a thread waits for it while another decodes there.
            "ENABLE_CPU_PINNING": False,
            # Kernels that it keeps for sizes of pictures that it has seen; 5,000 if not told.
            "CPU_RUNTIME_CACHE_CAPACITY": 100,
        }
        try:
            # Not `Core.read_model`, which would take other formats, too.
            reader = _reader()
            self._model = reader.convert(reader.load(io.BytesIO(model)))
            if not self._model.inputs:
                raise EngineError("there is nothing in it")  # an empty file is fine for OpenVINO
            self._compiled: openvino.CompiledModel | None = self._compile()
        except RuntimeError as error:
            raise EngineError(_reason(error)) from error

    @property
    def metadata(self) -> Mapping[str, str]:
        """Keys and values of the ONNX file."""
        key = "framework"
        return self._model.get_rt_info(key).value if self._model.has_rt_info(key) else {}

    def run(self, pictures: Pictures) -> Anything:
        """Translate; what the model gives, pictures or not, is the caller's to keep.

        Raises:
            EngineError: The model failed, as a rule because memory was short.
        """
        try:
            self._compiled = compiled = self._compiled or self._compile()
            # Two threads cannot share a request, and a new one costs nothing.
            result = compiled.create_infer_request().infer({INPUT: pictures})
            return np.asarray(result[OUTPUT])
        except (RuntimeError, KeyError) as error:
            # A failed run leaves half of its sizes behind, with which the next would fail, too.
            self._compiled = None
            raise EngineError(_reason(error)) from error

    def _compile(self) -> openvino.CompiledModel:
        return _core().compile_model(self._model, _DEVICE, self._properties)


def computes_in_bf16() -> bool:
    """Whether the CPU has instructions for it; without them it would be slower than fp32."""
    return "BF16" in _core().get_property(_DEVICE, "OPTIMIZATION_CAPABILITIES")


def _reason(error: Exception) -> str:
    # The lines before it say where in OpenVINO's source the error comes from.
    lines = [line for line in str(error).splitlines() if line.strip()]
    return next((line for line in lines if not line.startswith("Exception from")), str(error))


@cache
def _core() -> openvino.Core:
    return openvino.Core()


@cache
def _reader() -> FrontEnd:
    return FrontEndManager().load_by_framework("onnx")
