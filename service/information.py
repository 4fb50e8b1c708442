"""The endpoints that say what is there."""

from typing import Literal

from fastapi import APIRouter
from fastapi.responses import RedirectResponse
from pydantic import BaseModel

from cyclegan.contract import TrainingFacts
from service.catalogue import Catalogue
from service.state import State
from service.translator import Translator

router = APIRouter()


class ModelDescription(BaseModel):
    """One translation on offer."""

    names: list[str]
    """What it is called in URLs; the first is the shortest."""
    model: str
    source: str
    target: str
    sha256: str
    provider: str
    size_multiple: int
    min_side: int
    parameters: int
    architecture: dict[str, object]
    training: TrainingFacts


class ModelList(BaseModel):
    """All translations on offer."""

    models: list[ModelDescription]


class Health(BaseModel):
    """That the service is there."""

    status: Literal["alive", "ready"]


@router.get("/", include_in_schema=False)
async def front_page() -> RedirectResponse:
    """Lead to the documentation, until there is a page."""
    return RedirectResponse("/docs")


@router.get("/v1/models")
async def models(state: State) -> ModelList:
    """List what can be translated, by which models, and where these come from."""
    catalogue = state.catalogue
    return ModelList(models=[_describe(each, catalogue) for each in catalogue.translators])


# `async` though they wait for nothing: others would queue behind the framework's threads.
@router.get("/livez")
async def livez() -> Health:
    """Say that the process answers."""
    return Health(status="alive")


@router.get("/readyz")
async def readyz(state: State) -> Health:
    """Say that the models are loaded and warm; `state` is there only then."""
    return Health(status="ready")


def _describe(translator: Translator, catalogue: Catalogue) -> ModelDescription:
    card = translator.card
    return ModelDescription(
        names=catalogue.names_of(translator),
        model=translator.model,
        source=card.source,
        target=card.target,
        sha256=translator.sha256,
        provider=translator.provider,
        size_multiple=card.size_multiple,
        min_side=card.min_side,
        parameters=card.parameters,
        architecture=card.architecture,
        training=card.training,
    )
