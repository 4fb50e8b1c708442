"""The endpoint for Hugging Face's client: `InferenceClient(URL).image_to_image(picture)`.

It sends the bytes of the picture, or JSON as soon as there is a prompt or another parameter.
"""

from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import Base64Bytes, BaseModel, ValidationError

from service import dialects
from service.answers import picture_answer
from service.body import BodyLimits, media_type_of, read_bytes, read_picture
from service.desk import Desk
from service.errors import BadRequest, NotAcceptable
from service.interface import PICTURE_BODY, PICTURE_ERRORS, PICTURES, REQUEST_ERRORS
from service.negotiation import choose_format
from service.problems import problem_documentation, speaking, validation_detail

# A picture in base64 has none. Many small ones would take 30 times their bytes, and the event loop
# for seconds.
_MOST_PARTS = 1000

router = APIRouter(dependencies=[speaking(dialects.plain)])


class Inputs(BaseModel):
    """A picture in base64; parameters are ignored, as they are for models that draw."""

    inputs: Base64Bytes
    parameters: dict[str, Any] | None = None


_BODY = {**PICTURE_BODY, "application/json": {"schema": Inputs.model_json_schema()}}
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"description": "The translated picture.", "content": PICTURES},
    **problem_documentation(*REQUEST_ERRORS, NotAcceptable, *PICTURE_ERRORS),
}


@router.post(
    "/models/{translation}",
    response_class=Response,
    responses=_RESPONSES,
    openapi_extra={"requestBody": {"required": True, "content": _BODY}},
)
async def image_to_image(translation: str, desk: Desk) -> Response:
    """Translate a picture, asked for in Hugging Face's form."""
    translator = desk.find(translation)
    order = desk.order(choose_format(desk.request.headers.getlist("accept")), None)
    data = await desk.read(_read(desk.request, desk.limits))
    result = await desk.translate(data, translator, order)
    return picture_answer(translator, order, result)


async def _read(request: Request, limits: BodyLimits) -> bytes:
    if media_type_of(request) != "application/json":
        return await read_picture(request, limits)
    body = await read_bytes(request, limits)
    if sum(body.count(mark) for mark in b"[{,") > _MOST_PARTS:
        raise BadRequest(f"the JSON has more than the {_MOST_PARTS:,} parts that are allowed")
    try:
        return Inputs.model_validate_json(body).inputs
    except ValidationError as error:
        raise BadRequest(validation_detail(error.errors())) from None
