"""The networks as the authors build them: plain layers of PyTorch in a row.

A copy on purpose. The baseline of a benchmark must stay what it was when `cyclegan/` gets faster.

Source: Zhu et al. 2017, arXiv:1703.10593, section 7.2.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn

from cyclegan.discriminator import DiscriminatorConfig
from cyclegan.errors import UsageError
from cyclegan.generator import GeneratorConfig
from cyclegan.networks import Networks, NetworksConfig


class NaiveNetworks(nn.Module):
    """Two generators and two discriminators."""

    def __init__(self, config: NetworksConfig) -> None:
        super().__init__()
        if {config.generator.norm, config.discriminator.norm} != {"instance"}:
            raise UsageError("the naive networks of the benchmark have instance norm alone")
        self.gen_ab = _generator(config.generator)
        self.gen_ba = _generator(config.generator)
        self.disc_a = _discriminator(config.discriminator)
        self.disc_b = _discriminator(config.discriminator)

    def copy_weights(self, networks: Networks) -> None:
        """Take over the weights of ours, which have the same layers in the same order."""
        with torch.no_grad():
            for mine, theirs in zip(self.parameters(), networks.parameters(), strict=True):
                mine.copy_(theirs)


class _Residual(nn.Module):
    def __init__(self, channels: int, config: GeneratorConfig) -> None:
        super().__init__()
        self.f = nn.Sequential(
            *_reflected_conv3(channels, config),
            nn.InstanceNorm2d(channels),
            nn.ReLU(inplace=True),
            *_reflected_conv3(channels, config),
            nn.InstanceNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.f(x)


class _Painted(nn.Module):
    """Details upon blurred colours: the part of `compact` that the authors do not have."""

    def __init__(self, details: nn.Sequential) -> None:
        super().__init__()
        self.details = details

    def forward(self, x: Tensor) -> Tensor:
        colours = nn.AvgPool2d(5, 1, 2, count_include_pad=False)(nn.AvgPool2d(4)(x))
        colours = nn.Upsample(scale_factor=4, mode="bilinear")(colours / (1 - colours**2 / 2))
        return torch.tanh(self.details(x) + colours)


def _generator(config: GeneratorConfig) -> nn.Module:
    k = config.width
    layers = nn.Sequential(
        nn.ReflectionPad2d(3),
        nn.Conv2d(3, k, 7),
        *_norm_relu(k),
        nn.Conv2d(k, 2 * k, 3, stride=2, padding=1),
        *_norm_relu(2 * k),
        nn.Conv2d(2 * k, 4 * k, 3, stride=2, padding=1),
        *_norm_relu(4 * k),
        *(_Residual(4 * k, config) for _ in range(config.blocks)),
        *_doubling(4 * k, 2 * k, config),
        *_norm_relu(2 * k),
        *_doubling(2 * k, k, config),
        *_norm_relu(k),
        nn.ReflectionPad2d(3),
        nn.Conv2d(k, 3, 7),
    )
    return _Painted(layers) if config.output == "detail" else nn.Sequential(*layers, nn.Tanh())


def _discriminator(config: DiscriminatorConfig) -> nn.Sequential:
    widths = [config.width * min(2**n, 8) for n in range(config.layers + 1)]
    layers: list[nn.Module] = [nn.Conv2d(3, widths[0], 4, stride=2, padding=1)]
    layers += [nn.LeakyReLU(0.2, inplace=True)]
    for n, (inputs, outputs) in enumerate(pairwise(widths), start=1):
        stride = 2 if n < config.layers else 1
        layers += [nn.Conv2d(inputs, outputs, 4, stride, padding=1)]
        layers += [nn.InstanceNorm2d(outputs), nn.LeakyReLU(0.2, inplace=True)]
    return nn.Sequential(*layers, nn.Conv2d(widths[-1], 1, 4, stride=1, padding=1))


def _norm_relu(channels: int) -> tuple[nn.Module, ...]:
    return nn.InstanceNorm2d(channels), nn.ReLU(inplace=True)


def _reflected_conv3(channels: int, config: GeneratorConfig) -> tuple[nn.Module, ...]:
    if config.block == "full":
        return nn.ReflectionPad2d(1), nn.Conv2d(channels, channels, 3)
    depthwise = nn.Conv2d(channels, channels, 3, groups=channels, bias=False)
    return nn.ReflectionPad2d(1), depthwise, nn.Conv2d(channels, channels, 1)


def _doubling(inputs: int, outputs: int, config: GeneratorConfig) -> tuple[nn.Module, ...]:
    if config.upsampling == "transposed":
        return (nn.ConvTranspose2d(inputs, outputs, 3, stride=2, padding=1, output_padding=1),)
    return nn.Upsample(scale_factor=2), nn.ReflectionPad2d(1), nn.Conv2d(inputs, outputs, 3)
