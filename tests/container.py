"""The service's container, built and run for real by whatever engine is there."""

import json
import os
import shutil
import socket
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

import httpx2

ROOT = Path(__file__).parents[1]
IMAGE = "cyclegan"
_KILL_CHILDREN_OF_FIRST = """
import os, pathlib, signal
for status in pathlib.Path("/proc").glob("[0-9]*/status"):
    if "\\nPPid:\\t1\\n" in status.read_text():
        os.kill(int(status.parent.name), signal.SIGKILL)
"""


def docker(*words, check=True):
    return run("docker", *words, check=check)


def run(*words, check=True):
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=ROOT)
    if check and done.returncode:
        raise AssertionError(f"{' '.join(words)}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
    return done.stdout


def why_not():
    """Why no container can be run here, or nothing."""
    if shutil.which("docker") is None or not docker("info", check=False).strip():
        return "no container engine answers `docker info`"
    if not _compose():
        return "neither `docker compose` nor `docker-compose` is installed"
    return ""


def _compose():
    if docker("compose", "version", check=False):
        return ["docker", "compose"]
    return ["docker-compose"] if shutil.which("docker-compose") else []


def build():
    files = "-f", "docker-compose.yml", "-f", "deploy/compose.host.yml"
    run(*_compose(), *files, "build", "service")


class Container:
    """What one `compose up` has started."""

    def __init__(self, models, folder):
        self.port, metrics = free_port(), free_port()
        settings = {"CYCLEGAN_PORT": self.port, "CYCLEGAN_METRICS_PORT": metrics}
        service = {"environment": settings, "volumes": [f"{models}:/models:ro"]}
        ours = folder / "compose.json"  # which is YAML
        ours.write_text(json.dumps({"services": {"service": service}}))
        self._compose = [*_compose(), "--project-name", f"cyclegan-test-{os.getpid()}"]
        for file in "docker-compose.yml", "deploy/compose.host.yml", ours:
            self._compose += ["-f", str(file)]
        self.url = f"http://127.0.0.1:{self.port}"

    def compose(self, *words):
        return run(*self._compose, *words)

    @property
    def id(self):
        return self.compose("ps", "-q", "service").strip()

    def inspect(self):
        return json.loads(docker("inspect", self.id))[0]

    def log(self):
        return self.compose("logs", "--no-color", "service")

    def python(self, code):
        """Run a program inside; what it printed."""
        return docker("exec", self.id, "python", "-c", code).strip()

    def kill_service(self):
        """Kill what the first process, Docker's own, has started; it ends when its child does."""
        # That ends the container and with it, at times, whoever killed: no exit code to rely on.
        docker("exec", self.id, "python", "-c", _KILL_CHILDREN_OF_FIRST, check=False)

    def until(self, condition, seconds=60):
        end = time.monotonic() + seconds
        while not self._holds(condition):
            assert time.monotonic() < end, f"it never came; the log:\n{self.log()}"
            time.sleep(0.05)

    def _holds(self, condition):
        try:
            return condition()
        except httpx2.TransportError:
            return False

    def ready(self):
        return httpx2.get(f"{self.url}/readyz").status_code == 200


@contextmanager
def started(models, folder):
    """Within, compose has started the service; it need not be ready."""
    container = Container(models, folder)
    try:
        container.compose("up", "-d", "service")
        yield container
    finally:
        container.compose("down", "--timeout", "5")


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]
