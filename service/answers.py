"""Translated pictures as answers: alone, or in JSON."""

from base64 import b64encode
from time import time

from fastapi import Response
from pydantic import BaseModel

from service.pipeline import Order, Result
from service.translator import Translator


class EncodedPicture(BaseModel):
    """A picture file in JSON."""

    b64_json: str
    content_type: str
    width: int
    height: int

    @classmethod
    def of(cls, result: Result, order: Order) -> "EncodedPicture":
        """Encode a result in base64."""
        width, height = result.size
        return cls(
            b64_json=b64encode(result.data).decode(),
            content_type=order.format.media_type,
            width=width,
            height=height,
        )


class PictureList(BaseModel):
    """An answer with one picture, in the form that others give several in."""

    created: int
    """Seconds since 1970."""
    model: str
    """The translation."""
    data: list[EncodedPicture]


def picture_answer(translator: Translator, order: Order, result: Result) -> Response:
    """Answer with a picture file."""
    headers = _headers(translator, result)
    headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return Response(result.data, media_type=order.format.media_type, headers=headers)


def json_answer(name: str, translator: Translator, order: Order, result: Result) -> Response:
    """Answer with a picture in JSON; `name` is that of the translation."""
    answer = PictureList(created=int(time()), model=name, data=[EncodedPicture.of(result, order)])
    headers = _headers(translator, result)
    return Response(answer.model_dump_json(), media_type="application/json", headers=headers)


def version_of(translator: Translator) -> str:
    """Tell which translation by which file, for the header X-Model."""
    return f"{translator.card.translation}@sha256:{translator.sha256[:8]}"


def _headers(translator: Translator, result: Result) -> dict[str, str]:
    headers = {
        "X-Model": version_of(translator),
        "Vary": "Accept",
        "Cache-Control": "no-store",
    }
    if result.resized_from:
        headers["X-Resized-From"] = "{}x{}".format(*result.resized_from)
    return headers
