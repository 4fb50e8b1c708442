import pytest
import torch
from hypothesis import given
from hypothesis.strategies import floats
from torch.nn import functional

from cyclegan.generator import Generator, GeneratorConfig, moved
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
def test_the_output_has_the_size_of_the_input_and_the_range_of_tanh(upsampling, block, norm):
    config = GeneratorConfig(width=4, blocks=1, upsampling=upsampling, block=block, norm=norm)

    images = Generator(config)(torch.randn(2, 3, 16, 24))

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


def test_a_generator_of_changes_begins_by_copying():
    generator = Generator(GeneratorConfig(width=4, blocks=1, output="change"))
    initialise(generator, seed=0)
    images = torch.rand(1, 3, 16, 16) * 2 - 1

    assert torch.equal(generator(images), images)


@pytest.mark.parametrize(
    ("value", "share", "expected"),
    [(0.5, 0, 0.5), (0.5, 0.5, 0.75), (0.5, -0.5, -0.25), (-1, 1, 1), (1, -1, -1), (1, 1, 1)],
)
def test_a_value_moves_by_a_share_of_its_way(value, share, expected):
    assert moved(torch.tensor(float(value)), torch.tensor(float(share))) == expected


@given(value=floats(-1, 1, width=32), share=floats(-1, 1, width=32))
def test_a_change_stays_in_range_and_passes_no_more_gradient_than_comes(value, share):
    x = torch.tensor(value, requires_grad=True)

    y = moved(x, torch.tensor(share))
    y.backward()

    assert -1 <= y <= 1
    assert 0 <= x.grad <= 1


def test_a_generator_of_changes_moves_the_image_by_what_another_would_give():
    config = GeneratorConfig(width=4, blocks=1)
    whole, change = Generator(config), Generator(config.model_copy(update={"output": "change"}))
    change.load_state_dict(whole.state_dict())
    images = torch.rand(1, 3, 16, 16) * 2 - 1

    torch.testing.assert_close(change(images), moved(images, whole(images)))
