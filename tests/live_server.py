"""Real servers, for what only a real connection or a real process shows."""

import json
import os
import re
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import uvicorn


@contextmanager
def serving(app):
    """Within, `app` answers on a port of this machine; yields host and port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, ws="none"))
        thread = threading.Thread(target=server.run, args=[[listener]])
        thread.start()
        try:
            yield listener.getsockname()
        finally:
            server.should_exit = True
            thread.join()


@contextmanager
def running(*flags, **environment):
    """Run `cyclegan serve`; yields the process, which has ended when the block has."""
    with subprocess.Popen(
        [sys.executable, "-m", "service", "--port", "0", *flags],
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[1],
        env=os.environ | environment,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def url_in_line(process, *, begin):
    """Read the log, which is JSON, up to the line that begins so; returns the URL in it."""
    for line in process.stderr:
        event = json.loads(line)["event"]
        if event.startswith(begin):
            return re.search(r"http://\S+", event)[0]
    raise AssertionError(f"the service ended before it said {begin!r}")
