import numpy as np
import pytest
from PIL import Image

from service.full_size import laid_over, seen_by_model


@pytest.fixture
def photo():
    """Fine structure of its own upon soft colours."""
    random = np.random.default_rng(0)
    soft = Image.fromarray(random.integers(60, 196, (6, 9, 3), dtype=np.uint8))
    grain = random.integers(-20, 21, (200, 300, 1))
    return (np.asarray(soft.resize((300, 200))) + grain).astype(np.uint8)


def translated(photo, edge, model):
    seen = seen_by_model(photo, edge)
    return laid_over(photo, seen, model(seen))


def test_the_model_sees_no_side_longer_than_it_shall_and_the_aspect_stays(photo):
    assert seen_by_model(photo, 90).shape == (60, 90, 3)
    assert seen_by_model(photo.transpose(1, 0, 2), 90).shape == (90, 60, 3)


@pytest.mark.parametrize("edge", [None, 300, 1000])
def test_a_picture_that_is_small_enough_is_translated_as_ever(photo, edge):
    np.testing.assert_array_equal(translated(photo, edge, lambda seen: 255 - seen), 255 - photo)


def test_a_model_that_changes_nothing_leaves_every_pixel(photo):
    np.testing.assert_array_equal(translated(photo, 64, np.copy), photo)


def test_colours_change_and_the_fine_structure_stays(photo):
    def tint(seen):
        return (seen + np.array([30, 0, -20])).clip(0, 255).astype(np.uint8)

    result = translated(photo, 64, tint)

    expected = (photo + np.array([30, 0, -20])).clip(0, 255)
    np.testing.assert_array_equal(result, expected)


def test_what_would_be_beyond_black_and_white_is_cut_off():
    bright = np.full((100, 200, 3), 240, np.uint8)
    bright[::2] = 250

    result = translated(bright, 64, lambda seen: np.full_like(seen, 255))

    assert result[0, 0].tolist() == [255, 255, 255]
    assert result.min() >= 249


def test_a_change_is_made_where_the_model_makes_it(photo):
    def darken_the_right(seen):
        changed = seen.astype(int)
        changed[:, seen.shape[1] // 2 :] -= 20
        return changed.clip(0, 255).astype(np.uint8)

    difference = photo.astype(int) - translated(photo, 100, darken_the_right)

    assert abs(difference[:, :140]).max() <= 1
    assert abs(difference[:, 160:] - 20).max() <= 1
