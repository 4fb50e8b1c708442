"""What the routes work with, made once when the app starts."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from service.catalogue import Catalogue
from service.settings import ServiceSettings
from service.workshop import Workshop


@dataclass
class ServiceState:
    """The settings, the models on offer, and where pictures are translated."""

    settings: ServiceSettings
    catalogue: Catalogue
    """Replaced as a whole when models change; take it once for a request."""
    workshop: Workshop


def state_of(request: Request) -> ServiceState:
    """Find what the application that was asked works with."""
    return request.app.state.service


async def _get_state(request: Request) -> ServiceState:  # else FastAPI would use a thread for it
    return state_of(request)


State = Annotated[ServiceState, Depends(_get_state)]
