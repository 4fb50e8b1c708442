"""The few pictures by which a run is examined, the same each time."""

import torch
from jaxtyping import Float
from torch import Tensor

from cyclegan.networks import Networks
from cyclegan.objectives import Images
from cyclegan.pixels import to_signed
from training.data import UnpairedCrops
from training.decoding import Pictures
from training.device import Precision, SettledPrecision, precision_context, settled_precision
from training.samples import evenly


class Probes:
    """Some training pictures of both domains, cut to the size that the networks train on."""

    COUNT = 3
    """Of each domain: enough to compare, and with their 6 passes in 50 steps cheap."""

    def __init__(self, crops: UnpairedCrops, precision: Precision, device: torch.device) -> None:
        self._precision: SettledPrecision = settled_precision(precision, device)
        self.a = _middles(crops.a, crops.crop).to(device)
        self.b = _middles(crops.b, crops.crop).to(device)

    def translated(
        self, networks: Networks
    ) -> tuple[Float[Tensor, "b 3 h w"], Float[Tensor, "a 3 h w"]]:
        """Make A of B, and B of A; the networks stay as they are."""
        networks.eval()  # batch norm would take these pictures into its statistics
        with torch.no_grad(), precision_context(self._precision, self.a.device):
            made = networks.gen_ba(self.b), networks.gen_ab(self.a)
        networks.train()
        return made


def _middles(pictures: Pictures, crop: int) -> Images:
    start = (pictures.shape[1] - crop) // 2
    middle = slice(start, start + crop)
    chosen = pictures[evenly(range(len(pictures)), Probes.COUNT), middle, middle]
    return to_signed(torch.from_numpy(chosen).permute(0, 3, 1, 2))
