"""The discriminators: one judges patches of an image, the other how well it can be restored.

Sources: Isola et al. 2017, arXiv:1611.07004, section 3.2.2; Zhu et al. 2017, section 7.2; for the
auto-encoder Zhao et al. 2017, arXiv:1609.03126, section 2.
"""

from itertools import pairwise
from typing import Literal

import torch
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, PositiveInt
from torch import Tensor, nn

from cyclegan.norm import Norm, bias_before, normed


class DiscriminatorConfig(BaseModel):
    """Shape of a discriminator; the defaults are the paper's."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    kind: Literal["patch", "autoencoder"] = "patch"
    """patch gives scores; autoencoder gives the energy that --objective ebgan needs."""

    width: PositiveInt = 64
    """Channels of the first layer."""
    layers: PositiveInt = 3
    """Layers of stride 2; 3 of them judge patches of 70×70 pixels."""
    norm: Norm = "instance"
    """Normalisation; the paper's is instance. With batch norm, real and fake pictures are judged in
    passes of their own, so that it never mixes them."""
    downsampling: Literal["strided", "average"] = "strided"
    """Convolutions of stride 2 as in the paper, or of stride 1 and averages of 2×2 (ganhacks)."""


class PatchDiscriminator(nn.Module):
    """C64-C128-C256-C512 and a score for each patch, in the notation of the paper.

    256×256 pixels give 30×30 scores. There is no sigmoid: the objective says what a score means.
    """

    def __init__(self, config: DiscriminatorConfig) -> None:
        super().__init__()
        self.config = config
        widths = [config.width * min(2**n, 8) for n in range(config.layers + 1)]
        strides = [2] * (config.layers - 1) + [1]
        self.layers = nn.Sequential(
            # The first layer has no norm: it would hide the colours from the judge.
            nn.Sequential(_convolution(3, widths[0], 2, config, bias=True), _leaky_relu()),
            *(
                _judging(inputs, outputs, stride, config)
                for (inputs, outputs), stride in zip(pairwise(widths), strides, strict=True)
            ),
        )
        self.score = nn.Conv2d(widths[-1], 1, 4, stride=1, padding=1)

    def forward(self, images: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n 1 p q"]:
        """Score each patch of images in [-1, 1]: high means real; the result is float32."""
        return self.score(self.layers(images)).float()


class AutoencoderDiscriminator(nn.Module):
    """Encodes an image by layers of stride 2 and decodes it again; what is lost is its energy.

    Height and width must be multiples of 2 to the power of `config.layers`, in pixels.
    """

    def __init__(self, config: DiscriminatorConfig) -> None:
        super().__init__()
        self.config = config
        widths = [config.width * min(2**n, 8) for n in range(config.layers)]
        self.encoder = nn.Sequential(
            nn.Sequential(_convolution(3, widths[0], 2, config, bias=True), _leaky_relu()),
            *(_judging(inputs, outputs, 2, config) for inputs, outputs in pairwise(widths)),
        )
        self.decoder = nn.Sequential(
            *(
                _restoring(inputs, outputs, config.norm)
                for inputs, outputs in pairwise(reversed(widths))
            ),
            nn.ConvTranspose2d(widths[0], 3, 4, stride=2, padding=1),
        )

    def forward(self, images: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n 1 1 1"]:
        """Give each image in [-1, 1] its energy: low means real; the result is float32."""
        return self.energy(images, self.encode(images))

    def encode(self, images: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n c p q"]:
        """Give each image its code; the result is float32."""
        return self.encoder(images).float()

    def energy(
        self, images: Float[Tensor, "n 3 h w"], codes: Float[Tensor, "n c p q"]
    ) -> Float[Tensor, "n 1 1 1"]:
        """Mean squared error of what the codes restore of their images."""
        restored = torch.tanh(self.decoder(codes).float())
        return (restored - images).square().mean(dim=(1, 2, 3), keepdim=True)


def discriminator(config: DiscriminatorConfig) -> PatchDiscriminator | AutoencoderDiscriminator:
    """Build the kind that `config` names."""
    return (PatchDiscriminator if config.kind == "patch" else AutoencoderDiscriminator)(config)


def _judging(inputs: int, outputs: int, stride: int, config: DiscriminatorConfig) -> nn.Sequential:
    return nn.Sequential(
        *normed(
            _convolution(inputs, outputs, stride, config, bias_before(config.norm)),
            config.norm,
            outputs,
        ),
        _leaky_relu(),
    )


def _convolution(
    inputs: int, outputs: int, stride: int, config: DiscriminatorConfig, bias: bool
) -> nn.Module:
    if stride == 2 and config.downsampling == "average":
        convolution = nn.Conv2d(inputs, outputs, 3, padding=1, bias=bias)
        return nn.Sequential(convolution, nn.AvgPool2d(2))
    return nn.Conv2d(inputs, outputs, 4, stride, padding=1, bias=bias)


def _restoring(inputs: int, outputs: int, norm: Norm) -> nn.Sequential:
    return nn.Sequential(
        *normed(
            nn.ConvTranspose2d(inputs, outputs, 4, 2, padding=1, bias=bias_before(norm)),
            norm,
            outputs,
        ),
        _leaky_relu(),
    )


def _leaky_relu() -> nn.LeakyReLU:
    return nn.LeakyReLU(0.2, inplace=True)
