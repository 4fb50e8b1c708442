import json
import signal
import subprocess
import sys
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from fake_models import write_models
from live_server import running, url_in_line
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from PIL import Image
from starlette.testclient import TestClient

from service.app import create_app
from service.settings import ServiceSettings

ROOT = Path(__file__).parents[1]
URL = "/v1/translate/summer2winter"
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return write_models(tmp_path_factory.mktemp("models"))


@pytest.fixture
def spans():
    return InMemorySpanExporter()


@pytest.fixture
def client(models, spans, monkeypatch):
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    # `set_tracer_provider` would be for all tests that follow.
    monkeypatch.setattr("opentelemetry.trace._TRACER_PROVIDER", provider)
    with TestClient(create_app(ServiceSettings(models=models))) as client:
        yield client


@pytest.fixture(scope="module")
def picture():
    file = BytesIO()
    Image.fromarray(np.zeros((10, 20, 3), np.uint8)).save(file, "PNG")
    return file.getvalue()


def test_the_phases_are_spans_within_the_request(client, spans, picture):
    client.post(URL, content=picture, headers={"traceparent": PARENT})

    by_name = {span.name: span for span in spans.get_finished_spans()}
    request = by_name.pop("POST /v1/translate/{translation}")
    assert list(by_name) == ["read", "queue", "decode", "infer", "encode"]
    assert format(request.context.trace_id, "032x") == PARENT[3:35]
    assert format(request.parent.span_id, "016x") == PARENT[36:52]
    previous = request.start_time
    for span in by_name.values():
        assert span.context.trace_id == request.context.trace_id
        assert span.parent.span_id == request.context.span_id
        # The clocks of the two may differ by a little.
        assert previous - 1e6 <= span.start_time <= span.end_time <= request.end_time + 1e6
        previous = span.end_time


def test_the_log_names_the_trace(client, picture, caplog):
    caplog.set_level("INFO", "service")
    client.post(URL, content=picture, headers={"traceparent": PARENT})

    assert caplog.records[-1].trace_id == PARENT[3:35]


def test_health_checks_are_not_traced(client, spans):
    for path in ("/livez", "/readyz"):
        client.get(path)

    assert spans.get_finished_spans() == ()


def test_a_problem_is_a_span_too(client, spans):
    client.post(URL, content=b"no picture")

    by_name = {span.name: span for span in spans.get_finished_spans()}
    request = by_name["POST /v1/translate/{translation}"]
    assert request.attributes["http.response.status_code"] == 415


def test_without_the_extra_one_line_says_what_to_install(models, monkeypatch, caplog):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318")
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)

    with TestClient(create_app(ServiceSettings(models=models))) as client:
        assert client.get("/readyz").status_code == 200

    [record] = [record for record in caplog.records if record.name == "fastapi"]
    assert record.levelname == "WARNING"
    assert "requires fastapi[opentelemetry]" in record.message


class Collector(BaseHTTPRequestHandler):
    """Stands for OpenTelemetry's."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.received[self.path] = body
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


def test_spans_are_sent_before_the_service_ends(models, picture):
    with HTTPServer(("127.0.0.1", 0), Collector) as collector:
        collector.received = {}
        threading.Thread(target=collector.serve_forever).start()
        endpoint = f"http://127.0.0.1:{collector.server_port}"
        with running(
            "--models",
            str(models),
            OTEL_EXPORTER_OTLP_ENDPOINT=endpoint,
            OTEL_SERVICE_NAME="seasons",
        ) as process:
            url = url_in_line(process, begin="serving") + URL
            post = urllib.request.Request(url, picture, {"Content-Type": "image/png"})
            urllib.request.urlopen(post, timeout=10).close()
            process.send_signal(signal.SIGINT)
            lines = [json.loads(line) for line in process.stderr]
        collector.shutdown()

    sent = collector.received["/v1/traces"]
    [trace_id] = [line["trace_id"] for line in lines if "trace_id" in line]
    assert bytes.fromhex(trace_id) in sent
    for text in (b"seasons", b"POST /v1/translate/{translation}", b"queue", b"infer"):
        assert text in sent


def test_nothing_that_sends_is_imported_where_nobody_asks(models):
    code = (
        "import sys; from pathlib import Path; from starlette.testclient import TestClient;"
        "from service.app import create_app; from service.settings import ServiceSettings;"
        "client = TestClient(create_app(ServiceSettings(models=Path(sys.argv[1]))));"
        "client.__enter__(); client.get('/v1/models'); client.__exit__();"
        "sys.exit('opentelemetry.sdk' in sys.modules)"
    )

    subprocess.run([sys.executable, "-c", code, str(models)], check=True, cwd=ROOT)
