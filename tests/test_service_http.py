import asyncio
import json
import re
import subprocess
import sys
import time
from base64 import b64decode
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from fake_models import write_models, write_pooling
from PIL import Image
from starlette.testclient import TestClient

from service.app import create_app
from service.catalogue import Catalogue
from service.engine import Engine, EngineError
from service.settings import ServiceSettings

URL = "/v1/translate/summer2winter"


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = write_models(tmp_path_factory.mktemp("models"))
    write_pooling(folder / "tiles" / "a2b.onnx")
    return folder


@pytest.fixture(scope="module")
def client(models):
    settings = ServiceSettings(
        models=models,
        provider="cpu",
        max_body_bytes=100_000,
        max_pixels=10_000,
        max_edge=64,
        threads=2,
    )
    with TestClient(create_app(settings)) as client:
        yield client


def test_a_large_picture_keeps_its_size_where_the_model_sees_a_smaller_one(models):
    settings = ServiceSettings(
        models=models, provider="cpu", max_edge=512, model_edge=64, threads=2
    )
    grey = np.full((150, 400, 3), 200, np.uint8)

    with TestClient(create_app(settings)) as client:
        response = post(client, png_of(grey), f"{URL}?format=png")

    assert "x-resized-from" not in response.headers
    np.testing.assert_array_equal(pixels_of(response), 255 - grey)


@pytest.fixture
def noise():
    return np.random.default_rng(0).integers(0, 256, (9, 14, 3), dtype=np.uint8)


def png_of(pixels):
    file = BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def pixels_of(response):
    with Image.open(BytesIO(response.content)) as image:
        return np.asarray(image)


def post(client, data, url=f"{URL}?format=png", **headers):
    headers = {"content-type": "image/png"} | {k.replace("_", "-"): v for k, v in headers.items()}
    return client.post(url, content=data, headers=headers)


def assert_problem(response, status, code):
    body = response.json()
    assert response.status_code == status == body["status"]
    assert response.headers["content-type"] == "application/problem+json"
    assert body["code"] == code
    assert body["type"] == f"/problems/{code}"
    assert body["title"]
    assert body["instance"] == f"urn:request:{response.headers['x-request-id']}"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert "Traceback" not in response.text
    assert not re.search(r"(/\w+){2}", body["detail"]), "a path"
    return body["detail"]


def test_a_raw_body_is_translated(client, noise):
    response = post(client, png_of(noise))

    assert response.status_code == 200
    assert response.headers["content-type"] == "image/png"
    np.testing.assert_array_equal(pixels_of(response), 255 - noise)


@pytest.mark.parametrize(
    "declared", ["application/octet-stream", "image/jpeg", "IMAGE/x-what; a=b"]
)
def test_the_declared_type_is_only_a_hint(client, noise, declared):
    np.testing.assert_array_equal(
        pixels_of(post(client, png_of(noise), content_type=declared)), 255 - noise
    )


def test_a_body_of_no_declared_type_is_translated(client, noise):
    request = client.build_request("POST", f"{URL}?format=png", content=png_of(noise))
    request.headers.pop("content-type", None)

    np.testing.assert_array_equal(pixels_of(client.send(request)), 255 - noise)


@pytest.mark.parametrize("field", ["file", "image"])
def test_a_form_is_translated(client, noise, field):
    files = {field: ("lie.txt", png_of(noise), "text/plain")}

    response = client.post(f"{URL}?format=png", files=files, data={"other": "ignored"})

    np.testing.assert_array_equal(pixels_of(response), 255 - noise)


def test_the_other_direction_is_the_other_model(client, noise):
    response = post(client, png_of(noise), "/v1/translate/seasons:winter2summer?format=png")

    np.testing.assert_array_equal(pixels_of(response), noise[..., ::-1])


@pytest.mark.parametrize("size", [(1, 1), (1, 64), (64, 1), (7, 13), (8, 8)])
@pytest.mark.parametrize("name", ["summer2winter", "photo2mosaic"])
def test_every_size_comes_back_in_its_size(client, size, name):
    pixels = np.full((*size, 3), 99, np.uint8)

    response = post(client, png_of(pixels), f"/v1/translate/{name}?format=png")

    assert pixels_of(response).shape == (*size, 3)


