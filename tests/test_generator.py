import pytest
import torch
from torch.nn import functional

from cyclegan.generator import Generator, GeneratorConfig, blurred_colours, smoothed
from cyclegan.networks import initialise


def parameters(network):
    return sum(p.numel() for p in network.parameters())


@pytest.mark.parametrize(("blocks", "count"), [(9, 11_378_179), (6, 7_837_699)])
def test_a_generator_has_as_many_weights_as_the_authors(blocks, count):
    assert parameters(Generator(GeneratorConfig(blocks=blocks))) == count


def test_separable_blocks_have_a_fraction_of_the_weights():
    full = parameters(Generator(GeneratorConfig(width=32, blocks=6)))
    separable = parameters(Generator(GeneratorConfig(width=32, blocks=6, block="separable")))

    assert separable < full / 4


@pytest.mark.parametrize("upsampling", ["transposed", "resize"])
@pytest.mark.parametrize("block", ["full", "separable"])
@pytest.mark.parametrize("norm", ["instance", "batch", "none"])
@pytest.mark.parametrize("output", ["image", "detail", "retouch"])
def test_the_output_has_the_size_of_the_input_and_the_range_of_tanh(
    output, upsampling, block, norm
):
    config = GeneratorConfig(
        width=4, blocks=1, upsampling=upsampling, block=block, norm=norm, output=output
    )

    images = Generator(config)(torch.rand(2, 3, 16, 24) * 2 - 1)

    assert images.shape == (2, 3, 16, 24)
    assert images.abs().max() <= 1


def test_the_least_side_works_and_less_does_not():
    generator = Generator(GeneratorConfig(width=4, blocks=1))

    assert generator(torch.zeros(1, 3, 8, 8)).shape == (1, 3, 8, 8)
    with pytest.raises((RuntimeError, ValueError)):
        generator(torch.zeros(1, 3, 4, 4))


def test_an_image_is_translated_alike_alone_and_in_a_batch():
    generator = Generator(GeneratorConfig(width=8, blocks=2)).eval()
    images = torch.rand(3, 3, 16, 16) * 2 - 1

    together = generator(images)
    alone = torch.cat([generator(image[None]) for image in images])

    torch.testing.assert_close(together, alone, rtol=0, atol=1e-5)


def test_a_residual_block_adds_what_the_functions_of_torch_compute():
    generator = Generator(GeneratorConfig(width=2, blocks=1))
    initialise(generator, seed=1)
    [block] = generator.transform
    x = torch.randn(1, 8, 6, 6)

    first, second = block.f[0], block.f[3]
    y = functional.conv2d(functional.pad(x, (1, 1, 1, 1), "reflect"), first.weight, first.bias)
    y = functional.relu(functional.instance_norm(y))
    y = functional.conv2d(functional.pad(y, (1, 1, 1, 1), "reflect"), second.weight, second.bias)
    expected = x + functional.instance_norm(y)

    torch.testing.assert_close(block(x), expected)


def test_bfloat16_still_gives_float32_images():
    generator = Generator(GeneratorConfig(width=4, blocks=1))

    with torch.autocast("cpu", torch.bfloat16):
        assert generator(torch.zeros(1, 3, 8, 8)).dtype is torch.float32


def details(**config):
    generator = Generator(GeneratorConfig(width=4, blocks=1, output="detail", **config))
    initialise(generator, seed=0)
    return generator


@pytest.mark.parametrize("size", [(8, 8), (12, 40), (64, 36)])
def test_details_are_painted_upon_the_colours_of_the_surroundings(size):
    generator = details()
    torch.nn.init.zeros_(generator.decode[-1].weight)
    images = torch.rand(1, 3, *size) * 2 - 1

    torch.testing.assert_close(generator(images), torch.tanh(blurred_colours(images)))


def test_colours_without_texture_stay_nearly_what_they_are():
    plain = torch.linspace(-1, 1, 3)[None, :, None, None].expand(1, 3, 24, 12)

    torch.testing.assert_close(torch.tanh(blurred_colours(plain)), plain, rtol=0, atol=0.04)


