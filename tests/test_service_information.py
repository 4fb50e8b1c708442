import re
from base64 import b64encode
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

import onnxruntime
import pytest
from fake_models import write_models, write_pooling
from starlette.testclient import TestClient

from service.app import create_app
from service.catalogue import Catalogue
from service.engine import Engine
from service.settings import ServiceSettings


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = write_models(tmp_path_factory.mktemp("models"))
    write_pooling(folder / "tiles" / "a2b.onnx")
    write_pooling(folder / "summer2winter" / "a2b.onnx", "day", "night")
    return folder


@pytest.fixture(scope="module")
def client(models):
    settings = ServiceSettings(
        models=models, provider="cpu", threads=2, workers=5, queue=7, max_batch_files=3
    )
    with TestClient(create_app(settings)) as client:
        yield client


@pytest.fixture
def draining(client):
    """The client of a service that is about to stop."""
    admission = client.app.state.service.workshop.admission
    admission.close()
    yield client
    admission.closed = False


def names(response):
    return [model["names"][0] for model in response.json()["models"]]


def test_the_models_are_listed(client):
    seasons, back, night, tiles = client.get("/v1/models").json()["models"]

    assert seasons["names"] == ["summer2winter", "seasons:summer2winter"]
    assert (seasons["source"], seasons["target"]) == ("summer", "winter")
    assert re.fullmatch("[0-9a-f]{64}", seasons["sha256"])
    assert seasons["provider"] == "cpu"
    assert seasons["training"]["steps"] == 7
    assert back["names"][0] == "winter2summer"
    assert night["model"] == "summer2winter"
    assert (tiles["size_multiple"], tiles["min_side"]) == (4, 8)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("winter2summer", ["winter2summer"]),
        ("seasons:winter2summer", ["winter2summer"]),
        ("seasons", ["summer2winter", "winter2summer"]),
        ("tiles", ["photo2mosaic"]),
        ("summer2winter", ["summer2winter"]),  # as everywhere else, not the folder of that name
    ],
)
def test_a_model_is_found_by_its_translation_or_its_folder(client, name, found):
    assert names(client.get(f"/v1/models/{name}")) == found


@pytest.mark.parametrize("path", ["/v1/models/{}", "/v2/models/{}", "/v2/models/{}/ready"])
def test_an_unknown_model_is_404(client, path):
    answer = client.get(path.format("a2b"))

    assert (answer.status_code, answer.json()["code"]) == (404, "model-not-found")
    assert answer.headers["content-type"] == "application/problem+json"
    offered = "; on offer: summer2winter" if "ready" not in path else ""  # that needs no key
    assert answer.json()["detail"].startswith(f"nothing is called 'a2b'{offered}")
    assert ("summer" in answer.json()["detail"]) == bool(offered)


def test_what_serves_is_told(client):
    info = client.get("/info").json()

    assert info["version"] == version("cyclegan")
    assert info["engines"] == [{"provider": "cpu", "precision": "fp32", "threads": 2}]
    assert info["translations"] == [
        *("summer2winter", "winter2summer", "day2night", "photo2mosaic")
    ]
    assert info["limits"] == {
        "max_body_bytes": 25 * 1024 * 1024,
        "max_batch_bytes": 100 * 1024 * 1024,
        "max_batch_files": 3,
        "max_pixels": 50_000_000,
        "max_edge": 1024,
        "read_timeout_seconds": 10.0,
        "deadline_seconds": 30.0,
        "workers": 5,
        "queue": 7,
    }


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/livez", {"status": "alive"}),
        ("/healthz", {"status": "alive"}),
        ("/readyz", {"status": "ready"}),
        ("/health", {"status": "ready"}),
        ("/v2/health/live", {"live": True}),
        ("/v2/health/ready", {"ready": True}),
        (
            "/v2/models/seasons:summer2winter/ready",
            {"name": "seasons:summer2winter", "ready": True},
        ),
    ],
)
def test_health_is_told(client, path, body):
    answer = client.get(path)

    assert (answer.status_code, answer.json()) == (200, body)


@pytest.mark.parametrize(
    "path", ["/readyz", "/health", "/v2/health/ready", "/v2/models/summer2winter/ready"]
)
def test_a_service_about_to_stop_is_not_ready(draining, path):
    answer = draining.get(path)

    assert (answer.status_code, answer.json()["code"]) == (503, "draining")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["retry-after"] == "1"


@pytest.mark.parametrize("path", ["/livez", "/healthz", "/v2/health/live", "/info", "/v2"])
def test_a_service_about_to_stop_still_says_what_it_is(draining, path):
    assert draining.get(path).status_code == 200


def test_kserve_is_told_what_serves(client):
    assert client.get("/v2").json() == {
        "name": "cyclegan",
        "version": version("cyclegan"),
        "extensions": [],
    }


def test_kserve_is_told_the_tensors_that_onnx_runtime_sees(client, models):
    session = onnxruntime.InferenceSession(models / "seasons" / "a2b.onnx")
    types = {"tensor(uint8)": "UINT8"}

    def described(tensors):
        return [
            {
                "name": tensor.name,
                "datatype": types[tensor.type],
                "shape": [side if isinstance(side, int) else -1 for side in tensor.shape],
            }
            for tensor in tensors
        ]

    metadata = client.get("/v2/models/summer2winter").json()

    # The models of the tests leave out what shape comes out; it is that which goes in.
    inputs = described(session.get_inputs())
    assert metadata == {
        "name": "summer2winter",
        "platform": "onnx_onnxv1",
        "inputs": inputs,
        "outputs": [{**inputs[0], "name": session.get_outputs()[0].name}],
    }


