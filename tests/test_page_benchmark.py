"""What measures the page and draws the README's pictures of it."""

import sys
from pathlib import Path

import pytest
from fake_models import write_models
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1]))  # benchmarks/ is not installed

from benchmarks import browser, page, page_pictures
from benchmarks.browser import MISSING, find_chromium

needs_chromium = pytest.mark.skipif(not find_chromium(), reason=MISSING)


@needs_chromium
def test_the_first_translation_is_measured_in_the_browser_and_in_the_service(monkeypatch, capsys):
    monkeypatch.setattr(page, "_SIZES", ((64, 48),))

    [[wait]] = page.measure(page.PageSettings(preset="tiny", rounds=1)).values()
    assert wait.all > wait.in_service > 0

    monkeypatch.setattr(page, "measure", lambda settings: {(64, 48): [wait]})
    assert page.main(["--preset", "tiny"]) == 0
    assert "64 × 48" in capsys.readouterr().out


@needs_chromium
def test_the_pictures_for_the_readme_are_small_and_show_the_whole_width(tmp_path):
    models = write_models(tmp_path / "models")

    assert page_pictures.main(["--models", str(models), "--out", str(tmp_path)]) == 0

    for name, width in (("page.webp", 1000), ("page_phone.webp", 780)):
        with Image.open(tmp_path / name) as picture:
            assert picture.width == width
        assert (tmp_path / name).stat().st_size < 200_000


def test_without_a_browser_the_way_out_is_named(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(browser.shutil, "which", lambda name: None)
    models = write_models(tmp_path / "models")

    assert page_pictures.main(["--models", str(models), "--out", str(tmp_path)]) == 2
    assert "apt-get install chromium" in capsys.readouterr().err
