"""The endpoints that say whether the service is there, for whoever keeps it running.

Nobody needs a key for them, and no rate holds. They are `async` though they wait for nothing:
others would queue behind the framework's threads.
"""

from typing import Literal

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from service.errors import Draining
from service.problems import problem_documentation
from service.state import State

router = APIRouter()


class Alive(BaseModel):
    """That the process answers."""

    status: Literal["alive"] = "alive"


class Ready(BaseModel):
    """That it takes pictures."""

    status: Literal["ready"] = "ready"


async def _refuse_when_draining(state: State) -> None:
    if state.workshop.admission.closed:
        raise Draining


ONLY_WHEN_READY = Depends(_refuse_when_draining)
"""Dependency of what another instance should be asked for while this one stops."""


@router.get("/livez")
@router.get("/healthz")
async def livez() -> Alive:
    """Say that the process answers."""
    return Alive()


@router.get("/readyz", responses=problem_documentation(Draining), dependencies=[ONLY_WHEN_READY])
@router.get("/health", responses=problem_documentation(Draining), dependencies=[ONLY_WHEN_READY])
async def readyz() -> Ready:
    """Say that the models are loaded and warm, and that the service is not about to stop."""
    return Ready()
