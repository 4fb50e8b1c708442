"""Lines of the log: one a request, and one form for whatever anybody logs."""

import logging
import sys
from collections import Counter
from typing import Any, Literal

from structlog import contextvars, dev, processors, stdlib
from structlog.typing import EventDict, Processor, WrappedLogger

from service.record import HEALTH_ROUTES, RequestRecord

logger = logging.getLogger(__name__)

LogFormat = Literal["console", "json"]
"""For people, or one object a line for machines."""

_SHA256_DIGITS = 16  # tell pictures of a log apart


def log_request(record: RequestRecord) -> None:
    """Log one line that says all that is known of a request; of health checks at DEBUG."""
    level = logging.DEBUG if record.route in HEALTH_ROUTES else logging.INFO
    if logger.isEnabledFor(level):
        facts = {name: value for name, value in _facts(record).items() if value}
        logger.log(level, "%s %s %d", record.method, record.path, record.status, extra=facts)


def form_log(log_format: LogFormat | None) -> None:
    """Give all lines of this process one form, those of libraries too.

    Args:
        log_format: One JSON object a line for machines, or a line for people; without it, people
            are supposed to be where a terminal is.
    """
    form = log_form(log_format or ("console" if sys.stderr.isatty() else "json"))
    for handler in logging.getLogger().handlers:
        if type(handler) is logging.StreamHandler:  # the door's; tests hang others there
            handler.setFormatter(form)


def log_form(log_format: LogFormat) -> logging.Formatter:
    """Make the formatter; it writes out what is given as `extra` as well."""
    facts: list[Processor] = [
        contextvars.merge_contextvars,
        stdlib.add_log_level,
        stdlib.add_logger_name,
        stdlib.ExtraAdder(),
        _without_rays_own,
        processors.TimeStamper(fmt="iso", utc=True),
    ]
    form: list[Processor] = [stdlib.ProcessorFormatter.remove_processors_meta]
    if log_format == "json":
        form += [processors.format_exc_info, processors.JSONRenderer()]
    else:
        form += [_without_what_the_line_says, _console()]
    return stdlib.ProcessorFormatter(foreign_pre_chain=facts, processors=form)


def _facts(record: RequestRecord) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "request_id": record.request_id,
        "caller": record.caller,
        "method": record.method,
        "path": record.path,
        "translation": record.translation,
        "status": record.status,
        "code": record.code,
        "detail": record.detail,
        "cause": record.cause,
        "milliseconds": round(record.seconds * 1000, 1),
        "phases": {name: round(time, 1) for name, time in record.timings().items()},
        "bytes_in": record.bytes_in,
        "bytes_out": record.bytes_out,
        "sizes": [f"{width}x{height}" for width, height in record.sizes],
        "sha256": record.sha256[:_SHA256_DIGITS],
        "trace_id": record.trace_id,
    }
    if not record.code:
        facts["refused"] = dict(Counter(record.refused))  # of the pictures in a batch
    return facts


def _console() -> dev.ConsoleRenderer:
    return dev.ConsoleRenderer(
        colors=sys.stderr.isatty(),
        sort_keys=False,
        pad_event_to=0,
        pad_level=False,
        # The prettier ones print variables too: pictures of clients, for instance.
        exception_formatter=dev.plain_traceback,
    )


def _without_rays_own(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    # Once Ray is imported, each line of the process has a second time, in nanoseconds.
    event.pop("_ray_timestamp_ns", None)
    return event


def _without_what_the_line_says(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    for name in ("method", "path", "status"):
        event.pop(name, None)
    return event
