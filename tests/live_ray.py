"""The service on Ray, for the tests that want it."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

ROOT = Path(__file__).parents[1]
SECONDS_TO_START = 240
SECONDS_TO_END = 90


class RayService:
    """A running `cyclegan serve --ray`."""

    def __init__(self, process, log):
        self.process = process
        self._log = log

    @property
    def lines(self):
        """What its processes have logged as JSON, the oldest first."""
        found = re.findall(r"\{\"event\".*\}$", self._log.read_text(), re.MULTILINE)
        return [SimpleNamespace(**json.loads(line)) for line in found]

    @property
    def url(self):
        for line in self.lines:
            if line.event.startswith("serving "):
                return re.search(r"http://\S+", line.event)[0]
        return None

    def wait(self):
        over = threading.Event()
        for _ in range(SECONDS_TO_START * 2):
            if self.url:
                return self
            assert self.process.poll() is None, self._log.read_text()
            over.wait(0.5)
        raise TimeoutError(self._log.read_text())


@contextmanager
def serving_on_ray(folder, *flags):
    """Run `cyclegan serve --ray`; its log goes to a file in `folder`."""
    log = folder / "ray.log"
    command = [sys.executable, "-m", "cyclegan", "serve", "--ray", "--port", "0", *flags]
    with log.open("wb") as file:
        process = subprocess.Popen(
            command,
            stdout=file,
            stderr=file,
            cwd=ROOT,
            env=os.environ | {"CYCLEGAN_LOG_FORMAT": "json"},
            start_new_session=True,
        )
    try:
        yield RayService(process, log).wait()
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # Ray's processes with it: all are of its group
            process.wait()
