"""The page, in a real browser, before the real service."""

import subprocess
import urllib.request
from contextlib import contextmanager

import numpy as np
import pytest
from fake_models import write_inverting, write_models
from page_visit import (
    SECONDS,
    as_file,
    encoded,
    give,
    noise,
    pixels_of,
    saved,
    shown,
    visiting,
)
from PIL import Image
from playwright.sync_api import expect

from benchmarks.browser import MISSING, browsing, find_chromium
from benchmarks.load_service import serving

pytestmark = pytest.mark.skipif(not find_chromium(), reason=MISSING)

RED = np.full((120, 200, 3), (200, 30, 40), np.uint8)


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    models = write_models(tmp_path_factory.mktemp("models"))
    with serving(models, ["--threads", "1"]) as service:
        yield f"http://127.0.0.1:{service.port}/"


@pytest.fixture(scope="module")
def browser():
    with browsing() as browser:
        yield browser


@pytest.fixture
def page(browser, url):
    with visiting(browser, url) as page:
        yield page


@contextmanager
def opened(browser, models):
    with serving(models) as service, visiting(browser, f"http://127.0.0.1:{service.port}/") as page:
        yield page


def posted(url, data, translation="summer2winter"):
    request = urllib.request.Request(
        f"{url}v1/translate/{translation}?format=png", data, {"Content-Type": "image/png"}
    )
    with urllib.request.urlopen(request) as answer:
        return answer.read()


def test_a_chosen_picture_is_translated_and_what_is_downloaded_is_the_answer(page, url):
    pixels = noise()

    give(page, as_file(pixels))

    name, data = saved(page)
    assert name == "garden-winter.png"
    assert data == posted(url, encoded(pixels))
    assert np.array_equal(pixels_of(data), 255 - pixels)
    expect(page.locator("#title")).to_have_text("Turn summer into winter")
    expect(page.locator("#time")).to_contain_text("translating")
    expect(page.locator("#sizes")).to_contain_text("32 × 24 pixels · model summer2winter@sha256:")


def test_a_dropped_picture_is_translated(page):
    shown(page, "#choose")
    script = """bytes => {
        const dropped = new DataTransfer();
        const options = {type: "image/png"};
        dropped.items.add(new File([new Uint8Array(bytes)], "dropped.png", options));
        return dropped;
    }"""
    dropped = page.evaluate_handle(script, list(encoded(RED)))

    page.dispatch_event("#intake", "dragover", {"dataTransfer": dropped})
    expect(page.locator("#intake")).to_have_class("large over")
    page.dispatch_event("main", "drop", {"dataTransfer": dropped})

    name, data = saved(page)
    assert name == "dropped-winter.png"
    assert np.array_equal(pixels_of(data), 255 - RED)
    expect(page.locator("#intake")).to_have_class("")


def test_a_pasted_picture_is_translated(browser, url):
    with visiting(browser, url, permissions=["clipboard-read", "clipboard-write"]) as page:
        shown(page, "#choose")
        script = """bytes => {
            const picture = new Blob([new Uint8Array(bytes)], {type: "image/png"});
            return navigator.clipboard.write([new ClipboardItem({"image/png": picture})]);
        }"""
        page.evaluate(script, list(encoded(RED)))

        page.keyboard.press("Control+V")

        assert np.array_equal(pixels_of(saved(page)[1]), 255 - RED)


def test_a_picture_is_taken_with_the_camera_and_translated(browser, url):
    with visiting(browser, url, permissions=["camera"]) as page:
        page.click("#take")
        page.click("#camera button[value=take]")

        name, data = saved(page)
        assert name == "camera-winter.jpg"
        assert pixels_of(data).shape[2] == 3
        expect(page.locator("#camera")).to_be_hidden()


