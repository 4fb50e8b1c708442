"""The models of a folder, by the names of their translations."""

import logging
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cyclegan.contract import FILE_AB, FILE_BA
from cyclegan.errors import ModelError
from service.engine import Engine
from service.errors import NoModel, UnknownTranslation
from service.translator import Translator

logger = logging.getLogger(__name__)

_WAY_OUT = (
    "make one with `cyclegan export` or `cyclegan import-weights`: "
    f"models/NAME/{FILE_AB} and models/NAME/{FILE_BA}"
)


def load_model(folder: Path, engine: Engine) -> list[Translator]:
    """Load both directions of one model, or the one that is there.

    Raises:
        ModelError: There is none, or a file of it is damaged.
    """
    files = _files(folder)
    if not files:
        raise ModelError(f"there is no model in {folder}; {_WAY_OUT}")
    translators = [Translator.load(file, engine) for file in files]
    names = [translator.card.translation for translator in translators]
    if len(set(names)) < len(names):
        raise ModelError(
            f"both files of {folder} translate {names[0]}; expected one for each direction"
        )
    return translators


Signature = tuple[tuple[int, int, int, int], ...]
"""Of each file of a model: device, inode, size and time; another file has another one."""


def find_models(folder: Path) -> dict[str, Signature]:
    """Look for subfolders with models, and tell their files from those that were there before.

    Raises:
        OSError: The folder is not there, or may not be looked into.
    """
    found = ((path.name, _signature(path)) for path in sorted(folder.iterdir()))
    return {name: signature for name, signature in found if signature}


@dataclass(frozen=True)
class Model:
    """What one subfolder holds."""

    name: str
    signature: Signature
    """Of the files that were read, or of older ones."""
    translators: Sequence[Translator]


class Catalogue:
    """Translations by name.

    The name is `summer2winter`. Where several models offer it, that means the first of them by
    name; `NAME:summer2winter` always means the one of models/NAME.
    """

    def __init__(
        self, models: Iterable[Model], broken: Iterable[str] = (), engine: Engine | None = None
    ) -> None:
        """Put models together.

        Args:
            models: In the order of their names.
            broken: Names of subfolders whose files cannot be loaded; a model of that name is what
                was there before.
            engine: Loads what comes later; that of the models if not given, of which there must be
                one then.
        """
        self.models = {model.name: model for model in models}
        self.broken = tuple(broken)
        self.translators = tuple(
            translator for model in self.models.values() for translator in model.translators
        )
        self.engine = engine or self.translators[0].engine
        self._by_name: dict[str, Translator] = {}
        for translator in self.translators:
            self._by_name.setdefault(translator.card.translation, translator)
            self._by_name.setdefault(
                f"{translator.model}:{translator.card.translation}", translator
            )

    @classmethod
    def load(cls, folder: Path, engine: Engine, may_be_empty: bool = False) -> "Catalogue":
        """Load all models of a folder, each in its own subfolder, in the order of their names.

        What is broken is logged, and the others are served: a file that was spoilt while a service
        ran is no reason for its next start to be the end of all.

        Raises:
            ModelError: There is no folder or, unless it may be empty, no model in it that is whole.
        """
        if not folder.is_dir():
            raise ModelError(f"there is no folder {folder} with models; {_WAY_OUT}")
        found = find_models(folder)
        if not found and not may_be_empty:
            raise ModelError(f"there is no model in {folder}; {_WAY_OUT}")
        if not found:
            logger.warning("there is no model in %s yet, so it is waited for; %s", folder, _WAY_OUT)
        models: list[Model] = []
        errors: dict[str, ModelError] = {}
        for name, signature in found.items():
            try:
                models.append(Model(name, signature, load_model(folder / name, engine)))
            except ModelError as error:
                errors[name] = error
        if errors and not (models or may_be_empty):
            raise next(iter(errors.values()))
        for name, error in errors.items():
            logger.error("the model %s in %s is refused: %s", name, folder, error)
        return cls(models, errors, engine)

    @property
    def translations(self) -> list[str]:
        """The shortest name of each."""
        return [self.names_of(translator)[0] for translator in self.translators]

    def find(self, name: str) -> Translator:
        """Look a translation up by its short or its long name.

        Raises:
            UnknownTranslation: Nothing is called so.
            NoModel: There is nothing at all yet.
        """
        if not self.translators:
            raise NoModel
        try:
            return self._by_name[name]
        except KeyError:
            raise UnknownTranslation(name, self.translations) from None

    def names_of(self, translator: Translator) -> list[str]:
        """All names that lead to `translator`, the shortest first."""
        return [name for name, each in self._by_name.items() if each is translator]


def _signature(folder: Path) -> Signature:
    signature: list[tuple[int, int, int, int]] = []
    for file in _files(folder):
        with suppress(FileNotFoundError):  # it has just gone
            signature.append(_facts(file))
    return tuple(signature)


def _facts(file: Path) -> tuple[int, int, int, int]:
    try:
        status = file.stat()
    except PermissionError:
        return 0, 0, 0, 0  # whoever loads it will hear why it cannot be read
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _files(folder: Path) -> list[Path]:
    if folder.name.startswith("."):
        return []
    return [file for name in (FILE_AB, FILE_BA) if _may_be_a_file(file := folder / name)]


def _may_be_a_file(path: Path) -> bool:
    try:
        return path.is_file()
    except PermissionError:
        return True
