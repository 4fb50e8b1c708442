import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

DEMO = Path(__file__).parents[1] / "demo.py"
SLOW_TO_SAVE = """
import pathlib, signal, sys, time

def save(*_):
    time.sleep(1)
    pathlib.Path("saved").touch()
    sys.exit(0)

signal.signal(signal.SIGINT, save)
print("training", flush=True)
time.sleep(60)
"""


@pytest.fixture
def ctrl_c_heard() -> Iterator[None]:
    """What a script begins in the background is deaf to Ctrl-C, as is what that begins in turn."""
    former = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, former)


@pytest.mark.usefixtures("ctrl_c_heard")
def test_ctrl_c_lets_the_training_of_the_demo_save(tmp_path):
    """A terminal sends it to both."""
    (tmp_path / "cyclegan").mkdir()
    (tmp_path / "cyclegan" / "__main__.py").write_text(SLOW_TO_SAVE)
    (tmp_path / "runs" / "demo" / "data").mkdir(parents=True)

    with subprocess.Popen(
        [sys.executable, str(DEMO), "--once"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as demo:
        assert demo.stdout
        while "training" not in demo.stdout.readline():
            assert demo.poll() is None
        os.killpg(demo.pid, signal.SIGINT)
        try:
            demo.communicate(timeout=30)
        finally:
            if demo.poll() is None:
                os.killpg(demo.pid, signal.SIGKILL)

    assert demo.returncode == 130
    assert (tmp_path / "saved").exists()
