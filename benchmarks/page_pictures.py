"""`python -m benchmarks.page_pictures`: the pictures of the page in the README, anew.

They show drawn scenes, translated by the model of `make demo`.
"""

import sys
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, FloatRect, Page, expect
from pydantic import BaseModel, ConfigDict

from benchmarks.browser import browsing
from benchmarks.load_service import serving
from benchmarks.program import run_program
from cyclegan.atomic_file import write_atomically
from cyclegan.command_line import parse
from training.landscapes import draw_scene

_SIDE = 512
_SCENES = (900_003, 900_000, 900_001, 900_002, 900_004)  # of none that the demo trains on
_QUALITY = 82


class PictureSettings(BaseModel):
    """Draw the README's pictures of the page."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    models: Path = Path("runs/demo/models")
    """Models with a translation from summer into winter, as `make demo ONCE=1` leaves them."""
    out: Path = Path("docs")
    """Folder for page.webp and page_phone.webp."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw them."""
    return run_program(_run, arguments)


def _run(arguments: Sequence[str]) -> None:
    settings = parse(PictureSettings, arguments, "python -m benchmarks.page_pictures")
    scenes = [_scene(seed) for seed in _SCENES]
    with serving(settings.models) as service, browsing() as browser:
        url = f"http://127.0.0.1:{service.port}/"
        _save(_on_a_desk(browser, url, scenes), settings.out / "page.webp")
        _save(_on_a_phone(browser, url, scenes), settings.out / "page_phone.webp")


def _on_a_desk(browser: Browser, url: str, scenes: Sequence[bytes]) -> bytes:
    page = browser.new_page(viewport={"width": 1000, "height": 900})
    _translate(page, url, scenes)
    return _down_to_the_strip(page)


def _on_a_phone(browser: Browser, url: str, scenes: Sequence[bytes]) -> bytes:
    page = browser.new_page(
        viewport={"width": 390, "height": 844},
        device_scale_factor=2,
        is_mobile=True,
        has_touch=True,
        color_scheme="dark",
    )
    _translate(page, url, scenes)
    return _down_to_the_strip(page)


def _down_to_the_strip(page: Page) -> bytes:
    width = page.evaluate("() => innerWidth")
    height = page.evaluate("() => document.querySelector('#strip').getBoundingClientRect().bottom")
    clip: FloatRect = {"x": 0, "y": 0, "width": width, "height": height}
    return page.screenshot(full_page=True, clip=clip)


def _translate(page: Page, url: str, scenes: Sequence[bytes]) -> None:
    page.goto(url)
    page.locator("#choose").wait_for()
    page.get_by_role("radio", name="summer → winter").check(force=True)
    page.set_input_files(
        "#files",
        [
            {"name": f"{n}.png", "mimeType": "image/png", "buffer": scene}
            for n, scene in enumerate(scenes, 1)
        ],
    )
    done = f"{len(scenes)} of {len(scenes)} translated"
    expect(page.locator("#strip .row span")).to_have_text(done, timeout=60_000)


def _scene(seed: int) -> bytes:
    file = BytesIO()
    Image.fromarray(draw_scene(seed, _SIDE)[0]).save(file, "PNG")
    return file.getvalue()


def _save(screenshot: bytes, file: Path) -> None:
    content = BytesIO()
    Image.open(BytesIO(screenshot)).convert("RGB").save(content, "WEBP", quality=_QUALITY)
    write_atomically(file, content.getvalue())


if __name__ == "__main__":
    sys.exit(main())
