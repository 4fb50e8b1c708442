"""A run's folder: whose it is while it is trained, and whether a run there may go on."""

import fcntl
import logging
import os
from collections.abc import Generator
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from pathlib import Path

from pydantic import BaseModel, ValidationError

from cyclegan.atomic_file import write_atomically
from cyclegan.checkpoint import LATEST, Checkpoint
from cyclegan.errors import UsageError
from training.saves import HEALTHY
from training.settings import PATHS, TrainSettings

logger = logging.getLogger(__name__)

_LOCK = ".lock"

# A run may go on with another value of these: moved pictures, another rhythm or device.
_FREE = PATHS - {"start_from"} | {
    "steps", "device",
    "checkpoint_every", "sample_every", "log_every", "cache_mib", "doctor", "on_failure",
    "accumulate", "recompute_activations", "compile",
}  # fmt: skip


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
    if [file.name for file in run.iterdir()] == [_LOCK]:
        (run / _LOCK).unlink()
        run.rmdir()


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
    _check_same(checkpoint.facts.settings, settings)
    return checkpoint


def begin(settings: TrainSettings) -> None:
    """Write down the settings of a new run.

    Raises:
        UsageError: The folder cannot be written to.
    """
    try:
        (settings.run / HEALTHY).unlink(missing_ok=True)  # of a run whose latest was deleted
        text = settings.model_dump_json(indent=2) + "\n"
        write_atomically(settings.run / "settings.json", text.encode())
    except OSError as error:
        raise UsageError(_unwritable(settings, error)) from None


def _unwritable(settings: TrainSettings, error: OSError) -> str:
    return f"{settings.run} cannot be written to ({error.strerror}); give another --run"


def _check_same(former: dict[str, object], settings: TrainSettings) -> None:
    """Refuse to go on with settings that would make it another run."""
    now, former = settings.model_dump(mode="json"), _completed(former, settings)
    # What a training of an earlier version did not know yet; a distillation knows more.
    known = [key for key in now if key in former or key not in TrainSettings.model_fields]
    changed = [
        key
        for key in {**former, **dict.fromkeys(known)}
        if key not in _FREE and former.get(key) != now.get(key)
    ]
    if changed:
        key = changed[0]
        raise UsageError(
            f"{settings.run} was begun with {key} = {former.get(key)}, now it is {now.get(key)}; "
            "repeat the former command to continue, or give another --run to begin anew"
        )


def _completed(former: dict[str, object], settings: TrainSettings) -> dict[str, object]:
    """Add to the groups of settings what an earlier version did not know yet: its default."""
    groups = {key: group for key, group in settings if isinstance(group, BaseModel)}
    completed = dict(former)
    for key in groups.keys() & former.keys():
        with suppress(ValidationError):  # of a setting that is no more, which is then named
            whole = type(groups[key]).model_validate(former[key])
            completed[key] = whole.model_dump(mode="json")
    return completed
