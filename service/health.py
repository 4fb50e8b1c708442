"""The endpoints that say whether the service is there, for whoever keeps it running.

Nobody needs a key for them, and no rate holds. They are `async` though they wait for nothing:
others would queue behind the framework's threads.
"""

from typing import Literal

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from service.errors import Draining, NoModel
from service.problems import problem_documentation
from service.state import State

router = APIRouter()


class Alive(BaseModel):
    """That the process answers."""

    status: Literal["alive"] = "alive"


class Ready(BaseModel):
    """That it takes pictures."""

    status: Literal["ready"] = "ready"


async def _refuse_when_not_ready(state: State) -> None:
    if state.workshop.admission.closed:
        raise Draining
    if not state.catalogue.translators:
        raise NoModel


ONLY_WHEN_READY = Depends(_refuse_when_not_ready)
"""Dependency of what another instance should be asked for while this one stops or has no model."""
NOT_READY = (Draining, NoModel)
"""What it may answer."""


@router.get("/livez")
@router.get("/healthz")
async def livez() -> Alive:
    """Say that the process answers."""
    return Alive()


@router.get("/readyz", responses=problem_documentation(*NOT_READY), dependencies=[ONLY_WHEN_READY])
@router.get("/health", responses=problem_documentation(*NOT_READY), dependencies=[ONLY_WHEN_READY])
async def readyz() -> Ready:
    """Say that the models are loaded and warm, and that the service is not about to stop."""
    return Ready()
