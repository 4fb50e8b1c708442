"""Networks that `torch.compile` has a hand in."""

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import nn

from cyclegan.generator import Generator
from cyclegan.networks import Networks
from training.settings import TrainSettings


def compile_networks(networks: Networks, settings: TrainSettings, device: torch.device) -> None:
    """Let `networks` compile what they compute when they first do so."""
    if device.type == "cuda":
        networks.to(memory_format=torch.channels_last)  # the layout of its matrix units
    for network in networks.children():
        # A gradient penalty is differentiated twice, which compiled code cannot be.
        if isinstance(network, Generator) or settings.objective != "wgan_gp":
            for region in _regions(network):
                region.compile(dynamic=False)


def _regions(network: nn.Module) -> Iterable[nn.Module]:
    """Tell what is compiled by itself.

    Residual blocks are alike, so that what was compiled for one serves all: 31 s instead of 55 for
    the paper's networks on a CPU, and 3 % more for a step; as wholes they take minutes for a GPU
    (docs/log.md).
    """
    if isinstance(network, Generator):
        return network.encode, *network.transform, network.decode
    return (network,)


def uncompiled(settings: TrainSettings) -> AbstractContextManager[object]:
    """Do not compile inside the block, for passes of other sizes than the step's."""
    if settings.compile == "off":
        return nullcontext()
    return torch.compiler.set_stance("force_eager")
