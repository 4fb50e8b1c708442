import pytest
import torch
from torch.nn.functional import avg_pool2d, conv2d, interpolate, pad

from cyclegan.retouching import (
    retouched,
    retouched_lightly,
    retouched_twice,
    smoothed,
    surroundings,
)


def test_colours_without_texture_stay_nearly_what_they_are():
    plain = torch.linspace(-1, 1, 3)[None, :, None, None].expand(1, 3, 24, 12)

    torch.testing.assert_close(torch.tanh(surroundings(plain, 4)), plain, rtol=0, atol=0.04)


def test_colours_of_surroundings_have_no_texture():
    stripes = torch.tensor([-1.0, 1.0]).repeat(32).expand(1, 3, 64, 64)

    assert surroundings(stripes, 4).abs().max() < 1e-6


def test_colours_of_surroundings_change_smoothly():
    ramp = torch.linspace(-0.5, 0.5, 64).expand(1, 3, 64, 64)

    steps = surroundings(ramp, 4).diff(dim=3)

    assert steps[..., 16:-16].min() > 0.5 / 64
    assert steps.max() < 2 / 64


def test_the_colour_of_a_corner_is_that_of_its_surroundings_alone():
    """By hand: means of 4×4, then of those of the 5×5 around one that lie within the picture."""
    image = torch.zeros(1, 3, 32, 32)
    image[:, :, :4, :4] = 0.9

    colours = surroundings(image, 4)

    assert colours[0, 0, 0, 0] == pytest.approx(0.1 / (1 - 0.1**2 / 2))
    assert colours[0, :, 16:, 16:].abs().max() == 0


def test_colours_at_the_limit_pass_a_small_gradient():
    image = torch.ones(1, 3, 20, 20, requires_grad=True)

    surroundings(image, 4)[:, :, 8:12, 8:12].sum().backward()

    assert image.grad.sum(dim=(2, 3)).max() <= 6.01 * 16


