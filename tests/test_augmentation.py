import pytest
import torch

from training.augmentation import Augmentation
from training.device import seed_step


def ramp(count=64, height=8, width=16):
    """Images whose pixels all differ, so that each tells where it came from."""
    images = torch.linspace(-1, 1, 3 * height * width).view(1, 3, height, width)
    return images.expand(count, -1, -1, -1).clone()


def test_without_changes_images_are_what_they_were():
    torch.testing.assert_close(Augmentation(())(ramp()), ramp(), rtol=0, atol=0)


def test_a_translation_shifts_each_image_by_whole_pixels_and_is_grey_outside():
    seed_step(0, 0)
    images = ramp()
    shifts = set()

    for image, shifted in zip(images, Augmentation(("translation",))(images), strict=True):
        down, right = next(
            (down, right)
            for down in (-1, 0, 1)
            for right in (-2, -1, 0, 1, 2)
            if torch.equal(shifted, moved(image, down, right))
        )
        shifts.add((down, right))

    assert len(shifts) > 10
    assert {down for down, _ in shifts} == {-1, 0, 1}
    assert {right for _, right in shifts} == {-2, -1, 0, 1, 2}


def moved(image, down, right):
    """Written pixel by pixel, as the definition says."""
    result = torch.zeros_like(image)
    _, height, width = image.shape
    for row in range(height):
        for column in range(width):
            if 0 <= row - down < height and 0 <= column - right < width:
                result[:, row, column] = image[:, row - down, column - right]
    return result


def test_a_cutout_is_one_grey_rectangle_of_at_most_half_the_sides():
    seed_step(0, 0)
    images = torch.ones(200, 3, 16, 24)

    cut = Augmentation(("cutout",))(images) == 0

    assert (cut[:, :1] == cut).all()
    areas = cut[:, 0].sum(dim=(1, 2))
    assert areas.max() == 8 * 12
    assert areas.min() <= 8 * 12 / 3  # at a corner most of it lies outside
    rows, columns = cut[:, 0].any(dim=2), cut[:, 0].any(dim=1)
    assert (areas == rows.sum(dim=1) * columns.sum(dim=1)).all()
    assert len({tuple(row.tolist()) for row in rows}) > 10


def test_colours_change_by_brightness_saturation_and_contrast_of_each_image():
    seed_step(0, 0)
    images = torch.rand(500, 3, 4, 4) * 2 - 1

    changed = Augmentation(("color",))(images)

    # Grey keeps its order whatever the saturation: it is scaled by the contrast, and shifted.
    grey, changed_grey = images.mean(dim=1).flatten(1), changed.mean(dim=1).flatten(1)
    contrast = changed_grey.std(dim=1) / grey.std(dim=1)
    assert 0.5 <= contrast.min() < 0.55
    assert 1.45 < contrast.max() <= 1.5
    brightness = changed_grey.mean(dim=1) - grey.mean(dim=1)
    assert -0.5 <= brightness.min() < -0.45
    assert 0.45 < brightness.max() <= 0.5
    saturation = (changed - changed.mean(dim=1, keepdim=True)).flatten(1).std(dim=1)
    saturation /= contrast * (images - images.mean(dim=1, keepdim=True)).flatten(1).std(dim=1)
    assert 0 <= saturation.min() < 0.1
    assert 1.9 < saturation.max() <= 2.001


@pytest.mark.parametrize("change", ["color", "translation", "cutout"])
def test_gradients_flow_back_to_what_is_shown(change):
    seed_step(0, 0)
    images = ramp(8).requires_grad_()

    Augmentation((change,))(images).square().sum().backward()

    assert images.grad is not None
    shown = (images.grad != 0).float().mean()
    assert 0.4 < shown <= 1


@pytest.mark.parametrize("change", ["color", "translation", "cutout"])
def test_images_are_changed_by_the_seed_alone_and_each_in_its_own_way(change):
    first, again, other = (
        (seed_step(0, step), Augmentation((change,))(ramp(4)))[1] for step in (1, 1, 2)
    )

    torch.testing.assert_close(first, again, rtol=0, atol=0)
    assert not torch.equal(first, other)
    assert not torch.equal(first[0], first[1])
