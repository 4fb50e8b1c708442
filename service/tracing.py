"""Traces: FastAPI's own span of each request, and within it a span of each phase.

Off unless the environment has OTEL_EXPORTER_OTLP_ENDPOINT; then the extra `otel` is needed, and
FastAPI says so in a warning where it is missing.
Source: https://fastapi.tiangolo.com/advanced/opentelemetry/
"""

import time

from fastapi.telemetry import TelemetryConfig
from opentelemetry import trace

from service.record import HEALTH_ROUTES, RequestRecord

TELEMETRY: TelemetryConfig = {
    "auto_configure": True,
    "exclude": lambda scope: scope.get("path") in HEALTH_ROUTES,
    "logs": False,  # the service has a log of its own
    "operation_spans": False,  # dependencies and the like; our phases tell more
}


def trace_id() -> str:
    """Id of the trace that is going on, in hexadecimal; empty if there is none."""
    context = trace.get_current_span().get_span_context()
    return format(context.trace_id, "032x") if context.is_valid else ""


def trace_phases(record: RequestRecord) -> None:
    """Write down the phases of a traced request as spans, afterwards: it waits for none of it."""
    tracer = trace.get_tracer("cyclegan")
    epoch = time.time() - time.perf_counter()
    for phase in record.phases:
        began = epoch + phase.began
        span = tracer.start_span(phase.name, start_time=_nanoseconds(began))
        span.end(_nanoseconds(began + phase.milliseconds / 1000))


def _nanoseconds(seconds: float) -> int:
    return int(seconds * 1e9)
