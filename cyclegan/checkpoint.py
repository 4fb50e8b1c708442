"""The file in which training and export meet: it describes itself, so nobody re-types an option."""

import io
import pickle
import struct
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from pydantic import TypeAdapter, ValidationError
from torch import Tensor

from cyclegan.atomic_file import write_atomically
from cyclegan.contract import DomainNames, TrainingFacts
from cyclegan.errors import CheckpointError
from cyclegan.networks import Networks, NetworksConfig

LATEST = "latest.pt"
"""Name of the checkpoint in the folder of a run."""


@dataclass(frozen=True)
class Checkpoint:
    """Weights with their architecture and all that continuing needs."""

    FORMAT: ClassVar[int] = 1

    config: NetworksConfig
    weights: dict[str, Tensor]
    """The state of `Networks`."""
    domains: tuple[str, str]
    """Names of the domains A and B."""
    facts: TrainingFacts
    """What the exported model's card will say."""
    resume: dict[str, Any]
    """State of optimizers, histories and step; `training` alone knows its layout."""
    averaged: dict[str, Tensor] | None = None
    """The generators' moving average under their names in `Networks`, if the run keeps one."""
    name: str = "the checkpoint"
    """What errors call it: the file that it was loaded from, since a run may read several."""

    def save(self, path: Path) -> None:
        """Write to `path` wholly or not at all.

        Raises:
            CheckpointError: The disk is full or the folder cannot be written to.
        """
        contents = {
            "format": self.FORMAT,
            "config": self.config.model_dump(),
            "weights": self.weights,
            "domains": list(self.domains),
            "facts": self.facts.model_dump(),
            "resume": self.resume,
            "averaged": self.averaged,
        }
        # Through memory: on a full disk torch.save to a file reports an unrelated RuntimeError.
        buffer = io.BytesIO()
        torch.save(contents, buffer)
        try:
            write_atomically(path, buffer.getvalue())
        except OSError as error:
            raise CheckpointError(
                f"{path} could not be written ({error.strerror}); a former checkpoint there is "
                "whole: make room or give the right to write, then run the same command again"
            ) from None

    @classmethod
    def load(cls, path: Path) -> "Checkpoint":
        """Read a checkpoint; tensors land on the CPU.

        Raises:
            CheckpointError: It is missing, damaged, from another version, or holds more than data.
        """
        contents = load_tensors(path)
        if contents.get("format") != cls.FORMAT:
            raise CheckpointError(
                f"{path} has format {contents.get('format')!r}; expected {cls.FORMAT}, a "
                "checkpoint of this version of the project"
            )
        try:
            return cls(
                NetworksConfig.model_validate(contents["config"]),
                contents["weights"],
                TypeAdapter(DomainNames).validate_python(tuple(contents["domains"])),
                TrainingFacts.model_validate(contents["facts"]),
                contents["resume"],
                contents["averaged"],
                name=str(path),
            )
        except (KeyError, TypeError, ValidationError):
            raise CheckpointError(
                f"{path} lacks parts of a checkpoint; start a new run in another folder"
            ) from None

    def networks(self, averaged: bool = False) -> Networks:
        """Build the networks with these weights, or with the generators' moving average.

        Raises:
            CheckpointError: The weights are not those of the architecture.
        """
        networks = Networks(self.config)
        try:
            networks.load_state_dict(self.weights)
            if averaged and self.averaged is not None:
                networks.load_state_dict(self.weights | self.averaged)
        except (RuntimeError, TypeError):
            raise CheckpointError(
                f"{self.name} has weights that do not fit the architecture that it describes; it "
                "is damaged, or of an earlier version: start again from another checkpoint"
            ) from None
        return networks


def checkpoint_of(run: Path) -> Path:
    """Find the latest checkpoint in the folder of a run, or take the one that is named.

    Raises:
        CheckpointError: There is none.
    """
    if not run.exists():
        raise CheckpointError(
            f"{run} does not exist; expected the --run of a `cyclegan train` that has saved, or a "
            "checkpoint"
        )
    latest = run / LATEST if run.is_dir() else run
    if not latest.exists():
        raise CheckpointError(
            f"{run} holds no {LATEST}; expected the --run of a `cyclegan train` that has saved"
        )
    return latest


def load_tensors(path: Path) -> dict[str, Any]:
    """Read a file of `torch.save` that holds a dictionary of plain data; execute nothing.

    Raises:
        CheckpointError: It is missing, damaged, or holds anything that could execute code.
    """
    try:
        with warnings.catch_warnings():
            # Of a foreign file PyTorch asks the user to file an issue with it.
            warnings.simplefilter("ignore", UserWarning)
            contents = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise CheckpointError(f"{path} does not exist; expected a checkpoint or weights") from None
    except IsADirectoryError:
        raise CheckpointError(f"{path} is a folder; expected a file") from None
    except PermissionError:
        raise CheckpointError(f"{path} may not be read; give the right to read it") from None
    except pickle.UnpicklingError:
        raise CheckpointError(
            f"{path} was refused: it is damaged, or holds more than weights, which could execute "
            "code; take it from its source again"
        ) from None
    # Whatever its reader stumbles over in bytes that were never a checkpoint.
    except (
        RuntimeError, EOFError, OSError, ValueError, LookupError, TypeError, AttributeError,
        struct.error,
    ):  # fmt: skip
        raise CheckpointError(
            f"{path} is damaged, or was not written by torch.save; take an intact copy, or another "
            "file"
        ) from None
    if not isinstance(contents, dict) or not all(isinstance(key, str) for key in contents):
        raise CheckpointError(
            f"{path} holds a {type(contents).__name__}; expected a dictionary with names as keys"
        )
    return contents
