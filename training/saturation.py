"""What generators pay for colours that tanh can hardly tell from black and white.

Far out tanh is flat, so that no loss changes a generator's mind there any more: blots of one colour
stay and grow, which neither the cycle loss nor a discriminator can reach.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import softshrink

from cyclegan.generator import Generator
from cyclegan.objectives import Loss

LIMIT = 2.5
"""What tanh may be given for nothing: it makes 0.987 of it, less than two levels of 255 from 1."""


class SaturationPenalty:
    """Watches generators paint, and gives the weighted sum of what they pay."""

    def __init__(self, weight: float, generators: nn.ModuleList) -> None:
        self._weight = weight
        self._noted: list[Loss] = []
        for generator in generators if weight else ():
            assert isinstance(generator, Generator)
            generator.squash.register_forward_hook(self._note)

    def of_passes(self) -> Loss | float:
        """Give the penalty of all passes since the last call; 0 where the weight is."""
        total = self._weight * sum(self._noted)
        self._noted.clear()
        return total

    def _note(self, _tanh: nn.Module, inputs: tuple[Tensor], _images: Tensor) -> None:
        if torch.is_grad_enabled():
            self._noted.append(excess(*inputs))


def excess(colours: Float[Tensor, "n 3 h w"]) -> Loss:
    """Mean square of what exceeds `LIMIT`, up or down."""
    return softshrink(colours, LIMIT).square().mean()
