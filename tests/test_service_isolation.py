import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from io import BytesIO
from pathlib import Path
from time import sleep

import bad_decoder
import numpy as np
import psutil
import pytest
from fake_models import write_models
from PIL import Image
from starlette.testclient import TestClient

from service.app import create_app
from service.errors import BadRequest, TooManyPixels, UndecodableImage, UnsupportedImageType
from service.formats import PictureFormat
from service.isolation import IsolatedReader
from service.pipeline import Order, read
from service.settings import ServiceSettings

ROOT = Path(__file__).parents[1]
MEGABYTES = 256
TURNED = Image.Exif()
TURNED[0x0112] = 6
URL = "/v1/translate/summer2winter?format=png"


def order(max_edge=None, max_pixels=50_000_000):
    return Order(PictureFormat.PNG, 90, max_pixels, max_edge)


def file_of(image, format="PNG", **options):
    file = BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def picture(seed=0, mode="RGB", size=(40, 30)):
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 4), dtype=np.uint8)
    return Image.fromarray(pixels).convert(mode)


@pytest.fixture(scope="module")
def reader():
    with closing(IsolatedReader(2, 60, MEGABYTES)) as reader:
        yield reader


@pytest.fixture
def bad_reader(monkeypatch):
    """Its processes do what a file tells them to."""
    monkeypatch.setattr("service.isolation.serve", bad_decoder.serve_badly)
    with closing(IsolatedReader(2, 60, MEGABYTES)) as reader:
        yield reader


def decoders():
    return [process for process in multiprocessing.active_children() if process.name == "decode"]


@pytest.fixture
def new_decoders():
    """The decoding processes that were started since the test began."""
    before = {process.pid for process in decoders()}
    return lambda: [process for process in decoders() if process.pid not in before]


@pytest.mark.parametrize("max_edge", [None, 16])
@pytest.mark.parametrize(
    "data",
    [
        file_of(picture()),
        file_of(picture(mode="RGBA")),
        file_of(picture(mode="CMYK"), "JPEG"),
        file_of(picture(mode="L"), "WEBP"),
        file_of(picture(size=(1, 1))),
        file_of(picture(size=(800, 600)), "JPEG", exif=TURNED),
    ],
    ids=["RGB", "alpha", "CMYK", "gray", "one pixel", "large and turned"],
)
def test_a_process_reads_what_a_thread_reads(reader, data, max_edge):
    ours, theirs = reader.submit(data, order(max_edge)).result(), read(data, order(max_edge))

    np.testing.assert_array_equal(ours.picture.pixels, theirs.picture.pixels)
    assert (ours.picture.alpha is None) == (theirs.picture.alpha is None)
    if theirs.picture.alpha is not None:
        np.testing.assert_array_equal(ours.picture.alpha, theirs.picture.alpha)
    assert (ours.size, ours.resized_from) == (theirs.size, theirs.resized_from)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", BadRequest),
        (b"<svg/>", UnsupportedImageType),
        (file_of(picture(size=(400, 300))), TooManyPixels),
        (file_of(picture())[:60], UndecodableImage),
    ],
)
def test_a_process_refuses_what_a_thread_refuses(reader, data, kind):
    with pytest.raises(kind) as theirs:
        read(data, order(max_pixels=5000))

    with pytest.raises(kind) as ours:
        reader.submit(data, order(max_pixels=5000)).result()

    assert str(ours.value) == str(theirs.value)


def test_pictures_do_not_get_mixed_up_among_processes(reader):
    files = [file_of(picture(seed)) for seed in range(60)]

    results = [reader.submit(data, order()) for data in files]

    for data, result in zip(files, results, strict=True):
        expected = read(data, order()).picture.pixels
        np.testing.assert_array_equal(result.result().picture.pixels, expected)


def test_a_picture_that_takes_too_long_is_refused_and_its_process_replaced(new_decoders):
    with closing(IsolatedReader(1, 1, MEGABYTES)) as reader:
        [process] = new_decoders()
        os.kill(process.pid, signal.SIGSTOP)

        with pytest.raises(UndecodableImage, match="not decoded after 1 seconds"):
            reader.submit(file_of(picture()), order()).result()

        assert not psutil.pid_exists(process.pid)
        assert reader.submit(file_of(picture()), order()).result().size == (40, 30)


def test_a_picture_that_takes_too_much_memory_is_refused_and_the_next_is_read(new_decoders):
    large = file_of(Image.new("RGB", (6000, 6000)), compress_level=1)
    with closing(IsolatedReader(1, 60, 64)) as reader:
        before = new_decoders()

        with pytest.raises(UndecodableImage, match="not enough memory for the PNG picture"):
            reader.submit(large, order()).result()

        assert reader.submit(file_of(picture()), order()).result().size == (40, 30)
        assert new_decoders() == before  # it has lived on


def test_a_picture_of_fifty_megapixels_is_read_within_the_default_memory():
    large = file_of(Image.new("RGBA", (8000, 6250), (1, 2, 3, 4)), compress_level=1)
    megabytes = ServiceSettings.model_fields["decode_megabytes"].default
    with closing(IsolatedReader(1, 60, megabytes)) as reader:
        assert reader.submit(large, order(1024)).result().size == (8000, 6250)


def test_a_picture_whose_process_is_killed_is_read_by_another(new_decoders):
    with closing(IsolatedReader(1, 60, MEGABYTES)) as reader:
        [process] = new_decoders()
        os.kill(process.pid, signal.SIGSTOP)  # so that it is in the middle of the picture
        result = reader.submit(file_of(picture()), order())
        sleep(0.1)
        assert not result.done()

        os.kill(process.pid, signal.SIGKILL)

        assert result.result().size == (40, 30)


