"""Errors as the clients of other services look for them."""

from typing import Any

from service.problems import Problem


def plain(problem: Problem) -> dict[str, Any]:
    """Add what clients of Hugging Face and of KServe look for."""
    return {"error": problem.detail}


def openai(problem: Problem) -> dict[str, Any]:
    """Add what OpenAI's clients look for; only its message gets into their exceptions."""
    if problem.status == 429:
        kind = "rate_limit_error"
    else:
        kind = "server_error" if problem.status >= 500 else "invalid_request_error"
    error = {"message": problem.detail, "type": kind, "code": problem.code, "param": None}
    return {"error": error}
