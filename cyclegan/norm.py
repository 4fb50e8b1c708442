"""The normalisation between a convolution and its activation."""

from typing import Literal

from torch import nn

Norm = Literal["instance", "batch", "none"]


def norm_layer(norm: Norm, channels: int) -> nn.Module:
    """Build a layer for `channels` channels.

    Instance norm has no weights and keeps no running statistics (Ulyanov et al. 2016,
    arXiv:1607.08022), so a picture's translation does not depend on its neighbours in the batch.
    """
    if norm == "instance":
        return nn.InstanceNorm2d(channels)
    if norm == "batch":
        return nn.BatchNorm2d(channels)
    return nn.Identity()


def bias_before(norm: Norm) -> bool:
    """Tell whether a convolution before the norm has a bias.

    Instance norm would subtract it again; it stays because the authors' weights have it.
    """
    return norm == "instance"
