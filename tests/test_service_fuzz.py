"""Nonsense over a real socket: what no client library would send."""

import asyncio
import json
import socket
import sys
from contextlib import suppress
from pathlib import Path
from time import sleep
from unittest.mock import Mock

import pytest
import uvicorn
from fake_models import write_models
from hypothesis import HealthCheck, given, settings
from nonsense import (
    FILE,
    FORM,
    GET,
    PATH,
    PNG,
    SOUND,
    START,
    WHOLE,
    chunked,
    damaged,
    form,
    part,
    posted,
    requests,
)
from raw_http import check, talk
from uvicorn.server import ServerState

sys.path.insert(0, str(Path(__file__).parents[1]))  # benchmarks/ is not installed

from benchmarks.load_service import serving
from service.app import create_app
from service.connection import Connection
from service.settings import ServiceSettings


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    models = write_models(tmp_path_factory.mktemp("models"))
    flags = ["--read-timeout-seconds", "0.5", "--write-timeout-seconds", "1"]
    flags += ["--max-body-bytes", "1000000"]
    with serving(models, flags) as service:
        yield service
        assert_unharmed(service)


def assert_unharmed(service):
    [reply] = talk(service.port, posted(PNG)).replies
    assert reply.status == 200
    assert service.alive
    assert "Traceback" not in service.log


BROKEN_HEADS = {
    "a tls greeting": bytes.fromhex("16030100a5010000a10303") + bytes(160),
    "http/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0",
    "no request at all": b"\r\n\r\nnonsense\r\n\r\n",
    "a method of lower case": GET.replace(b"GET", b"get") + b"\r\n",
    "an unknown method": GET.replace(b"GET", b"FETCH") + b"\r\n",
    "an endless method": b"A" * 100_000 + b" / HTTP/1.1\r\n\r\n",
    "a tunnel": b"CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n",
    "bytes that are no text in the path": b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
    "a path longer than 64 KiB": b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "a port that is none": b"GET http://x:99999999/ HTTP/1.1\r\nHost: x\r\n\r\n",
    "two spaces and three words": b"GET  /livez now HTTP/1.1\r\nHost: x\r\n\r\n",
    "an unknown version": b"GET /livez HTTP/7.3\r\nHost: x\r\n\r\n",
    "lines without carriage returns": b"GET /livez HTTP/1.1\nHost: x\n\n",
    "a header without a colon": GET + b"nonsense\r\n\r\n",
    "a header without a name": GET + b": value\r\n\r\n",
    "a space before the colon": GET + b"Accept : */*\r\n\r\n",
    "a null in a name": GET + b"A\0: b\r\n\r\n",
    "a null in a value": GET + b"A: b\0c\r\n\r\n",
    "a folded header": GET + b"A: b\r\n c\r\n\r\n",
    "a line feed in a value": GET + b"A: b\nX: c\r\n\r\n",
    "two lengths": START + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    "two equal lengths": START + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
    "a list of lengths": START + b"Content-Length: 3, 3\r\n\r\nabc",
    "a negative length": START + b"Content-Length: -1\r\n\r\n",
    "a signed length": START + b"Content-Length: +3\r\n\r\nabc",
    "a hexadecimal length": START + b"Content-Length: 0x3\r\n\r\nabc",
    "an empty length": START + b"Content-Length: \r\n\r\nabc",
    "a length beyond 64 bits": START + b"Content-Length: 99999999999999999999\r\n\r\n",
    "a length and chunks": START
    + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks and something else": START + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "an unknown encoding": START + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "a chunk of no size": chunked(b"ZZ\r\nabc\r\n0\r\n\r\n"),
    "a chunk of negative size": chunked(b"-3\r\nabc\r\n0\r\n\r\n"),
    "a chunk beyond 64 bits": chunked(b"FFFFFFFFFFFFFFFFF\r\nabc\r\n"),
    "a chunk longer than it says": chunked(b"2\r\nabcdef\r\n0\r\n\r\n"),
    "a chunk without its end": chunked(b"3\r\nabcX0\r\n\r\n"),
}


@pytest.mark.parametrize("data", BROKEN_HEADS.values(), ids=BROKEN_HEADS)
def test_a_request_that_is_none_is_refused_and_the_connection_closed(service, data):
    replies, closed = talk(service.port, data)

    assert closed
    assert [reply.status for reply in replies] in ([], [400])


