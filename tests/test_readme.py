"""The README's commands work as they stand, and what it names is there."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
ENVIRONMENT = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}


def shell(script, folder):
    done = subprocess.run(
        ["bash", "-euc", script],
        cwd=folder,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
    return done


def test_the_two_commands_of_a_newcomer_are_targets_of_make():
    commands = re.findall(r"^make (\w+)", BLOCKS[0], re.MULTILINE)

    assert commands == ["demo", "test"]
    for command in commands:
        assert shell(f"make --dry-run {command}", ROOT).stdout


@pytest.mark.skipif(shutil.which("curl") is None, reason="the README posts with curl")
def test_the_commands_lead_from_two_folders_to_a_translated_picture(tmp_path):
    way, serve, post = BLOCKS[1:4]

    # As written but for a few steps instead of minutes of training.
    shell(way.replace("--preset tiny", "--preset tiny --steps 3"), tmp_path)
    with subprocess.Popen(serve.split(), cwd=tmp_path, env=ENVIRONMENT) as server:
        try:
            wait_until_ready(server)
            shell(post.replace("curl ", "curl --silent "), tmp_path)
        finally:
            server.send_signal(signal.SIGTERM)

    translated = sorted((tmp_path / "translated").iterdir())
    assert len(translated) == len(list((tmp_path / "data/seasons/testA").iterdir()))
    for file, format in (("translated.jpg", "JPEG"), ("translated.webp", "WEBP")):
        with Image.open(tmp_path / file) as picture:
            assert (picture.format, picture.size) == (format, (64, 64))


def wait_until_ready(server):
    for _ in range(300):
        assert server.poll() is None, "the service ended"
        if subprocess.run(
            ["curl", "--silent", "--fail", "http://127.0.0.1:8000/readyz"],
            check=False,
            capture_output=True,
        ).stdout:
            return
        time.sleep(0.1)
    raise TimeoutError("the service was not ready after 30 s")


def test_every_file_that_the_readme_names_is_there():
    named = re.findall(r"`((?:\w+/)+[\w.-]+\.(?:py|md|yml))`", README)
    pictures = re.findall(r"!\[.*?\]\((.*?)\)|<img src=\"(.*?)\"", README)
    pictures = [linked or shown for linked, shown in pictures]

    assert named
    assert pictures
    for file in named + pictures:
        assert (ROOT / file).exists(), file


def test_every_module_is_in_the_map():
    """The file map has one phrase a file; a file that nobody can find is lost."""
    for package in ("cyclegan", "training", "evaluation", "service", "benchmarks"):
        for path in (ROOT / package).glob("*.py"):
            if path.name not in ("__init__.py", "__main__.py"):
                assert re.search(rf"(?m)^    (\w+  )*{path.stem} ", README), (
                    f"{package}/{path.name} is not in the README's map"
                )


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))], ids=lambda page: page.name
)
def test_pictures_are_never_sent_as_what_curl_takes_them_for(page):
    """Which is a web form, and refused; some commands of the pages need a container to be run."""
    commands = re.findall(r"curl (?:[^\n]|(?<=\\)\n)*", page.read_text())

    for command in commands:
        assert "--data-binary" not in command or "Content-Type: image/" in command, command