def test_who_leaves_the_camera_has_taken_nothing(browser, url):
    with visiting(browser, url, permissions=["camera"]) as page:
        page.click("#take")
        shown(page, "#camera")
        page.keyboard.press("Escape")

        expect(page.locator("#camera")).to_be_hidden()
        expect(page.locator("#result")).to_be_hidden()


def test_a_camera_that_may_not_be_used_is_a_problem_in_words(page):
    page.click("#take")

    expect(shown(page, "#notice h2")).to_have_text("The camera may not be used")


def test_another_translation_is_chosen_by_the_names_of_its_domains(page):
    pixels = noise()
    give(page, as_file(pixels))

    page.get_by_role("radio", name="winter → summer").check(force=True)

    expect(page.locator("#title")).to_have_text("Turn winter into summer")
    expect(page.locator("#sizes")).to_contain_text("winter2summer")
    name, data = saved(page)
    assert name == "garden-summer.png"
    assert np.array_equal(pixels_of(data), pixels[..., ::-1])


def test_translations_of_the_same_name_are_told_apart_by_their_models(browser, tmp_path):
    for name in ("alps", "tundra"):
        write_inverting(tmp_path / name / "a2b.onnx")
    with opened(browser, tmp_path) as page:
        labels = [shown(page, f"#choice label:nth-of-type({n})").inner_text() for n in (1, 2)]

        assert labels == ["summer → winter (alps)", "summer → winter (tundra)"]
        page.get_by_role("radio", name="(tundra)").check(force=True)
        with page.expect_request("**/v1/translate/**") as request:
            give(page, as_file(RED))
        assert "/v1/translate/tundra%3Asummer2winter?" in request.value.url
        shown(page, "#download")
        expect(page.locator("#view")).to_be_hidden()  # these models know no way back


def test_the_way_back_is_translated_when_somebody_wants_to_see_it(page):
    pixels = noise()
    posts = []
    page.on("request", lambda each: posts.append(each.url) if each.method == "POST" else None)
    give(page, as_file(pixels))
    shown(page, "#download")
    assert len(posts) == 1

    page.get_by_role("radio", name="summer again").check(force=True)

    expect(page.locator("#sizes")).to_contain_text("winter2summer")
    name, data = saved(page)
    assert name == "garden-winter-summer.png"
    assert np.array_equal(pixels_of(data), (255 - pixels)[..., ::-1])
    assert len(posts) == 2
    page.get_by_role("radio", name="winter", exact=True).check(force=True)
    assert np.array_equal(pixels_of(saved(page)[1]), 255 - pixels)
    assert len(posts) == 2


