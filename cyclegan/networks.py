"""The four networks of a CycleGAN and how their weights begin."""

import torch
from pydantic import BaseModel, ConfigDict
from torch import nn

from cyclegan.discriminator import DiscriminatorConfig, discriminator
from cyclegan.generator import Generator, GeneratorConfig, ShuffleConv


class NetworksConfig(BaseModel):
    """Shape of the networks; both directions have the same."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    generator: GeneratorConfig = GeneratorConfig()
    discriminator: DiscriminatorConfig = DiscriminatorConfig()


class Networks(nn.Module):
    """Two generators and two discriminators.

    `gen_ab` translates domain A into B and `disc_b` judges images of B; the reverse for the others.
    """

    def __init__(self, config: NetworksConfig) -> None:
        super().__init__()
        self.config = config
        self.gen_ab = Generator(config.generator)
        self.gen_ba = Generator(config.generator)
        self.disc_a = discriminator(config.discriminator)
        self.disc_b = discriminator(config.discriminator)


def initialise(networks: nn.Module, seed: int) -> None:
    """Draw all weights anew: N(0, 0.02) for convolutions, N(1, 0.02) for batch norm, biases 0.

    Source: Zhu et al. 2017, section 7.1.
    """
    rng = torch.Generator().manual_seed(seed)
    for module in networks.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(module.weight, 0.0, 0.02, generator=rng)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, 0.02, generator=rng)
        else:
            continue
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    for module in networks.modules():
        if isinstance(module, ShuffleConv):
            module.begin_as_resizing()
