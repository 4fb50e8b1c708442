"""Errors as answers: RFC 9457, `application/problem+json`."""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from service.errors import BadRequest, BodyTimeout, ProblemError

logger = logging.getLogger(__name__)

_CLIENT_CLOSED = 499  # nginx's number; nobody is there to see it


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
) -> JSONResponse:
    """Make the answer; `code` is stable, for programs, and `detail` is for people."""
    body = {
        "type": f"/problems/{code}",
        "title": title,
        "status": int(status),
        "detail": detail,
        "instance": f"urn:request:{request_id}",
        "code": code,
    }
    kept = {"Cache-Control": "no-store", **(headers or {})}
    return JSONResponse(body, status, headers=kept, media_type="application/problem+json")


def problem_documentation(*kinds: type[ProblemError]) -> dict[int | str, dict[str, Any]]:
    """Describe the errors of a route for OpenAPI."""
    documented: dict[int | str, dict[str, Any]] = {}
    for kind in kinds:
        entry = documented.setdefault(
            int(kind.status), {"description": "", "content": {"application/problem+json": {}}}
        )
        entry["description"] += f"{' ' if entry['description'] else ''}`{kind.code}`: {kind.title}."
    return documented


def _problem_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ProblemError)
    request_id = _request_id(request)
    logger.info("request %s: %s: %s; cause: %r", request_id, error.code, error, error.__cause__)
    headers: dict[str, str] = {}
    if isinstance(error, BodyTimeout):
        headers["Connection"] = "close"  # the rest of the body is not waited for
    if error.retry_after_seconds is not None:
        headers["Retry-After"] = str(error.retry_after_seconds)
    return problem(request_id, error.status, error.code, error.title, str(error), headers)


def _http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    title = HTTPStatus(error.status_code).phrase
    code = title.lower().replace(" ", "-")
    return problem(
        _request_id(request), error.status_code, code, title, error.detail, error.headers
    )


def _validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    details = "; ".join(
        f"{'.'.join(str(part) for part in each['loc'])}: {each['msg']}" for each in error.errors()
    )
    kind = BadRequest
    return problem(_request_id(request), kind.status, kind.code, kind.title, details)


def _client_disconnect(_request: Request, _error: Exception) -> Response:
    return Response(status_code=_CLIENT_CLOSED)


def _request_id(request: Request) -> str:
    return request.state.request_id
