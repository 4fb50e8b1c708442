"""Reading a multipart form: a bounded number of parts, and none of them on the disk."""

import sys
from dataclasses import dataclass

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from service.errors import BadRequest

_MAX_FIELD_BYTES = 64 * 1024


@dataclass(frozen=True)
class FormFile:
    """A file in a form."""

    field: str
    name: str
    """As the client calls it; perhaps empty."""
    data: bytes


@dataclass(frozen=True)
class Form:
    """What was in a form."""

    files: list[FormFile]
    """In the order in which they were sent."""
    texts: dict[str, str]
    """The other fields; the last one of a name counts."""


async def parse_form(request: Request, max_files: int, max_texts: int) -> Form:
    """Read a form from the body of `request`, however long that is.

    Raises:
        BadRequest: The form is broken, or has more parts than allowed.
    """
    parser = _InMemoryParser(
        request.headers,
        request.stream(),
        max_files=max_files,
        max_fields=max_texts,
        max_part_size=_MAX_FIELD_BYTES,
    )
    try:
        fields = (await parser.parse()).multi_items()
    except MultiPartException as error:
        raise BadRequest(f"the form is broken: {error.message}") from None
    except UnicodeError:
        raise BadRequest("the form is broken: its charset does not fit its fields") from None
    files: list[FormFile] = []
    texts: dict[str, str] = {}
    for name, part in fields:
        if isinstance(part, UploadFile):
            files.append(FormFile(name, part.filename or "", await part.read()))
            await part.close()  # one after the other, so that there are never two copies of all
        else:
            texts[name] = part
    return Form(files, texts)


class _InMemoryParser(MultiPartParser):
    # The body's limit is the limit: no copy of a client's picture on the disk.
    spool_max_size = sys.maxsize
