"""Changes of what discriminators see, so that they cannot learn a few pictures by heart.

Source: Zhao et al. 2020, arXiv:2006.10738, "Differentiable Augmentation for Data-Efficient GAN
Training", section 3.2; the ranges are those of the authors' implementation.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from cyclegan.objectives import Images

Change = Literal["color", "translation", "cutout"]


class Augmentation:
    """Changes real and made images alike, each at random, for both sides of the game.

    Gradients flow through it to the generators, so that they learn to make images that look real
    however they are changed, and not changed ones.
    """

    SHIFT = 1 / 8
    """Farthest translation, as a share of the side."""
    CUT = 1 / 2
    """Side of what is cut out, as a share of the image's."""

    def __init__(self, changes: Sequence[Change]) -> None:
        self.changes = frozenset(changes)

    def __call__(self, images: Images) -> Images:
        """Give `images`, in [-1, 1], as a discriminator sees them; colours may go beyond that."""
        if "color" in self.changes:
            images = _recoloured(images)
        if "translation" in self.changes:
            images = _translated(images, self.SHIFT)
        if "cutout" in self.changes:
            images = _cut_out(images, self.CUT)
        return images


def _recoloured(images: Images) -> Images:
    """Change the brightness by up to a half, then saturation and contrast by factors around 1."""
    brightness, saturation, contrast = (_drawn(images) for _ in range(3))
    images = images + (brightness - 0.5)
    grey = images.mean(dim=1, keepdim=True)
    images = grey + 2 * saturation * (images - grey)
    mean = images.mean(dim=(1, 2, 3), keepdim=True)
    return mean + (contrast + 0.5) * (images - mean)


def _translated(images: Images, share: float) -> Images:
    """Shift by whole pixels; what comes in from outside is grey."""
    rows = _shifted_places(images, images.shape[2], share)[:, None, :, None]
    columns = _shifted_places(images, images.shape[3], share)[:, None, None, :]
    # One more at each end for all that lies outside.
    padded = torch.nn.functional.pad(images, (1, 1, 1, 1))
    shifted = padded.gather(2, rows.expand(-1, padded.shape[1], -1, padded.shape[3]))
    return shifted.gather(3, columns.expand(-1, shifted.shape[1], shifted.shape[2], -1))


def _shifted_places(images: Images, side: int, share: float) -> Tensor:
    """Tell for each image where its rows, or columns, come from in the padded one."""
    farthest = int(side * share + 0.5)
    shift = torch.randint(-farthest, farthest + 1, (len(images), 1), device=images.device)
    return (torch.arange(side, device=images.device) + shift + 1).clamp(0, side + 1)


def _cut_out(images: Images, share: float) -> Images:
    """Make a rectangle grey, whose centre may be anywhere."""
    rows = _is_cut(images, images.shape[2], share)[:, None, :, None]
    columns = _is_cut(images, images.shape[3], share)[:, None, None, :]
    return images.masked_fill(rows & columns, 0.0)


def _is_cut(images: Images, side: int, share: float) -> Tensor:
    """Tell for each image which rows, or columns, the rectangle covers."""
    size = int(side * share + 0.5)
    first = torch.randint(0, side + 1, (len(images), 1), device=images.device) - size // 2
    places = torch.arange(side, device=images.device)
    return (places >= first) & (places < first + size)


def _drawn(images: Images) -> Tensor:
    """Draw a number in [0, 1) for each image."""
    return torch.rand(len(images), 1, 1, 1, device=images.device, dtype=torch.float32)
