"""KServe's open inference protocol, version 2: health and metadata.

Tensors are not taken: that is a model server's business, and the ONNX files are made for one.
"""

from importlib.metadata import version
from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel

from cyclegan.contract import INPUT, OUTPUT
from service import dialects
from service.access import Caller
from service.errors import NoModel, UnknownTranslation
from service.health import NOT_READY, ONLY_WHEN_READY
from service.interface import CALLER_ERRORS
from service.problems import other_problems, problem_documentation, speaking
from service.state import State

router = APIRouter(prefix="/v2", dependencies=[speaking(dialects.plain)])
health_router = APIRouter(prefix="/v2", dependencies=[speaking(dialects.plain)])
"""For whoever keeps the service running, without keys."""


class ServerLive(BaseModel):
    """That the process answers."""

    live: Literal[True] = True


class ServerReady(BaseModel):
    """That it takes pictures."""

    ready: Literal[True] = True


class ModelReady(BaseModel):
    """That a model is loaded."""

    name: str
    ready: Literal[True] = True


class ServerMetadata(BaseModel):
    """What serves."""

    name: str
    version: str
    extensions: list[str]


class TensorMetadata(BaseModel):
    """What goes into a model, or comes out of it."""

    name: str
    datatype: str
    shape: list[int]


class ModelMetadata(BaseModel):
    """What a model is, and what goes in and out."""

    name: str
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]


@health_router.get("/health/live")
async def server_live() -> ServerLive:
    """Say that the process answers."""
    return ServerLive()


@health_router.get(
    "/health/ready", responses=problem_documentation(*NOT_READY), dependencies=[ONLY_WHEN_READY]
)
async def server_ready() -> ServerReady:
    """Say that the models are loaded and warm, and that the service is not about to stop."""
    return ServerReady()


@router.get("", responses=problem_documentation(*CALLER_ERRORS))
async def server_metadata(caller: Caller) -> ServerMetadata:
    """Say what serves."""
    return ServerMetadata(name="cyclegan", version=version("cyclegan"), extensions=[])


@router.get(
    "/models/{translation}",
    responses={
        **problem_documentation(*CALLER_ERRORS, UnknownTranslation, NoModel),
        **other_problems(),
    },
)
async def model_metadata(translation: str, state: State, caller: Caller) -> ModelMetadata:
    """Say what goes into a model, and what comes out of it."""
    state.catalogue.find(translation)
    return ModelMetadata(
        name=translation,
        platform="onnx_onnxv1",
        inputs=[_pictures(INPUT)],
        outputs=[_pictures(OUTPUT)],
    )


@health_router.get(
    "/models/{translation}/ready",
    responses={**problem_documentation(UnknownTranslation, *NOT_READY), **other_problems()},
    dependencies=[ONLY_WHEN_READY],
)
async def model_ready(translation: str, state: State) -> ModelReady:
    """Say that a model is loaded and warm."""
    try:
        state.catalogue.find(translation)
    except UnknownTranslation:
        raise UnknownTranslation(translation) from None  # who asks has not shown a key
    return ModelReady(name=translation)


def _pictures(name: str) -> TensorMetadata:
    return TensorMetadata(name=name, datatype="UINT8", shape=[-1, -1, -1, 3])
