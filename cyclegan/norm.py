"""The normalisation between a convolution and its activation."""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

Norm = Literal["instance", "batch", "none"]


class InstanceNorm(nn.InstanceNorm2d):
    """Instance norm as PyTorch has it; compiled for a GPU, in a form that the compiler can fuse.

    PyTorch's own turns channels-last tensors, which convolutions in bfloat16 want there, into
    contiguous ones, so that the layout would change at every layer.
    """

    def forward(self, input: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        """Keep the shape of the input, and in the latter form its layout."""
        if input.is_cuda and torch.compiler.is_compiling():
            return normalised(input, self.eps)
        return super().forward(input)


def normalised(features: Float[Tensor, "n c h w"], eps: float) -> Float[Tensor, "n c h w"]:
    """Give each channel of each image the mean 0 and the variance 1, in float32 inside."""
    exact = features.float()
    variance, mean = torch.var_mean(exact, (2, 3), correction=0, keepdim=True)
    return ((exact - mean) * torch.rsqrt(variance + eps)).to(features.dtype)


def norm_layer(norm: Norm, channels: int) -> nn.Module:
    """Build a layer for `channels` channels.

    Instance norm has no weights and keeps no running statistics (Ulyanov et al. 2016,
    arXiv:1607.08022), so a picture's translation does not depend on its neighbours in the batch.
    """
    if norm == "instance":
        return InstanceNorm(channels)
    if norm == "batch":
        return nn.BatchNorm2d(channels)
    return nn.Identity()


def bias_before(norm: Norm) -> bool:
    """Tell whether a convolution before the norm has a bias.

    Instance norm would subtract it again; it stays because the authors' weights have it.
    """
    return norm == "instance"


def normed(convolution: nn.Module, norm: Norm, channels: int) -> tuple[nn.Module, nn.Module]:
    """Pair a convolution to `channels` channels with the norm behind it.

    Biases that instance norm subtracts again do not learn: their gradients are zero but for
    rounding, and adding those up took 3.5 % of a step on a GPU (docs/training-speed.md). Those of
    a pixel shuffle are four to a channel, of which instance norm takes the mean alone.
    """
    if norm == "instance":
        for name, weights in convolution.named_parameters():
            if name.endswith("bias") and len(weights) == channels:
                weights.requires_grad_(False)
    return convolution, norm_layer(norm, channels)
