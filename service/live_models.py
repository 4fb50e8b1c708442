"""The folder of models, which may change while the service runs."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Literal, Never

from cyclegan.errors import ModelError
from service.catalogue import Catalogue, Model, Signature, find_models, load_model

logger = logging.getLogger(__name__)

# Looked at again and again, not watched with the system's help: that tells nothing of what others
# do on a network or other mount, nor of links that lead elsewhere now. And a look is quick.
_SECONDS = 1.0

Outcome = Literal["taken", "refused"]


class LiveModels:
    """Makes a new catalogue when the folder has changed; only what is new is loaded."""

    def __init__(
        self,
        folder: Path,
        catalogue: Catalogue,
        note: Callable[[Outcome], None] = lambda outcome: None,
    ) -> None:
        """Begin where `catalogue` was loaded.

        Args:
            folder: With a subfolder for each model.
            catalogue: What was loaded of it; its engine loads the rest.
            note: Is told of each model that was taken over or taken away, or was refused.
        """
        self._folder = folder
        self._engine = catalogue.engine
        self._note = note
        self._catalogue = catalogue
        self._dealt_with = {name: model.signature for name, model in catalogue.models.items()}
        self._seen = self._dealt_with

    async def follow(self, take: Callable[[Catalogue], None]) -> Never:
        """Look at the folder every second, for ever, and load in a thread.

        Args:
            take: Is given the catalogue that holds from now on, a new one or the same.
        """
        while True:
            await asyncio.sleep(_SECONDS)
            try:
                take(await asyncio.to_thread(self.refresh))
            except Exception:  # nobody waits for this task: what is on offer stays, and so does it
                logger.exception("the models in %s could not be looked at", self._folder)

    def refresh(self) -> Catalogue:
        """Load what has changed and was the same the last time: nobody writes at it any more.

        What is broken is logged, and its former model stays; so do the last models of all. What is
        replaced is not closed: requests that have begun finish with it.
        """
        found = self._find()
        if found == self._seen and found != self._dealt_with:
            self._dealt_with = found
            self._catalogue = self._load(found)
        self._seen = found
        return self._catalogue

    def _find(self) -> dict[str, Signature]:
        try:
            return find_models(self._folder)
        except OSError:
            return {}

    def _load(self, found: dict[str, Signature]) -> Catalogue:
        former = self._catalogue.models
        models: list[Model] = []
        broken: list[str] = []
        for name, signature in found.items():
            model = former.get(name)
            if model is None or model.signature != signature:
                try:
                    model = self._load_one(name, signature)
                except Exception as error:  # whatever it is: the others are to be taken over
                    logger.warning(
                        "the model %s in %s is refused: %s",
                        name,
                        self._folder,
                        str(error) or repr(error),
                        exc_info=not isinstance(error, ModelError),
                    )
                    self._note("refused")
                    broken.append(name)
            if model:
                models.append(model)
        if not models:
            if former:
                logger.warning("there is no model in %s any more; the last ones stay", self._folder)
            return Catalogue(former.values(), broken, self._engine)
        for name in former.keys() - found.keys():
            logger.info("the model %s is gone", name)
            self._note("taken")
        return Catalogue(models, broken, self._engine)

    def _load_one(self, name: str, signature: Signature) -> Model:
        translators = load_model(self._folder / name, self._engine)
        self._note("taken")
        translations = ", ".join(each.card.translation for each in translators)
        logger.info("the model %s is new: %s", name, translations)
        return Model(name, signature, translators)
