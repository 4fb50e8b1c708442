"""How much a generator changes its input, set after training."""

from copy import deepcopy
from typing import cast

import torch
from torch import nn

from cyclegan.errors import UsageError
from cyclegan.generator import Generator

_COLOURS = 3  # the first channels of what is painted; the others are strengths of fine structure


@torch.no_grad()
def strengthened(generator: Generator, times: float) -> Generator:
    """Give a copy that paints `times` as strongly upon what it is given.

    A generator that does not give the whole translation paints a difference to the blurred colours
    of its input, before tanh. This difference is multiplied, in the last layer's weights. Where the
    fine structure is the input's own it stays as strong as it was. So 1 is what was learned, and
    near 0 the blurred colours remain, which is no gentler translation.

    Raises:
        UsageError: The generator gives the whole translation.
    """
    if generator.config.output == "image":
        raise UsageError(
            "this generator gives whole pictures, and no difference that could be stronger; "
            "expected one of --preset compact, pyramid or light, or of another with "
            "--networks.generator.output detail, retouch or pyramid"
        )
    copy = deepcopy(generator)
    last = cast(nn.Conv2d, copy.decode[-1])
    last.weight[:_COLOURS] *= times
    cast(torch.Tensor, last.bias)[:_COLOURS] *= times
    return copy
