"""FID and KID: distances between the features that a network finds in two sets of pictures.

Sources: Heusel et al. 2017, arXiv:1706.08500, equation 6; Bińkowski et al. 2018, arXiv:1801.01401,
section 4.
"""

import warnings
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.kid import KernelInceptionDistance

from cyclegan.pixels import Pictures

SUBSETS = 100
MOST_IN_SUBSET = 1000
_BATCH = 16

Features = Float[Tensor, "_ f"]


@dataclass(frozen=True)
class FeatureDistance:
    """Both, for one pair of sets."""

    fid: float
    kid: float
    """Mean over 100 subsets of as many pictures as the smaller set has, at most 1,000."""


@torch.inference_mode()
def features_of(network: nn.Module, pictures: Pictures) -> Features:
    """Let the network look at each picture once."""
    return torch.cat([network(batch) for batch in pictures.split(_BATCH)])


def feature_distance(real: Features, other: Features, seed: int) -> FeatureDistance:
    """Measure how far apart two sets of pictures are by their features, two or more in each."""
    fid = FrechetInceptionDistance(feature=_Given(real.shape[1]))
    size = min(len(real), len(other), MOST_IN_SUBSET)
    with warnings.catch_warnings(action="ignore"):  # of the memory that the features take
        kid = KernelInceptionDistance(
            feature=_Given(real.shape[1]), subsets=SUBSETS, subset_size=size
        )
    for metric in (fid, kid):
        metric.update(real, real=True)
        metric.update(other, real=False)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)  # of the subsets
        mean, _ = kid.compute()
        return FeatureDistance(fid=fid.compute().item(), kid=mean.item())


class _Given(nn.Module):
    """Takes features for pictures: they are compared several times, and computed once."""

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.num_features = num_features

    def forward(self, features: Features) -> Features:
        return features