@pytest.mark.skipif(sys.platform != "linux", reason="psutil tells limits on Linux only")
def test_a_crash_leaves_no_picture_on_the_disk(new_decoders):
    with closing(IsolatedReader(1, 10, 100)):
        [process] = new_decoders()

        assert psutil.Process(process.pid).rlimit(psutil.RLIMIT_CORE) == (0, 0)


def test_the_death_of_idle_processes_costs_no_picture(new_decoders):
    with closing(IsolatedReader(2, 60, MEGABYTES)) as reader:
        for process in new_decoders():
            os.kill(process.pid, signal.SIGKILL)

        results = [reader.submit(file_of(picture(seed)), order()) for seed in range(20)]

        assert {result.result().size for result in results} == {(40, 30)}
        assert len(new_decoders()) == 2


@pytest.mark.parametrize("last_words", [b"die", b"die with half an answer", *bad_decoder.HEADS])
def test_a_picture_that_is_the_death_of_two_processes_is_refused(bad_reader, last_words):
    before = [bad_reader.submit(file_of(picture(seed)), order()) for seed in range(10)]
    deadly = bad_reader.submit(last_words, order())
    after = [bad_reader.submit(file_of(picture(seed)), order()) for seed in range(10)]

    with pytest.raises(UndecodableImage, match="crashed 2 times over this picture"):
        deadly.result()

    assert {result.result().size for result in [*before, *after]} == {(40, 30)}


def test_a_process_that_dawdles_over_its_answer_has_no_more_time_than_others(monkeypatch):
    monkeypatch.setattr("service.isolation.serve", bad_decoder.serve_badly)
    with closing(IsolatedReader(1, 1, MEGABYTES)) as reader:
        with pytest.raises(UndecodableImage, match="not decoded after 1 seconds"):
            reader.submit(b"dawdle", order()).result()

        assert reader.submit(file_of(picture()), order()).result().size == (40, 30)


def test_processes_are_ready_when_the_reader_is_and_gone_when_it_is_closed(new_decoders):
    reader = IsolatedReader(3, 60, MEGABYTES)
    processes = new_decoders()
    result = reader.submit(file_of(picture()), order())

    reader.close()

    assert len(processes) == 3
    assert result.result().size == (40, 30)  # what was submitted is finished
    assert not any(psutil.pid_exists(process.pid) for process in processes)
    assert new_decoders() == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what is mapped")
def test_a_process_has_neither_an_engine_nor_a_server_in_it(reader):
    code = "import service.decode_worker, sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, cwd=ROOT, capture_output=True, text=True
    )
    imported = {name.split(".")[0] for name in done.stdout.split()}
    assert not imported & {"torch", "onnxruntime", "openvino", "fastapi", "starlette", "pydantic"}

    mapped = {map.path for map in psutil.Process(decoders()[0].pid).memory_maps()}
    assert any("PIL" in path for path in mapped)
    assert not any("torch" in path or "onnx" in path or "openvino" in path for path in mapped)


@pytest.fixture
def client(tmp_path):
    settings = ServiceSettings(
        models=write_models(tmp_path),
        isolation="process",
        workers=3,
        decode_seconds=60,
        decode_megabytes=MEGABYTES,
    )
    with TestClient(create_app(settings)) as client:
        yield client


def test_the_service_decodes_in_processes_when_it_is_told_to(new_decoders, client):
    answer = client.post(URL, content=file_of(picture()))

    assert len(new_decoders()) == 3
    with Image.open(BytesIO(answer.content)) as image:
        np.testing.assert_array_equal(np.asarray(image), 255 - np.asarray(picture()))


def test_the_service_ends_its_processes(tmp_path, new_decoders):
    settings = ServiceSettings(models=write_models(tmp_path), isolation="process", workers=2)

    with TestClient(create_app(settings)):
        assert len(new_decoders()) == 2

    assert new_decoders() == []


def test_the_limits_of_the_service_are_those_of_its_settings(tmp_path, new_decoders):
    settings = ServiceSettings(
        models=write_models(tmp_path),
        isolation="process",
        workers=1,
        decode_seconds=3,
        decode_megabytes=64,
    )
    with TestClient(create_app(settings)) as client:
        large = client.post(URL, content=file_of(Image.new("RGB", (6000, 6000)), compress_level=1))
        [process] = new_decoders()
        os.kill(process.pid, signal.SIGSTOP)
        slow = client.post(URL, content=file_of(picture()))

    assert (large.status_code, slow.status_code) == (422, 422)
    assert large.json()["detail"] == "there is not enough memory for the PNG picture"
    assert slow.json()["detail"] == "the picture was not decoded after 3 seconds"


def test_a_refusal_of_a_process_is_a_problem_to_the_client(client):
    answer = client.post(URL, content=file_of(picture())[:60])

    assert answer.status_code == 422
    assert answer.json()["code"] == "image-undecodable"


def test_killing_every_process_under_load_costs_no_request(new_decoders, client):
    processes = new_decoders()
    started = threading.Event()

    def post(seed):
        started.set()
        return client.post(URL, content=file_of(picture(seed, size=(200, 200)))).status_code

    with ThreadPoolExecutor(8) as threads:
        statuses = [threads.submit(post, seed) for seed in range(40)]
        started.wait()
        for process in processes:
            os.kill(process.pid, signal.SIGKILL)

        assert {status.result() for status in statuses} == {200}
