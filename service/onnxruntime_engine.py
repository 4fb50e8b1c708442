"""ONNX Runtime: how models are loaded and run, and what it raises."""

import os
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from cyclegan.contract import INPUT, OUTPUT
from cyclegan.errors import UsageError
from service.engine import Anything, EngineError, Pictures

# Read when it is imported: from 1.29 on it would tell Microsoft of this machine and of each model
# that it loads, and keep an identifier in the home directory (see its Privacy.md).
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import onnxruntime
from onnxruntime.capi import (
    onnxruntime_pybind11_state as raised,  # pyright: ignore[reportAttributeAccessIssue] - compiled
)

# They have no common base class.
_ERRORS: tuple[type[Exception], ...] = (
    raised.EPFail,
    raised.EngineError,
    raised.Fail,
    raised.InvalidArgument,
    raised.InvalidGraph,
    raised.InvalidProtobuf,
    raised.NoModel,
    raised.NotImplemented,
    raised.RuntimeException,
    RuntimeError,
    ValueError,
)

_PROVIDERS: dict[str, tuple[str, dict[str, Any]]] = {
    "cpu": ("CPUExecutionProvider", {}),
    # HEURISTIC: the default measures all algorithms anew for each new size of picture.
    "cuda": (
        "CUDAExecutionProvider",
        {"cudnn_conv_algo_search": "HEURISTIC", "arena_extend_strategy": "kSameAsRequested"},
    ),
}


class OnnxRuntimeModel:
    """A session of ONNX Runtime."""

    def __init__(self, model: bytes, provider: Literal["cpu", "cuda"], threads: int) -> None:
        """Make the session from the bytes of an ONNX file.

        Raises:
            EngineError: They are damaged, or no ONNX model.
            UsageError: The provider is not there; ONNX Runtime would go on with the CPU.
        """
        name, options = _PROVIDERS[provider]
        if provider == "cuda":
            onnxruntime.preload_dlls()
        if name not in onnxruntime.get_available_providers():
            raise UsageError(_missing(provider, "this ONNX Runtime was built without it"))
        try:
            self.session = onnxruntime.InferenceSession(
                model, sess_options=_options(threads), providers=[(name, options)]
            )
        except _ERRORS as error:
            raise EngineError(_first_line(error)) from error
        if self.session.get_providers()[0] != name:
            raise UsageError(_missing(provider, "no such device or driver was found"))
        self.session.disable_fallback()

    @property
    def metadata(self) -> Mapping[str, str]:
        """Keys and values of the ONNX file."""
        return self.session.get_modelmeta().custom_metadata_map

    def run(self, pictures: Pictures) -> Anything:
        """Translate; what the model gives, pictures or not, is the caller's to keep.

        Raises:
            EngineError: The model failed, as a rule because memory was short.
        """
        try:
            [result] = self.session.run([OUTPUT], {INPUT: pictures})
        except _ERRORS as error:
            raise EngineError(_first_line(error)) from error
        return np.asarray(result)


def _options(threads: int) -> onnxruntime.SessionOptions:  # pyright: ignore[reportUnknownParameterType]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    # It would keep a plan of its memory for each size of picture.
    options.enable_mem_pattern = False
    # Spinning threads would take the cores that other requests decode on.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Its own format, which it would recognise, can lead to other files in ways that nobody checks.
    options.add_session_config_entry("session.load_model_format", "ONNX")
    options.log_severity_level = 3  # errors
    return options


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def _missing(provider: str, reason: str) -> str:
    return f"the provider {provider!r} cannot be used: {reason}; choose --provider cpu"
