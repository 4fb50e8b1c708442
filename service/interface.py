"""What the routes for pictures have in common, in their signatures and in the OpenAPI schema."""

from typing import Annotated, Any

from fastapi import Query

from service import errors
from service.body import FILE_FIELDS
from service.formats import PictureFormat
from service.settings import Quality

Format = Annotated[
    PictureFormat | None, Query(description="Of the result; without it, `Accept` decides.")
]
ResultQuality = Annotated[Quality | None, Query(description="Of a JPEG or WebP result.")]

CALLER_ERRORS = (errors.Unauthorized, errors.Forbidden)
"""What a route that asks for a key may answer."""
REQUEST_ERRORS = (
    *CALLER_ERRORS,
    errors.BadRequest,
    errors.UnknownTranslation,
    errors.BodyTimeout,
    errors.BodyTooLarge,
    errors.UnsupportedBody,
    errors.QueueFull,
    errors.MemoryFull,
    errors.RateLimited,
    errors.NoModel,
    errors.Draining,
)
"""What a route may answer of a request that brings pictures."""
PICTURE_ERRORS = (
    errors.UnsupportedImageType,
    errors.TooManyPixels,
    errors.UndecodableImage,
    errors.ResultTooLong,
    errors.DeadlineExceeded,
)
"""What it may answer of a picture."""

FILE: dict[str, Any] = {"type": "string", "format": "binary"}
PICTURES: dict[str, Any] = {format.media_type: {"schema": FILE} for format in PictureFormat}
"""Answers that are pictures."""
PICTURE_BODY: dict[str, Any] = {
    **PICTURES,
    "application/octet-stream": {"schema": FILE},
    "multipart/form-data": {
        "schema": {
            "type": "object",
            "description": "One of the fields is enough.",
            "properties": dict.fromkeys(FILE_FIELDS, FILE),
        }
    },
}
"""Bodies that are a picture or bring one.

By hand, as all bodies: FastAPI would read them itself, with limits of its own.
"""
