"""Whether a run may go on: only with the settings and pictures that it was begun with."""

import logging
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from cyclegan.atomic_file import write_atomically
from cyclegan.errors import UsageError
from training.pictures import fingerprint
from training.settings import PATHS, TrainSettings

logger = logging.getLogger(__name__)

PICTURES = "pictures.json"
"""File of a run's folder: what its pictures were when it began."""

# A run may go on with another value of these: moved pictures, another rhythm or device. Not of
# validation.pictures: scores on others cannot be compared with those of before.
_FREE = PATHS - {"start_from"} | {
    "steps", "device",
    "checkpoint_every", "keep_every", "sample_every", "log_every", "cache_mib",
    "doctor", "on_failure",
    "validation.every", "validation.best_by",
    "precision", "accumulate", "recompute_activations", "compile", "cuda_graphs",
}  # fmt: skip

TEACHER = "teacher.sha256"
"""File of a distillation's folder: fingerprint of the weights that it learns from."""

_TOLD = 3
"""Changes that a message names; another preset makes a dozen."""


def check_same_settings(former: dict[str, object], settings: TrainSettings) -> None:
    """Refuse settings that would make it another run.

    Raises:
        UsageError: It was begun with other ones.
    """
    before = _leaves(_completed(former, settings))
    now = _leaves(settings.model_dump(mode="json"))
    changes = [
        f"--{name.replace('_', '-')} was {_shown(before.get(name))}, now {_shown(now.get(name))}"
        for name in {**before, **{name: None for name in now if _is_known(name, former)}}
        if name not in _FREE and before.get(name) != now.get(name)
    ]
    if changes:
        more = f", and {len(changes) - _TOLD} more" if len(changes) > _TOLD else ""
        raise UsageError(
            f"{settings.run} was begun with other settings: {', '.join(changes[:_TOLD])}{more}; "
            "repeat the former command to continue, or give another --run to begin anew"
        )


def _is_known(name: str, former: dict[str, object]) -> bool:
    """Leave out what a training of an earlier version did not know; a distillation knows more."""
    group = name.partition(".")[0]
    return group in former or group not in TrainSettings.model_fields


def _completed(former: dict[str, object], settings: TrainSettings) -> dict[str, object]:
    """Add to the groups of settings what an earlier version did not know yet: its default."""
    groups = {key: group for key, group in settings if isinstance(group, BaseModel)}
    completed = dict(former)
    for key in groups.keys() & former.keys():
        with suppress(ValidationError):  # of a setting that is no more, which is then named
            whole = type(groups[key]).model_validate(former[key])
            completed[key] = whole.model_dump(mode="json")
    return completed


def _leaves(settings: object, name: str = "") -> dict[str, object]:
    """Give each setting under the name of its flag, as networks.generator.blocks."""
    if not isinstance(settings, dict):
        return {name: settings}
    leaves: dict[str, object] = {}
    for key, value in TypeAdapter(dict[str, object]).validate_python(settings).items():
        leaves |= _leaves(value, f"{name}.{key}" if name else key)
    return leaves


def _shown(value: object) -> str:
    match value:
        case None:
            return "none"
        case list():
            return ",".join(map(str, value))
        case _:
            return str(value)


class _Pictures(BaseModel):
    """Of one domain."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    count: int
    fingerprint: str


_OF_DOMAINS = TypeAdapter(dict[str, _Pictures])


def check_same_pictures(settings: TrainSettings, files: tuple[Sequence[Path], ...]) -> None:
    """Refuse other numbers of pictures, which would move the schedule; warn of other pictures.

    Moved ones are the same. What a run of an earlier version was begun with is not known.

    Raises:
        UsageError: There are more or fewer.
    """
    before, now = _noted(settings.run), _of_domains(settings, files)
    for name in before.keys() & now.keys():
        if before[name].count != now[name].count:
            raise UsageError(
                f"{settings.run} was begun with {before[name].count} pictures of {name}, now there "
                f"are {now[name].count}; give the former ones to continue, or begin another --run "
                f"with --start-from {settings.run}"
            )
        if before[name] != now[name]:
            logger.warning(
                "pictures of %s have other names or sizes than when %s was begun: it goes on, but "
                "not to where it would have come with the former ones", name, settings.run,
            )  # fmt: skip


def note_pictures(settings: TrainSettings, files: tuple[Sequence[Path], ...]) -> None:
    """Write down what the run's pictures are, unless that is done.

    Raises:
        OSError: The folder cannot be written to.
    """
    if not _noted(settings.run):
        content = _OF_DOMAINS.dump_json(_of_domains(settings, files), indent=2)
        write_atomically(settings.run / PICTURES, content + b"\n")


def check_same_teacher(run: Path, fingerprint: str) -> None:
    """Refuse to learn from another; a moved one is the same, and what was not noted is not known.

    Raises:
        UsageError: The run was begun with another.
    """
    file = run / TEACHER
    if file.exists() and file.read_text().strip() != fingerprint:
        raise UsageError(
            f"{run} was begun with another teacher; give the former --teacher to continue, or "
            "another --run to begin anew"
        )


def note_teacher(run: Path, fingerprint: str) -> None:
    """Write down whom the run learns from.

    Raises:
        OSError: The folder cannot be written to.
    """
    write_atomically(run / TEACHER, f"{fingerprint}\n".encode())


def _noted(run: Path) -> dict[str, _Pictures]:
    try:
        return _OF_DOMAINS.validate_json((run / PICTURES).read_bytes())
    except (FileNotFoundError, ValidationError):  # or of another version
        return {}


def _of_domains(settings: TrainSettings, files: tuple[Sequence[Path], ...]) -> dict[str, _Pictures]:
    return {
        name: _Pictures(count=len(pictures), fingerprint=fingerprint(pictures))
        for name, pictures in zip(settings.names, files, strict=True)
    }
