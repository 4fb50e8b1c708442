"""What generators pay for values so far out that training would lose hold of them.

Colours: far out tanh is flat, so that no loss changes a generator's mind there any more, and blots
of one colour stay and grow. Features: a spike behind an instance norm makes all else in its channel
small (the droplets of StyleGAN2, arXiv:1912.04958, section 2), and leaves a patch of dots in the
picture, one for each feature that is enlarged.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import softshrink

from cyclegan.generator import Generator
from cyclegan.norm import InstanceNorm
from cyclegan.objectives import Loss

MOST_COLOUR = 2.5
"""What tanh may be given for nothing: it makes 0.987 of it, less than two levels of 255 from 1."""
MOST_FEATURE = 8.0
"""Standard deviations that a feature may have for nothing; those of encoders reach 6 to 9."""


class ExcessPenalty:
    """Watches generators paint, and gives the weighted sum of what they pay."""

    def __init__(self, saturation: float, spikes: float, generators: nn.ModuleList) -> None:
        """Begin to watch.

        Args:
            saturation: Weight of the excess of colours; 0 does not watch them.
            spikes: Weight of that of the features that are enlarged; 0 does not watch them.
            generators: Which pay; with spikes, they have instance norms.
        """
        self._saturation = saturation
        self._spikes = spikes
        # A sum and not a list, whose length would be compiled in.
        self._total: Loss | float = 0.0
        for generator in generators if saturation or spikes else ():
            assert isinstance(generator, Generator)
            if saturation:
                generator.squash.register_forward_pre_hook(self._note_colours)
            for layer in generator.decode.modules() if spikes else ():
                if isinstance(layer, InstanceNorm):
                    layer.register_forward_hook(self._note_features)
                elif isinstance(layer, nn.ReLU | nn.LeakyReLU):
                    layer.inplace = False  # it would write into the features that are watched

    def of_passes(self) -> Loss | float:
        """Give the penalty of all passes since the last call; 0 where the weights are."""
        total, self._total = self._total, 0.0
        return total

    def _note_colours(self, _tanh: nn.Module, inputs: tuple[Tensor]) -> None:
        if torch.is_grad_enabled():
            self._total = self._total + self._saturation * excess(*inputs, MOST_COLOUR)

    def _note_features(self, _norm: nn.Module, _inputs: tuple[Tensor], features: Tensor) -> None:
        if torch.is_grad_enabled():
            self._total = self._total + self._spikes * excess(features.float(), MOST_FEATURE)


def excess(values: Tensor, limit: float) -> Loss:
    """Mean square of what exceeds the limit, up or down."""
    return softshrink(values, limit).square().mean()
