"""The service's page in a real browser, and pictures to give it."""

import sys
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Page, expect

sys.path.insert(0, str(Path(__file__).parents[1]))  # benchmarks/ is not installed

SECONDS = 20.0
# What the browser itself writes of each answer that is an error; the page says it in words.
_ANSWERS = "Failed to load resource"


@contextmanager
def visiting(browser, url, **options):
    """Open the page; on leaving, nothing came from elsewhere and the console is clean."""
    context = browser.new_context(**options)
    page = context.new_page()
    page.set_default_timeout(SECONDS * 1000)
    complaints, requested = [], []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
    page.on("request", lambda request: requested.append(request.url))
    try:
        page.goto(url)
        yield page
        # Also what its policy forbids is told on the console.
        assert [text for text in complaints if not text.startswith(_ANSWERS)] == []
        assert [each for each in requested if not each.startswith((url, f"blob:{url}"))] == []
    finally:
        context.close()


def give(page: Page, *files):
    """Choose files: paths, or dicts of name, mimeType and buffer."""
    expect(page.locator("#choose")).to_be_visible(timeout=SECONDS * 1000)
    page.set_input_files("#files", list(files))


def shown(page: Page, selector):
    locator = page.locator(selector)
    expect(locator).to_be_visible(timeout=SECONDS * 1000)
    return locator


def saved(page: Page):
    """Wait for the result, download it and return its name and bytes."""
    shown(page, "#download")
    with page.expect_download() as download:
        page.click("#download")
    return download.value.suggested_filename, download.value.path().read_bytes()


def pixels_of(data):
    with Image.open(BytesIO(data)) as picture:
        return np.asarray(picture.convert("RGB"))


def noise(height=24, width=32, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def encoded(pixels, format="PNG", **options):
    file = BytesIO()
    Image.fromarray(pixels).save(file, format, **options)
    return file.getvalue()


def as_file(pixels, name="garden.png"):
    return {"name": name, "mimeType": "image/png", "buffer": encoded(pixels)}
