"""The endpoint that translates."""

from typing import Any

from fastapi import APIRouter, Response

from service import errors
from service.answers import PictureList, json_answer, picture_answer
from service.body import read_picture
from service.desk import Desk
from service.interface import (
    PICTURE_BODY,
    PICTURE_ERRORS,
    PICTURES,
    REQUEST_ERRORS,
    Format,
    ResultQuality,
)
from service.negotiation import choose_enclosed_format, choose_format, prefers_json
from service.problems import problem_documentation

router = APIRouter()

_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The translated picture, or JSON with it where `Accept` prefers that. "
        "X-Resized-From: its width and height before, if it was larger than what is translated.",
        "model": PictureList,
        "content": PICTURES,
    },
    **problem_documentation(*REQUEST_ERRORS, errors.NotAcceptable, *PICTURE_ERRORS),
}


@router.post(
    "/v1/translate/{translation}",
    response_class=Response,
    responses=_RESPONSES,
    openapi_extra={"requestBody": {"required": True, "content": PICTURE_BODY}},
)
async def translate(
    translation: str, desk: Desk, format: Format = None, quality: ResultQuality = None
) -> Response:
    """Translate the picture in the body; the answer is a picture without metadata."""
    translator = desk.find(translation)
    accept = desk.request.headers.getlist("accept")
    as_json = prefers_json(accept)
    choose = choose_enclosed_format if as_json else choose_format
    order = desk.order(format or choose(accept), quality)
    data = await desk.read(read_picture(desk.request, desk.limits))
    result = await desk.translate(data, translator, order)
    if as_json:
        return json_answer(desk.name_of(translator), translator, order, result)
    return picture_answer(translator, order, result)
