"""Distance between two sets of pictures by their patches, without any trained network.

Source: Karras et al. 2018, arXiv:1710.10196, section 5: sliced Wasserstein distances between
patches of 7 by 7 pixels, drawn from each level of a Laplacian pyramid.
"""

from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Float
from torch import Generator, Tensor
from torch.nn.functional import conv2d, pad

from cyclegan.pixels import Pictures, to_signed

PATCH = 7  # pixels
DIRECTIONS = 512
COARSEST = 16  # pixels a side, below which a level has hardly any patches

_BINOMIAL = torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0]) / 16

Images = Float[Tensor, "n 3 h w"]
Level = Float[Tensor, "n 3 _ _"]
Patches = Float[Tensor, "p 147"]


class Reference:
    """A set of pictures, cut into patches once, that others are compared with."""

    def __init__(
        self, pictures: Pictures, patches: int, seed: int, scales: int | None = None
    ) -> None:
        """Draw the patches.

        Args:
            pictures: Of a side that halves evenly down to 16 pixels.
            patches: Of each set and level, whatever the number of pictures: with fewer all
                distances are greater, by what chance adds.
            seed: Of the patches and the directions; another gives slightly other numbers.
            scales: How many to compare, the finest first; all if not given.
        """
        self._patches, self._scales = patches, scales
        random = Generator().manual_seed(seed)
        # The same for all that are compared, so that their differences are not of the directions.
        directions = torch.randn(3 * PATCH**2, DIRECTIONS, generator=random)
        self._directions = directions / directions.norm(dim=0)
        self._levels = [_normalized(each) for each in self._drawn_from(pictures, random)]
        self._behind = random.get_state()

    def distances(self, pictures: Pictures) -> list[float]:
        """Measure how far pictures of the same size are, on each scale; 0 for the same patches.

        Returns:
            For each level that is compared, the finest first, the mean absolute difference of the
            sorted projections, times 1,000 as in the paper. What was measured before does not
            matter.
        """
        random = Generator()
        random.set_state(self._behind)
        levels = zip(self._levels, self._drawn_from(pictures, random), strict=True)
        return [1000 * _distance(a, _normalized(b), self._directions) for a, b in levels]

    def _drawn_from(self, pictures: Pictures, random: Generator) -> Iterator[Patches]:
        """Draw as many patches from each level of the pictures' pyramids."""
        per_picture = -(-self._patches // len(pictures))
        pyramids = (
            laplacian_pyramid(to_signed(each))[: self._scales] for each in pictures.split(1)
        )
        drawn = [[_drawn(level[0], per_picture, random) for level in each] for each in pyramids]
        for level in zip(*drawn, strict=True):
            patches = torch.cat(level)
            yield patches[torch.randperm(len(patches), generator=random)[: self._patches]]


def sides(side: int) -> list[int]:
    """Sides of the pyramid's levels, the finest first."""
    result = [side]
    while result[-1] % 2 == 0 and result[-1] // 2 >= COARSEST:
        result.append(result[-1] // 2)
    return result


def laplacian_pyramid(images: Images) -> list[Level]:
    """Split images into what each halving of their size takes away, and the rest."""
    levels: list[Level] = []
    for _ in sides(images.shape[-1])[1:]:
        smaller = _blurred(images)[:, :, ::2, ::2]
        levels.append(images - _enlarged(smaller))
        images = smaller
    return [*levels, images]


def _blurred(images: Images) -> Images:
    kernel = _BINOMIAL.outer(_BINOMIAL).expand(3, 1, 5, 5)
    return conv2d(pad(images, (2, 2, 2, 2), mode="reflect"), kernel, groups=3)


def _enlarged(images: Images) -> Float[Tensor, "n 3 2*h 2*w"]:
    n, channels, height, width = images.shape
    spread = images.new_zeros(n, channels, 2 * height, 2 * width)
    spread[:, :, ::2, ::2] = 4 * images  # the three zeros beside each keep the mean
    return _blurred(spread)


def _drawn(image: Float[Tensor, "3 h w"], count: int, random: Generator) -> Patches:
    windows = image.unfold(1, PATCH, 1).unfold(2, PATCH, 1)  # 3, rows, columns, 7, 7
    _, rows, columns, _, _ = windows.shape
    row = torch.randint(rows, (count,), generator=random)
    column = torch.randint(columns, (count,), generator=random)
    return windows[:, row, column].transpose(0, 1).reshape(count, -1)


def _normalized(patches: Patches) -> Patches:
    """Give each colour of a set the mean 0 and the deviation 1, as the paper does.

    So neither a tint nor a contrast of the whole set counts, but its shapes and colour relations.
    """
    colours = patches.view(len(patches), 3, -1)
    mean = colours.mean(dim=(0, 2), keepdim=True)
    deviation = colours.std(dim=(0, 2), keepdim=True).clamp_min(1e-8)
    return ((colours - mean) / deviation).flatten(1)


def _distance(
    one: Float[Tensor, "p d"], other: Float[Tensor, "p d"], directions: Float[Tensor, "d k"]
) -> float:
    total = torch.zeros(())
    for some in directions.split(128, dim=1):  # in parts, for the memory
        sorted_one, sorted_other = (_sorted_rows((set_ @ some).T) for set_ in (one, other))
        total += (sorted_one - sorted_other).abs().mean(dim=1).sum()
    return (total / directions.shape[1]).item()


def _sorted_rows(numbers: Float[Tensor, "k p"]) -> Float[Tensor, "k p"]:
    """Sort each row by NumPy 2.4, in a fifth of PyTorch 2.14's time; most of a distance is this."""
    return torch.from_numpy(np.sort(numbers.numpy(), axis=1))
