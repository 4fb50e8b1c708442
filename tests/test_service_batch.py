import asyncio
import json
import threading
import time
from base64 import b64decode
from io import BytesIO

import httpx2
import numpy as np
import pytest
from fake_models import write_models
from live_server import serving
from PIL import Image
from starlette.testclient import TestClient

from service.app import create_app
from service.errors import QueueFull
from service.json_lines import in_completion_order
from service.pipeline import read
from service.settings import ServiceSettings

URL = "/v1/batch/summer2winter"


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return write_models(tmp_path_factory.mktemp("models"))


@pytest.fixture
def settings(models):
    return ServiceSettings(
        models=models,
        provider="cpu",
        workers=2,
        max_edge=64,
        max_body_bytes=20_000,
        max_batch_bytes=50_000,
        max_batch_files=4,
    )


@pytest.fixture
def client(settings):
    with TestClient(create_app(settings)) as client:
        yield client


def gray(level, size=(6, 5)):
    return Image.new("RGB", size, (level, level, level))


def png_of(image):
    file = BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def level_in(line):
    with Image.open(BytesIO(b64decode(line["b64_json"]))) as image:
        return image.getpixel((0, 0))[0]


def form(*pictures, field="files"):
    return [(field, (f"{i}.png", picture)) for i, picture in enumerate(pictures)]


def lines_of(answer):
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/jsonl"
    assert answer.text.endswith("\n")
    return sorted(map(json.loads, answer.text.splitlines()), key=lambda line: line["index"])


@pytest.mark.parametrize("field", ["files", "file"])
def test_each_picture_gets_a_line(client, field):
    pictures = [png_of(gray(level)) for level in (10, 20, 30)]

    answer = client.post(f"{URL}?format=png", files=form(*pictures, field=field))

    lines = lines_of(answer)
    assert [level_in(line) for line in lines] == [245, 235, 225]
    for index, line in enumerate(lines):
        del line["b64_json"]
        assert line == {
            "index": index,
            "filename": f"{index}.png",
            "status": 200,
            "content_type": "image/png",
            "width": 6,
            "height": 5,
        }
    assert answer.headers["x-model"].startswith("summer2winter@sha256:")
    assert answer.headers["cache-control"] == "no-store"


def test_a_bad_picture_has_a_problem_in_its_line_and_the_others_are_translated(client):
    damaged, large = png_of(gray(1))[:50], bytes(20_001)
    pictures = [png_of(gray(10)), b"<svg/>", damaged, large]

    answer = client.post(f"{URL}?format=png", files=form(*pictures))

    good, *bad = lines_of(answer)
    assert level_in(good) == 245
    assert [(line["status"], line["problem"]["code"]) for line in bad] == [
        (415, "unsupported-image-type"),
        (422, "image-undecodable"),
        (413, "body-too-large"),
    ]
    alone = client.post("/v1/translate/summer2winter", content=b"<svg/>").json()
    alone["instance"] = f"urn:request:{answer.headers['x-request-id']}"
    assert bad[0] == {"index": 1, "filename": "1.png", "status": 415, "problem": alone}


def test_a_bug_in_one_picture_is_500_in_its_line(client, monkeypatch, caplog):
    def fail_at(data, order):
        if data == b"the bug":
            raise KeyError("/secret/path")
        return read(data, order)

    monkeypatch.setattr("service.app.read", fail_at)
    with TestClient(create_app(client.app.state.service.settings)) as client:
        answer = client.post(f"{URL}?format=png", files=form(b"the bug", png_of(gray(10))))

    bug, good = lines_of(answer)
    assert (bug["status"], bug["problem"]["code"]) == (500, "internal")
    assert level_in(good) == 245
    assert "secret" not in answer.text
    assert "KeyError: '/secret/path'" in caplog.text


def test_the_size_of_a_reduced_picture_is_told(client):
    [line] = lines_of(client.post(URL, files=form(png_of(gray(0, (128, 32))))))

    assert (line["width"], line["height"]) == (64, 16)


@pytest.mark.parametrize(
    ("query", "accept", "expected"),
    [
        ("", "*/*", "image/jpeg"),
        ("", "application/jsonl", "image/jpeg"),
        ("", "application/jsonl, image/webp", "image/webp"),
        ("?format=png", "image/webp", "image/png"),
    ],
)
def test_the_format_of_the_pictures_can_be_chosen(client, query, accept, expected):
    files = form(png_of(gray(0)))

    [line] = lines_of(client.post(URL + query, files=files, headers={"accept": accept}))

    with Image.open(BytesIO(b64decode(line["b64_json"]))) as image:
        assert image.get_format_mimetype() == line["content_type"] == expected


