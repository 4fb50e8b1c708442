"""Who asks, and whether they may."""

from collections.abc import Sequence
from hashlib import sha256
from hmac import compare_digest
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import APIKeyHeader, HTTPBearer
from starlette.datastructures import Headers

from service.errors import Forbidden, Unauthorized
from service.record import record_of
from service.state import state_of

KEY_DOCUMENTATION = (
    Depends(HTTPBearer(auto_error=False)),
    Depends(APIKeyHeader(name="X-API-Key", auto_error=False)),
)
"""Dependencies that do nothing, but tell FastAPI to say in its schema how a key is sent."""

_ID_DIGITS = 8


def key_id(headers: Headers, digests: Sequence[str]) -> str:
    """Tell what the key of a request is called in logs: the beginning of its digest.

    Args:
        headers: Of the request, with `Authorization: Bearer KEY` or `X-API-Key: KEY`.
        digests: SHA-256 of each key that may come in, in lower case hexadecimal.

    Raises:
        Unauthorized: There is no key.
        Forbidden: It is none of those.
    """
    scheme, _, key = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        key = headers.get("x-api-key", "")
    key = key.strip()
    if not key:
        raise Unauthorized
    # The bytes as they came: Starlette reads them as Latin-1, whatever they are.
    digest = sha256(key.encode("latin-1")).hexdigest()
    # All of them, each in constant time: how long it takes says nothing of the keys.
    if not any([compare_digest(digest, known) for known in digests]):
        raise Forbidden
    return digest[:_ID_DIGITS]


def caller_of(request: Request) -> str:
    """Tell whose turn it is, and let nobody in without a key where keys are asked for.

    Raises:
        Unauthorized: There is no key.
        Forbidden: It is none of the service's.
    """
    record, keys = record_of(request), state_of(request).settings.api_keys
    if keys:
        record.caller = key_id(request.headers, keys)
    return record.caller


async def _caller(request: Request) -> str:  # else FastAPI would use a thread for it
    return caller_of(request)


Caller = Annotated[str, Depends(_caller)]
"""Whose turn it is: the callers share the service fairly. Without keys it is the client's host."""