def test_a_large_picture_is_reduced_and_the_answer_says_so(client):
    response = post(client, png_of(np.full((32, 128, 3), 55, np.uint8)))

    assert response.headers["x-resized-from"] == "128x32"
    np.testing.assert_array_equal(pixels_of(response), np.full((16, 64, 3), 200))


def test_alpha_comes_back_untouched(client):
    rgba = np.zeros((4, 4, 4), np.uint8)
    rgba[..., 0], rgba[..., 3] = 200, np.arange(16).reshape(4, 4) * 17

    result = pixels_of(post(client, png_of(rgba)))

    np.testing.assert_array_equal(result[..., 3], rgba[..., 3])
    np.testing.assert_array_equal(result[3, 3], [55, 255, 255, 255])


def test_an_answer_has_its_headers(client, noise):
    headers = post(client, png_of(noise), x_request_id="mine-1").headers

    assert headers["x-request-id"] == "mine-1"
    assert re.fullmatch(r"summer2winter@sha256:[0-9a-f]{8}", headers["x-model"])
    phases = [part.partition(";dur=") for part in headers["server-timing"].split(", ")]
    assert [name for name, _, _ in phases] == [
        *("read", "queue", "decode", "infer", "encode", "total")
    ]
    milliseconds = [float(time) for _, _, time in phases]
    assert all(time >= 0 for time in milliseconds)
    assert milliseconds[-1] >= max(milliseconds)
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert headers["vary"] == "Accept"
    assert "x-resized-from" not in headers


@pytest.mark.parametrize("given", ["", "a b", "x" * 129, "{}", "\x7f"])
def test_a_request_id_that_is_none_is_replaced(client, given):
    response = client.get("/livez", headers={"x-request-id": given})

    assert re.fullmatch(r"[0-9a-f]{32}", response.headers["x-request-id"])


@pytest.mark.parametrize(
    ("query", "accept", "expected"),
    [
        ("", "*/*", "image/jpeg"),
        ("", "image/webp", "image/webp"),
        ("", "image/jpeg;q=0.3, image/png", "image/png"),
        ("?format=webp", "image/png", "image/webp"),  # the query wins
        ("?format=jpeg", "text/html", "image/jpeg"),
        ("", "application/json, text/plain, */*", "image/jpeg"),  # of axios, which takes all
        ("", "application/json;q=0.5, image/webp", "image/webp"),
    ],
)
def test_the_format_is_negotiated(client, noise, query, accept, expected):
    response = post(client, png_of(noise), URL + query, accept=accept)

    assert response.headers["content-type"] == expected
    with Image.open(BytesIO(response.content)) as image:
        assert image.get_format_mimetype() == expected


@pytest.mark.parametrize(
    ("query", "accept", "inside"),
    [
        ("", "application/json", "image/jpeg"),
        ("", "application/*", "image/jpeg"),
        ("", "application/json, image/webp;q=0.1", "image/webp"),
        ("?format=png", "application/json", "image/png"),
        ("?format=png", "application/json, image/webp;q=0.1", "image/png"),
    ],
)
def test_a_picture_comes_in_json_to_who_prefers_that(client, noise, query, accept, inside):
    response = post(client, png_of(noise), URL + query, accept=accept)

    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-model"].startswith("summer2winter@sha256:")
    assert response.headers["vary"] == "Accept"
    answer = response.json()
    [picture] = answer["data"]
    assert answer["model"] == "summer2winter"
    assert abs(answer["created"] - time.time()) < 60
    assert (picture["content_type"], picture["width"], picture["height"]) == (inside, 14, 9)
    with Image.open(BytesIO(b64decode(picture["b64_json"]))) as image:
        assert (image.get_format_mimetype(), image.size) == (inside, (14, 9))
        if inside == "image/png":
            np.testing.assert_array_equal(np.asarray(image), 255 - noise)


def test_json_tells_the_size_that_a_large_picture_came_to(client):
    large = png_of(np.zeros((32, 128, 3), np.uint8))

    response = post(client, large, URL, accept="application/json")

    [picture] = response.json()["data"]
    assert (picture["width"], picture["height"]) == (64, 16)
    assert response.headers["x-resized-from"] == "128x32"


def test_the_quality_can_be_chosen(client, noise):
    small, usual, large = (
        len(post(client, png_of(noise), f"{URL}?format=jpeg{query}").content)
        for query in ("&quality=5", "", "&quality=100")
    )

    assert small < usual < large


