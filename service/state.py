"""What the routes work with, made once when the app starts."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Annotated, TypeVar

from fastapi import Depends, Request

from service.catalogue import Catalogue
from service.settings import ServiceSettings

Given = TypeVar("Given")


@dataclass(frozen=True)
class ServiceState:
    """The settings, the loaded models, and the threads for work that would block the event loop."""

    settings: ServiceSettings
    catalogue: Catalogue
    workers: Executor

    async def in_worker(self, work: Callable[[], Given]) -> Given:
        """Do `work` in a thread of its own; the shared ones of the framework are few."""
        return await asyncio.get_running_loop().run_in_executor(self.workers, work)


def _get_state(request: Request) -> ServiceState:
    return request.app.state.service


State = Annotated[ServiceState, Depends(_get_state)]
