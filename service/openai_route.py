"""The endpoint for OpenAI's clients: `client.images.edit(model=..., image=..., prompt=...)`."""

from base64 import b64encode
from time import time
from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from service import dialects
from service.body import read_form
from service.desk import Desk
from service.errors import BadRequest
from service.form import FormFile
from service.formats import FormatName, PictureFormat
from service.interface import FILE, PICTURE_ERRORS, REQUEST_ERRORS
from service.problems import problem_documentation, speaking, validation_detail

router = APIRouter(dependencies=[speaking(dialects.openai)])

_FILE_FIELDS = ("image", "image[]")
_MAX_FILES = 2  # one too many, so that the answer can say what is wrong with it
_MAX_TEXTS = 32


class Edit(BaseModel):
    """Fields of the form, as texts; more than these is ignored, and so is what the prompt says."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    model: str
    """The translation."""
    prompt: str = ""
    n: Literal["1"] = "1"
    size: Literal["auto"] = "auto"
    """The result has the picture's size."""
    output_format: FormatName = "png"
    output_compression: Annotated[int | None, Field(ge=0, le=100)] = None
    """The quality of JPEG and WebP."""
    response_format: Literal["b64_json"] = "b64_json"
    stream: Literal["false"] = "false"


class EditedImage(BaseModel):
    """A picture file, in base64."""

    b64_json: str


class EditedImages(BaseModel):
    """The answer, with one picture."""

    created: int
    data: list[EditedImage]
    output_format: str
    size: str


def _form_schema() -> dict[str, Any]:
    schema = Edit.model_json_schema()
    schema["properties"]["image"] = FILE
    schema["required"].append("image")
    return schema


_BODY = {"multipart/form-data": {"schema": _form_schema()}}


@router.post(
    "/v1/images/edits",
    responses=problem_documentation(*REQUEST_ERRORS, *PICTURE_ERRORS),
    openapi_extra={"requestBody": {"required": True, "content": _BODY}},
)
async def edit_image(desk: Desk) -> EditedImages:
    """Translate a picture, asked for in OpenAI's form."""
    form = await desk.read(read_form(desk.request, desk.limits, _MAX_FILES, _MAX_TEXTS))
    try:
        edit = Edit.model_validate(form.texts)
    except ValidationError as error:
        raise BadRequest(validation_detail(error.errors())) from None
    picture = _picture_in(form.files)
    translator = desk.find(edit.model)
    quality = None if edit.output_compression is None else max(1, edit.output_compression)
    order = desk.order(PictureFormat(edit.output_format), quality)
    result = await desk.translate(picture, translator, order)
    return EditedImages(
        created=int(time()),
        data=[EditedImage(b64_json=b64encode(result.data).decode())],
        output_format=edit.output_format,
        size="{}x{}".format(*result.size),
    )


def _picture_in(files: list[FormFile]) -> bytes:
    for file in files:
        if file.field not in _FILE_FIELDS:
            raise BadRequest(
                f"the form has a file in the field {file.field[:80]!r}; the whole of one picture "
                f"is translated, from the field {_FILE_FIELDS[0]!r}"
            )
    if len(files) != 1:
        raise BadRequest(f"the form has {len(files)} pictures; one at a time is translated")
    return files[0].data
