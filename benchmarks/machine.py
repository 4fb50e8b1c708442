"""On what a number was measured; without it a number says nothing."""

import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

import torch
from pydantic import BaseModel, ConfigDict

_ROOT = Path(__file__).parents[1]


class Machine(BaseModel):
    """The device and the software of a measurement."""

    model_config = ConfigDict(frozen=True)

    device: str
    device_name: str
    threads: int
    """Of PyTorch, and of ONNX Runtime where it is measured."""
    python: str
    pytorch: str
    onnxruntime: str
    commit: str | None
    """Of this project, with `-dirty` when files differ from it; none outside of git."""

    @classmethod
    def here(cls, device: torch.device) -> "Machine":
        """Look around."""
        return cls(
            device=device.type,
            device_name=_name(device),
            threads=torch.get_num_threads(),
            python=platform.python_version(),
            pytorch=str(torch.__version__),
            onnxruntime=_onnxruntime(),
            commit=_commit(),
        )

    def __str__(self) -> str:
        return (
            f"{self.device_name} ({self.device}, {self.threads} threads), torch {self.pytorch}, "
            f"onnxruntime {self.onnxruntime}, Python {self.python}, "
            f"commit {self.commit or 'unknown'}"
        )


def _name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    with_names = Path("/proc/cpuinfo")
    lines = with_names.read_text().splitlines() if with_names.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return next(iter(names), platform.processor() or platform.machine())


def _onnxruntime() -> str:
    try:
        return version("onnxruntime-gpu")
    except ModuleNotFoundError:
        return version("onnxruntime")


def _commit() -> str | None:
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"],
            cwd=_ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return described.stdout.strip()
