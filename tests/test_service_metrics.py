import json
import re
import socket
import urllib.request
from io import BytesIO
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
from fake_models import write_inverting, write_models
from PIL import Image
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from cyclegan.errors import UsageError
from service.admission import Admission
from service.app import create_app
from service.catalogue import Catalogue
from service.metrics import Metrics
from service.record import RequestRecord
from service.serve_command import run
from service.settings import ServiceSettings

URL = "/v1/translate/summer2winter"
DEPLOY = Path(__file__).parents[1] / "deploy"
PHASES = ("read", "queue", "decode", "infer", "encode")


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = write_models(tmp_path_factory.mktemp("models"))
    write_inverting(folder / "zebra" / "a2b.onnx")  # a second summer2winter
    return folder


@pytest.fixture
def client(models):
    settings = ServiceSettings(models=models, max_body_bytes=10_000, max_edge=8)
    with TestClient(create_app(settings)) as client:
        yield client


@pytest.fixture
def picture():
    file = BytesIO()
    Image.fromarray(np.zeros((10, 20, 3), np.uint8)).save(file, "PNG")
    return file.getvalue()


def value(client, name, **labels):
    """Of one number of the application; None if it was never counted."""
    return client.app.state.metrics.registry.get_sample_value(name, labels)


def series(client):
    """Names and labels of all numbers."""
    metrics = client.app.state.metrics.registry.collect()
    return {
        (sample.name, *sample.labels.values())
        for metric in metrics
        for sample in metric.samples
        if sample.name.startswith("cyclegan")
    }


def test_a_translated_picture_is_counted_with_its_phases_and_its_sizes(client, picture):
    answer = client.post(URL, content=picture)

    labels = {"translation": "summer2winter", "status": "200", "code": ""}
    route = {"route": "/v1/translate/{translation}"}
    assert value(client, "cyclegan_requests_total", **route, **labels) == 1
    assert value(client, "cyclegan_request_seconds_count", **route) == 1
    for phase in PHASES:
        assert value(client, "cyclegan_phase_seconds_count", phase=phase) == 1
    assert value(client, "cyclegan_request_bytes_total") == len(picture)
    assert value(client, "cyclegan_response_bytes_total") == len(answer.content)
    assert value(client, "cyclegan_input_pixels_sum") == 200  # not those of the reduced picture


def test_the_phases_are_counted_in_seconds(client):
    record = RequestRecord("id", "POST", "/")
    record.note_picture((1, 1), record.began, {"decode": 250.0, "infer": 1500.0})
    metrics = client.app.state.metrics

    metrics.end(record)

    assert value(client, "cyclegan_phase_seconds_sum", phase="decode") == 0.25
    assert value(client, "cyclegan_phase_seconds_sum", phase="infer") == 1.5


def test_long_names_count_under_the_shortest_that_means_the_same(client, picture):
    for name in ("summer2winter", "seasons:summer2winter", "zebra:summer2winter"):
        assert client.post(f"/v1/translate/{name}", content=picture).status_code == 200

    labels = {"route": "/v1/translate/{translation}", "status": "200", "code": ""}
    counted = {
        name: value(client, "cyclegan_requests_total", translation=name, **labels)
        for name in ("summer2winter", "seasons:summer2winter", "zebra:summer2winter")
    }
    assert counted == {
        "summer2winter": 2,
        "seasons:summer2winter": None,
        "zebra:summer2winter": 1,
    }


@pytest.mark.parametrize(
    ("body", "code"), [(b"no picture", "unsupported-image-type"), (bytes(10_001), "body-too-large")]
)
def test_what_is_refused_is_counted_by_its_reason(client, body, code):
    answer = client.post(URL, content=body)

    labels = {
        "route": "/v1/translate/{translation}",
        "translation": "summer2winter",
        "status": str(answer.status_code),
    }
    assert value(client, "cyclegan_requests_total", code=code, **labels) == 1
    assert value(client, "cyclegan_rejections_total", reason=code) == 1


def test_a_bug_is_counted_and_the_request_is_over(client, picture, monkeypatch):
    def fail(*_, **__):
        raise KeyError

    monkeypatch.setattr("service.record.RequestRecord.note_picture", fail)
    assert client.post(URL, content=picture).status_code == 500

    assert value(client, "cyclegan_rejections_total", reason="internal") == 1
    assert value(client, "cyclegan_requests_in_progress") == 0


def test_what_a_client_makes_up_is_no_new_series(client):
    def make_up(name):
        client.get(f"/{name}")
        client.post(f"/v1/translate/{name}", content=b"x")
        client.post(URL, params={"format": name}, content=b"x")
        client.post(URL, content=b"x", headers={"content-type": name, "x-request-id": name})
        client.request("BREW", f"/v1/{name}/{name}")

    make_up("first")
    known = series(client)
    for number in range(20):
        make_up(f"made-up-{number}")

    assert series(client) == known


