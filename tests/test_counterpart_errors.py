"""How far translations are from the truth, and which labels are right."""

import numpy as np
import pytest
import torch
from label_map_files import RED, SAND, SEA, label_map

from cyclegan.errors import DataError
from evaluation.counterpart_errors import counterpart_errors
from evaluation.label_maps import label_accuracy, nominal_colours


def noise(count, side=32):
    return torch.randint(0, 256, (count, 3, side, side), dtype=torch.uint8)


def test_the_colours_of_label_maps_are_found_through_what_jpeg_has_made_of_them():
    maps = torch.stack([label_map(seed) for seed in range(8)])
    assert len(maps.flatten(2).transpose(1, 2).reshape(-1, 3).unique(dim=0)) > 1000

    colours = nominal_colours(maps)

    assert len(colours) == 3
    for found, true in zip(sorted(colours.tolist()), sorted((RED, SEA, SAND)), strict=True):
        assert np.abs(np.subtract(found, true)).max() <= 6


def test_pictures_of_many_colours_are_no_label_maps():
    gradients = torch.linspace(0, 255, 96).byte().expand(3, 96, 96)
    pictures = torch.stack([gradients.roll(shift, 0) for shift in range(3)])
    pictures[:, 0] = pictures[:, 0].transpose(1, 2)  # a 97th of all combinations of two

    with pytest.raises(DataError, match=r"the 32 most frequent .* expected label maps"):
        nominal_colours(pictures)
    with pytest.raises(DataError, match=r"the 0 most frequent .* expected label maps"):
        nominal_colours(noise(3))


def test_a_flat_picture_is_a_label_map_of_one_colour():
    assert nominal_colours(torch.full((2, 3, 16, 16), 7, dtype=torch.uint8)).tolist() == [[7] * 3]


def test_labels_are_right_where_the_nearest_colour_is():
    colours = torch.tensor([RED, SEA, SAND]).float()
    truth = torch.tensor([RED, SEA, SAND, SEA]).T.reshape(1, 3, 2, 2).byte()
    nearly = torch.tensor([(180, 40, 40), (20, 100, 180), SEA, SEA]).T.reshape(1, 3, 2, 2).byte()

    assert label_accuracy(truth, truth, colours) == 1
    assert label_accuracy(nearly, truth, colours) == 0.75


def test_a_colour_between_two_labels_belongs_to_the_nearer_one():
    greys = torch.tensor([0.0, 100, 255])[:, None].expand(3, 3)
    truth, between = (torch.full((1, 3, 1, 1), grey, dtype=torch.uint8) for grey in (100, 140))

    assert label_accuracy(between, truth, greys) == 1


def test_ssim_of_plain_pictures_is_the_formula():
    """Without any texture only the means are compared (Wang et al. 2004, equation 6)."""
    black, grey = (torch.full((1, 3, 16, 16), value, dtype=torch.uint8) for value in (0, 10))
    stabiliser = (0.01 * 255) ** 2

    errors = counterpart_errors(black, grey, black, None)

    assert errors.untranslated.ssim == pytest.approx(1)
    assert errors.translated.ssim == pytest.approx(stabiliser / (10**2 + stabiliser))


def test_errors_to_the_counterpart_stand_beside_those_of_doing_nothing():
    truth, source = noise(3), noise(3)
    half = ((truth.int() + source.int()) // 2).byte()

    errors = counterpart_errors(source, half, truth, None)

    assert errors.translated.l1 == pytest.approx(errors.untranslated.l1 / 2, rel=0.02)
    expected = (source.double() - truth.double()).abs().mean() / 127.5
    assert errors.untranslated.l1 == pytest.approx(expected.item(), rel=1e-5)
    assert errors.untranslated.ssim < 0.1 < errors.translated.ssim < 1
    assert errors.labels is errors.translated.label_accuracy is None


def test_what_is_translated_into_its_counterpart_is_perfect():
    maps = torch.stack([label_map(seed) for seed in range(3)])

    errors = counterpart_errors(maps.flip(0), maps, maps, nominal_colours(maps))

    assert errors.labels == 3
    assert errors.translated.model_dump() == pytest.approx(
        {"l1": 0, "ssim": 1, "label_accuracy": 1}
    )
    assert errors.untranslated.label_accuracy < 1