def test_the_quality_can_be_chosen(client):
    noise = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    files = form(png_of(Image.fromarray(noise)))

    small, large = (
        lines_of(client.post(f"{URL}?quality={quality}", files=files))[0]["b64_json"]
        for quality in (5, 100)
    )

    assert len(small) < len(large)


def test_a_picture_without_a_name_has_none_in_its_line(client):
    body = b'--x\r\nContent-Disposition: form-data; name="files"; filename=""\r\n\r\n'
    body += png_of(gray(0)) + b"\r\n--x--\r\n"
    headers = {"content-type": "multipart/form-data; boundary=x"}

    [line] = lines_of(client.post(URL, content=body, headers=headers))

    assert "filename" not in line


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (form(*[b"x"] * 5), "Too many files. Maximum number of files is 4."),
        ({"note": (None, "text")}, "no file in a field 'files'"),
        ([*form(b"x"), ("photos", ("a.png", b"x"))], "the field 'photos'; expected 'files'"),
    ],
)
def test_a_form_that_is_no_batch_is_400(client, files, message):
    answer = client.post(URL, files=files)

    assert (answer.status_code, answer.json()["code"]) == (400, "bad-request")
    assert message in answer.json()["detail"]


def test_a_body_that_is_no_form_is_415(client):
    answer = client.post(URL, content=b"x", headers={"content-type": "image/png"})

    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported-media-type")


def test_a_batch_may_be_larger_than_a_picture_but_not_than_its_own_limit(client):
    assert len(lines_of(client.post(URL, files=form(*[bytes(15_000)] * 3)))) == 3

    answer = client.post(URL, files=form(*[bytes(17_000)] * 3))
    assert (answer.status_code, answer.json()["code"]) == (413, "body-too-large")
    assert "50,000 bytes" in answer.json()["detail"]


def test_an_unknown_translation_is_404(client):
    assert client.post("/v1/batch/a2b", files=form(b"x")).status_code == 404


class Decoder:
    """Decodes each picture when the test lets it."""

    def __init__(self):
        self.begun = set()
        self.released = set()
        self.changed = threading.Condition()

    def read(self, data, order):
        with self.changed:
            self.begun.add(data)
            self.changed.notify_all()
            assert self.changed.wait_for(lambda: data in self.released, 10)
        return read(data, order)

    def wait_for(self, *pictures):
        with self.changed:
            assert self.changed.wait_for(lambda: set(pictures) <= self.begun, 10)

    def finish(self, picture):
        self.wait_for(picture)
        with self.changed:
            self.released.add(picture)
            self.changed.notify_all()


@pytest.fixture
def decoder(monkeypatch):
    decoder = Decoder()
    monkeypatch.setattr("service.app.read", decoder.read)
    return decoder


@pytest.fixture
def slow(settings, decoder):
    """A server on which pictures take as long as the test wants: its URL, and its app."""
    app = create_app(settings)
    with serving(app) as (host, port):
        httpx2.get(f"http://{host}:{port}/readyz")  # then its state is there
        yield f"http://{host}:{port}{URL}?format=png", app


def test_a_line_is_sent_as_soon_as_its_picture_is_done(slow, decoder):
    url, _ = slow
    first, second, third = (png_of(gray(level)) for level in (10, 20, 30))

    with httpx2.stream("POST", url, files=form(first, second, third)) as answer:
        lines = answer.iter_lines()
        decoder.wait_for(first, second)
        decoder.finish(second)
        assert json.loads(next(lines))["index"] == 1
        decoder.finish(third)
        assert json.loads(next(lines))["index"] == 2
        decoder.finish(first)
        assert json.loads(next(lines))["index"] == 0
        assert list(lines) == []


def test_no_more_pictures_are_worked_at_than_there_are_places(slow, decoder):
    url, app = slow
    admission = app.state.service.workshop.admission
    pictures = [png_of(gray(level)) for level in range(4)]

    with httpx2.stream("POST", url, files=form(*pictures)) as answer:
        decoder.wait_for(*pictures[:2])
        time.sleep(0.1)
        assert (len(decoder.begun), admission.waiting) == (2, 0)
        for index, picture in enumerate(pictures):
            decoder.finish(picture)
            assert len(decoder.begun) <= index + 3
        assert len(list(answer.iter_lines())) == 4