def colours(page, *shares):
    """The colours of the slider at these shares of its width, a quarter above its bottom."""
    pixels = pixels_of(page.locator("#slider").screenshot())
    height, width = pixels.shape[:2]
    return [tuple(int(c) for c in pixels[height * 3 // 4, int(width * share)]) for share in shares]


BEFORE, AFTER = (200, 30, 40), (55, 225, 215)


def test_the_mouse_slides_between_before_and_after(page):
    give(page, as_file(RED))
    shown(page, "#slider input")
    assert colours(page, 0.4, 0.6) == [BEFORE, AFTER]
    box = page.locator("#slider").bounding_box()
    middle = box["y"] + box["height"] / 2

    page.mouse.move(box["x"] + box["width"] / 2, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 5, middle)
    page.mouse.up()

    assert colours(page, 0.15, 0.25) == [BEFORE, AFTER]


def test_a_finger_slides_between_before_and_after(browser, url):
    with visiting(browser, url, has_touch=True, viewport={"width": 360, "height": 740}) as page:
        give(page, as_file(RED))
        box = shown(page, "#slider").bounding_box()
        shown(page, "#slider input")

        page.touchscreen.tap(box["x"] + box["width"] * 0.8, box["y"] + box["height"] / 2)

        assert colours(page, 0.74, 0.86) == [BEFORE, AFTER]


def test_keys_slide_between_before_and_after(page):
    give(page, as_file(RED))
    slider = shown(page, "#slider input")
    slider.focus()

    page.keyboard.press("End")
    assert colours(page, 0.05, 0.9) == [BEFORE, BEFORE]
    page.keyboard.press("Home")
    assert colours(page, 0.05, 0.9) == [AFTER, AFTER]
    page.keyboard.press("ArrowRight")
    expect(slider).to_have_attribute("aria-valuetext", "1 % summer, 99 % winter")


def test_several_pictures_become_a_strip_to_choose_from(page):
    pictures = [noise(seed=seed) for seed in range(5)]

    give(page, *(as_file(each, f"{n}.png") for n, each in enumerate(pictures)))

    done = page.locator("#strip .row span")
    expect(done).to_have_text("5 of 5 translated", timeout=SECONDS * 1000)
    expect(page.locator("#strip progress")).to_have_js_property("value", 5)
    for n, pixels in enumerate(pictures):
        page.get_by_role("button", name=f"{n}.png, translated").click()
        name, data = saved(page)
        assert name == f"{n}-winter.png"
        assert np.array_equal(pixels_of(data), 255 - pixels)
    assert page.locator("#strip [aria-current=true]").count() == 1
    page.click("#clear")
    for place in ("#strip", "#result", "#facts"):
        expect(page.locator(place)).to_be_hidden()


def test_one_bad_picture_among_several_stops_none(page):
    text = {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"no picture"}

    give(page, as_file(RED, "1.png"), text, as_file(RED, "2.png"))

    done = page.locator("#strip .row span")
    expect(done).to_have_text("2 of 3 translated, 1 failed", timeout=SECONDS * 1000)
    page.get_by_role("button", name="notes.txt, failed").click()
    expect(shown(page, "#notice h2")).to_have_text("This is no picture that can be read")
    page.get_by_role("button", name="1.png, translated").click()
    expect(page.locator("#notice")).to_be_hidden()


def test_a_large_picture_is_reduced_before_it_is_sent(page):
    large = np.repeat(np.repeat(RED, 10, axis=0), 10, axis=1)

    with page.expect_response("**/v1/translate/**") as answer:
        give(page, as_file(large))

    assert "x-resized-from" not in answer.value.headers  # so the service had nothing to reduce
    expect(page.locator("#sizes")).to_contain_text("reduced here from 2000 × 1200")
    assert np.array_equal(pixels_of(saved(page)[1]), np.full((614, 1024, 3), AFTER))


def test_a_picture_of_a_turned_camera_stands_upright(page, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    (tmp_path / "turned.jpg").write_bytes(encoded(RED, "JPEG", exif=exif))

    give(page, tmp_path / "turned.jpg")

    expect(page.locator("#sizes")).to_contain_text("120 × 200 pixels")
    assert pixels_of(saved(page)[1]).shape == (200, 120, 3)


def test_a_format_that_the_browser_cannot_show_is_translated_all_the_same(page):
    pixels = noise()
    tiff = {"name": "scan.tif", "mimeType": "image/tiff", "buffer": encoded(pixels, "TIFF")}

    give(page, tiff)

    assert np.array_equal(pixels_of(saved(page)[1]), 255 - pixels)
    expect(page.locator("#slider .after")).to_be_visible()
    expect(page.locator("#slider input")).to_be_hidden()


def test_the_copied_command_gives_the_same_picture(browser, url, tmp_path):
    (tmp_path / "it's summer.png").write_bytes(encoded(noise()))
    with visiting(browser, url, permissions=["clipboard-read", "clipboard-write"]) as page:
        give(page, tmp_path / "it's summer.png")
        name, data = saved(page)

        page.click("summary")
        page.click("#copy")
        expect(page.locator("#copy")).to_have_text("Copied")
        command = page.evaluate("() => navigator.clipboard.readText()")

    subprocess.run(["bash", "-ec", f"{command} --silent --fail"], cwd=tmp_path, check=True)
    assert (tmp_path / name).read_bytes() == data
