"""The endpoint that translates several pictures at once."""

from typing import Any

from fastapi import APIRouter, Response
from pydantic import TypeAdapter

from service.answers import version_of
from service.batch import Batch, RefusedLine, TranslatedLine
from service.body import BodyLimits, departure, read_form
from service.desk import Desk, OrderDesk
from service.errors import BadRequest
from service.form import FormFile
from service.interface import FILE, REQUEST_ERRORS, Format, ResultQuality
from service.json_lines import JsonLines, in_completion_order
from service.negotiation import choose_enclosed_format
from service.problems import other_problems, problem_documentation

router = APIRouter()

_FIELDS = ("files", "file")
_MAX_TEXTS = 8


def _line_schema() -> dict[str, Any]:
    schema = TypeAdapter[Any](TranslatedLine | RefusedLine).json_schema()
    definitions = schema.pop("$defs")
    # Whole, because references would lead to where OpenAPI has nothing.
    definitions["RefusedLine"]["properties"]["problem"] = definitions["Problem"]
    return {"anyOf": [definitions["TranslatedLine"], definitions["RefusedLine"]]}


_BODY = {
    "schema": {
        "type": "object",
        "properties": {"files": {"type": "array", "items": FILE, "minItems": 1}},
        "required": ["files"],
    }
}
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A line for each picture, in the order in which they are done. What is "
        "wrong with one of them stands in its line.",
        # As FastAPI describes JSON Lines, and OpenAPI from 3.2 on.
        "content": {"application/jsonl": {"itemSchema": _line_schema()}},
    },
    **problem_documentation(*REQUEST_ERRORS),
    **other_problems(),
}


@router.post(
    "/v1/batch/{translation}",
    response_class=Response,
    responses=_RESPONSES,
    openapi_extra={"requestBody": {"required": True, "content": {"multipart/form-data": _BODY}}},
)
async def translate_batch(
    translation: str, desk: Desk, format: Format = None, quality: ResultQuality = None
) -> JsonLines:
    """Translate the pictures in the form."""
    translator = desk.find(translation)
    accept = desk.request.headers.getlist("accept")
    order = desk.order(format or choose_enclosed_format(accept), quality)
    files = await desk.read(_read_files(desk))
    batch = Batch(desk, translator, order)
    lines = in_completion_order(
        (batch.line(index, file) for index, file in enumerate(files)),
        # More would only keep the others waiting.
        desk.workshop.admission.workers,
        departure(desk.request),
    )
    return JsonLines(lines, {"X-Model": version_of(translator), "Vary": "Accept"})


async def _read_files(desk: OrderDesk) -> list[FormFile]:
    settings = desk.settings
    # As long for each byte as a body with one picture has.
    seconds = desk.limits.seconds * settings.max_batch_bytes / settings.max_body_bytes
    limits = BodyLimits(settings.max_batch_bytes, seconds)
    form = await read_form(desk.request, limits, settings.max_batch_files, _MAX_TEXTS)
    for file in form.files:
        if file.field not in _FIELDS:
            raise BadRequest(
                f"the form has a file in the field {file.field[:80]!r}; expected {_FIELDS[0]!r}"
            )
    if not form.files:
        raise BadRequest(f"the form has no file in a field {_FIELDS[0]!r}")
    return form.files
