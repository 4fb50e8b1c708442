"""A small network that tells real pictures of A from real pictures of B.

It judges translations: how many does it take for the target? On its own this says little, since a
few colours may be enough for it; it stands beside the other measures.
"""

from collections.abc import Iterable

import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, binary_cross_entropy_with_logits

from cyclegan.pixels import Pictures, to_signed
from training.progress import tracked

SIDE = 128
"""Pixels to which pictures are reduced for it."""
_CROP = 112  # of them, at a random place in training: so that it learns no places
_BATCH = 32
_RATE = 1e-3
_LEAST_STEPS = 300


class DomainClassifier:
    """Trained here on real pictures; its accuracy on held-out ones is part of each report."""

    def __init__(self, network: nn.Module) -> None:
        self._network = network.eval()

    @classmethod
    def train(
        cls, a: Pictures, b: Pictures, seed: int, steps: int | None = None
    ) -> "DomainClassifier":
        """Train one on as many pictures of A as of B, mirrored and cut at random.

        Args:
            a: Real training pictures of domain A.
            b: Those of domain B; their number may differ.
            seed: Of the weights, the order and the augmentation.
            steps: Of 32 pictures; 12 epochs of the smaller domain if not given, at least 300.
        """
        random = Generator().manual_seed(seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = _network()
        steps = steps or max(_LEAST_STEPS, 12 * min(len(a), len(b)) * 2 // _BATCH)
        optimizer = torch.optim.AdamW(network.parameters(), _RATE, weight_decay=1e-2)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, _RATE, total_steps=steps)
        small_a, small_b = _reduced(a), _reduced(b)
        labels = torch.cat([torch.zeros(_BATCH // 2), torch.ones(_BATCH // 2)])
        for _ in tracked(range(steps), "training it", steps):
            images = torch.cat([_drawn(each, random) for each in (small_a, small_b)])
            loss = binary_cross_entropy_with_logits(network(images)[:, 0], labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        return cls(network)

    @torch.inference_mode()
    def share_of_b(self, pictures: Pictures) -> float:
        """Share of the pictures that it takes for B, in [0, 1]."""
        margin = (SIDE - _CROP) // 2
        middles = _reduced(pictures)[:, :, margin : margin + _CROP, margin : margin + _CROP]
        scores = torch.cat([self._network(each) for each in middles.split(_BATCH)])
        return (scores > 0).float().mean().item()


def _network() -> nn.Module:
    layers: list[nn.Module] = []
    width_in = 3
    for width in (24, 48, 96, 96):
        layers += [nn.Conv2d(width_in, width, 3, stride=2, padding=1), nn.BatchNorm2d(width)]
        layers += [nn.ReLU()]
        width_in = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width_in, 1))


def _reduced(pictures: Pictures) -> Float[Tensor, "n 3 128 128"]:
    small: Iterable[Tensor] = (adaptive_avg_pool2d(to_signed(p), SIDE) for p in pictures.split(1))
    return torch.cat(list(small))


def _drawn(images: Float[Tensor, "n 3 s s"], random: Generator) -> Float[Tensor, "16 3 112 112"]:
    """Draw half a batch: any pictures, mirrored or not, cut at one place."""
    chosen = torch.randint(len(images), (_BATCH // 2,), generator=random)
    row, column = torch.randint(SIDE - _CROP + 1, (2,), generator=random).tolist()
    drawn = images[chosen][:, :, row : row + _CROP, column : column + _CROP]
    mirrored = torch.rand(len(drawn), generator=random) < 0.5
    return torch.where(mirrored[:, None, None, None], drawn.flip(3), drawn)