def test_an_unknown_translation_is_404(client):
    detail = assert_problem(post(client, b"", "/v1/translate/a2b"), 404, "model-not-found")

    assert detail == "nothing is called 'a2b'; on offer: summer2winter, winter2summer, photo2mosaic"


@pytest.mark.parametrize("query", ["format=gif", "quality=0", "quality=101", "quality=x"])
def test_a_wrong_query_is_400(client, noise, query):
    detail = assert_problem(post(client, png_of(noise), f"{URL}?{query}"), 400, "bad-request")

    assert query.partition("=")[0] in detail


def test_an_empty_body_is_400(client):
    assert "empty" in assert_problem(post(client, b""), 400, "bad-request")


def test_a_form_without_a_file_is_400(client, noise):
    for files in ({"photo": ("a.png", png_of(noise))}, {"file": (None, "text")}):
        detail = assert_problem(client.post(URL, files=files), 400, "bad-request")
        assert "'file' or 'image'" in detail


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", b""),
        ("multipart/form-data; boundary=x", b"nonsense"),
        ("multipart/form-data; boundary=x", b"--x\r\n\r\nno name\r\n--x--\r\n"),
    ],
)
def test_a_broken_form_is_400(client, content_type, body):
    assert_problem(post(client, body, content_type=content_type), 400, "bad-request")


def test_a_form_with_too_much_in_it_is_400(client, noise):
    two = [("file", ("a", png_of(noise))), ("image", ("b", png_of(noise)))]
    assert_problem(client.post(URL, files=two), 400, "bad-request")

    fields = {f"f{i}": "x" for i in range(9)}
    one = {"file": ("a", png_of(noise))}
    assert_problem(client.post(URL, files=one, data=fields), 400, "bad-request")

    assert_problem(client.post(URL, files=one, data={"f": "x" * 70_000}), 400, "bad-request")


def test_nothing_acceptable_is_406(client, noise):
    response = post(client, png_of(noise), URL, accept="text/html")

    assert_problem(response, 406, "not-acceptable")


def chunks_of(size):
    for _ in range(size // 1000):
        yield bytes(1000)


@pytest.mark.parametrize("body", [bytes(100_001), chunks_of(101_000)], ids=["announced", "chunked"])
def test_a_body_over_the_limit_is_413(client, body):
    detail = assert_problem(post(client, body), 413, "body-too-large")

    assert "100,000 bytes" in detail


def test_a_form_over_the_limit_is_413(client):
    response = client.post(URL, files={"file": ("a.png", bytes(100_000))})

    assert_problem(response, 413, "body-too-large")


@pytest.mark.parametrize(
    "declared", ["text/html", "application/json", "application/x-www-form-urlencoded"]
)
def test_a_body_declared_as_something_else_is_415(client, noise, declared):
    detail = assert_problem(
        post(client, png_of(noise), content_type=declared), 415, "unsupported-media-type"
    )

    assert declared in detail


def test_a_body_that_is_no_picture_is_415(client):
    assert_problem(post(client, b"<svg/>"), 415, "unsupported-image-type")


def test_a_damaged_picture_is_422(client, noise, caplog):
    caplog.set_level("INFO")
    response = post(client, png_of(noise)[:60])

    assert_problem(response, 422, "image-undecodable")
    line = caplog.records[-1]
    assert (line.request_id, line.code) == (response.headers["x-request-id"], "image-undecodable")
    assert "OSError" in line.cause  # what Pillow says is for the log alone


def test_a_picture_with_too_many_pixels_is_422(client):
    detail = assert_problem(
        post(client, png_of(np.zeros((101, 100), np.uint8))), 422, "image-too-many-pixels"
    )

    assert "100x101" in detail
    assert "10,000" in detail


def test_an_unknown_path_is_404(client):
    detail = assert_problem(client.get("/nowhere"), 404, "not-found")
    assert detail == "there is nothing at this path; /docs tells what there is"


def test_another_method_is_405(client):
    response = client.get(URL)

    detail = assert_problem(response, 405, "method-not-allowed")
    assert detail == "GET is not allowed at this path; it takes POST"
    assert response.headers["allow"] == "POST"


def test_a_bug_is_500_with_nothing_but_the_id(models, noise, monkeypatch, caplog):
    def fail(*_):
        raise KeyError("/secret/path")

    monkeypatch.setattr("service.app.read", fail)
    with TestClient(create_app(ServiceSettings(models=models))) as client:
        response = post(client, png_of(noise))

    assert_problem(response, 500, "internal")
    assert "secret" not in response.text
    assert response.headers["x-request-id"] in caplog.text
    assert "KeyError: '/secret/path'" in caplog.text


class Failing:
    """Loaded well, fails when it runs."""

    metadata: ClassVar[dict[str, str]] = {}

    def run(self, pictures):
        raise EngineError(RuntimeError("no memory for /secret/models/seasons/a2b.onnx"))


def failing_catalogue(models):
    return Catalogue(
        replace(model, translators=[replace(each, loaded=Failing()) for each in model.translators])
        for model in Catalogue.load(models, Engine("cpu", 1)).models.values()
    )


def test_a_model_that_fails_is_500_with_nothing_but_the_id(models, noise, caplog):
    app = create_app(ServiceSettings(models=models), failing_catalogue(models))
    with TestClient(app) as client:
        response = post(client, png_of(noise))

    assert assert_problem(response, 500, "internal") == "see its log for this request"
    assert "secret" not in response.text
    assert "no memory for /secret" in caplog.text


def test_the_documentation_names_bodies_and_problems(client):
    operation = client.get("/openapi.json").json()["paths"]["/v1/translate/{translation}"]["post"]

    bodies = operation["requestBody"]["content"]
    assert {"image/jpeg", "application/octet-stream", "multipart/form-data"} <= bodies.keys()
    assert {"200", "400", "404", "406", "408", "413", "415", "422"} <= operation["responses"].keys()
    assert operation["responses"]["200"]["content"].keys() == {
        "application/json",
        "image/jpeg",
        "image/png",
        "image/webp",
    }


async def call(app, receive, method="POST", path=URL, headers=()):
    """One request to the bare app, of which the test sends every chunk."""
    sent = []

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": b"",
        "headers": headers,
    }
    await app(scope, receive, send)
    return sent


