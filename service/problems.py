"""Errors as answers: RFC 9457, `application/problem+json`."""

from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Any

from fastapi import Depends, FastAPI, params
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from service.errors import BadRequest, ProblemError
from service.record import record_of

_CLIENT_CLOSED = 499  # nginx's number; nobody is there to see it


class Problem(BaseModel):
    """Problem details; `code` is stable, for programs, and `detail` is for people."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str


Dialect = Callable[[Problem], Mapping[str, Any]]
"""What the clients of another service look for in an error: further members of the problem."""


def install_problems(app: FastAPI) -> None:
    """Let `app` answer every error as a problem; what is unexpected is left to the envelope."""
    app.add_exception_handler(ProblemError, _problem_error)
    app.add_exception_handler(HTTPException, _http_exception)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(ClientDisconnect, _client_disconnect)


def problem(
    request_id: str,
    status: int,
    code: str,
    title: str,
    detail: str,
    headers: Mapping[str, str] | None = None,
    dialect: Dialect | None = None,
) -> JSONResponse:
    """Make the answer."""
    details = problem_details(request_id, status, code, title, detail)
    body = {**details.model_dump(), **(dialect(details) if dialect else {})}
    kept = {"Cache-Control": "no-store", **(headers or {})}
    return JSONResponse(body, status, headers=kept, media_type="application/problem+json")


def problem_details(request_id: str, status: int, code: str, title: str, detail: str) -> Problem:
    """Make what an answer says, or a line in one."""
    return Problem(
        type=f"/problems/{code}",
        title=title,
        status=int(status),
        detail=detail,
        instance=f"urn:request:{request_id}",
        code=code,
    )


def problem_headers(error: ProblemError) -> dict[str, str]:
    """Tell what the answer carries besides what every problem does."""
    headers = dict(error.headers)
    if error.retry_after_seconds is not None:
        headers["Retry-After"] = str(error.retry_after_seconds)
    return headers


def speaking(dialect: Dialect) -> params.Depends:
    """Make a dependency that has the errors of its routes say more."""

    async def speak(request: Request) -> None:
        request.state.dialect = dialect

    return Depends(speak)


def validation_detail(errors: Iterable[Mapping[str, Any]]) -> str:
    """Say in one line what pydantic has found, without what was given."""
    return "; ".join(
        f"{'.'.join(str(part) for part in each['loc'])}: {each['msg']}" for each in errors
    )


def problem_documentation(*kinds: type[ProblemError]) -> dict[int | str, dict[str, Any]]:
    """Describe the errors of a route for OpenAPI."""
    documented: dict[int | str, dict[str, Any]] = {}
    for kind in kinds:
        entry = documented.setdefault(int(kind.status), {"description": "", "content": _content()})
        entry["description"] += f"{' ' if entry['description'] else ''}`{kind.code}`: {kind.title}."
    return documented


def other_problems() -> dict[int | str, dict[str, Any]]:
    """Describe that other errors of a request look the same.

    Where FastAPI finds neither this nor a 422 it describes one of its own, which never comes.
    """
    return {"4XX": {"description": "Another problem of the request.", "content": _content()}}


def _content() -> dict[str, Any]:
    # The whole schema in each place: FastAPI refers to those of `application/json` alone.
    return {"application/problem+json": {"schema": Problem.model_json_schema()}}


def _problem_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ProblemError)
    cause = repr(error.__cause__) if error.__cause__ else ""
    record_of(request).note_problem(error.code, str(error), cause)
    return _answer(
        request, error.status, error.code, error.title, str(error), problem_headers(error)
    )


def _http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    title = HTTPStatus(error.status_code).phrase
    code = title.lower().replace(" ", "-")
    detail = _said_of_the_way(request, error) if error.detail == title else error.detail
    record_of(request).note_problem(code, detail)
    return _answer(request, error.status_code, code, title, detail, error.headers)


def _said_of_the_way(request: Request, error: HTTPException) -> str:
    """Say what is wrong with a path or a method, where the router says the status alone."""
    match error.status_code:
        case HTTPStatus.NOT_FOUND:
            return "there is nothing at this path; /docs tells what there is"
        case HTTPStatus.METHOD_NOT_ALLOWED:
            allowed = (error.headers or {}).get("Allow", "another method")
            return f"{request.method} is not allowed at this path; it takes {allowed}"
        case _:
            return error.detail


def _validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    detail = validation_detail(error.errors())
    kind = BadRequest
    record_of(request).note_problem(kind.code, detail)
    return _answer(request, kind.status, kind.code, kind.title, detail)


def _client_disconnect(_request: Request, _error: Exception) -> Response:
    return Response(status_code=_CLIENT_CLOSED)


def _answer(
    request: Request,
    status: int,
    code: str,
    title: str,
    detail: str,
    headers: Mapping[str, str] | None = None,
) -> Response:
    request_id = record_of(request).request_id
    dialect = getattr(request.state, "dialect", None)
    return problem(request_id, status, code, title, detail, headers, dialect)