def test_blurred_colours_have_no_texture():
    stripes = torch.tensor([-1.0, 1.0]).repeat(32).expand(1, 3, 64, 64)

    assert blurred_colours(stripes).abs().max() < 1e-6


def test_blurred_colours_change_smoothly():
    ramp = torch.linspace(-0.5, 0.5, 64).expand(1, 3, 64, 64)

    steps = blurred_colours(ramp).diff(dim=3)

    assert steps[..., 16:-16].min() > 0.5 / 64
    assert steps.max() < 2 / 64


def test_the_colour_of_a_corner_is_that_of_its_surroundings_alone():
    """By hand: means of 4×4, then of those of the 5×5 around one that lie within the picture."""
    image = torch.zeros(1, 3, 32, 32)
    image[:, :, :4, :4] = 0.9

    colours = blurred_colours(image)

    assert colours[0, 0, 0, 0] == pytest.approx(0.1 / (1 - 0.1**2 / 2))
    assert colours[0, :, 16:, 16:].abs().max() == 0


def test_a_generator_of_details_tells_bright_pictures_from_dark_ones():
    """Instance norm alone would not: a generator without the colours gives both the same."""
    picture = torch.rand(1, 3, 16, 16) * 0.5
    knowing, blind = details(), Generator(GeneratorConfig(width=4, blocks=1))
    blind.load_state_dict(knowing.state_dict())

    def difference(generator):
        return (generator(picture + 0.4) - generator(picture - 0.6)).mean()

    assert difference(blind).abs() < 0.02
    assert difference(knowing) > 0.5


def test_colours_at_the_limit_pass_a_small_gradient():
    image = torch.ones(1, 3, 20, 20, requires_grad=True)

    blurred_colours(image)[:, :, 8:12, 8:12].sum().backward()

    assert image.grad.sum(dim=(2, 3)).max() <= 6.01 * 16


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


def retouching(strength):
    """A generator that paints nothing, and wants the finest structure as much stronger."""
    generator = Generator(GeneratorConfig(width=4, blocks=1, output="retouch"))
    torch.nn.init.zeros_(generator.decode[-1].weight)
    with torch.no_grad():
        generator.decode[-1].bias.copy_(torch.tensor([0.0, 0.0, 0.0, strength]))
    return generator


@pytest.mark.parametrize(("strength", "share"), [(-1.0, 0.0), (0.0, 1.0), (0.5, 1.5)])
def test_the_finest_of_the_input_is_as_strong_as_the_generator_says(strength, share):
    image = torch.rand(1, 3, 24, 16) * 0.8 - 0.4

    images = retouching(strength)(image)

    expected = torch.tanh(blurred_colours(image)) + share * (image - smoothed(image))
    torch.testing.assert_close(images, expected)


def test_snow_keeps_its_texture():
    """At 0.9 the slope of tanh is a fifth."""
    snow = 0.9 + 0.05 * torch.tensor([-1.0, 1.0]).repeat(12).expand(1, 3, 24, 24)

    given = retouching(0.0)(snow)

    torch.testing.assert_close(given - smoothed(given), snow - smoothed(snow), rtol=0, atol=1e-3)


def test_what_is_painted_is_smoothed():
    generator = retouching(-1.0)
    torch.nn.init.normal_(generator.decode[-1].weight[:3])
    image = torch.rand(1, 3, 32, 32) * 2 - 1
    painted = generator.decode(generator.transform(generator.encode(image)))[:, :3]

    images = generator(image)

    expected = torch.tanh(smoothed(painted) + blurred_colours(image))
    torch.testing.assert_close(images, expected)


def test_the_finest_is_taken_in_float32_under_autocast():
    image = torch.rand(1, 3, 16, 16) * 2 - 1

    expected = smoothed(image)

    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(smoothed(image), expected, rtol=0, atol=0)
