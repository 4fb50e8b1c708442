"""What the page says when something goes wrong, each with the real service or browser."""

import hashlib
import json
import shutil
import time
import urllib.request
from contextlib import contextmanager

import pytest
from fake_models import write_models
from live_server import running, url_in_line
from page_visit import SECONDS, as_file, encoded, give, noise, saved, shown, visiting
from playwright.sync_api import expect

from benchmarks.browser import MISSING, browsing, find_chromium
from benchmarks.load_service import serving

pytestmark = pytest.mark.skipif(not find_chromium(), reason=MISSING)

KEY = "schlüssel"  # not of ASCII alone


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return write_models(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def browser():
    with browsing() as browser:
        yield browser


@pytest.fixture(scope="module")
def url(models):
    with served(models) as url:
        yield url


@contextmanager
def served(models, *flags):
    with serving(models, ["--threads", "1", *flags]) as service:
        yield f"http://127.0.0.1:{service.port}/"


def told(page):
    """What the page says: title, detail, and the small line below."""
    place = shown(page, "#notice")
    return [place.locator(each).inner_text() for each in ("h2", ".detail", ".small")]


def test_a_file_that_is_no_picture_is_told_in_the_services_words(browser, url):
    with visiting(browser, url) as page:
        give(page, {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"no picture"})

        title, detail, small = told(page)
        assert title == "This is no picture that can be read"
        assert detail.startswith("The bytes are of no known picture format; JPEG, PNG")
        assert small.startswith("415 unsupported-image-type · request ")
        expect(page.locator("#notice button")).to_be_hidden()  # it would fail again


def test_a_picture_that_is_cut_short_is_told_too(browser, url):
    with visiting(browser, url) as page:
        cut = encoded(noise())[:60]
        give(page, {"name": "cut.png", "mimeType": "image/png", "buffer": cut})

        assert told(page)[0] == "The picture cannot be decoded"


def test_a_file_beyond_the_limit_is_told_with_both_sizes_and_never_sent(browser, models):
    with served(models, "--max-body-bytes", "20000") as url, visiting(browser, url) as page:
        sent = []
        page.on("request", lambda each: sent.append(each.method))
        give(page, {"name": "scan.tif", "mimeType": "image/tiff", "buffer": bytes(30_000)})

        title, detail, _ = told(page)
        assert title == "The file is too large"
        assert "It has 0.03 MB; the service takes at most 0.02 MB" in detail
        assert "POST" not in sent


def test_a_picture_of_too_many_bytes_is_sent_as_a_smaller_file(browser, models):
    with served(models, "--max-body-bytes", "20000") as url, visiting(browser, url) as page:
        pixels = noise(90, 90)
        assert len(encoded(pixels)) > 20_000

        give(page, as_file(pixels))

        assert saved(page)[0] == "garden-winter.png"


def test_too_many_requests_are_told_and_can_be_tried_again(browser, models):
    with served(models, "--rate-limit", "1/minute") as url, visiting(browser, url) as page:
        give(page, as_file(noise(), "1.png"))
        saved(page)
        give(page, as_file(noise(), "2.png"))

        title, detail, small = told(page)
        assert title == "This is more than a caller may ask for"
        assert "come again in" in detail
        assert small.startswith("429 rate-limited")
        expect(page.locator("#notice button")).to_be_visible()


def test_a_deadline_that_passes_is_told(browser, models):
    with served(models, "--deadline-seconds", "0.000001") as url, visiting(browser, url) as page:
        give(page, as_file(noise()))

        title, detail, small = told(page)
        assert title == "The service could not answer in time"
        assert detail == "There was no result after 1e-06 seconds."
        assert small.startswith("504 deadline")
        expect(page.locator("#notice button")).to_be_visible()


def test_a_service_that_stops_says_so_and_one_that_is_gone_is_missed(browser, models):
    with (
        serving(models, ["--threads", "1", "--drain-seconds", "20"]) as service,
        visiting(browser, f"http://127.0.0.1:{service.port}/") as page,
    ):
        shown(page, "#choose")
        service.terminate()
        while service.probe("/readyz") < float("inf"):
            time.sleep(0.02)

        give(page, as_file(noise()))
        title, _, small = told(page)
        assert title == "The service is about to stop"
        assert small.startswith("503 draining")

        service.end()
        page.click("#notice button")
        expect(page.locator("#notice h2")).to_have_text("The service does not answer")


def test_what_failed_while_the_device_was_offline_is_tried_again(browser, url):
    with visiting(browser, url) as page:
        shown(page, "#choose")
        page.context.set_offline(True)
        give(page, as_file(noise(seed=1), "1.png"), as_file(noise(seed=2), "2.png"))
        count = page.locator("#strip .row span")
        expect(count).to_have_text("0 of 2 translated, 2 failed", timeout=SECONDS * 1000)
        assert told(page)[0] == "The service does not answer"

        page.context.set_offline(False)
        page.click("#notice button")

        expect(count).to_have_text("2 of 2 translated", timeout=SECONDS * 1000)
        expect(page.locator("#notice")).to_be_hidden()


def test_an_answer_of_something_in_between_is_not_taken_for_the_services(browser, url):
    with visiting(browser, url) as page:
        page.route("**/v1/translate/**", lambda route: route.fulfill(status=502, body="<h1>Bad"))
        give(page, as_file(noise()))

        title, detail, _ = told(page)
        assert title == "This is not an answer of the service"
        assert "502" in detail


def test_a_service_that_asks_for_a_key_gets_it_and_nobody_else_does(browser, models):
    digest = hashlib.sha256(KEY.encode()).hexdigest()
    with served(models, "--api-keys", digest) as url, visiting(browser, url) as page:
        field = page.get_by_label("This service asks for a key")
        expect(field).to_be_focused()
        expect(page.locator("#intake")).to_be_hidden()

        field.fill("wrong")
        page.keyboard.press("Enter")
        expect(page.locator("#key-problem")).to_have_text("The API key is not known.")
        expect(field).to_have_attribute("aria-invalid", "true")

        field.fill(KEY)
        page.keyboard.press("Enter")
        expect(page.locator("#key")).to_be_hidden()
        give(page, as_file(noise()))
        saved(page)
        expect(page.locator("#command")).to_contain_text('-H "X-API-Key: $KEY"')
        assert KEY not in page.locator("#command").inner_text()

        page.reload()
        shown(page, "#choose")  # the tab has kept it


def test_a_key_that_is_no_longer_taken_is_asked_for_again_and_the_picture_stays(browser, models):
    digest = hashlib.sha256(KEY.encode()).hexdigest()
    with served(models, "--api-keys", digest) as url, visiting(browser, url) as page:
        page.locator("#key-text").fill(KEY)
        page.keyboard.press("Enter")
        shown(page, "#choose")
        page.evaluate("() => sessionStorage.setItem('cyclegan.key', 'old')")
        give(page, as_file(noise()))

        expect(page.locator("#key-problem")).to_have_text("The API key is not known.")
        page.locator("#key-text").fill(KEY)
        page.keyboard.press("Enter")

        assert saved(page)[0] == "garden-winter.png"


def test_where_there_is_no_model_the_page_says_how_to_get_one(browser, tmp_path):
    with running("--models", f"{tmp_path}", "--wait-for-models") as process:
        url = url_in_line(process, begin="serving")
        with visiting(browser, url) as page:
            expect(shown(page, "#empty")).to_contain_text("make demo")
            expect(page.locator("#empty")).to_contain_text("./models")
            expect(page.locator("#intake")).to_be_hidden()
            write_models(tmp_path)
            wait_for(lambda: listed(f"{url}/")["models"])

            page.reload()

            shown(page, "#intake")


def test_a_new_model_and_a_broken_one_are_seen_after_a_reload(browser, tmp_path):
    write_models(tmp_path)
    with served(tmp_path) as url, visiting(browser, url) as page:
        shown(page, "#choose")
        expect(page.locator("#warning")).to_be_hidden()
        shutil.copytree(tmp_path / "seasons", tmp_path / "another")
        (tmp_path / "torn").mkdir()
        (tmp_path / "torn" / "a2b.onnx").write_bytes(b"no model")
        wait_for(lambda: listed(url)["broken"] == ["torn"])

        page.reload()

        expect(shown(page, "#warning")).to_contain_text("Could not be loaded: torn.")
        assert page.locator("#choice label").count() == 4


def listed(url):
    with urllib.request.urlopen(f"{url}v1/models") as answer:
        return json.load(answer)


def wait_for(holds):
    end = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.1)
