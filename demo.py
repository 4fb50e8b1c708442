"""`make demo`: from two folders of pictures to a translated picture over HTTP, in minutes.

Runs the commands that a user would type, and prints each before it runs.
"""

import contextlib
import io
import shlex
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Generator
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

HOME = Path("runs/demo")
DATA, RUN, MODELS = HOME / "data", HOME / "run", HOME / "models"
PICTURE = HOME / "before_after.png"
SHOWN_SIDE = 256  # pixels
READY_SECONDS = 60


def main(arguments: list[str]) -> int:
    """Do the whole job; with --once, stop after the picture."""
    try:
        return _demo(once="--once" in arguments)
    except subprocess.CalledProcessError as error:
        return error.returncode
    except KeyboardInterrupt:
        return 130


def _demo(once: bool) -> int:
    begin = time.monotonic()
    if not DATA.exists():
        drawn = HOME / "drawing"
        shutil.rmtree(drawn, ignore_errors=True)  # of a demo that was stopped while drawing
        _run("draw-data", "--out", str(drawn), "--train", "300", "--test", "20")
        drawn.rename(DATA)
    names = ("--names", "summer,winter")
    _run("train", "--data", str(DATA), "--run", str(RUN), "--preset", "tiny", *names)
    _run("export", "--run", str(RUN), "--out", str(MODELS / "season"))
    with _serving() as url:
        _translate_one(url)
        _say(f"took {time.monotonic() - begin:.0f} s; look at {PICTURE}")
        if once:
            return 0
        _say(f"open {url} in a browser, and drop a picture there; until Ctrl-C it is also")
        _say("a service for programs. In another terminal:")
        held_out = next(iter(sorted((DATA / "testA").iterdir())))
        _say(f"  curl --data-binary @{held_out} -H 'Content-Type: image/png' \\")
        _say(f"    {url}/v1/translate/summer2winter -o translated.jpg")
        with contextlib.suppress(KeyboardInterrupt):
            while True:
                time.sleep(3600)
    return 0


def _run(*words: str) -> None:
    command = [sys.executable, "-m", "cyclegan", *words]
    _say(f"\n$ cyclegan {shlex.join(words)}")
    process = subprocess.Popen(command)
    try:
        process.wait()
    except KeyboardInterrupt:
        process.wait()  # it has Ctrl-C, too: a training saves, and the next demo goes on from there
        raise
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)


@contextlib.contextmanager
def _serving() -> Generator[str]:
    """Start the service and stop it at the end; give its address."""
    port = _free_port()
    words = ("serve", "--models", str(MODELS), "--port", str(port))
    _say(f"\n$ cyclegan {shlex.join(words)}")
    server = subprocess.Popen([sys.executable, "-m", "cyclegan", *words])
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_until_ready(url, server)
        yield url
    finally:
        server.terminate()
        server.wait()


def _free_port() -> int:
    """Take 8000, or any other if another program has it."""
    for port in (8000, 0):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return probe.getsockname()[1]
    raise RuntimeError("no port is free")


def _wait_until_ready(url: str, server: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + READY_SECONDS
    while time.monotonic() < end:
        if server.poll() is not None:
            raise subprocess.CalledProcessError(server.returncode, "cyclegan serve")
        with (
            contextlib.suppress(OSError),
            urllib.request.urlopen(f"{url}/readyz", timeout=5) as answer,
        ):
            if answer.status == 200:
                return
        time.sleep(0.1)
    raise TimeoutError(f"the service was not ready after {READY_SECONDS} s")


def _translate_one(url: str) -> None:
    """Post a picture that training has not seen, and draw it beside its true counterpart."""
    before = sorted((DATA / "testA").iterdir())[0]
    counterpart = DATA / "testB" / before.name
    request = urllib.request.Request(
        f"{url}/v1/translate/summer2winter?format=png",
        before.read_bytes(),
        {"Content-Type": "image/png"},
    )
    with urllib.request.urlopen(request) as answer:
        after = answer.read()
    shown = [Image.open(p).convert("RGB") for p in (before, io.BytesIO(after), counterpart)]
    summer, translated, winter = (np.asarray(picture, dtype=float) for picture in shown)
    captions = (
        "summer, held out",
        f"translated: off by {np.abs(translated - winter).mean():.0f} of 255",
        f"true winter (summer: off by {np.abs(summer - winter).mean():.0f})",
    )
    _side_by_side(shown, captions).save(PICTURE)


def _side_by_side(pictures: list[Image.Image], captions: tuple[str, ...]) -> Image.Image:
    gap, height = 8, SHOWN_SIDE + 24
    canvas = Image.new("RGB", (len(pictures) * (SHOWN_SIDE + gap) - gap, height), "white")
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(14)
    for i, (picture, caption) in enumerate(zip(pictures, captions, strict=True)):
        left = i * (SHOWN_SIDE + gap)
        canvas.paste(picture.resize((SHOWN_SIDE, SHOWN_SIDE), Image.Resampling.LANCZOS), (left, 24))
        draw.text((left + 2, 4), caption, fill="black", font=font)
    return canvas


def _say(sentence: str) -> None:
    sys.stdout.write(sentence + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
