"""A run's folder: whose it is while it is trained, what a run begins there and continues."""

import fcntl
import logging
import os
from collections.abc import Generator
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path

from cyclegan.atomic_file import write_atomically
from cyclegan.checkpoint import LATEST, Checkpoint
from cyclegan.errors import UsageError
from training.continuation import PICTURES, check_same_settings
from training.folders import DataFolders
from training.saves import HEALTHY
from training.settings import TrainSettings

logger = logging.getLogger(__name__)

_LOCK = ".lock"


@contextmanager
def locked_folder(settings: TrainSettings) -> Generator[None]:
    """Make the run's folder, if it is not there, and keep other processes from training in it.

    Raises:
        UsageError: Another process does, or the folder cannot be written to.
    """
    try:
        settings.run.mkdir(parents=True, exist_ok=True)
        lock = (settings.run / _LOCK).open("a+")
    except OSError as error:
        raise UsageError(_unwritable(settings, error)) from None
    with lock:  # which ends the lock too, as does the end of the process in whatever way
        _take(lock, settings)
        try:
            yield
        finally:
            _forget_if_not_begun(settings.run)


def _take(lock: TextIOWrapper, settings: TrainSettings) -> None:
    """Lock the folder, and say in the lock whose it is."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        raise UsageError(
            f"{settings.run} is being trained by process {lock.read() or 'unknown'}; "
            "wait until it ends, or give another --run"
        ) from None
    except OSError as error:  # as on some network file systems
        logger.warning(
            "%s lies where files cannot be locked (%s); see to it that no other process trains "
            "there", settings.run, error.strerror,
        )  # fmt: skip
    try:
        os.ftruncate(lock.fileno(), 0)
        os.write(lock.fileno(), str(os.getpid()).encode())  # not kept back to fail at the end
    except OSError as error:
        raise UsageError(_unwritable(settings, error)) from None


def _forget_if_not_begun(run: Path) -> None:
    """Leave no folder behind in which nothing was written, as when a picture cannot be read."""
    if run.exists() and [file.name for file in run.iterdir()] == [_LOCK]:
        (run / _LOCK).unlink()
        run.rmdir()


def check_run_apart(run: Path, folders: DataFolders) -> None:
    """Refuse a run among its own pictures: what it draws would be trained on.

    Raises:
        UsageError: It lies in one of their folders.
    """
    for folder in (folders.train_a, folders.train_b, folders.test_a, folders.test_b):
        if folder and run.resolve().is_relative_to(folder.resolve()):
            raise UsageError(
                f"--run {run} lies in {folder}, whose pictures it is to train on, and what a run "
                "draws would be among them; give another --run"
            )


def former_checkpoint(settings: TrainSettings) -> Checkpoint | None:
    """Load what an earlier run left, if these settings continue it.

    Raises:
        CheckpointError: It cannot be read.
        UsageError: The run was begun with other settings.
    """
    latest = settings.run / LATEST
    if not latest.exists():
        return None
    checkpoint = Checkpoint.load(latest)
    check_same_settings(checkpoint.facts.settings, settings)
    return checkpoint


def begin(settings: TrainSettings) -> None:
    """Write down the settings of a new run.

    Raises:
        UsageError: The folder cannot be written to.
    """
    try:
        for name in (HEALTHY, PICTURES):  # of a run whose latest was deleted
            (settings.run / name).unlink(missing_ok=True)
        text = settings.model_dump_json(indent=2) + "\n"
        write_atomically(settings.run / "settings.json", text.encode())
    except OSError as error:
        raise UsageError(_unwritable(settings, error)) from None


def _unwritable(settings: TrainSettings, error: OSError) -> str:
    return f"{settings.run} cannot be written to ({error.strerror}); give another --run"
