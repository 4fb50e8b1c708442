"""ONNX Runtime: how sessions are made, and what it raises."""

from dataclasses import dataclass
from typing import Any, Literal

import onnxruntime
from onnxruntime.capi import (
    onnxruntime_pybind11_state as raised,  # pyright: ignore[reportAttributeAccessIssue] - compiled
)

from cyclegan.errors import UsageError

# Its errors have no common base class.
EngineErrors: tuple[type[Exception], ...] = (
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


@dataclass(frozen=True)
class Engine:
    """What runs a model."""

    provider: Literal["cpu", "cuda"]
    threads: int

    def session(self, model: bytes) -> onnxruntime.InferenceSession:
        """Make a session of the bytes of an ONNX file.

        Raises:
            UsageError: The provider is not there; ONNX Runtime would go on with the CPU.
        """
        name, options = _PROVIDERS[self.provider]
        if self.provider == "cuda":
            onnxruntime.preload_dlls()
        if name not in onnxruntime.get_available_providers():
            raise UsageError(_missing(self.provider, "this ONNX Runtime was built without it"))
        session = onnxruntime.InferenceSession(
            model, sess_options=self._options(), providers=[(name, options)]
        )
        if session.get_providers()[0] != name:
            raise UsageError(_missing(self.provider, "no such device or driver was found"))
        session.disable_fallback()
        return session

    def _options(self) -> onnxruntime.SessionOptions:  # pyright: ignore[reportUnknownParameterType]
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.threads
        options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        # Spinning threads would take the cores that other requests decode on.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3  # errors
        return options


def _missing(provider: str, reason: str) -> str:
    return f"the provider {provider!r} cannot be used: {reason}; choose --provider cpu"
