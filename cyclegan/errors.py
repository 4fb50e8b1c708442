"""Errors that this project raises on purpose; each is one line that a user can act on.

    CycleGANError
    ├── CheckpointError   a checkpoint is missing, damaged or of another architecture
    ├── WeightsError      a file of the authors' weights cannot be read as a generator
    ├── ModelError        an exported model is missing, damaged or not described
    ├── ExportError       the exported model does not do what the PyTorch model does
    ├── DataError         a folder of pictures cannot be trained on
    ├── TrainingFailed    a run has ended without what it was for
    └── UsageError        a command cannot run as it was asked to

A message says what was found, what was expected and, where there is one, the way out.
"""


class CycleGANError(Exception):
    """Base class: catch it at the edge of a program, not inside."""


class CheckpointError(CycleGANError):
    """A checkpoint is missing, damaged or of another architecture."""


class WeightsError(CycleGANError):
    """A file of the authors' weights cannot be read as a generator."""


class ModelError(CycleGANError):
    """An exported model is missing, damaged or not described."""


class ExportError(CycleGANError):
    """The exported model does not do what the PyTorch model does."""


class DataError(CycleGANError):
    """A folder of pictures cannot be trained on."""


class TrainingFailed(CycleGANError):
    """A run has ended without what it was for; what it saved before is whole."""


class UsageError(CycleGANError):
    """A command cannot run as it was asked to."""


def first_line(error: Exception) -> str:
    """Give the first line of what a library's error says, or its type where it says nothing."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
