"""Errors that become answers; `service.problems` makes problem details of them.

    ProblemError
    ├── ClientError           the client can mend it, by sending something else
    │   ├── BadRequest            400  the request does not say what it should
    │   ├── Unauthorized          401  the request has no API key
    │   ├── Forbidden             403  the request has an API key that is not known
    │   ├── UnknownTranslation    404  no model offers the translation
    │   ├── NotAcceptable         406  no format that the client accepts can be made
    │   ├── BodyTimeout           408  the body did not arrive in time
    │   ├── BodyTooLarge          413  the body has more bytes than allowed
    │   ├── UnsupportedBody       415  the body is declared as something else than a picture
    │   ├── UnsupportedImageType  415  the bytes are no picture, or of a format that is not read
    │   ├── TooManyPixels         422  the picture is larger than allowed
    │   ├── UndecodableImage      422  the bytes begin as a picture but cannot be decoded
    │   └── ResultTooLong         422  the format of the answer has no room for the result
    ├── InternalError         500  a bug, or a model that failed
    └── the client can mend it by coming again later
        ├── QueueFull             429  more is asked for than can be done
        ├── MemoryFull            429  more bytes arrive at a time than are kept
        ├── RateLimited           429  one caller asks for more than its share
        ├── NoModel               503  there is no model yet
        ├── Draining              503  the service is about to stop
        └── DeadlineExceeded      504  it would have taken too long

A message is shown to the client, so it names no path.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import ClassVar


class ProblemError(Exception):
    """Base class; the message is the `detail` of the problem."""

    status: ClassVar[HTTPStatus]
    code: ClassVar[str]
    title: ClassVar[str]

    retry_after_seconds: int | None = None
    """When to come again, if that helps."""
    headers: ClassVar[Mapping[str, str]] = {}
    """Of the answer, besides those of every problem."""


class ClientError(ProblemError):
    """The client can mend it, by sending something else."""


class BadRequest(ClientError):
    """The request does not say what it should."""

    status = HTTPStatus.BAD_REQUEST
    code = "bad-request"
    title = "The request cannot be understood"


class Unauthorized(ClientError):
    """The request has no API key."""

    status = HTTPStatus.UNAUTHORIZED
    code = "unauthorized"
    title = "An API key is needed"
    headers: ClassVar[Mapping[str, str]] = {"WWW-Authenticate": "Bearer"}

    def __init__(self) -> None:
        super().__init__("send a key as `Authorization: Bearer KEY` or as `X-API-Key: KEY`")


class Forbidden(ClientError):
    """The request has an API key that is not known."""

    status = HTTPStatus.FORBIDDEN
    code = "forbidden"
    title = "The API key is not known"

    def __init__(self) -> None:
        super().__init__("the key that was sent is none of those that may come in")


class UnknownTranslation(ClientError):
    """No model offers the translation."""

    status = HTTPStatus.NOT_FOUND
    code = "model-not-found"
    title = "No model offers this translation"

    def __init__(self, name: str, offered: Sequence[str] = ()) -> None:
        told = f"; on offer: {', '.join(offered)}" if offered else ""
        super().__init__(f"nothing is called {name[:80]!r}{told}")


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
    headers: ClassVar[Mapping[str, str]] = {"Connection": "close"}  # the rest is not waited for

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
    title = "The picture cannot be decoded"


class ResultTooLong(ClientError):
    """The format of the answer has no room for the result."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "result-too-long"
    title = "The format has no room for the result"


class InternalError(ProblemError):
    """A bug, or a model that failed."""

    status = HTTPStatus.INTERNAL_SERVER_ERROR
    code = "internal"
    title = "The service failed"

    def __init__(self) -> None:
        super().__init__("see its log for this request")


class QueueFull(ProblemError):
    """More is asked for than can be done."""

    status = HTTPStatus.TOO_MANY_REQUESTS
    code = "queue-full"
    title = "The service has all the work that it can take"

    def __init__(self, waiting: int, retry_after_seconds: int) -> None:
        super().__init__(f"{waiting} are waiting; come again in {retry_after_seconds} seconds")
        self.retry_after_seconds = retry_after_seconds


class MemoryFull(ProblemError):
    """More bytes arrive at a time than are kept."""

    status = HTTPStatus.TOO_MANY_REQUESTS
    code = "memory-full"
    title = "The service has as many bytes of pictures as it keeps"
    retry_after_seconds = 1

    def __init__(self, allowed: int) -> None:
        super().__init__(
            f"bodies of requests may have {allowed:,} bytes, all together; come again in "
            f"{self.retry_after_seconds} second, or send less at a time"
        )


class RateLimited(ProblemError):
    """One caller asks for more than its share."""

    status = HTTPStatus.TOO_MANY_REQUESTS
    code = "rate-limited"
    title = "This is more than a caller may ask for"

    def __init__(self, limit: str, retry_after_seconds: int) -> None:
        super().__init__(
            f"a caller may ask for {limit}; come again in {retry_after_seconds} seconds"
        )
        self.retry_after_seconds = retry_after_seconds


class NoModel(ProblemError):
    """The service runs, but nobody has given it a model yet."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "no-model"
    title = "There is no model yet"
    retry_after_seconds = 5

    def __init__(self) -> None:
        super().__init__("the folder of models is empty; what is put there is served in seconds")


class Draining(ProblemError):
    """The service is about to stop: it finishes what it has accepted and takes nothing new."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "draining"
    title = "The service is about to stop"
    retry_after_seconds = 1
    headers: ClassVar[Mapping[str, str]] = {"Connection": "close"}  # a new one may lead elsewhere

    def __init__(self) -> None:
        super().__init__("it takes nothing new; ask another instance, or come again")


class DeadlineExceeded(ProblemError):
    """It would have taken too long."""

    status = HTTPStatus.GATEWAY_TIMEOUT
    code = "deadline"
    title = "The service could not answer in time"

    def __init__(self, seconds: float) -> None:
        super().__init__(f"there was no result after {seconds:g} seconds")
