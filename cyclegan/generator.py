"""The generator: translates images of one domain into the other.

Source: Zhu et al. 2017, arXiv:1703.10593, section 7.2, after Johnson et al. 2016, arXiv:1603.08155.
It computes exactly what the authors' implementation does, so that their published weights load:
biases before instance norm, zero padding in the layers of stride 2, transposed convolutions.
"""

from typing import Literal, NamedTuple, cast

import torch
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, NonNegativeFloat, NonNegativeInt, PositiveInt
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from cyclegan.convolutions import FewOutputsConv, ResizeConv
from cyclegan.norm import Norm, bias_before, normed
from cyclegan.retouching import retouched, retouched_lightly, retouched_twice, surroundings


class GeneratorConfig(BaseModel, frozen=True):
    """Shape of a generator; the defaults are the paper's for images of 256 pixels."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    width: PositiveInt = 64
    """Channels of the first layer; the middle has four times as many."""
    blocks: NonNegativeInt = 9
    """Residual blocks; the paper has 9 from 256 pixels on and 6 for 128."""
    block: Literal["full", "separable"] = "full"
    """Convolutions of a residual block: full, or depthwise then pointwise (fewer operations)."""
    downsampling: Literal["strided", "average"] = "strided"
    """Convolutions of stride 2 as in the paper, or of stride 1 and averages of 2×2 (ganhacks)."""
    upsampling: Literal["transposed", "resize", "shuffle"] = "transposed"
    """Transposed convolutions as in the paper; nearest-neighbour resizing and a convolution, which
    leaves no checkerboard (Odena et al. 2016); or a pixel shuffle (arXiv:1609.05158) that begins as
    such a resizing (arXiv:1707.02937)."""
    activation: Literal["relu", "leaky_relu"] = "relu"
    """ReLU as in the paper, or LeakyReLU with slope 0.2, which leaves no gradient sparse."""
    noise: NonNegativeFloat = 0.0
    """Standard deviation of noise behind every layer while training (ganhacks, tip 13)."""
    norm: Norm = "instance"
    """Normalisation; the paper's is instance."""
    output: Literal["image", "detail", "retouch", "pyramid"] = "image"
    """The whole translation as in the paper; what is painted upon the input's blurred colours,
    which instance norm would lose; the same, smoothed, under the input's own finest structure, made
    stronger or weaker: a grain that a network without random numbers could only weave; or the same
    at half the size, under the two finest levels of the input's pyramid, which is faster."""
    ends: Literal["paper", "light"] = "paper"
    """Layers of the full size: of as many channels as in the paper, the first and the last of 7×7;
    or of half as many, the last of 5×5. Most of a small generator's time goes there."""


class Stages(NamedTuple):
    """What a generator makes of images, stage by stage."""

    encoded: Float[Tensor, "n c h4 w4"]
    """Features of a quarter of the size, before the residual blocks."""
    transformed: Float[Tensor, "n c h4 w4"]
    """The same behind them."""
    images: Float[Tensor, "n 3 h w"]
    """The translation, in [-1, 1]."""