ODD_REQUESTS = {
    "no host": (GET.replace(b"Host: x\r\n", b"") + b"\r\n", 200),
    "an old version": (GET.replace(b"1.1", b"1.0") + b"\r\n", 200),
    "a foreign address": (GET.replace(b"/livez", b"http://evil/livez") + b"\r\n", 200),
    "an asterisk": (b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 404),
    "a trace": (GET.replace(b"GET", b"TRACE") + b"\r\n", 405),
    "a null in the path": (GET.replace(b"/livez", b"/%00") + b"\r\n", 404),
    "a path upwards": (GET.replace(b"/livez", b"/../../etc/passwd") + b"\r\n", 404),
    "a path upwards, quoted": (GET.replace(b"/livez", b"/docs/%2e%2e%2fetc") + b"\r\n", 404),
    "a model that is no text": (posted(b"x").replace(PATH, b"/v1/translate/%ff%00"), 404),
    "an offer of websockets": (GET + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n", 200),
    "hosts": (GET + b"Host: y\r\nHost: \xff\r\n\r\n", 200),
    "an id that is none": (GET + b"X-Request-Id: \xff<script>\r\n\r\n", 200),
    "a length over the limit": (START + b"Content-Length: 1000001\r\n\r\n", 413),
    "a length of 19 digits": (START + b"Content-Length: 9999999999999999999\r\n\r\n", 413),
    "chunks over the limit": (chunked(b"FFFFF\r\n", bytes(0xFFFFF)), 413),
    "a chunk that does not come": (chunked(b"FFFF\r\nabc"), 408),
    "a body that does not come": (START + b"Content-Length: 100\r\n\r\nabc", 408),
    "an end that does not come": (chunked(b"3\r\nabc\r\n"), 408),
    "chunks with extensions": (chunked(b'3;a=b;c="d"\r\nabc\r\n0\r\n\r\n'), 415),
    "chunks with a trailer": (chunked(b"3\r\nabc\r\n0\r\nX: y\r\n\r\n"), 415),
    "an expectation": (posted(PNG, b"Expect: 100-continue"), 200),
    "an expectation of something": (posted(PNG, b"Expect: wonders"), 200),
    "an accept that is no text": (posted(PNG, b"Accept: \xff;q=zz,,;=/"), 200),
    "a type that is no text": (posted(PNG, content_type=b"\xff;;=="), 415),
    "a packed body": (posted(PNG, b"Content-Encoding: gzip"), None),
    "a query that is no text": (posted(PNG).replace(PATH, PATH + b"?format=%ff&format=%00"), 400),
    "two qualities": (posted(PNG).replace(PATH, PATH + b"?quality=1&quality=nan"), 400),
    "a quality of many digits": (posted(PNG).replace(PATH, PATH + b"?quality=" + b"9" * 5000), 400),
}


@pytest.mark.parametrize(("data", "status"), ODD_REQUESTS.values(), ids=ODD_REQUESTS)
def test_an_odd_request_is_answered(service, data, status):
    [reply] = talk(service.port, data).replies

    check(reply)
    assert reply.status == status or status is None


def test_requests_sent_at_once_are_answered_in_order(service):
    data = posted(PNG) + GET + b"\r\n" + posted(b"no picture") + GET + b"\r\n"

    replies = talk(service.port, data * 5, least=20).replies

    assert [reply.status for reply in replies] == [200, 200, 415, 200] * 5


def test_a_request_after_an_early_answer_is_not_taken_for_its_body(service):
    wrong = posted(b"x" * 1000).replace(PATH, b"/v1/translate/nothing")

    replies = talk(service.port, wrong + GET + b"\r\n", least=2).replies

    assert [reply.status for reply in replies] == [404, 200]


def test_a_head_that_ends_in_the_middle_harms_nobody(service):
    for end in range(0, len(START), 7):
        assert talk(service.port, START[:end], patience=0.05).replies == []

    assert_unharmed(service)


@pytest.mark.parametrize("size", [10_000, 100_000])
def test_a_large_header_is_no_fault_of_the_service(service, size):
    for data in (b"A: " + b"a" * size + b"\r\n", b"A: b\r\n" * (size // 6)):
        replies, closed = talk(service.port, GET + data + b"\r\n")

        assert closed or replies
        for reply in replies:
            check(reply)


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (GET, 408),
        (b"", 408),
        (GET + b"\r\n" + GET, 408),
        (GET + b"A: " + b"a" * 3_000_000, 431),
        (GET + b"A: b\r\n" * 500_000, 431),
    ],
    ids=["slow", "nothing", "the second is slow", "a long header", "many headers"],
)
def test_a_head_without_end_is_not_waited_for(service, data, status):
    replies, closed = talk(service.port, data, least=9)

    assert closed
    # A client that still sends when the connection is closed may not get to read why.
    assert not replies or replies[-1].status == status


def test_heads_of_one_connection_do_not_add_up(service):
    filling = b"A: " + b"a" * 10_000 + b"\r\n\r\n"
    with socket.create_connection(("127.0.0.1", service.port), timeout=5) as connection:
        for _ in range(20):
            for half in (GET + filling[:5000], filling[5000:]):
                connection.sendall(half)
                sleep(0.01)  # so that they come as two
            assert b"HTTP/1.1 200" in answer_of(connection)


def answer_of(connection):
    """Of GET, whose head and body may come as two."""
    received = b""
    while not received.endswith(b'{"status":"alive"}'):
        received += (piece := connection.recv(1 << 16))
        assert piece, received
    return received


def test_a_client_learns_that_its_head_took_too_long(service):
    [reply] = talk(service.port, GET, least=2).replies

    assert reply.status == 408
    assert json.loads(reply.body)["code"] == "head-timeout"


def test_what_comes_after_a_body_is_no_header_and_is_not_kept(monkeypatch):
    monkeypatch.setattr(Connection, "_start_asgi_task", lambda *_: None)  # nobody answers

    async def scenario():
        config = uvicorn.Config(create_app(ServiceSettings()), log_config=None, ws="none")
        config.load()
        connection = Connection(config=config, server_state=ServerState(), app_state={})
        connection.connection_made(Mock(asyncio.Transport, is_closing=lambda: False))
        connection.data_received(chunked(b"3\r\nabc\r\n0\r\n"))
        for _ in range(100):
            connection.data_received(b"a: b\r\n" * 1000)
        return connection.headers

    assert asyncio.run(scenario()) == [(b"host", b"x"), (b"transfer-encoding", b"chunked")]


def test_a_refusal_before_there_is_a_request_is_as_guarded_as_any_answer(service):
    for data, status in (b"nonsense\r\n\r\n", 400), (GET + b"A: " + b"a" * 70_000, 431):
        [reply] = talk(service.port, data).replies
        check(reply)
        assert reply.status == status
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in reply.headers["content-security-policy"]
        assert json.loads(reply.body)["status"] == status


OFFER = (b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABk")


def test_a_picture_that_comes_with_an_offer_of_http2_is_translated(service):
    """As each first request of Java's client does."""
    plain, offered = posted(PNG), posted(PNG, *OFFER)

    replies, closed = talk(service.port, offered + offered + plain, least=3)

    assert [reply.status for reply in replies] == [200] * 3
    assert len({reply.body for reply in replies}) == 1
    assert not closed


def test_a_thousand_requests_with_offers_are_answered(service):
    offered = GET + b"Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n"

    replies = talk(service.port, offered * 1000, least=1000).replies

    assert [reply.status for reply in replies] == [200] * 1000


@pytest.mark.parametrize("upgrade", [b"h2c", b"websocket", b"a, b"])
@pytest.mark.parametrize("piece", [1, 7, 200])
def test_an_offer_that_comes_in_pieces_costs_nothing_of_the_picture(service, upgrade, piece):
    chunks = b"%x\r\n%s\r\n0\r\n\r\n" % (len(PNG), PNG)
    head = posted(
        b"", b"Transfer-Encoding: chunked", b"Upgrade: " + upgrade, b"Connection: upgrade"
    )
    data = head.replace(b"Content-Length: 0\r\n", b"") + chunks

    with socket.create_connection(("127.0.0.1", service.port), timeout=5) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(0, len(data), piece):
            connection.send(data[at : at + piece])
        assert connection.recv(12) == b"HTTP/1.1 200"


def test_whoever_asks_to_close_and_for_more_gets_an_answer_and_the_end(service):
    [reply], closed = talk(service.port, posted(PNG, b"Connection: close, Upgrade", OFFER[1]))

    assert reply.status == 200
    assert closed


def test_who_never_reads_its_answers_is_not_waited_for(service):
    before = open_sockets(service)
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", service.port))
        connection.settimeout(10)
        with suppress(ConnectionError):
            connection.sendall((GET.replace(b"livez", b"openapi.json") + b"\r\n") * 1000)
        # The client itself learns nothing of it before it reads.
        ended = any(open_sockets(service) <= before or sleep(0.05) for _ in range(200))

    assert ended


def open_sockets(service):
    return service.processes()[0].num_fds()


def test_only_who_reads_nothing_is_cut_off():
    looks = []
    connection = Connection.__new__(Connection)  # without a server
    connection.flow, connection.transport = Mock(), Mock()
    connection.loop = Mock(call_later=lambda _, look: looks.append(look))

    connection.transport.get_write_buffer_size.return_value = 900
    connection.pause_writing()
    for size in (800, 700):
        connection.transport.get_write_buffer_size.return_value = size
        looks.pop()()
    assert not connection.transport.abort.called

    looks.pop()()
    assert connection.transport.abort.called


def test_who_reads_slowly_gets_everything(service):
    asked = 100
    got = b""
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        connection.connect(("127.0.0.1", service.port))
        connection.sendall((GET.replace(b"livez", b"openapi.json") + b"\r\n") * asked)
        for _ in range(60):  # longer, all in all, than a silent reader is waited for
            sleep(0.025)
            got += connection.recv(1 << 16)
        connection.settimeout(5)
        while got.count(b"HTTP/1.1 200") < asked and (part := connection.recv(1 << 20)):
            got += part

    assert got.count(b"HTTP/1.1 200") == asked


FORMS = {
    "without a boundary": (WHOLE, b"multipart/form-data", 400),
    "an empty boundary": (WHOLE, b"multipart/form-data; boundary=", 400),
    "another boundary": (WHOLE, b"multipart/form-data; boundary=c", 400),
    "a boundary of 100 KB": (WHOLE, b"multipart/form-data; boundary=" + b"b" * 100_000, 400),
    "a boundary that is no text": (WHOLE, b"multipart/form-data; boundary=\xff", 400),
    "two boundaries": (WHOLE, b"multipart/form-data; boundary=b; boundary=c", None),
    "a broken charset": (WHOLE, b"multipart/form-data; boundary=b; charset=\xff", None),
    "an unknown charset": (WHOLE, b"multipart/form-data; boundary=b; charset=klingon", None),
    "another kind": (WHOLE, b"multipart/mixed; boundary=b", 415),
    "no end": (WHOLE[:-8], None, 400),
    "nothing but an end": (b"--b--\r\n", None, 400),
    "empty": (b"", None, 400),
    "no disposition": (form(b"\r\n" + PNG), None, 400),
    "no name": (form(part(b'form-data; filename="a"')), None, 400),
    "a name that is no text": (form(part(b'form-data; name="\xff\xfe"; filename="a"')), None, 400),
    "a thousand fields": (form(*[part(b'form-data; name="a"', b"b")] * 1000), None, 400),
    "a thousand files": (form(*[part(FILE + b'"a"', b"b")] * 1000), None, 400),
    "a field of 100 KB": (form(part(b'form-data; name="a"', bytes(100_000))), None, 400),
    "a header of 100 KB": (form(part(FILE + b'"' + b"a" * 100_000 + b'"')), None, None),
    "a thousand headers": (form(part(FILE + b'"a"', PNG, *[b"A: b"] * 1000)), None, None),
    "a form in a form": (
        form(part(FILE + b'"a"', WHOLE, b"Content-Type: multipart/form-data; boundary=b")),
        None,
        415,
    ),
    "base64": (form(part(FILE + b'"a"', b"aGk=", b"Content-Transfer-Encoding: base64")), None, 415),
    "a file upwards": (form(part(FILE + b'"../../../etc/passwd"')), None, 200),
    "a file name of nulls": (form(part(FILE + b'"a\0b.png"')), None, None),
    "a file name in quotes": (form(part(FILE + b'"a\\".png"')), None, 200),
    "a file name in utf-8": (
        form(part(FILE + "\"ü\"; filename*=utf-8''%ff%00".encode())),
        None,
        None,
    ),
    "a file name of 10 KB": (form(part(FILE + b'"' + b"a" * 10_000 + b'"')), None, None),
    "a picture that is text": (form(part(b'form-data; name="file"')), None, 400),
    "an empty picture": (form(part(FILE + b'""', b"")), None, 400),
}


@pytest.mark.parametrize(("body", "declared", "status"), FORMS.values(), ids=FORMS)
def test_an_odd_form_is_answered(service, body, declared, status):
    content_type = declared or FORM

    [reply] = talk(service.port, posted(body, content_type=content_type)).replies

    check(reply)
    assert reply.status == status or (status is None and reply.status in (200, 400, 415, 422))


def fuzzed(examples, **more):
    """Settings for so many examples; the fixture is for all of them."""
    ignored = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
    return settings(max_examples=examples, deadline=None, suppress_health_check=ignored, **more)


@fuzzed(100, derandomize=True, database=None)
@given(data=requests() | damaged())
def test_no_request_whatever_is_the_end_of_the_service(service, data):
    for reply in talk(service.port, data, patience=1.0).replies:
        check(reply)
    assert service.probe() < 5


@pytest.mark.parametrize("data", SOUND)
def test_what_is_damaged_here_is_sound(service, data):
    [reply] = talk(service.port, data).replies

    assert reply.status == 200


@pytest.mark.long
@fuzzed(3000)
@given(data=requests() | damaged())
def test_none_of_thousands_of_requests_is_the_end_of_the_service(service, data):
    for reply in talk(service.port, data, patience=1.0).replies:
        check(reply)
    assert service.alive
