"""Test pictures and what a model makes of them, to look at."""

import torch
from jaxtyping import UInt8
from torch import Tensor
from torchvision.utils import make_grid

from cyclegan.pixels import Pictures
from training.samples import evenly

COUNT = 25
"""Of each domain: few enough to look at each."""
_PAIRS_A_ROW = 5


def gallery(originals: Pictures, translated: Pictures) -> UInt8[Tensor, "3 _ _"]:
    """Put pictures spread over the set beside their translations, five pairs a row."""
    chosen = evenly(range(len(originals)), COUNT)
    pairs = torch.stack([originals[chosen], translated[chosen]], dim=1).flatten(0, 1)
    return make_grid(pairs, nrow=2 * _PAIRS_A_ROW, padding=2, pad_value=255)
