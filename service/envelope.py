"""What every answer carries, whatever happened inside."""

import logging
import re
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.problems import problem

logger = logging.getLogger(__name__)


class Envelope:
    """Give each request an id and each answer its headers; turn a trace into a problem.

    A plain ASGI middleware: Starlette's base class for them would cost milliseconds.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = _request_id(Headers(scope=scope).get("x-request-id", ""))
        scope.setdefault("state", {})["request_id"] = request_id
        started = False

        async def send_enveloped(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = request_id
                headers["X-Content-Type-Options"] = "nosniff"
            await send(message)

        try:
            await self.app(scope, receive, send_enveloped)
        except Exception:
            if started:
                raise
            logger.exception("request %s failed", request_id)
            answer = problem(
                request_id, 500, "internal", "The service failed", "see its log for this request"
            )
            await answer(scope, receive, send_enveloped)


def _request_id(given: str) -> str:
    return given if re.fullmatch(r"[A-Za-z0-9_.-]{1,128}", given) else uuid4().hex
