import asyncio
import io
import json
import logging
import re
import signal
import urllib.request
from hashlib import sha256
from io import BytesIO

import numpy as np
import pytest
from fake_models import write_models
from live_server import running, url_in_line
from PIL import Image
from starlette.testclient import TestClient

from service.app import create_app
from service.record import HEALTH_ROUTES, fingerprint
from service.request_log import form_log, log_form
from service.settings import ServiceSettings

URL = "/v1/translate/summer2winter"


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    models = write_models(tmp_path_factory.mktemp("models"))
    settings = ServiceSettings(models=models, max_edge=8)
    with TestClient(create_app(settings)) as client:
        yield client


@pytest.fixture(scope="module")
def picture():
    file = BytesIO()
    Image.fromarray(np.zeros((10, 20, 3), np.uint8)).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def lines(request):
    """What the service logs at INFO, each line as JSON."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(log_form("json"))
    root, ours = logging.getLogger(), logging.getLogger("service")
    before = ours.level
    root.addHandler(handler)
    ours.setLevel(logging.INFO)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.removeHandler(handler)
    ours.setLevel(before)


def test_a_request_is_one_line_with_all_that_is_known_of_it(client, picture, lines):
    answer = client.post(f"{URL}?format=png", content=picture, headers={"x-request-id": "mine"})

    [line] = lines()
    assert line["event"] == "POST /v1/translate/summer2winter 200"
    assert (line["level"], line["request_id"], line["caller"]) == ("info", "mine", "testclient")
    assert (line["method"], line["path"], line["status"]) == ("POST", URL, 200)
    assert line["translation"] == "summer2winter"
    assert (line["bytes_in"], line["bytes_out"]) == (len(picture), len(answer.content))
    assert line["sizes"] == ["20x10"]
    assert line["sha256"] == sha256(picture).hexdigest()[:16]
    assert list(line["phases"]) == ["read", "queue", "decode", "infer", "encode"]
    assert line["milliseconds"] >= max(line["phases"].values())
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", line["timestamp"])
    assert "code" not in line


def test_a_problem_is_one_line_with_its_cause(client, picture, lines):
    client.post(URL, content=picture[:45])

    [line] = lines()
    assert (line["status"], line["code"]) == (422, "image-undecodable")
    assert line["detail"] == "the PNG picture is damaged or cut short"
    assert line["cause"].startswith("OSError(")
    assert line["sha256"] == sha256(picture[:45]).hexdigest()[:16]


def test_health_checks_are_not_logged(client, lines):
    for path in HEALTH_ROUTES:
        assert client.get(path).status_code == 200

    assert lines() == []


def test_what_a_client_writes_stays_in_its_line(client, lines):
    client.get('/%0A%1B[2J{"level":"x"}' + "x" * 1000 + "?key=secret")

    [line] = lines()
    assert line["caller"] == "testclient"
    assert line["path"].startswith("/%0A%1B")
    assert len(line["path"]) == 300
    assert "secret" not in json.dumps(line)


def test_the_name_of_a_file_is_not_logged(client, picture, lines):
    client.post(URL, files={"file": ("my-holiday.png", picture, "image/png")})

    [line] = lines()
    assert line["status"] == 200
    assert "holiday" not in json.dumps(line)


def test_a_batch_is_one_line(client, picture, lines):
    files = [("files", ("a.png", data, "image/png")) for data in (picture, b"none", picture)]
    client.post("/v1/batch/summer2winter", files=files)

    [line] = lines()
    assert (line["status"], line["sizes"]) == (200, ["20x10", "20x10"])
    assert line["refused"] == {"unsupported-image-type": 1}


def test_a_caller_is_named_but_not_its_key(client, picture, lines):
    digest = sha256(b"my-secret").hexdigest()
    models = client.app.state.service.settings.models
    with TestClient(create_app(ServiceSettings(models=models, api_keys=[digest]))) as closed:
        closed.post(URL, content=picture, headers={"authorization": "Bearer my-secret"})
        closed.post(URL, content=picture, headers={"x-api-key": "a-guess"})

    known, unknown = [line for line in lines() if "status" in line]
    assert (known["status"], known["caller"]) == (200, digest[:8])
    assert (unknown["status"], unknown["caller"]) == (403, "testclient")
    assert "secret" not in json.dumps(lines())
    assert "guess" not in json.dumps(lines())


def test_a_bug_is_logged_with_its_trace_and_its_request(client, picture, lines, monkeypatch):
    def fail(*_, **__):
        raise KeyError("where it broke")

    monkeypatch.setattr("service.record.RequestRecord.note_picture", fail)
    client.post(URL, content=picture, headers={"x-request-id": "mine"})

    trace, line = lines()
    assert trace["level"] == "error"
    assert "Traceback" in trace["exception"]
    assert "where it broke" in trace["exception"]
    assert trace["request_id"] == line["request_id"] == "mine"
    assert (line["status"], line["code"]) == (500, "internal")


def test_a_client_that_left_is_a_line(client, lines):
    async def leave():
        messages = iter([{"type": "http.request", "body": b"x", "more_body": True}])
        scope = {
            "type": "http",
            "method": "POST",
            "path": URL,
            "query_string": b"",
            "headers": [(b"content-length", b"9")],
        }

        async def receive():
            return next(messages, {"type": "http.disconnect"})

        async def send(_message):
            pass

        await client.app(scope, receive, send)

    client.portal.call(leave)

    [line] = lines()
    assert (line["status"], line["bytes_in"]) == (499, 1)


def test_lines_of_libraries_have_the_same_form(lines):
    logging.getLogger("uvicorn.error").warning("Invalid HTTP request: %s", "x")

    [line] = lines()
    assert line["event"] == "Invalid HTTP request: x"
    assert (line["level"], line["logger"]) == ("warning", "uvicorn.error")
    assert line["timestamp"]


def test_for_people_a_line_begins_with_what_happened():
    record = logging.makeLogRecord(
        {"name": "x", "msg": "GET / 200", "levelname": "INFO", "status": 200, "caller": "me"}
    )

    line = log_form("console").format(record)

    assert re.fullmatch(r"\S+Z \[info\] GET / 200 \[x\] caller=me", line)


def test_what_ray_adds_to_each_line_is_left_out():
    fields = {"name": "x", "msg": "GET / 200", "levelname": "INFO", "_ray_timestamp_ns": 7}

    line = log_form("json").format(logging.makeLogRecord(fields))

    assert "ray" not in line


class Terminal(io.StringIO):
    """Stands for a screen."""

    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("stream", "asked", "json"),
    [
        (Terminal(), None, False),
        (io.StringIO(), None, True),
        (Terminal(), "json", True),
        (io.StringIO(), "console", False),
    ],
)
def test_people_are_where_a_terminal_is(monkeypatch, stream, asked, json):
    monkeypatch.setattr("sys.stderr", stream)
    handler = logging.StreamHandler(stream)
    monkeypatch.setattr(logging.getLogger(), "handlers", [handler])

    form_log(asked)
    logging.getLogger("service").warning("hello")

    assert stream.getvalue().startswith("{") == json


@pytest.mark.parametrize("bytes_", [0, 10, 600_000])
def test_the_fingerprint_is_the_sha256(bytes_):
    data = b"x" * bytes_

    assert asyncio.run(fingerprint(data)) == sha256(data).hexdigest()


def test_a_service_in_a_container_logs_json_and_serves_its_numbers(tmp_path, picture):
    models = str(write_models(tmp_path))
    with running("--models", models, "--metrics-port", "0") as process:
        url = url_in_line(process, begin="serving") + URL
        numbers = url_in_line(process, begin="metrics on")
        post = urllib.request.Request(url, picture, {"Content-Type": "image/png"})
        with urllib.request.urlopen(post, timeout=10) as answer:
            assert answer.status == 200
        with urllib.request.urlopen(numbers, timeout=10) as answer:
            text = answer.read().decode()
        process.send_signal(signal.SIGINT)
        lines = [json.loads(line) for line in process.stderr]
        code = process.wait(timeout=10)

    [line] = [line for line in lines if "status" in line]
    assert (line["status"], line["caller"]) == (200, "127.0.0.1")
    assert 'cyclegan_phase_seconds_count{phase="infer"} 1.0' in text
    assert code == 0
