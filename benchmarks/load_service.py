"""The real service as a process of its own, on a free port of the loopback."""

import http.client
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, sleep

import psutil

from cyclegan.errors import UsageError

HOST = "127.0.0.1"

_ROOT = Path(__file__).parents[1]
_START_SECONDS = 60.0
_GRACE_SECONDS = 45.0
_POLL_SECONDS = 0.01
_URL = re.compile(rf"http://{re.escape(HOST)}:(\d+)")


class Service:
    """A service that runs; `serving` makes one and ends it."""

    def __init__(self, process: "subprocess.Popen[bytes]", log: Path) -> None:
        self._process = process
        self._watched = psutil.Process(process.pid)
        self._log = log
        self._begin = perf_counter()
        self.port = 0
        self.seconds_to_ready = 0.0

    @property
    def alive(self) -> bool:
        """Whether it is still the process that was started."""
        return self._process.poll() is None

    @property
    def log(self) -> str:
        """What it has said."""
        return self._log.read_text(errors="replace")

    def memory_mib(self) -> float:
        """Return what it and its children hold of the memory now."""
        resident = 0
        for process in self.processes():
            with suppress(psutil.Error):  # a child that has just ended
                resident += process.memory_info().rss
        return resident / 2**20

    def processes(self) -> list[psutil.Process]:
        """Return it and its children; none when it is gone."""
        try:
            return [self._watched, *self._watched.children(recursive=True)]
        except psutil.Error:
            return []

    def probe(self, path: str = "/livez") -> float:
        """Ask for `path` on a new connection; seconds to a 200, infinity for anything else."""
        begin = perf_counter()
        with suppress(OSError, http.client.HTTPException):
            connection = http.client.HTTPConnection(HOST, self.port, timeout=10)
            try:
                connection.request("GET", path)
                if connection.getresponse().status == 200:
                    return perf_counter() - begin
            finally:
                connection.close()
        return float("inf")

    def terminate(self) -> None:
        """Send SIGTERM and go on."""
        self._process.send_signal(signal.SIGTERM)

    def wait(self, seconds: float = _GRACE_SECONDS) -> int | None:
        """Wait for the end; its exit code, none if it does not end in time."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def wait_until_ready(self, seconds: float) -> None:
        """Wait for the address in its log and then for a 200 of `/readyz`, at most so long.

        Raises:
            UsageError: It ended, or was not ready in time.
        """
        while self.alive and perf_counter() - self._begin < seconds:
            if address := _URL.search(self.log):
                self.port = int(address[1])
                if self.probe("/readyz") < seconds:
                    self.seconds_to_ready = perf_counter() - self._begin
                    return
            sleep(_POLL_SECONDS)
        last = self.log.strip().rpartition("\n")[2]
        raise UsageError(f"the service did not get ready; it said: {last or 'nothing'}")

    def end(self) -> None:
        """Stop it and its children, by force where asking does not help."""
        processes = self.processes()
        with suppress(OSError):
            self.terminate()
        self.wait(5)
        for process in processes:
            with suppress(psutil.Error):
                process.kill()
        self._process.wait()


@contextmanager
def serving(
    models: Path, flags: Sequence[str] = (), start_seconds: float = _START_SECONDS
) -> Generator[Service]:
    """Run `python -m service` for a folder of models, wait until it is ready, and end it after.

    Variables `CYCLEGAN_*` of the environment hold for it too; `flags` win.

    Raises:
        UsageError: It did not get ready.
    """
    command = [sys.executable, "-m", "service", "--host", HOST, "--port", "0"]
    with TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        with log.open("wb") as file:  # a pipe that nobody empties would stop it
            process = subprocess.Popen(
                [*command, "--models", str(models), *flags],
                stdout=file,
                stderr=file,
                cwd=_ROOT,
                start_new_session=True,  # Ctrl-C is for us; we end it
            )
        service = Service(process, log)
        try:
            service.wait_until_ready(start_seconds)
            yield service
        finally:
            service.end()


@contextmanager
def sampled(measure: Callable[[], float], every_seconds: float) -> Generator[list[float]]:
    """Measure again and again in a thread; the list grows until the block is left."""
    samples: list[float] = []
    left = threading.Event()

    def sample() -> None:
        while not left.wait(every_seconds):
            samples.append(measure())

    thread = threading.Thread(target=sample, daemon=True)
    thread.start()
    try:
        yield samples
    finally:
        left.set()
        thread.join()
