"""The system's Chromium, driven by Playwright, for what only a real browser shows."""

import shutil
from collections.abc import Generator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

from cyclegan.errors import UsageError

MISSING = "there is no chromium; install it with `apt-get install chromium`"

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = (
    "--disable-background-networking",
    "--disable-component-update",
    # A test card in place of a camera.
    "--use-fake-device-for-media-stream",
)


def find_chromium() -> str | None:
    """Look for a Chromium that is installed; the file that starts it."""
    return next((file for name in _NAMES if (file := shutil.which(name))), None)


@contextmanager
def browsing() -> Generator[Browser]:
    """Run it without a window; it has ended when the block is left.

    Raises:
        UsageError: There is none.
    """
    chromium = find_chromium()
    if not chromium:
        raise UsageError(MISSING)
    with sync_playwright() as playwright:
        # Its sandbox does not start for root, as which containers run; it sees our pages alone.
        browser = playwright.chromium.launch(
            executable_path=chromium, args=_FLAGS, chromium_sandbox=False
        )
        try:
            yield browser
        finally:
            browser.close()
