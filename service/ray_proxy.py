"""What Ray's proxy does to each answer.

Ray calls `middlewares` in its proxies if RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH names it.
"""

from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_REQUEST_ID = b"x-request-id"


class OneRequestId:
    """Keep the first `X-Request-Id` of an answer: that of the service, where it has given one.

    Ray's own middleware, which lies within, adds another to every answer.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""

        async def send_one(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = _with_one_id(message.get("headers", ()))
            await send(message)

        await self.app(scope, receive, send_one)


def middlewares() -> list[Middleware]:
    """Name what lies around Ray's proxy."""
    return [Middleware(OneRequestId)]


def _with_one_id(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    ids = [header for header in headers if header[0].lower() == _REQUEST_ID]
    return [header for header in headers if header not in ids] + ids[:1]
