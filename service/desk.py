"""Where requests that bring pictures are taken in, whatever form they have."""

from collections.abc import Awaitable
from dataclasses import dataclass
from time import perf_counter
from typing import Annotated, TypeVar

from fastapi import Depends, Request

from service.access import caller_of
from service.body import BodyLimits, departure
from service.catalogue import Catalogue
from service.formats import PictureFormat
from service.pipeline import Order, Result
from service.record import Phase, RequestRecord, fingerprint, record_of
from service.settings import ServiceSettings
from service.state import state_of
from service.translator import Translator
from service.workshop import Workshop

Content = TypeVar("Content")


@dataclass(frozen=True)
class OrderDesk:
    """Takes the pictures of one request in, has them translated and notes how it went."""

    request: Request
    settings: ServiceSettings
    catalogue: Catalogue
    workshop: Workshop
    caller: str
    record: RequestRecord

    @property
    def limits(self) -> BodyLimits:
        """Of a body with one picture."""
        return BodyLimits(self.settings.max_body_bytes, self.settings.read_timeout_seconds)

    def find(self, translation: str) -> Translator:
        """Look a translation up by one of its names.

        Raises:
            UnknownTranslation: Nothing is called so.
        """
        translator = self.catalogue.find(translation)
        self.record.translation = self.name_of(translator)
        return translator

    def name_of(self, translator: Translator) -> str:
        """The shortest name that leads to `translator`."""
        return self.catalogue.names_of(translator)[0]

    def order(self, format: PictureFormat, quality: int | None) -> Order:
        """Say how pictures are read and answered; without `quality` it is the usual one."""
        settings = self.settings
        return Order(
            format,
            quality or settings.quality,
            settings.max_pixels,
            settings.max_edge,
            settings.model_edge,
        )

    async def read(self, reading: Awaitable[Content]) -> Content:
        """Wait for the body, and note how long that took."""
        began = perf_counter()
        content = await reading
        self.record.phases.append(Phase("read", began, (perf_counter() - began) * 1000))
        return content

    async def translate(self, data: bytes, translator: Translator, order: Order) -> Result:
        """Translate the only picture of the request.

        Raises:
            ProblemError: It cannot be done, or not now.
            ClientDisconnect: The client has left.
            ModelError: The model failed.
        """
        self.record.sha256 = await fingerprint(data)
        return await self.translate_until(departure(self.request), data, translator, order)

    async def translate_until(
        self, departure: Awaitable[None], data: bytes, translator: Translator, order: Order
    ) -> Result:
        """Translate one of several pictures, unless nobody waits for it any more.

        Raises:
            ProblemError: It cannot be done, or not now.
            ClientDisconnect: `departure` came first.
            ModelError: The model failed.
        """
        began = perf_counter()
        result = await self.workshop.translate(data, translator, order, self.caller, departure)
        self.record.note_picture(result.original_size, began, result.timings)
        return result


async def _desk(request: Request) -> OrderDesk:
    # One dependency and not five, all of which FastAPI would look through at every request.
    state, caller = state_of(request), caller_of(request)
    state.workshop.admission.check(caller)  # before the body costs anything
    return OrderDesk(
        request, state.settings, state.catalogue, state.workshop, caller, record_of(request)
    )


Desk = Annotated[OrderDesk, Depends(_desk)]
"""Refuses at once what would be refused after its body has been read."""
