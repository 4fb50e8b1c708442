"""Pictures of few colours, each of which is a class of what is seen: label maps.

Stored as JPEG they have thousands of colours, most of them around edges. What a pixel stands for is
the nearest of the colours that whole areas have.
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import max_pool2d

from cyclegan.errors import DataError
from cyclegan.pixels import Pictures

Colours = Float[Tensor, "colours 3"]
"""In [0, 255]."""

_MOST_COLOURS = 32
_LEAST_SHARE = 0.001  # of the pixels within areas, for a colour
_COVERED = 0.995  # of those pixels; photographs leave 2 to 7 % (docs/log.md)
_FLAT = 12  # levels that JPEG may make of one colour, within 3x3 pixels
_NEAR = 24  # levels around a colour
_BIN = 8
_SAMPLE = 300_000


def nominal_colours(pictures: Pictures) -> Colours:
    """Find the colours of a domain of label maps, the most frequent first.

    Raises:
        DataError: These are no label maps.
    """
    left = _within_areas(pictures)
    total, colours = len(left), list[Tensor]()
    while len(left) > (1 - _COVERED) * total and len(colours) < _MOST_COLOURS:
        near = _near(left, _most_frequent(left))
        if near.sum() < _LEAST_SHARE * total:
            break
        colours.append(left[near].median(0).values)
        left = left[~near]
    if not colours or len(left) > (1 - _COVERED) * total:
        raise DataError(
            f"the {len(colours)} most frequent colours leave {len(left) / max(total, 1):.1%} of "
            f"areas of one colour over; expected label maps, with at most {_MOST_COLOURS} colours"
        )
    return torch.stack(colours)


def label_accuracy(translated: Pictures, truth: Pictures, colours: Colours) -> float:
    """Share of pixels of the right class: whose nearest colour is that of the truth."""
    pairs = zip(translated.split(1), truth.split(1), strict=True)
    right = [(_classes(one, colours) == _classes(other, colours)) for one, other in pairs]
    return torch.cat(right).float().mean().item()


def _within_areas(pictures: Pictures) -> Float[Tensor, "n 3"]:
    """Pixels in whose neighbourhood of 3×3 nothing but JPEG's noise differs."""
    found = list[Tensor]()
    for picture in pictures.split(1):
        levels = picture.float()
        spread = max_pool2d(levels, 3, 1) + max_pool2d(-levels, 3, 1)
        inner = levels[0, :, 1:-1, 1:-1].permute(1, 2, 0)
        found.append(inner[(spread <= _FLAT).all(1)[0]])
    pixels = torch.cat(found)
    order = torch.randperm(len(pixels), generator=torch.Generator().manual_seed(0))
    return pixels[order[:_SAMPLE]]


def _most_frequent(pixels: Float[Tensor, "n 3"]) -> Float[Tensor, "3"]:
    red, green, blue = (pixels.long() // _BIN).unbind(1)
    bins = (red * 256 + green) * 256 + blue
    return pixels[bins == bins.mode().values].mean(0)


def _near(pixels: Float[Tensor, "n 3"], colour: Float[Tensor, "3"]) -> Tensor:
    return ((pixels - colour).abs() <= _NEAR).all(1)


def _classes(picture: Pictures, colours: Colours) -> Tensor:
    pixels = picture.float().permute(0, 2, 3, 1).flatten(0, 2)
    return torch.cdist(pixels, colours).argmin(1)
