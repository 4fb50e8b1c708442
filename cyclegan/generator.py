"""The generator: translates images of one domain into the other.

Source: Zhu et al. 2017, arXiv:1703.10593, section 7.2, after Johnson et al. 2016, arXiv:1603.08155.
It computes exactly what the authors' implementation does, so that their published weights load:
biases before instance norm, zero padding in the layers of stride 2, transposed convolutions.
"""

from typing import Literal

import torch
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, NonNegativeInt, PositiveInt
from torch import Tensor, nn

from cyclegan.norm import Norm, bias_before, norm_layer


class GeneratorConfig(BaseModel):
    """Shape of a generator; the defaults are the paper's for images of 256 pixels."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    width: PositiveInt = 64
    """Channels of the first layer; the middle has four times as many."""
    blocks: NonNegativeInt = 9
    """Residual blocks; the paper has 9 from 256 pixels on and 6 for 128."""
    block: Literal["full", "separable"] = "full"
    """Convolutions of a residual block: full, or depthwise then pointwise (fewer operations)."""
    upsampling: Literal["transposed", "resize"] = "transposed"
    """Transposed convolutions as in the paper, or nearest-neighbour resizing and a convolution,
    which leaves no checkerboard (Odena et al. 2016)."""
    norm: Norm = "instance"
    """Normalisation; the paper's is instance."""


class Generator(nn.Module):
    """c7s1-64, d128, d256, R256 × blocks, u128, u64, c7s1-3, in the notation of the paper.

    Height and width must be multiples of `SIZE_MULTIPLE` and at least `MIN_SIDE`, in pixels; the
    output has the size of the input.
    """

    SIZE_MULTIPLE = 4  # two layers of stride 2
    MIN_SIDE = 8  # leaves 2×2 in the middle, the least that reflection can pad by 1

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.config = config
        k = config.width
        self.encode = nn.Sequential(
            _encoding(3, k, kernel=7, stride=1, norm=config.norm),
            _encoding(k, 2 * k, kernel=3, stride=2, norm=config.norm),
            _encoding(2 * k, 4 * k, kernel=3, stride=2, norm=config.norm),
        )
        self.transform = nn.Sequential(
            *(ResidualBlock(4 * k, config) for _ in range(config.blocks))
        )
        self.decode = nn.Sequential(
            _doubling(4 * k, 2 * k, config),
            _doubling(2 * k, k, config),
            nn.Conv2d(k, 3, 7, padding=3, padding_mode="reflect"),
        )

    def forward(self, images: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n 3 h w"]:
        """Translate images; values are in [-1, 1] on both sides, the result is float32."""
        colours = self.decode(self.transform(self.encode(images)))
        # In float32 even under autocast: bfloat16 would round to half a level of 255.
        return torch.tanh(colours.float())


class ResidualBlock(nn.Module):
    """Two 3×3 convolutions with a skip connection around them: y = x + f(x)."""

    def __init__(self, channels: int, config: GeneratorConfig) -> None:
        super().__init__()
        self.f = nn.Sequential(
            _conv3(channels, config),
            norm_layer(config.norm, channels),
            nn.ReLU(inplace=True),
            _conv3(channels, config),
            norm_layer(config.norm, channels),
        )

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        """Keep the shape of `x`."""
        return x + self.f(x)


def _encoding(inputs: int, outputs: int, kernel: int, stride: int, norm: Norm) -> nn.Sequential:
    """Convolution, norm, ReLU; divides the size by `stride`."""
    # The authors pad with zeros where the stride is 2, and with the reflected image elsewhere.
    padding_mode = "reflect" if stride == 1 else "zeros"
    return nn.Sequential(
        nn.Conv2d(
            inputs,
            outputs,
            kernel,
            stride,
            kernel // 2,
            padding_mode=padding_mode,
            bias=bias_before(norm),
        ),
        norm_layer(norm, outputs),
        nn.ReLU(inplace=True),
    )


def _conv3(channels: int, config: GeneratorConfig) -> nn.Module:
    """3×3 convolution, full or split into a depthwise and a pointwise one (arXiv:1704.04861)."""
    bias = bias_before(config.norm)
    if config.block == "full":
        return nn.Conv2d(channels, channels, 3, padding=1, padding_mode="reflect", bias=bias)
    return nn.Sequential(
        nn.Conv2d(
            channels, channels, 3, padding=1, padding_mode="reflect", groups=channels, bias=False
        ),
        nn.Conv2d(channels, channels, 1, bias=bias),
    )


def _doubling(inputs: int, outputs: int, config: GeneratorConfig) -> nn.Sequential:
    """Convolution that doubles the size, norm, ReLU."""
    bias = bias_before(config.norm)
    if config.upsampling == "transposed":
        convolution = nn.ConvTranspose2d(
            inputs, outputs, 3, stride=2, padding=1, output_padding=1, bias=bias
        )
    else:
        convolution = nn.Sequential(
            nn.Upsample(scale_factor=2, mode="nearest"),
            nn.Conv2d(inputs, outputs, 3, padding=1, padding_mode="reflect", bias=bias),
        )
    return nn.Sequential(convolution, norm_layer(config.norm, outputs), nn.ReLU(inplace=True))
