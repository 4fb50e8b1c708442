"""The endpoints that say what is there."""

from importlib.metadata import version

from fastapi import APIRouter
from pydantic import BaseModel

from cyclegan.contract import TrainingFacts
from service.access import Caller
from service.catalogue import Catalogue
from service.errors import NoModel, UnknownTranslation
from service.interface import CALLER_ERRORS
from service.problems import other_problems, problem_documentation
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
    broken: list[str] = []
    """Folders whose model cannot be loaded, so that a former one serves or none; the service's log
    says why."""


class EngineDescription(BaseModel):
    """What runs models."""

    provider: str
    precision: str
    threads: int


class Limits(BaseModel):
    """What the service takes; where it is more, the answer says so."""

    max_body_bytes: int
    max_batch_bytes: int
    max_batch_files: int
    max_pixels: int
    max_edge: int
    """Longest side that is translated, in pixels; a larger picture is reduced."""
    read_timeout_seconds: float
    deadline_seconds: float
    workers: int
    """Pictures that are worked at, at one time."""
    queue: int
    """Pictures that may wait."""


class Information(BaseModel):
    """What serves, by what rules."""

    version: str
    engines: list[EngineDescription]
    limits: Limits
    translations: list[str]


@router.get("/v1/models", responses=problem_documentation(*CALLER_ERRORS))
async def models(state: State, caller: Caller) -> ModelList:
    """List what can be translated, by which models, and where these come from."""
    catalogue = state.catalogue
    described = [_describe(each, catalogue) for each in catalogue.translators]
    return ModelList(models=described, broken=list(catalogue.broken))


@router.get(
    "/v1/models/{name}",
    responses={
        **problem_documentation(*CALLER_ERRORS, UnknownTranslation, NoModel),
        **other_problems(),
    },
)
async def models_of(name: str, state: State, caller: Caller) -> ModelList:
    """List one translation, or all that a model offers, by the name of its folder."""
    catalogue = state.catalogue
    try:
        found = [catalogue.find(name)]
    except UnknownTranslation:
        if name not in catalogue.models:
            raise
        found = catalogue.models[name].translators
    broken = [each for each in catalogue.broken if each == name]
    return ModelList(models=[_describe(each, catalogue) for each in found], broken=broken)


@router.get("/info", responses=problem_documentation(*CALLER_ERRORS))
async def information(state: State, caller: Caller) -> Information:
    """Say what serves: its version, what runs the models, and what it takes."""
    catalogue = state.catalogue
    settings, admission = state.settings, state.workshop.admission
    engines = dict.fromkeys(each.engine for each in catalogue.translators)
    return Information(
        version=version("cyclegan"),
        engines=[
            EngineDescription(
                provider=engine.provider, precision=engine.precision, threads=engine.threads
            )
            for engine in engines
        ],
        limits=Limits(
            max_body_bytes=settings.max_body_bytes,
            max_batch_bytes=settings.max_batch_bytes,
            max_batch_files=settings.max_batch_files,
            max_pixels=settings.max_pixels,
            max_edge=settings.max_edge,
            read_timeout_seconds=settings.read_timeout_seconds,
            deadline_seconds=settings.deadline_seconds,
            workers=admission.workers,
            queue=admission.queue,
        ),
        translations=catalogue.translations,
    )


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
