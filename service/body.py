"""Reading a request's body: never more bytes than allowed, never longer than allowed."""

import asyncio
import sys
from dataclasses import dataclass

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request
from starlette.types import Message, Receive

from service.errors import BadRequest, BodyTimeout, BodyTooLarge, UnsupportedBody

FILE_FIELDS = ("file", "image")
_MAX_FIELDS = 8
_MAX_FIELD_BYTES = 64 * 1024


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
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    # Not Starlette's `RequestBodyLimitMiddleware`: it answers 413 in plain text.
    limited = Request(request.scope, _counted(request, limits.max_bytes))
    try:
        async with asyncio.timeout(limits.seconds):
            if media_type == "multipart/form-data":
                return await _from_form(limited)
            if media_type in ("", "application/octet-stream") or media_type.startswith("image/"):
                return await _raw(limited)
    except TimeoutError:
        raise BodyTimeout(limits.seconds) from None
    raise UnsupportedBody(
        f"the body is declared as {media_type[:80]!r}; send the bytes of a picture as image/* or "
        f"application/octet-stream, or multipart/form-data with the field {FILE_FIELDS[0]!r}"
    )


async def departure(request: Request) -> None:
    """Return when the client has left; call it once its body has been read."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _counted(request: Request, max_bytes: int) -> Receive:
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

    return receive


async def _raw(request: Request) -> bytes:
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
    return bytes(data)


class _InMemoryParser(MultiPartParser):
    # The body's limit is the limit: no copy of a client's picture on the disk.
    spool_max_size = sys.maxsize


async def _from_form(request: Request) -> bytes:
    parser = _InMemoryParser(
        request.headers,
        request.stream(),
        max_files=1,
        max_fields=_MAX_FIELDS,
        max_part_size=_MAX_FIELD_BYTES,
    )
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise BadRequest(f"the form is broken: {error.message}") from None
    except UnicodeError:
        raise BadRequest("the form is broken: its charset does not fit its fields") from None
    try:
        for name in FILE_FIELDS:
            part = form.get(name)
            if isinstance(part, UploadFile):
                return await part.read()
    finally:
        await form.close()
    raise BadRequest(f"the form has no file in a field {' or '.join(map(repr, FILE_FIELDS))}")
