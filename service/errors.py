"""Errors that a client can mend; `service.problems` turns them into answers.

    ClientError
    ├── BadRequest            400  the request does not say what it should
    ├── UnknownTranslation    404  no model offers the translation
    ├── NotAcceptable         406  no format that the client accepts can be made
    ├── BodyTimeout           408  the body did not arrive in time
    ├── BodyTooLarge          413  the body has more bytes than allowed
    ├── UnsupportedBody       415  the body is declared as something else than a picture
    ├── UnsupportedImageType  415  the bytes are no picture, or of a format that is not read
    ├── TooManyPixels         422  the picture is larger than allowed
    ├── UndecodableImage      422  the bytes begin as a picture but cannot be decoded
    └── ResultTooLong         422  the format of the answer has no room for the result

A message is shown to the client, so it names no path.
"""

from collections.abc import Iterable
from http import HTTPStatus
from typing import ClassVar


class ClientError(Exception):
    """Base class; the message is the `detail` of the problem."""

    status: ClassVar[HTTPStatus] = HTTPStatus.BAD_REQUEST
    code: ClassVar[str] = "bad-request"
    title: ClassVar[str] = "The request cannot be understood"


class BadRequest(ClientError):
    """The request does not say what it should."""


class UnknownTranslation(ClientError):
    """No model offers the translation."""

    status = HTTPStatus.NOT_FOUND
    code = "model-not-found"
    title = "No model offers this translation"

    def __init__(self, name: str, offered: Iterable[str]) -> None:
        super().__init__(f"nothing is called {name[:80]!r}; on offer: {', '.join(offered)}")


class NotAcceptable(ClientError):
    """No format that the client accepts can be made."""

    status = HTTPStatus.NOT_ACCEPTABLE
    code = "not-acceptable"
    title = "No accepted format can be made"


class BodyTimeout(ClientError):
    """The body did not arrive in time."""

    status = HTTPStatus.REQUEST_TIMEOUT
    code = "body-timeout"
    title = "The body did not arrive in time"

    def __init__(self, seconds: float) -> None:
        super().__init__(f"the body was not complete after {seconds:g} seconds")


class BodyTooLarge(ClientError):
    """The body has more bytes than allowed."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    code = "body-too-large"
    title = "The body is too large"

    def __init__(self, allowed: int) -> None:
        super().__init__(f"the body has more than the {allowed:,} bytes that are allowed")


class UnsupportedBody(ClientError):
    """The body is declared as something else than a picture."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    code = "unsupported-media-type"
    title = "The body is not declared as a picture"


class UnsupportedImageType(ClientError):
    """The bytes are no picture, or of a format that is not read."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    code = "unsupported-image-type"
    title = "This is no picture that can be read"


class TooManyPixels(ClientError):
    """The picture is larger than allowed; nothing of it has been decoded."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "image-too-many-pixels"
    title = "The picture has too many pixels"


class UndecodableImage(ClientError):
    """The bytes begin as a picture but cannot be decoded."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "image-undecodable"
    title = "The picture is damaged"


class ResultTooLong(ClientError):
    """The format of the answer has no room for the result."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "result-too-long"
    title = "The format has no room for the result"