class Generator(nn.Module):
    """c7s1-64, d128, d256, R256 × blocks, u128, u64, c7s1-3, in the notation of the paper.

    Height and width must be multiples of `SIZE_MULTIPLE` and at least `MIN_SIDE`, in pixels; the
    output has the size of the input.
    """

    SIZE_MULTIPLE = 4  # two layers of stride 2
    MIN_SIDE = 8  # leaves 2×2 in the middle, the least that reflection can pad by 1

    recomputes_blocks = False
    """Keep nothing of the residual blocks for the backward pass but their inputs, and compute the
    rest again: less memory for more time (Chen et al. 2016, arXiv:1604.06174)."""

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.config = config
        k = config.width
        self.encode = nn.Sequential(
            *_seeing(config), _finished(_halving(2 * k, 4 * k, config), 4 * k, config)
        )
        self.transform = nn.Sequential(
            *(ResidualBlock(4 * k, config) for _ in range(config.blocks))
        )
        self.decode = nn.Sequential(
            _finished(_doubling(4 * k, 2 * k, config), 2 * k, config), *_painting(config)
        )
        self.squash = nn.Tanh()

    def forward(self, images: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n 3 h w"]:
        """Translate images; values are in [-1, 1] on both sides, the result is float32."""
        return self.stages(images).images

    def stages(self, images: Float[Tensor, "n 3 h w"]) -> "Stages":
        """Translate images, and show what lies on the way, for a student to learn from."""
        encoded = self.encode(images)
        transformed = self._transformed(encoded)
        # In float32 even under autocast: bfloat16 would round to half a level of 255.
        decoded = self.decode(transformed).float()
        return Stages(encoded, transformed, self._painted(decoded, images))

    def _painted(
        self, decoded: Float[Tensor, "n c _ _"], images: Float[Tensor, "n 3 h w"]
    ) -> Float[Tensor, "n 3 h w"]:
        match self.config.output:
            case "image":
                return self.squash(decoded)
            case "detail":
                return self.squash(decoded + surroundings(images, 4))
            case "retouch" if self.config.ends == "light":
                return retouched_lightly(decoded, images, self.squash)
            case "retouch":
                return retouched(decoded, images, self.squash)
            case "pyramid":
                return retouched_twice(decoded, images, self.squash)

    def _transformed(self, features: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        if not (self.recomputes_blocks and torch.is_grad_enabled()):
            return self.transform(features)
        for block in self.transform:
            features = cast(Tensor, checkpoint(block, features, use_reentrant=False))
        return features


class ResidualBlock(nn.Module):
    """Two 3×3 convolutions with a skip connection around them: y = x + f(x)."""

    def __init__(self, channels: int, config: GeneratorConfig) -> None:
        super().__init__()
        self.f = nn.Sequential(
            *normed(_conv3(channels, config), config.norm, channels),
            _activation(config),
            *normed(_conv3(channels, config), config.norm, channels),
            *_noise(config),
        )

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        """Keep the shape of `x`."""
        return x + self.f(x)


class Noise(nn.Module):
    """Adds Gaussian noise while training."""

    def __init__(self, std: float) -> None:
        super().__init__()
        self.std = std

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        """Keep the shape of `x`."""
        return x + self.std * torch.randn_like(x) if self.training else x


class ShuffleConv(nn.Module):
    """A convolution to four times the channels, laid out as 2×2 pixels each (arXiv:1609.05158)."""

    def __init__(self, inputs: int, outputs: int, bias: bool) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(
            inputs, 4 * outputs, 3, padding=1, padding_mode="reflect", bias=bias
        )
        self.shuffle = nn.PixelShuffle(2)

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c2 h2 w2"]:
        """Double the size of `x`."""
        return self.shuffle(self.convolution(x))

    @torch.no_grad()
    def begin_as_resizing(self) -> None:
        """Let the four pixels of each 2×2 begin alike, so that nothing is checkered yet.

        Source: Aitken et al. 2017, arXiv:1707.02937, section 3.
        """
        weight = self.convolution.weight
        weight.copy_(weight[::4].repeat_interleave(4, dim=0))


def channels_of_full_size(config: GeneratorConfig) -> int:
    """Channels behind the first layer, and before the last unless that is at half the size."""
    return config.width if config.ends == "paper" else max(1, config.width // 2)


def _seeing(config: GeneratorConfig) -> tuple[nn.Module, ...]:
    """The layers up to half the size."""
    full, half = channels_of_full_size(config), 2 * config.width
    first = nn.Conv2d(3, full, 7, padding=3, padding_mode="reflect", bias=bias_before(config.norm))
    return _finished(first, full, config), _finished(_halving(full, half, config), half, config)


def _painting(config: GeneratorConfig) -> tuple[nn.Module, ...]:
    """The layers behind the first doubling: another, and the last; of a pyramid the last alone."""
    k = config.width
    if config.output == "pyramid":
        return (FewOutputsConv(2 * k, 5, 5),)  # as wide as 10 pixels of the whole size
    full, kernel = channels_of_full_size(config), 7 if config.ends == "paper" else 5
    outputs = 4 if config.output == "retouch" else 3
    return (
        _finished(_doubling(2 * k, full, config), full, config),
        FewOutputsConv(full, outputs, kernel),
    )


def _finished(convolution: nn.Module, outputs: int, config: GeneratorConfig) -> nn.Sequential:
    """A convolution, norm, activation, and noise if there is any."""
    return nn.Sequential(
        *normed(convolution, config.norm, outputs), _activation(config), *_noise(config)
    )


def _activation(config: GeneratorConfig) -> nn.Module:
    return nn.ReLU(inplace=True) if config.activation == "relu" else nn.LeakyReLU(0.2, inplace=True)


def _noise(config: GeneratorConfig) -> list[nn.Module]:
    return [Noise(config.noise)] if config.noise else []


def _halving(inputs: int, outputs: int, config: GeneratorConfig) -> nn.Module:
    """3×3 convolution that halves the size."""
    bias = bias_before(config.norm)
    # The authors pad with zeros where the stride is 2, and with the reflected image elsewhere.
    if config.downsampling == "strided":
        return nn.Conv2d(inputs, outputs, 3, stride=2, padding=1, bias=bias)
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1, padding_mode="reflect", bias=bias),
        nn.AvgPool2d(2),
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


def _doubling(inputs: int, outputs: int, config: GeneratorConfig) -> nn.Module:
    """3×3 convolution that doubles the size."""
    bias = bias_before(config.norm)
    match config.upsampling:
        case "transposed":
            return nn.ConvTranspose2d(
                inputs, outputs, 3, stride=2, padding=1, output_padding=1, bias=bias
            )
        case "resize":
            return ResizeConv(inputs, outputs, bias)
        case "shuffle":
            return ShuffleConv(inputs, outputs, bias)
