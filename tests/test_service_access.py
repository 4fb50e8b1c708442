import hmac
import socket
import sys
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import httpx2
import numpy as np
import pytest
from fake_models import write_models
from PIL import Image
from pydantic import ValidationError
from starlette.datastructures import Headers
from starlette.testclient import TestClient

sys.path.insert(0, str(Path(__file__).parents[1]))  # benchmarks/ is not installed

from benchmarks.load_service import serving
from cyclegan.command_line import parse
from cyclegan.errors import UsageError
from service.access import key_id
from service.app import create_app
from service.errors import Forbidden, RateLimited, Unauthorized
from service.rates import Rates
from service.settings import ServiceSettings

URL = "/v1/translate/summer2winter"
KEY, OTHER = "open-sesame", "schlüssel"
DIGESTS = [sha256(key.encode()).hexdigest() for key in (KEY, OTHER)]
# Whoever keeps the service running has no key, and the page asks for one.
OPEN = {
    *("/", "/livez", "/readyz", "/healthz", "/health", "/v2/health/live", "/v2/health/ready"),
    *("/v2/models/{translation}/ready", "/docs", "/openapi.json"),
}


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return write_models(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def client(models):
    settings = ServiceSettings(models=models, api_keys=DIGESTS, threads=1)
    with TestClient(create_app(settings)) as client:
        yield client


@pytest.fixture(scope="module")
def picture():
    file = BytesIO()
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": f"Bearer {KEY}"},
        {"authorization": f"bearer  {KEY} "},
        {"x-api-key": KEY},
        {"x-api-key": OTHER.encode()},
        {"x-api-key": KEY, "authorization": "Basic dXNlcjpwYXNz"},  # meant for a proxy
    ],
)
def test_who_has_a_key_is_let_in(client, picture, headers):
    assert client.post(URL, content=picture, headers=headers).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [{}, {"authorization": "Bearer "}, {"x-api-key": ""}, {"authorization": f"Basic {KEY}"}],
)
def test_without_a_key_it_is_401(client, picture, headers):
    answer = client.post(URL, content=picture, headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("key", ["wrong", KEY[:-1], KEY + "x", DIGESTS[0], "\xff"])
def test_with_a_wrong_key_it_is_403(client, picture, key):
    answer = client.post(URL, content=picture, headers={"x-api-key": key.encode("latin-1")})

    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


def test_every_route_but_those_that_are_open_asks_for_a_key(client):
    paths = client.get("/openapi.json").json()["paths"]

    for path, methods in paths.items():
        for method in methods:
            address = path.replace("{translation}", "summer2winter").replace("{name}", "seasons")
            status = client.request(method, address).status_code
            assert (status == 401) == (path not in OPEN), (method, path, status)
    assert URL.replace("summer2winter", "{translation}") in paths


def test_the_schema_says_where_a_key_is_needed(client, models):
    def security(app_client):
        paths = app_client.get("/openapi.json").json()["paths"]
        return paths["/v1/translate/{translation}"]["post"].get("security")

    assert security(client) == [{"HTTPBearer": []}, {"APIKeyHeader": []}]
    with TestClient(create_app(ServiceSettings(models=models))) as nobody_asked:
        assert security(nobody_asked) is None


def test_all_digests_are_compared_in_constant_time_whichever_fits(monkeypatch):
    compared = []

    def compare(a, b):
        compared.append(b)
        return hmac.compare_digest(a, b)

    monkeypatch.setattr("service.access.compare_digest", compare)

    assert key_id(Headers({"x-api-key": KEY}), DIGESTS) == DIGESTS[0][:8]
    with pytest.raises(Forbidden):
        key_id(Headers({"x-api-key": "wrong"}), DIGESTS)
    with pytest.raises(Unauthorized):
        key_id(Headers({}), DIGESTS)
    assert compared == DIGESTS * 2


def test_the_log_names_a_key_by_its_digest_and_never_shows_one(client, picture, caplog):
    caplog.set_level("DEBUG")
    client.post(URL, content=picture, headers={"x-api-key": KEY})
    let_in = caplog.records[-1]
    client.post(URL, content=picture, headers={"x-api-key": "my-other-password"})
    refused = caplog.records[-1]

    assert let_in.caller == DIGESTS[0][:8]
    assert refused.caller == "testclient"
    written = [str(vars(record)) for record in caplog.records if record.name.startswith("service")]
    assert not any(key in line for key in (KEY, "my-other-password") for line in written)


def test_digests_are_read_from_the_environment_as_tools_write_them(monkeypatch):
    monkeypatch.setenv("CYCLEGAN_API_KEYS", f" {DIGESTS[0].upper()} ,{DIGESTS[1]},")

    assert parse(ServiceSettings, [], "cyclegan serve").api_keys == tuple(DIGESTS)


@pytest.mark.parametrize("given", [KEY, f"{DIGESTS[0]},{KEY}", DIGESTS[0][:-1], DIGESTS[0] + "0"])
def test_a_plain_key_among_the_settings_is_refused_and_not_shown(given):
    with pytest.raises(UsageError, match=r"printf %s KEY \| sha256sum") as caught:
        parse(ServiceSettings, ["--api-keys", given], "cyclegan serve")

    assert KEY not in str(caught.value)


def test_a_plain_key_is_not_shown_by_a_program_that_makes_settings_either():
    with pytest.raises(ValidationError) as caught:
        ServiceSettings(api_keys=[KEY])

    assert KEY not in str(caught.value)


@pytest.mark.parametrize(("keys", "share"), [([], 65), (DIGESTS[:1] * 2, 65), (DIGESTS, 33)])
def test_with_several_keys_one_may_take_half_of_the_queue(models, keys, share):
    app = create_app(ServiceSettings(models=models, api_keys=keys, queue=65))
    with TestClient(app):
        assert app.state.service.workshop.admission.share == share


def test_a_caller_who_comes_too_often_is_429_and_the_others_are_not(models, picture):
    settings = ServiceSettings(models=models, api_keys=DIGESTS, rate_limit="2/hour")
    with TestClient(create_app(settings)) as client:
        answers = [
            client.post(URL, content=picture, headers={"x-api-key": key.encode()})
            for key in (KEY, KEY, KEY, OTHER)
        ]
        health = [client.get("/readyz").status_code for _ in range(5)]

    assert [answer.status_code for answer in answers] == [200, 200, 429, 200]
    assert answers[2].json()["code"] == "rate-limited"
    assert 3500 < int(answers[2].headers["retry-after"]) <= 3600
    assert set(health) == {200}


@pytest.mark.parametrize(
    ("limit", "message"),
    [("often", "expected something like 60/minute"), ("0/minute", "would let nothing in")],
)
def test_a_rate_that_is_none_is_one_line(limit, message):
    with pytest.raises(UsageError, match=f"--rate-limit is '{limit}': .*{message}"):
        parse(ServiceSettings, ["--rate-limit", limit], "cyclegan serve")


class Clock:
    """Stands for the module `time` of the library."""

    def __init__(self):
        self.now = 1000.0

    def time(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr("limits.storage.memory.time", clock)
    monkeypatch.setattr("service.rates.time", clock.time)
    return clock


def spend(rates, caller="a"):
    try:
        rates.spend(caller)
    except RateLimited as error:
        return error.retry_after_seconds
    return 0


def test_the_window_moves_and_retry_after_says_when_there_is_room(clock):
    rates = Rates("2/minute")

    assert spend(rates) == 0
    clock.now += 20.5
    assert [spend(rates), spend(rates)] == [0, 40]  # 60 - 20.5, rounded up
    clock.now += 39
    assert spend(rates) == 1
    clock.now += 1
    assert [spend(rates), spend(rates)] == [0, 20]


def test_of_several_limits_all_hold_and_what_is_refused_counts_for_none(clock):
    rates = Rates("1/second; 3/minute")

    for _ in range(3):
        assert [spend(rates), spend(rates)] == [0, 1]
        clock.now += 2
    assert spend(rates) == 54


def test_callers_who_stay_away_are_forgotten(clock, monkeypatch):
    monkeypatch.setattr("service.rates._CALLERS", 10)
    rates = Rates("1/second")
    windows = rates._storage.events

    for number in range(100):
        rates.spend(f"caller {number}")
        for window in windows.values():  # as the library's own thread does, now and then
            window[:] = [entry for entry in window if entry.expiry > clock.now]
        clock.now += 2

    assert len(windows) < 30


def translated_for(service, picture, *addresses):
    """The statuses of a picture each, from clients that a proxy on this machine tells apart."""
    with httpx2.Client(base_url=f"http://127.0.0.1:{service.port}", timeout=20) as client:
        return [
            client.post(URL, content=picture, headers={"x-forwarded-for": address}).status_code
            for address in addresses
        ]


def test_clients_of_a_proxy_that_is_trusted_are_told_from_each_other(models, picture):
    with serving(models, ["--rate-limit", "1/hour"]) as service:
        assert translated_for(service, picture, "10.1.1.1", "10.1.1.2", "10.1.1.1") == [
            200,
            200,
            429,
        ]
    with serving(models, ["--rate-limit", "1/hour", "--trusted-proxies", "10.0.0.0/8"]) as service:
        assert translated_for(service, picture, "10.1.1.1", "10.1.1.2") == [200, 429]


def test_an_idle_connection_is_kept_as_long_as_it_should_be(models):
    with (
        serving(models, ["--keep-alive-seconds", "1"]) as service,
        socket.create_connection(("127.0.0.1", service.port), timeout=4) as connection,
    ):
        connection.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        # To the end, as head and body may come apart: closed before uvicorn's 5 seconds.
        answer = b"".join(iter(lambda: connection.recv(1 << 16), b""))
    assert answer.startswith(b"HTTP/1.1 200")


def test_proxies_are_addresses_or_networks(monkeypatch):
    monkeypatch.setenv("CYCLEGAN_TRUSTED_PROXIES", "10.0.0.0/8, ::1")
    assert ServiceSettings().trusted_proxies == ("10.0.0.0/8", "::1/128")
    with pytest.raises(UsageError, match=r"--trusted-proxies.0 is '10.0.0.300'"):
        parse(ServiceSettings, ["--trusted-proxies", "10.0.0.300"], "cyclegan serve")
