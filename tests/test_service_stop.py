import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import asynccontextmanager, contextmanager
from io import BytesIO
from pathlib import Path

import httpx2
import numpy as np
import psutil
import pytest
import uvicorn
from fake_models import write_models
from PIL import Image

from service.app import create_app
from service.pipeline import read
from service.server import Server
from service.settings import ServiceSettings

ROOT = Path(__file__).parents[1]
URL = "/v1/translate/summer2winter?format=png"
GREY = np.full((6, 6, 3), 100, np.uint8)


def png_of(pixels):
    file = BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def inverted(answer):
    with Image.open(BytesIO(answer.content)) as image:
        return np.array_equal(np.asarray(image), 255 - GREY)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return write_models(tmp_path_factory.mktemp("models"))


@pytest.fixture
def gate(monkeypatch):
    """Pictures are decoded once it is open."""
    gate = threading.Event()

    def read_later(data, order):
        gate.wait(20)
        return read(data, order)

    monkeypatch.setattr("service.app.read", read_later)
    yield gate
    gate.set()


@asynccontextmanager
async def serving(settings):
    """Yields the server and a client; a signal to this process is meant for the server."""
    app = create_app(settings)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Server(
            uvicorn.Config(app, log_config=None, ws="none"),
            lambda: app.state.service.workshop.admission.close(),
            settings.grace_seconds,
            settings.drain_seconds,
        )
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        running = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started:
            await asyncio.sleep(0.01)
        limits = httpx2.Limits(max_connections=None)
        async with httpx2.AsyncClient(base_url=url, timeout=20, limits=limits) as client:
            yield server, client, running
        await running


async def status_of(client, status, path="/readyz"):
    """Wait until `path` is answered so."""
    while (answer := await client.get(path)).status_code != status:
        await asyncio.sleep(0.01)
    return answer


async def in_flight(client, count):
    """As many requests, once all have been let in."""
    requests = [asyncio.create_task(client.post(URL, content=png_of(GREY))) for _ in range(count)]
    await asyncio.sleep(0.3)
    return requests


def test_what_was_begun_is_finished_and_what_is_new_is_refused(models, gate):
    async def scenario():
        async with serving(ServiceSettings(models=models, workers=2)) as (server, client, running):
            begun = await in_flight(client, 12)
            os.kill(os.getpid(), signal.SIGTERM)
            health = await status_of(client, 503)
            alive = await client.get("/livez")
            late = await client.post(URL, content=png_of(GREY))
            waits = not running.done()
            gate.set()
            return health, alive, late, waits, await asyncio.gather(*begun), await running, server

    health, alive, late, waits, answers, _, server = asyncio.run(scenario())

    assert health.json()["code"] == late.json()["code"] == "draining"
    assert late.status_code == 503
    assert (late.headers["connection"], late.headers["retry-after"]) == ("close", "1")
    assert alive.status_code == 200
    assert waits
    assert all(inverted(answer) for answer in answers)
    assert server.finished


def test_a_body_that_was_on_its_way_is_still_taken(models):
    async def scenario():
        sent = asyncio.Event()

        async def body():
            data = png_of(GREY)
            yield data[:10]
            await sent.wait()
            yield data[10:]

        async with serving(ServiceSettings(models=models)) as (_, client, _):
            begun = asyncio.create_task(client.post(URL, content=body()))
            await asyncio.sleep(0.2)
            os.kill(os.getpid(), signal.SIGINT)
            await status_of(client, 503)
            sent.set()
            return await begun

    assert inverted(asyncio.run(scenario()))


def test_connections_on_which_nothing_happens_do_not_hold_the_end(models):
    async def scenario():
        async with serving(ServiceSettings(models=models)) as (server, client, running):
            await client.get("/livez")  # and its connection stays
            port = int(client.base_url.port)
            silent = await asyncio.open_connection("127.0.0.1", port)
            silent[1].write(b"POST /v1/trans")
            await asyncio.sleep(0.1)
            begin = time.monotonic()
            os.kill(os.getpid(), signal.SIGTERM)
            await running
            silent[1].close()
            return server.finished, time.monotonic() - begin

    finished, seconds = asyncio.run(scenario())

    assert finished
    assert seconds < 10  # of the 30 that it may take


def test_the_port_stays_open_for_as_long_as_it_should(models):
    async def scenario():
        settings = ServiceSettings(models=models, drain_seconds=1)
        async with serving(settings) as (_, client, running):
            begin = time.monotonic()
            os.kill(os.getpid(), signal.SIGTERM)
            await status_of(client, 503)
            while not running.done():
                try:
                    assert (await client.get("/readyz")).status_code == 503
                    last = time.monotonic() - begin
                except httpx2.TransportError:
                    break
                await asyncio.sleep(0.05)
            return last

    assert asyncio.run(scenario()) > 0.8


