"""The endpoint that translates."""

from time import perf_counter
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from service import errors
from service.access import Caller
from service.body import FILE_FIELDS, BodyLimits, departure, read_picture
from service.formats import PictureFormat
from service.negotiation import choose_format
from service.pipeline import Order, Result
from service.problems import problem_documentation
from service.settings import Quality
from service.state import State
from service.translator import Translator

router = APIRouter()

_BINARY = {"schema": {"type": "string", "format": "binary"}}
_FORM = {
    "schema": {
        "type": "object",
        "description": "One of the fields is enough.",
        "properties": {name: {"type": "string", "format": "binary"} for name in FILE_FIELDS},
    }
}
# By hand: FastAPI would parse the form itself, with limits of its own.
_REQUEST_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "image/jpeg": _BINARY,
        "image/png": _BINARY,
        "image/webp": _BINARY,
        "application/octet-stream": _BINARY,
        "multipart/form-data": _FORM,
    },
}
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The translated picture. X-Resized-From: its width and height before, "
        "where it was larger than the service translates.",
        "content": {format.media_type: _BINARY for format in PictureFormat},
    },
    **problem_documentation(
        errors.BadRequest,
        errors.UnknownTranslation,
        errors.NotAcceptable,
        errors.BodyTimeout,
        errors.BodyTooLarge,
        errors.UnsupportedBody,
        errors.UnsupportedImageType,
        errors.TooManyPixels,
        errors.UndecodableImage,
        errors.ResultTooLong,
        errors.QueueFull,
        errors.Draining,
        errors.DeadlineExceeded,
    ),
}


@router.post(
    "/v1/translate/{translation}",
    response_class=Response,
    responses=_RESPONSES,
    openapi_extra={"requestBody": _REQUEST_BODY},
)
async def translate(
    translation: str,
    request: Request,
    state: State,
    caller: Caller,
    format: Annotated[
        PictureFormat | None, Query(description="Of the answer; without it, `Accept` decides.")
    ] = None,
    quality: Annotated[Quality | None, Query(description="Of a JPEG or WebP answer.")] = None,
) -> Response:
    """Translate the picture in the body; the answer is a picture without metadata."""
    settings = state.settings
    translator = state.catalogue.find(translation)
    order = Order(
        format=format or choose_format(request.headers.getlist("accept")),
        quality=quality or settings.quality,
        max_pixels=settings.max_pixels,
        max_edge=settings.max_edge,
    )
    state.workshop.admission.check(caller)  # before the body costs anything
    begin = perf_counter()
    limits = BodyLimits(settings.max_body_bytes, settings.read_timeout_seconds)
    data = await read_picture(request, limits)
    read = (perf_counter() - begin) * 1000
    result = await state.workshop.translate(data, translator, order, caller, departure(request))
    headers = _headers(translator, result, read)
    return Response(result.data, media_type=order.format.media_type, headers=headers)


def _headers(translator: Translator, result: Result, read: float) -> dict[str, str]:
    timings = {"read": read, **result.timings}
    headers = {
        "X-Model": f"{translator.card.translation}@sha256:{translator.sha256[:8]}",
        "Server-Timing": ", ".join(f"{name};dur={time:.1f}" for name, time in timings.items()),
        "Vary": "Accept",
        "Cache-Control": "no-store",
        "Content-Security-Policy": "default-src 'none'; sandbox",
    }
    if result.resized_from:
        headers["X-Resized-From"] = "{}x{}".format(*result.resized_from)
    return headers