def test_who_waits_and_works_is_read_when_somebody_asks(models):
    metrics, admission = Metrics(), Admission(workers=3, queue=5)
    read = metrics.registry.get_sample_value

    with metrics.watching(admission, lambda: None):
        assert (read("cyclegan_places"), read("cyclegan_queue_places")) == (3, 5)
        assert (read("cyclegan_places_taken"), read("cyclegan_queue_waiting")) == (0, 0)
        admission.working = 2
        assert read("cyclegan_places_taken") == 2
    assert read("cyclegan_places_taken") is None


def test_the_models_on_offer_are_named_with_what_runs_them(client):
    state = client.app.state.service

    def listed():
        return {key[1:] for key in series(client) if key[0] == "cyclegan_model_info"}

    first, *_ = state.catalogue.translators
    assert ("summer2winter", "seasons", first.sha256, first.provider, "fp32") in listed()
    assert len(listed()) == 3

    state.catalogue = Catalogue([state.catalogue.models["zebra"]])
    [(translation, model, *_)] = listed()
    assert (translation, model) == ("summer2winter", "zebra")


def test_each_run_of_a_model_is_counted(models, picture):
    with TestClient(create_app(ServiceSettings(models=models))) as client:
        for _ in range(3):
            client.post(URL, content=picture)

    # Afterwards, since nobody waits for this number.
    assert value(client, "cyclegan_batch_pictures_sum") == 3


def test_each_picture_of_a_batch_is_counted(client, picture):
    files = [("files", ("a.png", data, "image/png")) for data in (picture, b"none", picture)]
    assert client.post("/v1/batch/summer2winter", files=files).status_code == 200

    labels = {"route": "/v1/batch/{translation}", "translation": "summer2winter"}
    assert value(client, "cyclegan_requests_total", status="200", code="", **labels) == 1
    assert value(client, "cyclegan_phase_seconds_count", phase="read") == 1
    assert value(client, "cyclegan_phase_seconds_count", phase="infer") == 2
    assert value(client, "cyclegan_rejections_total", reason="unsupported-image-type") == 1


def test_batches_and_changes_of_models_are_counted(client):
    metrics = client.app.state.metrics
    for pictures in (1, 4, 4):
        metrics.note_batch(pictures)
    metrics.note_reload("refused")

    assert value(client, "cyclegan_batch_pictures_count") == 3
    assert value(client, "cyclegan_batch_pictures_sum") == 9
    assert value(client, "cyclegan_batch_pictures_bucket", le="1.0") == 1
    assert value(client, "cyclegan_model_reloads_total", result="refused") == 1


def test_two_applications_count_for_themselves(client, models, picture):
    with TestClient(create_app(ServiceSettings(models=models))) as other:
        other.post(URL, content=picture)

        assert value(other, "cyclegan_phase_seconds_count", phase="infer") == 1
    assert value(client, "cyclegan_phase_seconds_count", phase="infer") is None


def test_the_numbers_have_a_port_of_their_own_while_they_are_served(client):
    metrics = client.app.state.metrics
    with metrics.served("127.0.0.1", 0) as port:
        answer = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10)
        with answer:
            text = answer.read().decode()
    names = {family.name for family in text_string_to_metric_families(text)}

    assert {"cyclegan_queue_waiting", "process_resident_memory_bytes", "python_info"} <= names
    assert client.get("/metrics").status_code == 404
    with pytest.raises(URLError):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10)


def test_a_port_for_numbers_that_is_in_use_is_one_line(models):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])

        with pytest.raises(UsageError) as caught:
            run(["--port", "0", "--metrics-port", port, "--models", str(models)])

    assert str(caught.value) == (
        f"port {port} on 127.0.0.1 is in use by another program; "
        "choose another with --metrics-port N"
    )


def test_a_host_for_numbers_that_is_not_here_is_one_line(models):
    flags = ["--metrics-port", "0", "--metrics-host", "192.0.2.1"]

    with pytest.raises(UsageError, match=r"on 192.0.2.1 .*--metrics-port N$"):
        run(["--port", "0", *flags, "--models", str(models)])


def test_the_dashboard_asks_for_numbers_that_there_are(client, picture):
    client.post(URL, content=picture)
    client.post(URL, content=b"no picture")
    client.app.state.metrics.note_reload("taken")
    there = {name for name, *_ in series(client)}
    there |= {"process_resident_memory_bytes", "process_cpu_seconds_total"}
    dashboard = (DEPLOY / "grafana" / "cyclegan.json").read_text()

    asked = {
        name
        for panel in json.loads(dashboard)["panels"]
        for target in panel.get("targets", [])
        for name in re.findall(r"\b(?:cyclegan|process)_\w+", target["expr"])
    }

    assert len(asked) > 10
    assert asked <= there


def test_the_dashboard_takes_its_data_source_from_a_variable():
    text = (DEPLOY / "grafana" / "cyclegan.json").read_text()

    sources = set(re.findall(r'"type": "prometheus",\s+"uid": "(.*)"', text))
    names = [v["name"] for v in json.loads(text)["templating"]["list"] if v["type"] == "datasource"]
    assert sources == {f"${{{name}}}" for name in names}