def test_what_takes_longer_than_the_grace_time_is_broken_off(models, gate, caplog):
    async def scenario():
        settings = ServiceSettings(models=models, workers=1, grace_seconds=0.3)
        async with serving(settings) as (server, client, running):
            begun = await in_flight(client, 3)
            os.kill(os.getpid(), signal.SIGTERM)
            answers = await asyncio.gather(*begun)
            gate.set()  # a thread cannot be broken off
            await running
            return answers, server.finished

    answers, finished = asyncio.run(scenario())

    assert [answer.json()["code"] for answer in answers] == ["draining"] * 3
    assert {answer.headers["retry-after"] for answer in answers} == {"1"}
    assert not finished
    assert "requests that were not finished in time: 3" in caplog.text
    assert "Traceback" not in caplog.text


SLOWLY = """
import sys, time
import service.app
from cyclegan.__main__ import main

read = service.app.read

def read_slowly(data, order):
    time.sleep(float(sys.argv[1]))
    return read(data, order)

service.app.read = read_slowly
written = service.workshop.written

def write_slowly(*arguments):
    if "--isolation" in sys.argv:
        time.sleep(float(sys.argv[1]))
    return written(*arguments)

service.workshop.written = write_slowly
sys.exit(main(["serve", *sys.argv[2:]]))
"""


@contextmanager
def process(models, seconds, *flags):
    """A service of its own that takes so long for a picture; yields it and its port."""
    command = [sys.executable, "-c", SLOWLY, str(seconds), "--models", str(models), "--port", "0"]
    with subprocess.Popen(
        [*command, *flags], stderr=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        try:
            lines = iter(process.stderr.readline, "")
            port = next(found[1] for line in lines if (found := re.search(r"//127.*?:(\d+)", line)))
            yield process, int(port)
        finally:
            process.kill()


async def under_signals(process, port, count, signals):
    """Send so many requests, and then the signals; what became of the requests."""
    url = f"http://127.0.0.1:{port}"
    limits = httpx2.Limits(max_connections=None)
    async with httpx2.AsyncClient(base_url=url, timeout=20, limits=limits) as client:
        await status_of(client, 200)
        begun = await in_flight(client, count)
        for each in signals:
            process.send_signal(each)
            await asyncio.sleep(0.2)
        return await asyncio.gather(*begun, return_exceptions=True)


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_a_process_that_is_asked_to_end_has_done_all_of_its_work(models, sign):
    with process(models, 0.2, "--workers", "4") as (service, port):
        answers = asyncio.run(under_signals(service, port, 24, [sign]))
        log = service.stderr.read()
        code = service.wait(10)

    assert all(inverted(answer) for answer in answers)
    assert code == 0
    assert "Traceback" not in log
    assert "stopping" in log


def test_what_cannot_be_broken_off_does_not_hold_the_end(models):
    flags = "--workers", "1", "--grace-seconds", "0.5", "--isolation", "process"
    with process(models, 60, *flags) as (service, port):
        httpx2.get(f"http://127.0.0.1:{port}/readyz", timeout=20).raise_for_status()
        children = psutil.Process(service.pid).children(recursive=True)
        answers = asyncio.run(under_signals(service, port, 2, [signal.SIGTERM]))
        code = service.wait(10)
        log = service.stderr.read()
    _, left = psutil.wait_procs(children, timeout=10)

    assert [answer.json()["code"] for answer in answers] == ["draining"] * 2
    assert code == 1
    assert "cannot be broken off" in log
    assert "Traceback" not in log
    assert children
    assert not left


def test_a_second_signal_ends_a_process_at_once(models):
    with process(models, 20, "--workers", "2") as (service, port):
        answers = asyncio.run(under_signals(service, port, 2, [signal.SIGTERM, signal.SIGTERM]))
        code = service.wait(5)

    assert all(isinstance(answer, httpx2.TransportError) for answer in answers)
    assert code == -signal.SIGTERM


def test_processes_that_decode_do_not_outlive_the_service(models):
    with process(models, 0, "--isolation", "process", "--workers", "2") as (service, port):
        httpx2.get(f"http://127.0.0.1:{port}/readyz", timeout=20).raise_for_status()
        children = psutil.Process(service.pid).children(recursive=True)
        service.kill()
    _, left = psutil.wait_procs(children, timeout=10)

    assert len(children) >= 2
    assert not left
