"""Reading a request's body: never more bytes than allowed, never longer than allowed."""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import TypeVar

from starlette.requests import Request
from starlette.types import Message

from service.errors import BadRequest, BodyTimeout, BodyTooLarge, UnsupportedBody
from service.form import Form, parse_form

FILE_FIELDS = ("file", "image")
_MAX_TEXTS = 8

Content = TypeVar("Content")


@dataclass(frozen=True)
class BodyLimits:
    """What a client may cost before its picture is looked at."""

    max_bytes: int
    seconds: float


async def read_picture(request: Request, limits: BodyLimits) -> bytes:
    """Read the picture in a raw or multipart body; its declared type is only a hint.

    Raises:
        UnsupportedBody: The body is declared as something else than a picture or a form.
        BodyTooLarge: Counted, so that it holds for chunked bodies as well.
        BodyTimeout: The body is not complete in time.
        BadRequest: The form is broken, or has no picture.
    """
    media_type = media_type_of(request)
    if media_type == "multipart/form-data":
        return _picture_in(await read_form(request, limits, 1, _MAX_TEXTS))
    if media_type in ("", "application/octet-stream") or media_type.startswith("image/"):
        return await read_bytes(request, limits)
    raise UnsupportedBody(
        f"the body is declared as {media_type[:80]!r}; send the bytes of a picture as image/* or "
        f"application/octet-stream, or multipart/form-data with the field {FILE_FIELDS[0]!r}"
    )


async def read_bytes(request: Request, limits: BodyLimits) -> bytes:
    """Read a body as it is.

    Raises:
        BodyTooLarge: Counted, so that it holds for chunked bodies as well.
        BodyTimeout: The body is not complete in time.
    """
    limited = _counted(request, limits.max_bytes)
    return await _in_time(_collected(limited), limits.seconds)


async def read_form(request: Request, limits: BodyLimits, max_files: int, max_texts: int) -> Form:
    """Read a multipart body.

    Raises:
        UnsupportedBody: The body is declared as something else.
        BodyTooLarge: Counted, so that it holds for chunked bodies as well.
        BodyTimeout: The body is not complete in time.
        BadRequest: The form is broken, or has more parts than allowed.
    """
    media_type = media_type_of(request)
    if media_type != "multipart/form-data":
        raise UnsupportedBody(
            f"the body is declared as {media_type[:80]!r}; expected multipart/form-data"
        )
    limited = _counted(request, limits.max_bytes)
    return await _in_time(parse_form(limited, max_files, max_texts), limits.seconds)


def media_type_of(request: Request) -> str:
    """What a body is declared as, without parameters; empty if it is not."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def departure(request: Request) -> None:
    """Return when the client has left; call it once its body has been read."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _in_time(reading: Awaitable[Content], seconds: float) -> Content:
    try:
        async with asyncio.timeout(seconds):
            return await reading
    except TimeoutError:
        raise BodyTimeout(seconds) from None


def _counted(request: Request, max_bytes: int) -> Request:
    # Not Starlette's `RequestBodyLimitMiddleware`: it answers 413 in plain text.
    announced = request.headers.get("content-length", "")
    too_large = announced.isascii() and announced.isdigit() and int(announced) > max_bytes
    received = 0

    async def receive() -> Message:
        nonlocal received
        if too_large:
            raise BodyTooLarge(max_bytes)
        message = await request.receive()
        received += len(message.get("body", b""))
        if received > max_bytes:
            raise BodyTooLarge(max_bytes)
        return message

    return Request(request.scope, receive)


async def _collected(request: Request) -> bytes:
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
    return bytes(data)


def _picture_in(form: Form) -> bytes:
    for field in FILE_FIELDS:
        for file in form.files:
            if file.field == field:
                return file.data
    raise BadRequest(f"the form has no file in a field {' or '.join(map(repr, FILE_FIELDS))}")
