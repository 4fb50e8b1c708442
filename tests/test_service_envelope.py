import json
import socket
import threading
import time

import pytest
from fake_models import write_models
from fastapi import Response
from live_server import serving
from starlette.testclient import TestClient

from service.app import create_app
from service.settings import ServiceSettings

TRANSLATE = "POST /v1/translate/summer2winter HTTP/1.1"
MIB = 1024 * 1024


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    models = write_models(tmp_path_factory.mktemp("models"))
    return ServiceSettings(models=models, max_body_bytes=1000)


@pytest.fixture(scope="module")
def address(settings):
    with serving(create_app(settings)) as address:
        yield address


@pytest.fixture
def connection(address):
    with socket.create_connection(address, timeout=10) as connection:
        yield connection


def send_head(connection, request_line, **headers):
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    connection.sendall("\r\n".join([request_line, "Host: x", *lines, "\r\n"]).encode())


def read_answer(connection):
    """The status, the head and the JSON of one answer."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(MIB) or pytest.fail(f"no answer but {received!r}")
    head, _, body = received.partition(b"\r\n\r\n")
    head = head.decode().lower()
    [length] = [int(line[15:]) for line in head.splitlines() if line.startswith("content-length:")]
    while len(body) < length:
        body += connection.recv(MIB) or pytest.fail(f"half an answer: {body!r}")
    return int(head.split()[1]), head, json.loads(body)


def test_who_sends_too_much_can_read_why(connection):
    send_head(connection, TRANSLATE, Content_Length=30 * MIB)
    connection.sendall(bytes(900_000))  # lies unread when the answer is made
    time.sleep(0.2)

    status, head, problem = read_answer(connection)

    assert (status, problem["code"]) == (413, "body-too-large")
    assert "connection: close" in head
    assert connection.recv(1) == b""


def test_who_sends_in_chunks_without_end_can_read_why(connection):
    send_head(connection, TRANSLATE, Transfer_Encoding="chunked")
    for _ in range(50):
        connection.sendall(b"2710\r\n" + bytes(10_000) + b"\r\n")
    time.sleep(0.2)

    status, head, problem = read_answer(connection)

    assert (status, problem["code"]) == (413, "body-too-large")
    assert "connection: close" in head
    assert connection.recv(1) == b""


def test_who_does_not_stop_sending_is_cut_off(connection):
    send_head(connection, TRANSLATE, Content_Length=10_000 * MIB)

    with pytest.raises(ConnectionError):
        connection.sendall(bytes(100 * MIB))


def test_who_stops_sending_is_not_waited_for(connection):
    send_head(connection, TRANSLATE, Content_Length=30 * MIB)

    assert read_answer(connection)[0] == 413
    assert connection.recv(1) == b""  # the server's end, not the timeout of the test


def test_a_connection_goes_on_behind_a_small_body_that_nobody_read(connection):
    for _ in range(3):
        send_head(connection, "POST /nowhere HTTP/1.1", Content_Length=100_000)
        status, head, _ = read_answer(connection)
        connection.sendall(bytes(100_000))
        assert (status, "connection:" in head) == (404, False)

        send_head(connection, "GET /livez HTTP/1.1")
        assert read_answer(connection)[2] == {"status": "alive"}


def test_a_body_that_was_read_costs_no_connection(connection):
    for _ in range(2):
        send_head(connection, TRANSLATE, Content_Length=10)
        connection.sendall(bytes(10))
        status, head, _ = read_answer(connection)

        assert (status, "connection:" in head) == (415, False)


def test_an_answer_does_not_wait_for_the_rest_of_a_body(connection):
    send_head(connection, "POST /nowhere HTTP/1.1", Content_Length=100_000)
    begin = time.perf_counter()
    read_answer(connection)

    assert time.perf_counter() - begin < 0.9  # a second is what the rest may take


def test_many_who_send_too_much_all_read_why(address):
    statuses = []

    def post():
        with socket.create_connection(address, timeout=10) as connection:
            send_head(connection, TRANSLATE, Content_Length=2 * MIB)
            connection.sendall(bytes(900_000))
            statuses.append(read_answer(connection)[0])

    threads = [threading.Thread(target=post) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert statuses == [413] * 20


@pytest.mark.parametrize("path", ["/livez", "/nowhere", "/v1/models", "/openapi.json"])
def test_every_answer_keeps_browsers_from_doing_anything_with_it(settings, path):
    with TestClient(create_app(settings)) as client:
        headers = client.get(path).headers

    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"
    assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"


def test_a_route_may_choose_its_own_headers(settings):
    app = create_app(settings)

    @app.get("/page")
    async def page(response: Response):
        response.headers["Content-Security-Policy"] = "default-src 'self'"
        response.headers["Cache-Control"] = "max-age=60"

    with TestClient(app) as client:
        headers = client.get("/page").headers

    assert headers.get_list("content-security-policy") == ["default-src 'self'"]
    assert headers.get_list("cache-control") == ["max-age=60"]
    assert headers["x-content-type-options"] == "nosniff"
