"""The models that come with the project: a fresh clone serves four translations."""

from pathlib import Path

import numpy as np
import pytest

from cyclegan.contract import FILE_AB, FILE_BA
from service.catalogue import Catalogue
from service.engine import Engine

MODELS = Path(__file__).parents[1] / "models"
MOST_BYTES = 8e6
FOUR = ["painting2photo", "photo2painting", "summer2winter", "winter2summer"]


@pytest.fixture(scope="module")
def catalogue():
    return Catalogue.load(MODELS, Engine("cpu", threads=1))


def test_they_translate_in_four_ways(catalogue):
    pictures = np.random.default_rng(0).integers(0, 256, (50, 70, 3), dtype=np.uint8)

    assert sorted(catalogue.translations) == FOUR
    for name in FOUR:
        translated = catalogue.find(name).translate(pictures)
        assert translated.shape == pictures.shape
        assert not np.array_equal(translated, pictures)


@pytest.mark.parametrize("name", ["monet", "season"])
@pytest.mark.parametrize("file", [FILE_AB, FILE_BA])
def test_they_are_small(name, file):
    assert (MODELS / name / file).stat().st_size <= MOST_BYTES


@pytest.mark.parametrize("name", FOUR)
def test_their_cards_tell_how_they_were_trained_and_no_path(catalogue, name):
    training = catalogue.find(name).card.training

    assert training.origin.endswith("from the networks of an earlier training")
    assert training.steps > 1000  # of the last stage
    assert training.weights == "averaged"
    assert training.settings["preset"] == ("pyramid" if "summer" in name else "light")
    assert not any("/" in str(value) for value in training.settings.values())


@pytest.mark.parametrize("name", ["monet", "season"])
def test_a_page_beside_them_says_what_they_can_and_cannot(name):
    page = (MODELS / name / "README.md").read_text()

    for heading in ("What it can and cannot do", "Training", "Measured", "Licence"):
        assert f"\n## {heading}\n" in page
