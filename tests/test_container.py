"""The service's image, run as docker-compose.yml runs it. What stands in the files themselves is
looked at in test_deploy."""

import json
import socket
import threading
import time
from io import BytesIO

import httpx2
import numpy as np
import pytest
from container import IMAGE, ROOT, build, docker, started, why_not
from fake_models import write_models
from PIL import Image

pytestmark = pytest.mark.container

BASE = "python:3.11-slim-bookworm"
GREY = np.full((6, 6, 3), 100, np.uint8)
TRANSLATE = "/v1/translate/summer2winter?format=png"


@pytest.fixture(scope="module", autouse=True)
def _image():
    if reason := why_not():
        pytest.skip(reason)
    build()


@pytest.fixture
def empty(tmp_path):
    folder = tmp_path / "models"
    folder.mkdir()
    folder.chmod(0o755)  # whoever runs in the container is somebody else
    return folder


@pytest.fixture
def models(empty):
    return write_models(empty)


def png_of(pixels):
    file = BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def translates(container):
    answer = httpx2.post(container.url + TRANSLATE, content=png_of(GREY))
    with Image.open(BytesIO(answer.content)) as image:
        return answer.status_code == 200 and np.array_equal(np.asarray(image), 255 - GREY)


def test_a_picture_from_outside_is_translated(models, tmp_path):
    begin = time.monotonic()
    with started(models, tmp_path) as container:
        container.until(container.ready)
        assert translates(container)
        print(f"\nstart to first answer: {time.monotonic() - begin:.1f} s")  # noqa: T201

        container.until(lambda: container.inspect()["State"]["Health"]["Status"] == "healthy")


def test_without_a_model_it_says_so_and_serves_what_is_put_there(empty, tmp_path):
    with started(empty, tmp_path) as container:
        container.until(lambda: httpx2.get(f"{container.url}/livez").status_code == 200)
        answer = httpx2.get(f"{container.url}/readyz")
        write_models(empty)
        container.until(container.ready)

        assert (answer.status_code, answer.json()["code"]) == (503, "no-model")
        assert "there is no model in /models yet" in container.log()
        assert translates(container)


def test_it_comes_back_by_itself_after_it_was_killed(models, tmp_path):
    with started(models, tmp_path) as container:
        container.until(container.ready)
        container.kill_service()
        container.until(lambda: container.inspect()["RestartCount"] == 1)
        container.until(container.ready)

        assert translates(container)


def test_what_was_sent_when_it_is_stopped_is_answered(models, tmp_path):
    data = png_of(GREY)
    head = f"POST {TRANSLATE} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(data)}\r\n\r\n"
    with started(models, tmp_path) as container:
        container.until(container.ready)
        with socket.create_connection(("127.0.0.1", container.port), timeout=30) as connection:
            connection.sendall(head.encode() + data[:10])
            container.until(lambda: container.python("print(1)"))  # it has had time to begin
            stopping = threading.Thread(target=container.compose, args=["stop"])
            stopping.start()
            container.until(lambda: not container.ready())
            connection.sendall(data[10:])
            answer = connection.recv(100)
        stopping.join()
        stopped = json.loads(docker("inspect", container.compose("ps", "-aq").strip()))[0]

    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert stopped["State"]["ExitCode"] == 0


def test_whoever_breaks_in_is_nobody_and_can_change_nothing(models, tmp_path):
    with started(models, tmp_path) as container:
        container.until(container.ready)
        found = json.loads(container.python(BREAK_IN))
        limits = container.inspect()["HostConfig"]

    assert found["user"] == 10001
    assert found["groups"] == [10001]
    assert set(found["written"]) == {"/tmp"}
    for line in "CapEff", "CapPrm", "CapBnd", "CapInh", "CapAmb":
        assert int(found["status"][line], 16) == 0
    assert found["status"]["NoNewPrivs"] == "1"
    assert limits["ReadonlyRootfs"]
    assert limits["Memory"] == 3 * 1024**3


BREAK_IN = """
import json, os, pathlib
written = []
for folder in ("/", "/tmp", "/models", "/opt/cyclegan", "/etc", "/var/tmp"):
    try:
        pathlib.Path(folder, "mine").write_text("x")
        written.append(folder)
    except OSError:
        pass
lines = pathlib.Path("/proc/self/status").read_text().splitlines()
status = {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
print(json.dumps({"user": os.getuid(), "groups": os.getgroups() or [os.getgid()],
                  "written": written, "status": status}))
"""


def inside(code):
    return docker("run", "--rm", "--entrypoint", "python", IMAGE, "-c", code).strip()


def test_the_image_is_small():
    def size(image):
        return int(docker("image", "inspect", "--format", "{{.Size}}", image))

    if not docker("image", "inspect", BASE, check=False):
        docker("pull", BASE)  # some engines build upon it without keeping its name
    added = size(IMAGE) - size(BASE)
    print(f"\n{added / 1e6:.0f} MB on top of the base image")  # noqa: T201

    assert added <= 400e6


def test_the_image_has_no_pytorch_and_the_engines_for_a_cpu():
    names = ["torch", "pip", "setuptools", "openvino", "onnxruntime"]
    code = f"from importlib.util import find_spec; print([n for n in {names} if find_spec(n)])"

    assert inside(code) == "['openvino', 'onnxruntime']"


def test_the_image_has_every_file_of_the_service():
    code = "import pathlib, service; print(pathlib.Path(service.__file__).parent)"
    folder = inside(code)
    names = docker("run", "--rm", "--entrypoint", "find", IMAGE, folder, "-type", "f").split()
    ours = [path for path in (ROOT / "service").rglob("*") if path.is_file()]

    for path in ours:
        name = path.relative_to(ROOT / "service")
        if path.name != "Dockerfile" and "__pycache__" not in name.parts:
            assert f"{folder}/{name}" in names


def test_without_a_key_the_image_alone_refuses_to_listen():
    words = ["run", "--rm", "--network", "host", "--tmpfs", "/tmp", IMAGE]

    with pytest.raises(AssertionError, match="would be let in: give --api-keys, or --open"):
        docker(*words)
