"""The page on a phone, in the dark, with keys alone and with a screen reader.

What it looks like is left in pytest's temporary folder, as pictures for a person to look at.
"""

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from fake_models import write_models
from page_visit import SECONDS, as_file, encoded, give, noise, pixels_of, shown, visiting
from playwright.sync_api import expect

from benchmarks.browser import MISSING, browsing, find_chromium
from benchmarks.load_service import serving

pytestmark = pytest.mark.skipif(not find_chromium(), reason=MISSING)

PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
TEXT = {"name": "a_file_with_quite_a_long_name.txt", "mimeType": "text/plain", "buffer": b"text"}


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return write_models(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def url(models):
    with serving(models, ["--threads", "1"]) as service:
        yield f"http://127.0.0.1:{service.port}/"


@pytest.fixture(scope="module")
def browser():
    with browsing() as browser:
        yield browser


def states(page):
    """Lead the page through all that it can look like, and say where it is."""
    shown(page, "#choose")
    yield "empty"
    give(page, as_file(noise(200, 300), "1.png"), as_file(noise(300, 200), "2.png"), TEXT)
    done = page.locator("#strip .row span")
    expect(done).to_have_text("2 of 3 translated, 1 failed", timeout=SECONDS * 1000)
    page.click("summary")
    yield "translated"
    page.get_by_role("radio", name="summer again").check(force=True)
    shown(page, "#download")
    yield "back"
    page.click("#strip li:last-child button")
    shown(page, "#notice")
    yield "a problem"
    page.evaluate(
        "() => { for (const id of ['key', 'empty']) document.getElementById(id).hidden = 0 }"
    )
    yield "a key and no models"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(browser, url, scheme, tmp_path):
    with visiting(browser, url, color_scheme=scheme) as page:
        for state in states(page):
            page.screenshot(path=tmp_path / f"{state}.png", full_page=True)
            found = [
                (state, each["id"], node["html"])
                for each in Axe().run(page).response["violations"]
                if each["impact"] in ("serious", "critical")
                for node in each["nodes"]
            ]
            assert found == []


def test_a_narrow_phone_needs_no_scrolling_sideways(browser, url, tmp_path):
    with visiting(browser, url, **PHONE) as page:
        for state in states(page):
            page.screenshot(path=tmp_path / f"{state}.png", full_page=True)
            assert page.evaluate("() => document.documentElement.scrollWidth") <= 360, state


def test_what_is_touched_is_large_enough_for_a_finger(browser, url):
    with visiting(browser, url, **PHONE) as page:
        for _ in states(page):
            for button in page.locator("button:visible, a.button:visible").all():
                assert button.bounding_box()["height"] >= 44


def test_in_dark_mode_the_page_is_dark(browser, url):
    brightness = {}
    for scheme in ("light", "dark"):
        with visiting(browser, url, color_scheme=scheme) as page:
            shown(page, "#choose")
            brightness[scheme] = np.median(pixels_of(page.screenshot()))

    assert brightness["dark"] < 64
    assert brightness["light"] > 192


def focused(page):
    return page.evaluate("() => document.activeElement.id || document.activeElement.className")


def tab_to(page, name):
    for _ in range(20):
        page.keyboard.press("Tab")
        if focused(page) == name:
            return
    raise AssertionError(f"no way to {name} with the Tab key")


def test_keys_alone_lead_from_a_picture_to_its_download(browser, url):
    pixels = noise(60, 60)
    with visiting(browser, url) as page:
        shown(page, "#choose")
        # Asked for before the way there: the browser is told at once, but does it a moment later.
        with page.expect_file_chooser() as chooser:
            tab_to(page, "choose")
            page.keyboard.press("Enter")
        chooser.value.set_files([as_file(pixels)])
        shown(page, "#download")

        page.keyboard.press("Shift+Tab")
        page.keyboard.press("ArrowRight")  # the other translation
        expect(page.locator("#title")).to_have_text("Turn winter into summer")
        shown(page, "#download")
        tab_to(page, "slider-range")
        page.keyboard.press("End")
        expect(page.locator("#slider input")).to_have_value("100")
        tab_to(page, "download")
        with page.expect_download() as download:
            page.keyboard.press("Enter")
        assert np.array_equal(pixels_of(download.value.path().read_bytes()), pixels[..., ::-1])


def test_what_happens_is_told_to_who_cannot_see_it(browser, url):
    with visiting(browser, url) as page:
        give(page, as_file(noise()))

        told = page.get_by_role("status")
        expect(told).to_have_text("garden.png: winter is there", timeout=SECONDS * 1000)
        slider = page.get_by_role("slider", name="Line between summer and winter")
        expect(slider).to_have_attribute("aria-valuetext", "50 % summer, 50 % winter")
        give(page, TEXT)
        expect(page.get_by_role("alert")).to_contain_text("This is no picture that can be read")


def test_a_request_tells_nothing_of_who_sends_it_nor_the_name_of_the_file(browser, url):
    with visiting(browser, url) as page:
        shown(page, "#choose")
        with page.expect_request("**/v1/translate/**") as request:
            give(page, {"name": "secret.png", "mimeType": "image/png", "buffer": encoded(noise())})

        headers = request.value.all_headers()
        assert "referer" not in headers
        assert "cookie" not in headers
        assert "secret" not in f"{headers}{request.value.url}"
