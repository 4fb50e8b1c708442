"""Two convolutions of the generator, computed with fewer operations than they are written with.

Both give what the plain layers give, within rounding, from weights of the same names and shapes.
"""

from functools import reduce
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import conv2d, pad, pixel_shuffle


class ResizeConv(nn.Sequential):
    """Nearest-neighbour resizing to double size, then a 3x3 convolution of the reflected image.

    Under the kernel lie only 2x2 different pixels, so it is computed at the small size, with 4
    multiplications instead of 9: a 2x2 convolution around each corner between pixels gives the
    four large pixels at that corner (a sub-pixel convolution, arXiv:1609.05158).
    """

    def __init__(self, inputs: int, outputs: int, bias: bool) -> None:
        super().__init__(
            nn.Upsample(scale_factor=2, mode="nearest"),
            nn.Conv2d(inputs, outputs, 3, padding=1, padding_mode="reflect", bias=bias),
        )

    def forward(self, input: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c2 h2 w2"]:
        """Double the size of the input."""
        convolution = cast(nn.Conv2d, self[1])
        weight = _around_corners(_around_corners(convolution.weight)).flatten(0, 2)
        bias = None if convolution.bias is None else convolution.bias.repeat_interleave(4)
        # The large pixel that reflection puts beyond the edge is the outermost small one again.
        corners = conv2d(_edges_repeated(_edges_repeated(input, 2), 3), weight, bias)
        return pixel_shuffle(corners, 2)[:, :, 1:-1, 1:-1]


def _edges_repeated(images: Tensor, axis: int) -> Tensor:
    """Add the first and the last pixel along an axis once more.

    As padding of the mode "replicate" does, whose gradient torch.compile cannot compute (2.14.1).
    """
    first, last = images.narrow(axis, 0, 1), images.narrow(axis, images.shape[axis] - 1, 1)
    return torch.cat([first, images, last], axis)


def _around_corners(weight: Tensor) -> Tensor:
    """Make of three weights, along axis 3, two for each of two large pixels: a new axis 1."""
    one, two, three = weight.unbind(3)
    before, behind = torch.stack([one + two, three], 3), torch.stack([one, two + three], 3)
    return torch.stack([before, behind], 1)


class FewOutputsConv(nn.Conv2d):
    """A convolution of the reflected image to very few channels, as the 7x7 one to three colours.

    Processors compute 16 output channels at a time, of which 13 would be for nothing. So each row
    of the kernel becomes three output channels of its own, which are added up at their heights.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        super().__init__(inputs, outputs, kernel, padding=kernel // 2, padding_mode="reflect")

    def forward(self, input: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c2 h w"]:
        """Keep height and width of the input; the result is float32 under autocast, too."""
        margin, height = self.kernel_size[0] // 2, input.shape[2]
        padded = pad(input, (margin,) * 4, mode="reflect")
        weight = self.weight.permute(2, 0, 1, 3).flatten(0, 1)[:, :, None]
        by_row = conv2d(padded, weight)
        by_row = by_row.to(torch.promote_types(by_row.dtype, torch.float32))
        parts = by_row.split(self.out_channels, dim=1)
        rows = [part[:, :, i : i + height] for i, part in enumerate(parts)]
        return reduce(torch.add, rows) + cast(Tensor, self.bias)[:, None, None]
