"""One side of the game: the networks that one optimizer moves, and how they learn from a batch."""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim import Optimizer

from cyclegan.objectives import Images, Loss
from training.ranks import Ranks

Autocast = Callable[[], AbstractContextManager[object]]


class Played(NamedTuple):
    """What comes of one turn."""

    objective: Loss
    """What the side descends along."""
    losses: tuple[Loss, ...]
    """What is told of it: losses without their weights."""
    made: tuple[Images, ...] = ()
    """Images that were made on the way."""


Turn = Callable[..., Played]
"""Computes a side's objective on some images of each batch."""


class Side:
    """Networks that learn together: from a batch in equal parts, and on all ranks alike."""

    def __init__(
        self,
        networks: Iterable[nn.Module],
        optimizer: Optimizer,
        autocast: Autocast,
        parts: int,
        ranks: Ranks,
    ) -> None:
        self._optimizer = optimizer
        self._parts = parts
        self._table: nn.Module = _Table(networks, autocast)
        self._unsynchronised: Autocast = nullcontext
        if ranks.count > 1:
            # Statistics of batch norm are the first rank's.
            shared = DistributedDataParallel(self._table, gradient_as_bucket_view=True)
            self._table, self._unsynchronised = shared, shared.no_sync

    def learn(self, turn: Turn, *batches: Images) -> Played:
        """Descend once along the mean of what `turn` gives for each part of the batches.

        Returns:
            Mean losses and all images made, without a graph. In one part it is what `turn` gives.
        """
        self._optimizer.zero_grad(set_to_none=True)
        parts = list(zip(*(batch.chunk(self._parts) for batch in batches), strict=True))
        played = [self._play(turn, part, sync=False) for part in parts[:-1]]
        played.append(self._play(turn, parts[-1], sync=True))
        self._optimizer.step()
        return _merged(played)

    def _play(self, turn: Turn, part: tuple[Images, ...], *, sync: bool) -> Played:
        with nullcontext() if sync else self._unsynchronised():
            played: Played = self._table(turn, *part)
            (played.objective / self._parts).backward()
        return Played(
            played.objective.detach(),
            tuple(loss.detach() for loss in played.losses),
            tuple(images.detach() for images in played.made),
        )


class _Table(nn.Module):
    """Where a side takes its turn: all that one backward pass follows is computed in one call.

    DDP sees one forward pass for each backward pass then, and the copies of the weights that
    autocast keeps do not outlive an update.
    """

    def __init__(self, networks: Iterable[nn.Module], autocast: Autocast) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)
        self._autocast = autocast

    def forward(self, turn: Turn, *batches: Images) -> Played:
        """Let `turn` compute."""
        with self._autocast():
            return turn(*batches)


def _merged(played: list[Played]) -> Played:
    if len(played) == 1:
        return played[0]
    objectives, losses, made = zip(*played, strict=True)
    return Played(
        torch.stack(objectives).mean(),
        tuple(torch.stack(same).mean() for same in zip(*losses, strict=True)),
        tuple(torch.cat(same) for same in zip(*made, strict=True)),
    )
