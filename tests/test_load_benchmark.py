import asyncio
import json
import sys
import threading
from pathlib import Path

import numpy as np
import onnx
import pytest
from fake_models import write_inverting, write_models
from onnx import helper, numpy_helper

sys.path.insert(0, str(Path(__file__).parents[1]))  # benchmarks/ is not installed

from benchmarks import load_speed, service_load
from benchmarks.load_client import Answer, Client, at_a_rate, in_turn, post
from benchmarks.load_pictures import altered, jpegs, mixed
from benchmarks.load_service import Service, sampled, serving
from benchmarks.load_tally import Tally
from cyclegan.contract import FILE_AB
from cyclegan.errors import UsageError
from service.images import decode


class Server:
    """Answers each request on a connection with the next of some bytes, then closes."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.connections = 0

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        self._server.close()

    async def _serve(self, reader, writer):
        self.connections += 1
        while self.answers:
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(int(head.partition(b"Content-Length: ")[2].split()[0]))
            writer.write(self.answers.pop(0))
        writer.close()


@pytest.mark.parametrize("rounds", [7, 20, 40])
def test_the_bounds_of_a_median_hold_in_19_of_20_cases(rounds):
    draws = np.random.default_rng(0).exponential(size=(2000, rounds))

    bounds = np.array([load_speed._median_within(list(draw)) for draw in draws])

    held = (bounds[:, 0] <= np.log(2)) & (np.log(2) <= bounds[:, 1])  # that of the distribution
    assert 0.95 <= held.mean() < 0.995
    assert load_speed._median_within([0.9]) == (0.9, 0.9)


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Model: a2b\r\n\r\nhi"
FULL = b"HTTP/1.1 429 Too Many Requests\r\nretry-after: 3\r\ncontent-length: 0\r\n\r\n"


def ask(*answers):
    """What a client gets of a server with these answers, and how many connections it opened."""

    async def talk():
        got = []
        async with Server(*answers) as server, Client(server.port) as client:
            await in_turn(client, [post("/", b"body")] * len(answers), 1, got.append)
            return got, server.connections

    return asyncio.run(talk())


def test_the_client_reads_answers_on_one_connection():
    (first, second), connections = ask(OK, FULL)

    assert (first.status, first.body, first.headers["x-model"]) == (200, b"hi", "a2b")
    assert (second.status, second.body, second.headers["retry-after"]) == (429, b"", "3")
    assert 0 < second.seconds < 10
    assert connections == 1


@pytest.mark.parametrize(
    "answer", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi", b"nonsense\r\n\r\n"]
)
def test_an_answer_that_is_not_whole_counts_as_broken(answer):
    [broken], _ = ask(answer)

    assert (broken.status, broken.body) == (0, b"")


def test_a_connection_that_the_server_closes_is_not_used_again():
    closing = OK.replace(b"X-Model: a2b", b"Connection: close")
    answers, connections = ask(closing, OK)

    assert [answer.status for answer in answers] == [200, 200]
    assert connections == 2


class Stalled:
    """Stands for a client whose requests all wait until there are enough of them."""

    def __init__(self, enough):
        self.waiting = 0
        self._enough = enough
        self._there = asyncio.Event()

    async def send(self, request):
        self.waiting += 1
        if self.waiting == self._enough:
            self._there.set()
        async with asyncio.timeout(10):
            await self._there.wait()
        return Answer(200, 0.0, {}, request)


def test_clients_in_turn_send_at_once_what_they_are_many():
    got = []

    asyncio.run(in_turn(Stalled(3), [b"%d" % i for i in range(7)], 3, got.append))

    assert sorted(answer.body for answer in got) == [b"%d" % i for i in range(7)]


def test_at_a_rate_nobody_waits_for_answers():
    got = []

    asyncio.run(at_a_rate(Stalled(20), [b""] * 20, 1000, got.append))

    assert len(got) == 20


def test_a_tally_counts_by_hand():
    tally = Tally()
    assert not tally.only(200)
    assert tally.percentile(99) == float("inf")

    for seconds in (1.0, 2.0, 3.0):
        tally.note(Answer(200, seconds, {}, b""))
    tally.note(Answer(429, 0.1, {"retry-after": "2"}, b""))

    assert tally.percentile(50) == 2.0
    assert tally.only(200, 429)
    assert not tally.only(200)
    assert tally.without_retry_after == 0
    tally.note(Answer(429, 0.1, {}, b""))
    tally.note(Answer(0, 0.1, {}, b""))
    assert tally.without_retry_after == 1
    assert not tally.only(200, 429)
    assert str(tally) == "1 × broken, 3 × 200, 2 × 429"


def test_pictures_are_drawn_the_same_each_time():
    assert jpegs(2, 32) == jpegs(2, 32)
    assert jpegs(2, 32)[0] != jpegs(2, 32)[1]
    assert decode(jpegs(1, 32)[0], max_pixels=32 * 32).pixels.shape == (32, 32, 3)
    drawn = list(mixed(20, (16, 40)))
    assert drawn == list(mixed(20, (16, 40)))
    sizes = {decode(file, max_pixels=40 * 40).size for file, _ in drawn}
    assert len(sizes) > 10
    assert all(16 <= side <= 40 for size in sizes for side in size)
    assert {wanted for _, wanted in drawn} == {"jpeg", "png", "webp"}


def test_the_first_weights_of_an_altered_model_have_the_other_sign():
    bias, first, second = np.ones(3, np.float32), np.full((1, 2, 3, 4), 5.0), np.ones((1, 1, 1, 1))
    named = {"bias": bias, "first": first, "second": second}
    weights = [numpy_helper.from_array(value, name) for name, value in named.items()]
    model = helper.make_model(helper.make_graph([], "by-hand", [], [], weights))

    changed = onnx.load_from_string(altered(model.SerializeToString())).graph.initializer

    for weight, value in zip(changed, [bias, -first, second], strict=True):
        np.testing.assert_array_equal(numpy_helper.to_array(weight), value)


def test_a_service_that_does_not_start_is_told_in_one_line(tmp_path):
    with (
        pytest.raises(UsageError, match="there is no model in") as caught,
        serving(tmp_path),
    ):
        pass

    assert "\n" not in str(caught.value)


def test_a_service_is_ended_whatever_happens(tmp_path):
    write_models(tmp_path)

    def fail() -> Service:
        with serving(tmp_path) as service:
            assert service.probe() < 10
            assert service.memory_mib() > 10
            kept.append(service)
            raise KeyError

    kept = []
    with pytest.raises(KeyError):
        fail()

    assert not kept[0].alive
    assert kept[0].probe() == float("inf")
    assert kept[0].processes() == []


def test_samples_are_taken_until_the_block_is_left():
    enough = threading.Event()
    values = iter(range(1000))

    def measure():
        value = next(values)
        if value == 3:
            enough.set()
        return float(value)

    with sampled(measure, every_seconds=0.001) as samples:
        assert enough.wait(10)
    taken = len(samples)

    assert samples == [float(value) for value in range(taken)]
    assert taken >= 4


def test_the_service_is_measured_from_words_to_json(tmp_path, capsys, monkeypatch):
    def exported(preset, folder):
        write_inverting(folder / preset / FILE_AB, "a", "b")

    monkeypatch.setattr(service_load, "export_untrained", exported)
    file = tmp_path / "load.json"
    words = "--case saturation overload soak --preset tiny --provider cpu --rounds 1 "
    words += "--seconds 0.2 --concurrency 2 --minutes 0.05 --requests 100"

    assert service_load.main([*words.split(), "--json", str(file)]) == 0

    report = json.loads(file.read_text())
    findings = {each["case"]: each for each in report["findings"]}
    assert list(findings) == ["saturation, 2 clients", "overload", "soak"]
    assert len(report["findings"]) == 1 + 4 + 1
    saturation = findings["saturation, 2 clients"]["facts"]
    assert saturation["statuses"].keys() == {"200"}
    [share], [bare], [service] = (saturation[key] for key in ("shares", "bare", "service"))
    assert share == pytest.approx(service / bare)
    assert findings["soak"]["facts"]["statuses"] == {"200": 100}
    ends = report["findings"][1]
    assert ends["met"], ends
    assert report["machine"].keys() >= {"device_name", "threads", "commit"}
    told = capsys.readouterr().out
    assert all(case in told for case in findings)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--case nonsense", "--case"),
        ("--minutes 0", "--minutes"),
        ("--json nowhere/x.json", "nowhere is no folder"),
        ("--preset huge", "--preset"),
    ],
)
def test_wrong_words_are_told_in_one_line(words, message, capsys):
    assert service_load.main(words.split()) == 2

    told = capsys.readouterr().err
    assert message in told
    assert told.count("\n") == 1