def test_kserve_finds_errors_where_it_looks_for_them(client):
    problem = client.get("/v2/models/a2b").json()

    assert problem["error"] == problem["detail"]


def test_the_front_page_and_all_that_it_consists_of_come_from_the_service(client):
    page = client.get("/")

    assert page.headers["content-type"] == "text/html; charset=utf-8"
    links = re.findall(r'(?:src|href)="(.*?)"', page.text)
    assert "page/page.js" in links
    for link in links:
        assert not re.match(r"\w*:?//|/", link)  # relative, for a proxy with a path of its own
        assert client.get(f"/{link}").status_code == 200


def test_the_front_page_may_run_its_own_scripts_and_nothing_else(client):
    policy = client.get("/").headers["content-security-policy"]

    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; ")
    assert "unsafe" not in policy
    assert "http" not in policy
    assert "<script>" not in client.get("/").text


def test_each_script_of_the_page_is_asked_for_at_once_and_not_by_another_script(client):
    scripts = {path.name for path in (Path(__file__).parents[1] / "service" / "page").glob("*.js")}

    linked = set(re.findall(r'"page/(\w+\.js)"', client.get("/").text))
    assert linked == scripts


def test_only_files_of_the_page_can_be_had(client):
    for path in ("../app.py", "%2e%2e/app.py", "..%2fapp.py", "nothing.js", ""):
        assert client.get(f"/page/{path}").status_code == 404, path


def test_the_documentation_comes_from_nowhere_else(client):
    page = client.get("/docs")

    assert page.headers["content-type"] == "text/html; charset=utf-8"
    links = re.findall(r"""(?:src|href)=["'](.*?)["']|url: ["'](.*?)["']""", page.text)
    links = [link or url for link, url in links]
    assert len(links) == 4
    for link in links:
        assert not re.match(r"\w*:?//|/", link)
        assert client.get(f"/{link}").status_code == 200
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "http" not in policy


def test_the_documentation_may_run_its_own_script_and_no_other(client):
    page = client.get("/docs")

    [script] = re.findall("<script>(.*?)</script>", page.text, re.DOTALL)
    digest = b64encode(sha256(script.encode()).digest()).decode()
    directives = dict(
        each.strip().split(" ", 1) for each in page.headers["content-security-policy"].split(";")
    )
    assert directives["script-src"] == f"'self' 'sha256-{digest}'"


def test_only_files_of_the_documentation_can_be_had(client):
    for path in ("../main.py", "%2e%2e/main.py", "..%2fmain.py", "nothing.js", ""):
        answer = client.get(f"/docs/assets/{path}")
        assert answer.status_code == 404, path
        assert str(Path(onnxruntime.__file__).parents[1]) not in answer.text


def references(schema):
    if isinstance(schema, dict):
        for key, value in schema.items():
            if key == "$ref":
                yield value
            yield from references(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from references(value)


def test_every_reference_in_the_schema_leads_somewhere(client):
    schema = client.get("/openapi.json").json()

    found = set(references(schema))
    assert len(found) > 5
    for reference in found:
        place = schema
        for step in reference.removeprefix("#/").split("/"):
            place = place[step]


def test_the_schema_has_no_error_that_never_comes(client):
    # FastAPI would describe errors of its own, in a form that is not ours.
    assert "HTTPValidationError" not in client.get("/openapi.json").text


def test_the_schema_describes_every_error_as_a_problem(client):
    for path, methods in client.get("/openapi.json").json()["paths"].items():
        for operation in methods.values():
            for status, answer in operation["responses"].items():
                if status != "200":
                    content = answer["content"]["application/problem+json"]["schema"]
                    assert {"type", "status", "detail", "code"} <= content["properties"].keys(), (
                        path
                    )


def test_the_schema_tells_how_a_key_is_sent_where_one_is_needed(models):
    def secured(settings):
        paths = create_app(settings).openapi()["paths"].items()
        return {
            path
            for path, methods in paths
            for operation in methods.values()
            if operation.get("security") == [{"HTTPBearer": []}, {"APIKeyHeader": []}]
        }

    closed = ServiceSettings(models=models, api_keys=("0" * 64,))
    assert secured(ServiceSettings(models=models)) == set()
    assert secured(closed) == {
        "/v1/translate/{translation}",
        "/v1/batch/{translation}",
        "/v1/images/edits",
        "/models/{translation}",
        "/v1/models",
        "/v1/models/{name}",
        "/info",
        "/v2",
        "/v2/models/{translation}",
    }
    with TestClient(create_app(closed)) as client:
        for path in secured(closed):
            method = "POST" if path.startswith(("/v1/t", "/v1/b", "/v1/i", "/models")) else "GET"
            assert client.request(method, path).status_code == 401, path
        for path in ("/livez", "/readyz", "/health", "/healthz", "/v2/health/ready", "/docs"):
            assert client.get(path).status_code == 200, path


def test_models_that_cannot_be_loaded_are_named(models):
    loaded = Catalogue.load(models, Engine("cpu", 1))
    catalogue = Catalogue(loaded.models.values(), broken=("seasons", "torn"))
    settings = ServiceSettings(models=models, watch=False)

    with TestClient(create_app(settings, catalogue)) as client:
        assert client.get("/v1/models").json()["broken"] == ["seasons", "torn"]
        assert client.get("/v1/models/seasons").json()["broken"] == ["seasons"]
        assert client.get("/v1/models/summer2winter").json()["broken"] == []