def eventually(condition):
    until = time.monotonic() + 10
    while not condition() and time.monotonic() < until:
        time.sleep(0.01)
    return condition()


def test_the_rest_is_dropped_when_the_client_leaves(slow, decoder, caplog):
    caplog.set_level("INFO", "service.request_log")
    url, app = slow
    pictures = [png_of(gray(level)) for level in range(4)]

    with httpx2.stream("POST", url, files=form(*pictures)):
        decoder.wait_for(*pictures[:2])
    assert eventually(lambda: "POST /v1/batch" in caplog.text)
    for picture in pictures[:2]:
        decoder.finish(picture)

    assert eventually(lambda: app.state.service.workshop.admission.working == 0)
    assert len(decoder.begun) == 2
    assert app.state.metrics.registry.get_sample_value("cyclegan_batch_pictures_count") == 0


def test_others_have_their_turn_between_the_pictures_of_a_batch(slow, decoder):
    url, _ = slow
    batch = [png_of(gray(level)) for level in range(4)]
    alone = png_of(gray(99))
    answers = []

    def send():
        single = url.replace("/v1/batch/", "/v1/translate/")
        answers.append(httpx2.post(single, content=alone))

    with httpx2.stream("POST", url, files=form(*batch)) as answer:
        decoder.wait_for(*batch[:2])
        other = threading.Thread(target=send)
        other.start()
        time.sleep(0.1)
        decoder.finish(batch[0])
        decoder.finish(alone)
        other.join()
        assert answers[0].status_code == 200
        for picture in batch[1:]:
            decoder.finish(picture)
        assert len(list(answer.iter_lines())) == 4


def test_a_batch_is_refused_at_once_where_there_is_no_room(settings, decoder):
    app = create_app(settings.model_copy(update={"workers": 1, "queue": 0}))
    with serving(app) as (host, port):
        url, picture = f"http://{host}:{port}{URL}", png_of(gray(1))
        with httpx2.stream("POST", url, files=form(picture)):
            decoder.wait_for(picture)
            answer = httpx2.post(url, files=form(b"x"))
            decoder.finish(picture)

    assert (answer.status_code, answer.json()["code"]) == (429, "queue-full")
    assert int(answer.headers["retry-after"]) >= 1


class FullAtFirst:
    """Has no room for the first pictures, then for all."""

    def __init__(self, workshop, refusals):
        self.translate_in_fact = workshop.translate
        self.refusals = refusals

    async def translate(self, *arguments):
        if self.refusals:
            self.refusals -= 1
            raise QueueFull(7, 1)
        return await self.translate_in_fact(*arguments)


def test_a_batch_that_was_let_in_waits_until_there_is_room(client, monkeypatch):
    workshop = client.app.state.service.workshop
    monkeypatch.setattr(workshop, "translate", FullAtFirst(workshop, 2).translate)

    lines = lines_of(client.post(URL, files=form(*[png_of(gray(1))] * 3)))

    assert [line["status"] for line in lines] == [200, 200, 200]


def test_a_batch_does_not_wait_for_room_longer_than_the_deadline(settings, monkeypatch):
    impatient = settings.model_copy(update={"deadline_seconds": 0.5})
    with TestClient(create_app(impatient)) as client:
        workshop = client.app.state.service.workshop
        monkeypatch.setattr(workshop, "translate", FullAtFirst(workshop, 1).translate)
        refused, done = lines_of(client.post(URL, files=form(*[png_of(gray(1))] * 2)))

    assert (refused["status"], refused["problem"]["code"]) == (429, "queue-full")
    assert done["status"] == 200


def test_a_service_about_to_stop_finishes_the_batches_that_it_let_in(slow, decoder):
    url, app = slow
    pictures = [png_of(gray(level)) for level in range(3)]

    with httpx2.stream("POST", url, files=form(*pictures)) as answer:
        decoder.wait_for(*pictures[:2])
        app.state.service.workshop.admission.close()
        for picture in pictures:
            decoder.finish(picture)
        statuses = [json.loads(line)["status"] for line in answer.iter_lines()]

    assert statuses == [200, 200, 200]
    assert httpx2.post(url, files=form(b"x")).status_code == 503


def test_nothing_more_is_begun_while_nobody_takes_what_is_done():
    begun = []

    async def work(number):
        begun.append(number)
        return number

    async def take_one():
        lines = in_completion_order(map(work, range(9)), 2, asyncio.Future())
        await anext(lines)
        await asyncio.sleep(0.01)
        await lines.aclose()

    asyncio.run(take_one())

    assert begun == [0, 1]
