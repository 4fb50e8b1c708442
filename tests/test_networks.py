import pytest
import torch

from cyclegan.discriminator import DiscriminatorConfig
from cyclegan.generator import GeneratorConfig
from cyclegan.networks import Networks, NetworksConfig, initialise


def test_weights_are_drawn_with_deviation_0_02_and_biases_are_zero(tiny_networks):
    networks = Networks(NetworksConfig(generator=GeneratorConfig(width=16, blocks=2)))
    initialise(networks, seed=0)

    weights = [p for n, p in networks.named_parameters() if n.endswith("weight")]
    every = torch.cat([w.flatten() for w in weights])

    assert abs(every.std().item() - 0.02) < 2e-4
    assert abs(every.mean().item()) < 2e-4
    assert all(p.abs().max() == 0 for n, p in networks.named_parameters() if n.endswith("bias"))


def test_the_scale_of_batch_norm_is_drawn_around_one():
    config = NetworksConfig(generator=GeneratorConfig(width=64, blocks=0, norm="batch"))
    networks = Networks(config)
    initialise(networks, seed=0)

    scales = networks.gen_ab.encode[2][1].weight

    assert abs(scales.mean().item() - 1) < 0.01
    assert 0.015 < scales.std().item() < 0.025


def test_one_seed_gives_one_start_and_another_another(tiny_networks):
    first, second, other = (Networks(tiny_networks) for _ in range(3))
    initialise(first, seed=3)
    initialise(second, seed=3)
    initialise(other, seed=4)

    assert torch.equal(first.gen_ab.decode[2].weight, second.gen_ab.decode[2].weight)
    assert not torch.equal(first.gen_ab.decode[2].weight, other.gen_ab.decode[2].weight)


def test_both_directions_start_differently(tiny_networks):
    networks = Networks(tiny_networks)
    initialise(networks, seed=0)

    assert not torch.equal(networks.gen_ab.decode[2].weight, networks.gen_ba.decode[2].weight)
    assert (
        networks.disc_a.config == networks.disc_b.config == DiscriminatorConfig(width=4, layers=2)
    )


@pytest.mark.parametrize("upsampling", ["transposed", "resize", "shuffle"])
@pytest.mark.parametrize("downsampling", ["strided", "average"])
@pytest.mark.parametrize("block", ["full", "separable"])
def test_biases_that_instance_norm_takes_away_again_do_not_learn(upsampling, downsampling, block):
    generator = GeneratorConfig(
        width=4, blocks=1, block=block, upsampling=upsampling, downsampling=downsampling
    )
    discriminator = DiscriminatorConfig(width=4, layers=2, downsampling=downsampling)
    networks = Networks(NetworksConfig(generator=generator, discriminator=discriminator)).double()
    weights = dict(networks.gen_ab.named_parameters()) | dict(networks.disc_b.named_parameters())
    resting = {name for name, weight in weights.items() if not weight.requires_grad}
    networks.requires_grad_(True)

    made = networks.gen_ab(torch.rand(1, 3, 16, 16, dtype=torch.float64) * 2 - 1).double()
    gradients = torch.autograd.grad(networks.disc_b(made).square().mean(), list(weights.values()))

    sizes = {name: each.abs().max() for name, each in zip(weights, gradients, strict=True)}
    assert resting == {name for name, size in sizes.items() if size < 1e-12}
    assert resting


def test_with_batch_norm_all_weights_learn():
    generator = GeneratorConfig(width=4, blocks=1, norm="batch")
    discriminator = DiscriminatorConfig(width=4, layers=2, norm="batch")
    networks = Networks(NetworksConfig(generator=generator, discriminator=discriminator))

    assert all(weight.requires_grad for weight in networks.parameters())
