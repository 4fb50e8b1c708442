"""ONNX Runtime on the CPU, as export and evaluation run a model; imports no PyTorch."""

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from cyclegan.contract import INPUT, OUTPUT
from cyclegan.cores import available_cores

# Read when it is imported: from 1.29 on it would tell Microsoft of this machine and of each model.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import onnxruntime

Pictures = UInt8[np.ndarray, "n h w 3"]


class CpuSession:
    """An exported model, loaded to be run on the cores that this process may use."""

    def __init__(self, model: Path | bytes) -> None:
        """Load an ONNX file, or its content; whatever ONNX Runtime raises is passed on."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = available_cores()
        self.session = onnxruntime.InferenceSession(
            model, options, providers=["CPUExecutionProvider"]
        )

    @property
    def metadata(self) -> Mapping[str, str]:
        """Keys and values of the ONNX file."""
        return self.session.get_modelmeta().custom_metadata_map

    def translated(self, pictures: Pictures) -> Pictures:
        """Translate RGB bytes."""
        [result] = self.session.run([OUTPUT], {INPUT: pictures})
        return np.asarray(result)
