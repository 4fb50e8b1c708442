import pytest
import torch
from torch.nn import functional

from cyclegan.generator import Generator, GeneratorConfig
from cyclegan.networks import initialise
from cyclegan.retouching import retouched, retouched_lightly, retouched_twice, surroundings


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
@pytest.mark.parametrize("output", ["image", "detail", "retouch", "pyramid"])
@pytest.mark.parametrize("ends", ["paper", "light"])
def test_the_output_has_the_size_of_the_input_and_the_range_of_tanh(
    ends, output, upsampling, block, norm
):
    config = GeneratorConfig(
        width=4, blocks=1, upsampling=upsampling, block=block, norm=norm, output=output, ends=ends
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


def test_light_ends_have_half_of_the_channels_at_the_full_size():
    generator = Generator(GeneratorConfig(width=8, blocks=1, ends="light"))
    images = torch.rand(1, 3, 16, 24) * 2 - 1

    features = generator.encode(images)
    behind = generator.decode[:-1](features)

    assert generator.encode[0](images).shape == (1, 4, 16, 24)
    assert generator.encode[0][0].weight.shape == (4, 3, 7, 7)
    assert generator.encode[:2](images).shape == (1, 16, 8, 12)
    assert features.shape == (1, 32, 4, 6)
    assert behind.shape == (1, 4, 16, 24)
    assert generator.decode[-1].weight.shape == (3, 4, 5, 5)


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

    torch.testing.assert_close(generator(images), torch.tanh(surroundings(images, 4)))


def test_a_generator_of_details_tells_bright_pictures_from_dark_ones():
    """Instance norm alone would not: a generator without the colours gives both the same."""
    picture = torch.rand(1, 3, 16, 16) * 0.5
    knowing, blind = details(), Generator(GeneratorConfig(width=4, blocks=1))
    blind.load_state_dict(knowing.state_dict())

    def difference(generator):
        return (generator(picture + 0.4) - generator(picture - 0.6)).mean()

    assert difference(blind).abs() < 0.02
    assert difference(knowing) > 0.5


@pytest.mark.parametrize(
    ("config", "shape", "lay"),
    [
        ({"output": "retouch"}, (2, 4, 16, 24), retouched),
        ({"output": "retouch", "ends": "light"}, (2, 4, 16, 24), retouched_lightly),
        ({"output": "pyramid"}, (2, 5, 8, 12), retouched_twice),
        ({"output": "pyramid", "ends": "light"}, (2, 5, 8, 12), retouched_twice),
    ],
)
def test_what_is_painted_is_laid_under_the_structure_of_the_input(config, shape, lay):
    generator = Generator(GeneratorConfig(width=4, blocks=1, **config))
    images = torch.rand(2, 3, 16, 24) * 2 - 1

    painted = generator.decode(generator.transform(generator.encode(images)))

    assert painted.shape == shape
    torch.testing.assert_close(generator(images), lay(painted, images, torch.tanh))
