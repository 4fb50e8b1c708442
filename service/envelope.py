"""Around everything else: each request gets an id, an answer, and a line in the log."""

import asyncio
import logging
import re
from time import perf_counter
from urllib.parse import quote
from uuid import uuid4

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from structlog.contextvars import bind_contextvars

from service.body_memory import BodyMemory
from service.errors import Draining, InternalError, ProblemError
from service.incoming import IncomingBody
from service.metrics import Metrics
from service.outgoing import OutgoingAnswer
from service.problems import problem, problem_headers
from service.record import RequestRecord
from service.request_log import log_request
from service.tracing import trace_id, trace_phases

logger = logging.getLogger(__name__)

_LONGEST_PATH = 300  # in the log


class Envelope:
    """Give each request an id and a record, turn a trace into a problem, and tell who watches.

    A plain ASGI middleware: Starlette's base class for them would cost milliseconds.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, memory: BodyMemory) -> None:
        self.app = app
        self._metrics = metrics
        self._memory = memory

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        record = _record(scope)
        bind_contextvars(request_id=record.request_id)  # in each line that this request logs
        scope.setdefault("state", {}).update(request_id=record.request_id, record=record)
        record.trace_id = trace_id()
        body = IncomingBody(scope, receive, self._memory)
        outgoing = OutgoingAnswer(record, body, send)
        self._metrics.begin()
        try:
            await self._answer(scope, record, body, outgoing)
        finally:
            body.release()
            record.route = getattr(scope.get("route"), "path", "")
            record.bytes_in = body.received
            record.seconds = record.seconds or perf_counter() - record.began
            self._metrics.end(record)
            if record.trace_id:
                trace_phases(record)
            log_request(record)

    async def _answer(
        self, scope: Scope, record: RequestRecord, body: IncomingBody, outgoing: OutgoingAnswer
    ) -> None:
        try:
            await self.app(scope, body.receive, outgoing.send)
        except Exception:
            if record.status:  # too late for another answer; the server breaks this one off
                record.note_problem("internal", "the answer was not finished")
                raise
            logger.exception("request %s failed", record.request_id)
            await _answer_for(InternalError(), record)(scope, body.receive, outgoing.send)
        except asyncio.CancelledError:  # the server ends, and cannot wait for this one
            if not record.status:
                await _answer_for(Draining(), record)(scope, body.receive, outgoing.send)


def _answer_for(error: ProblemError, record: RequestRecord) -> Response:
    detail = str(error)
    record.note_problem(error.code, detail)
    headers = problem_headers(error)
    return problem(record.request_id, error.status, error.code, error.title, detail, headers)


def _record(scope: Scope) -> RequestRecord:
    given = Headers(scope=scope).get("x-request-id", "")
    known = re.fullmatch(r"[A-Za-z0-9_.-]{1,128}", given)
    path: bytes = scope.get("raw_path") or quote(scope["path"]).encode()
    return RequestRecord(
        request_id=given if known else uuid4().hex,
        method=scope["method"],
        path=path[:_LONGEST_PATH].decode("ascii", "backslashreplace"),
        caller=client[0] if (client := scope.get("client")) else "unknown",
    )