@pytest.mark.parametrize("size", [(8, 8), (12, 40)])
def test_colours_of_surroundings_can_be_had_at_half_the_size(size):
    image = torch.rand(1, 3, *size) * 2 - 1

    assert surroundings(image, 2).shape == (1, 3, size[0] // 2, size[1] // 2)
    whole = interpolate(surroundings(image, 1), scale_factor=4, mode="bilinear")
    torch.testing.assert_close(surroundings(image, 4), whole)


def test_smoothing_weighs_5_by_5_pixels_binomially():
    """By hand: 1 4 6 4 1, and once more where the border mirrors it."""
    spot = torch.zeros(1, 1, 16, 16)
    spot[:, :, 8, 1] = 256

    expected = torch.outer(torch.tensor([1.0, 4, 6, 4, 1]), torch.tensor([8.0, 7, 4, 1]))
    torch.testing.assert_close(smoothed(spot)[0, 0, 6:11, :4], expected)
    assert smoothed(spot).sum() == expected.sum()


def test_smoothing_takes_away_what_alternates_from_pixel_to_pixel():
    checks = torch.tensor([[-1.0, 1.0], [1.0, -1.0]]).repeat(8, 8).expand(2, 3, 16, 16)

    assert smoothed(checks).abs().max() < 1e-6


def test_smoothing_is_done_in_float32_under_autocast():
    image = torch.rand(1, 3, 16, 16) * 2 - 1

    expected = smoothed(image)

    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(smoothed(image), expected, rtol=0, atol=0)


def painted(image, *strengths):
    """What a generator gives that paints nothing: one strength, or two at half the size."""
    one, _, height, width = image.shape
    values = torch.tensor([0.0, 0.0, 0.0, *strengths])[None, :, None, None]
    return values.expand(one, -1, height // len(strengths), width // len(strengths))


def enlarged(images):
    return interpolate(images, scale_factor=2, mode="bilinear")


def test_a_picture_painted_as_it_was_is_given_back():
    image = torch.rand(1, 3, 24, 16) * 2 - 1
    half = avg_pool2d(image, 2)

    once = retouched(painted(image, 0.0), image, lambda _colours: smoothed(image))
    twice = retouched_twice(painted(image, 0.0, 0.0), image, lambda _colours: smoothed(half))
    lightly = retouched_lightly(painted(image, 0.0), image, lambda _colours: enlarged(half))

    torch.testing.assert_close(once, image)
    torch.testing.assert_close(lightly, image)
    torch.testing.assert_close(twice, image)


def test_without_any_structure_it_is_what_was_painted_smoothed():
    image = torch.rand(1, 3, 32, 32) * 2 - 1
    paint = torch.cat([torch.randn(1, 3, 32, 32), torch.full((1, 1, 32, 32), -1.0)], dim=1)

    images = retouched(paint, image, torch.tanh)

    expected = torch.tanh(smoothed(paint[:, :3]) + surroundings(image, 4))
    torch.testing.assert_close(images, expected)


def test_without_any_structure_it_is_lightly_smoothed_too():
    """By 1 2 1 along both axes, which is written here as a convolution."""
    image = torch.rand(1, 3, 32, 32) * 2 - 1
    paint = torch.cat([torch.randn(1, 3, 32, 32), torch.full((1, 1, 32, 32), -1.0)], dim=1)

    images = retouched_lightly(paint, image, torch.tanh)

    kernel = torch.outer(torch.tensor([1.0, 2, 1]), torch.tensor([1.0, 2, 1])) / 16
    colours = pad(paint[:, :3], (1, 1, 1, 1), mode="reflect")
    colours = conv2d(colours, kernel.expand(3, 1, 3, 3), groups=3)
    expected = torch.tanh(colours + enlarged(surroundings(image, 2)))
    torch.testing.assert_close(images, expected)


def test_without_any_structure_of_either_size_it_is_enlarged_too():
    image = torch.rand(1, 3, 32, 32) * 2 - 1
    paint = torch.cat([torch.randn(1, 3, 16, 16), torch.full((1, 2, 16, 16), -1.0)], dim=1)

    images = retouched_twice(paint, image, torch.tanh)

    expected = enlarged(torch.tanh(smoothed(paint[:, :3]) + surroundings(image, 2)))
    torch.testing.assert_close(images, expected)


@pytest.mark.parametrize("strength", [-0.5, 0.0, 0.5])
def test_the_finest_structure_is_as_strong_as_the_generator_says(strength):
    image = torch.rand(1, 3, 24, 16) * 0.8 - 0.4

    images = retouched(painted(image, strength), image, torch.tanh)

    added = images - torch.tanh(surroundings(image, 4))
    torch.testing.assert_close(added, (1 + strength) * (image - smoothed(image)))


@pytest.mark.parametrize("strength", [-0.5, 0.0, 0.5])
def test_what_halving_loses_is_as_strong_as_the_generator_says(strength):
    image = torch.rand(1, 3, 24, 16) * 0.8 - 0.4

    images = retouched_lightly(painted(image, strength), image, torch.tanh)

    added = images - torch.tanh(enlarged(surroundings(image, 2)))
    expected = (1 + strength) * (image - enlarged(avg_pool2d(image, 2)))
    torch.testing.assert_close(added, expected)


@pytest.mark.parametrize("strength", [-0.5, 0.0, 0.5])
def test_the_structure_of_either_size_is_as_strong_as_the_generator_says(strength):
    image = torch.rand(1, 3, 24, 16) * 0.4 - 0.2
    half = avg_pool2d(image, 2)

    def made(of_half, of_whole):
        return retouched_twice(painted(image, of_half, of_whole), image, torch.tanh)

    of_half, of_whole = made(strength, -1) - made(-1, -1), made(-1, strength) - made(-1, -1)

    torch.testing.assert_close(of_half, (1 + strength) * enlarged(half - smoothed(half)))
    torch.testing.assert_close(of_whole, (1 + strength) * (image - enlarged(half)))


@pytest.mark.parametrize(
    ("lay", "strengths"),
    [(retouched, (0.0,)), (retouched_lightly, (0.0,)), (retouched_twice, (0.0, 0.0))],
)
def test_snow_keeps_its_texture(lay, strengths):
    """At 0.9 the slope of tanh is a fifth."""
    snow = 0.9 + 0.05 * torch.tensor([-1.0, 1.0]).repeat(12).expand(1, 3, 24, 24)

    given = lay(painted(snow, *strengths), snow, torch.tanh)

    torch.testing.assert_close(given - smoothed(given), snow - smoothed(snow), rtol=0, atol=1e-3)
