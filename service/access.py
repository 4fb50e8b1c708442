"""Who asks."""

from typing import Annotated

from fastapi import Depends, Request


def _caller(request: Request) -> str:
    return request.client.host if request.client else "unknown"


Caller = Annotated[str, Depends(_caller)]
"""Whose turn it is: the callers share the service fairly."""
