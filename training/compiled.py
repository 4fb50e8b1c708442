"""Networks that `torch.compile` has a hand in."""

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import nn

from cyclegan.generator import Generator
from cyclegan.networks import Networks
from training.settings import TrainSettings

_SMALL_BATCH = 4  # pictures; not measured


def compile_networks(networks: Networks, settings: TrainSettings, device: torch.device) -> None:
    """Let `networks` compile what they compute when they first do so."""
    # CUDA graphs save what launching kernels costs, which is much where the batch is small.
    is_small = device.type == "cuda" and settings.batch // settings.accumulate <= _SMALL_BATCH
    mode = "reduce-overhead" if is_small else None
    for network in networks.children():
        # A gradient penalty is differentiated twice, which compiled code cannot be.
        if isinstance(network, Generator) or settings.objective != "wgan_gp":
            for region in _regions(network, device):
                region.compile(mode=mode, dynamic=False)


def _regions(network: nn.Module, device: torch.device) -> Iterable[nn.Module]:
    """Tell what is compiled by itself.

    On a CPU the compiler takes longer than anything else; residual blocks are alike, so that what
    was compiled for one serves all: 31 s instead of 55 for the paper's networks, and 3 % more for a
    step (docs/log.md). CUDA graphs want whole networks.
    """
    if device.type != "cpu" or not isinstance(network, Generator):
        return (network,)
    return network.encode, *network.transform, network.decode


def uncompiled(settings: TrainSettings) -> AbstractContextManager[object]:
    """Do not compile inside the block, for passes of other sizes than the step's."""
    if settings.compile == "off":
        return nullcontext()
    return torch.compiler.set_stance("force_eager")