async def call_started(app, receive, **request):
    async with app.router.lifespan_context(app):
        return await call(app, receive, **request)


def test_a_body_that_announces_too_much_is_not_read(models):
    async def leave():  # whoever read before the answer would find nobody to give it to
        return {"type": "http.disconnect"}

    app = create_app(ServiceSettings(models=models))
    announced = [(b"content-length", b"26214401")]
    start, body, _ = asyncio.run(call_started(app, leave, headers=announced))

    assert start["status"] == 413
    assert json.loads(body["body"])["code"] == "body-too-large"


def test_a_slow_body_is_408(models):
    async def drip():
        await asyncio.sleep(0.02)
        return {"type": "http.request", "body": b"x", "more_body": True}

    app = create_app(ServiceSettings(models=models, read_timeout_seconds=0.1))
    begin = time.perf_counter()
    start, body = asyncio.run(call_started(app, drip))

    assert time.perf_counter() - begin < 5
    assert start["status"] == 408
    assert (b"connection", b"close") in start["headers"]
    problem = json.loads(body["body"])
    assert problem["code"] == "body-timeout"
    assert problem["detail"] == "the body was not complete after 0.1 seconds"


def test_a_client_that_leaves_is_no_failure(models, caplog):
    async def leave():
        return {"type": "http.disconnect"}

    start, _ = asyncio.run(call_started(create_app(ServiceSettings(models=models)), leave))

    assert start["status"] == 499
    assert "failed" not in caplog.text


def test_health_answers_while_pictures_are_translated(models, monkeypatch):
    monkeypatch.setattr("service.app.read", lambda *_: time.sleep(1))
    app = create_app(ServiceSettings(models=models))

    def picture():
        messages = iter([{"type": "http.request", "body": b"slow"}])

        async def receive():
            return next(messages, None) or await asyncio.sleep(60)

        return receive

    async def time_to_health():
        async with app.router.lifespan_context(app):
            begin = time.perf_counter()
            slow = asyncio.create_task(call(app, picture()))
            await asyncio.sleep(0.05)
            start, _ = await call(app, picture(), "GET", "/livez")
            waited = time.perf_counter() - begin
            await slow
        return start["status"], waited

    status, waited = asyncio.run(time_to_health())

    assert status == 200
    assert waited < 0.4


def test_the_service_runs_without_pytorch():
    code = (
        "import service.app, service.serve_command, service.translate_command, sys;"
        "sys.exit('torch' in sys.modules)"
    )

    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[1])
