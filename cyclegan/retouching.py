"""What a generator paints, laid under its input's own fine structure.

A network without random numbers can only weave the finest structure out of the pattern in which its
features are enlarged. So the finest level of a Laplacian pyramid (Burt and Adelson 1983), or two of
them, come from the input, as of translations in Liang et al. 2021, arXiv:2105.09188, section 3.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate, pad

from cyclegan.objectives import Images

Squash = Callable[[Tensor], Tensor]
"""Tanh, as a module that others may watch."""


def retouched(painted: Float[Tensor, "n 4 h w"], images: Images, squash: Squash) -> Images:
    """Lay what is painted under the finest level of `images`.

    Args:
        painted: Colours, to be added to those of the surroundings, and how much stronger the level
            is to be than it was; 0 is as strong.
        images: In [-1, 1].
        squash: What colours go through.
    """
    colours, strength = painted.split((3, 1), dim=1)
    coarse = squash(smoothed(colours) + surroundings(images, 4))
    # Not through tanh, which would take away the texture of snow and of dark woods.
    return (coarse + (1 + strength) * (images - smoothed(images))).clamp(-1, 1)


def retouched_lightly(painted: Float[Tensor, "n 4 h w"], images: Images, squash: Squash) -> Images:
    """Do as `retouched`, with filters that engines need less time for.

    What is painted is smoothed by 1 2 1 along both axes, which takes away what alternates from
    pixel to pixel, too; the level that comes from `images` is what halving their size loses.
    """
    colours, strength = painted.split((3, 1), dim=1)
    halves = torch.cat((surroundings(images, 2), avg_pool2d(images, 2)), dim=1)
    around, blurred = _enlarged(halves, 2).split(3, dim=1)
    coarse = squash(_softened(colours) + around)
    return (coarse + (1 + strength) * (images - blurred)).clamp(-1, 1)


def retouched_twice(painted: Float[Tensor, "n 5 h2 w2"], images: Images, squash: Squash) -> Images:
    """Lay what is painted at half the size under the two finest levels of `images`.

    Args:
        painted: Colours as of `retouched`, the strength of the level of half the size, and that of
            the finest.
        images: In [-1, 1].
        squash: What colours go through.
    """
    colours, of_half, of_whole = painted.split((3, 1, 1), dim=1)
    half = avg_pool2d(images, 2)
    # In one go, since engines pay for each operation.
    colours, blurred = smoothed(torch.cat((colours, half), dim=1)).split(3, dim=1)
    half_made = squash(colours + surroundings(images, 2)) + (1 + of_half) * (half - blurred)
    together = _enlarged(torch.cat((half_made, half, of_whole), dim=1), 2)
    made, blurred, of_whole = together.split((3, 3, 1), dim=1)
    return (made + (1 + of_whole) * (images - blurred)).clamp(-1, 1)


def surroundings(images: Images, times: int) -> Float[Tensor, "n 3 _ _"]:
    """Give what tanh makes into the mean colours of surroundings of some 20 pixels.

    Finer, and a generator could copy; coarser, and it would not know a dark wood from a dark sky.

    Args:
        images: In [-1, 1].
        times: Size of the result in quarters of that of `images`; all but the enlarging is done at
            a quarter.

    Returns:
        Values in [-2, 2].
    """
    small = avg_pool2d(images, 4)
    small = avg_pool2d(small, 5, stride=1, padding=2, count_include_pad=False)
    # The inverse of tanh within 0.04, but finite at 1 and with a gradient of 6 at most.
    return _enlarged(small / (1 - small.square() / 2), times)


def smoothed(images: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
    """Weigh 5×5 pixels by 1 4 6 4 1 along both axes (Burt and Adelson 1983, section 2).

    Of what alternates from pixel to pixel nothing is left, and of stripes with a period of four
    pixels a quarter.
    """
    padded = pad(images, (2, 2, 2, 2), mode="reflect")
    return _binomial(_binomial(padded, 2), 3)


def _softened(images: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
    """Weigh 3×3 pixels by 1 2 1 along both axes, as two averages of 2×2 do."""
    padded = pad(images, (1, 1, 1, 1), mode="reflect")
    return avg_pool2d(avg_pool2d(padded, 2, stride=1), 2, stride=1)


def _binomial(images: Tensor, axis: int) -> Tensor:
    """Weigh five neighbours along an axis; sums stay in float32 under autocast."""
    length = images.shape[axis] - 4
    a, b, c, d, e = (images.narrow(axis, start, length) for start in range(5))
    return (a + 4 * b + 6 * c + 4 * d + e) / 16


def _enlarged(images: Float[Tensor, "n c h w"], times: int) -> Float[Tensor, "n c _ _"]:
    return interpolate(images, scale_factor=float(times), mode="bilinear", align_corners=False)
