"""The service on Ray; every test of test_service_http.py holds for it too, unchanged."""

import os
import signal
import time

import httpx2
import numpy as np
import psutil
import pytest

pytest.importorskip("ray")

import test_service_http
from live_ray import serving_on_ray
from test_service_http import URL, models, noise, pixels_of, png_of, post  # noqa: F401

pytestmark = [pytest.mark.ray, pytest.mark.long]

LIMITS = ["--max-body-bytes", "100000", "--max-pixels", "10000", "--max-edge", "64"]


def _through_the_door():
    """The tests that ask over HTTP; the others make applications of their own to look inside."""
    for name, test in vars(test_service_http).items():
        if name.startswith("test_") and "client" in test.__code__.co_varnames:
            arguments = test.__code__.co_varnames[: test.__code__.co_argcount]
            if "client" in arguments:
                yield name, test


globals().update(_through_the_door())


@pytest.fixture(scope="module")
def service(models, tmp_path_factory):  # noqa: F811
    folder = tmp_path_factory.mktemp("ray")
    flags = ["--models", str(models), "--provider", "cpu", "--replicas", "2", *LIMITS]
    with serving_on_ray(folder, *flags) as service:
        yield service


@pytest.fixture(scope="module")
def client(service):
    def note(response):
        service.last_id = response.headers.get("x-request-id")

    hooks = {"response": [note]}
    with httpx2.Client(base_url=service.url, timeout=60, event_hooks=hooks) as client:
        yield client


@pytest.fixture(autouse=True)
def _what_no_server_takes(request):
    callspec = getattr(request.node, "callspec", None)
    if callspec and callspec.params.get("given") == "\x7f":
        pytest.xfail("uvicorn itself refuses this byte in a header, in front of any application")


@pytest.fixture
def caplog(service):
    """What the replicas have logged, in place of what this process has."""
    return RemoteLog(service)


class RemoteLog:
    def __init__(self, service):
        self._service = service

    def set_level(self, level):
        pass

    @property
    def records(self):
        """Up to the line of the last answer; Ray brings lines late, those of earlier ones too."""
        for _ in range(100):
            lines = self._service.lines
            ids = [getattr(line, "request_id", None) for line in lines]
            if self._service.last_id in ids:
                return lines[: ids.index(self._service.last_id) + 1]
            time.sleep(0.1)
        raise TimeoutError("no line in the log")


def test_replicas_are_processes_of_their_own(service):
    assert len(replicas(service)) == 2


def test_a_replica_that_is_killed_costs_no_more_than_a_retry(service, client, noise):  # noqa: F811
    os.kill(replicas(service)[0].pid, signal.SIGKILL)

    for _ in range(20):
        response = answer(client, noise)
        if response is None or response.status_code != 200:
            time.sleep(0.1)  # for some milliseconds more the dead process takes connections
            response = answer(client, noise)
        np.testing.assert_array_equal(pixels_of(response), 255 - noise)


def answer(client, picture):
    """None where the connection ended without one, which HAProxy may pass on as it is."""
    try:
        return post(client, png_of(picture))
    except httpx2.RemoteProtocolError:
        return None


def replicas(service):
    parent = psutil.Process(service.process.pid)
    children = parent.children(recursive=True)
    return [each for each in children if "ServeReplica" in " ".join(each.cmdline())]
