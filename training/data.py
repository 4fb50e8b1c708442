"""Unpaired crops: item = f(seed, step), so that a run can be continued at any step."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from training.decoding import Pictures

Crops = UInt8[Tensor, "n 3 h w"]


@lru_cache(maxsize=1)
def _order(seed: int, epoch: int, pictures: int) -> np.ndarray:
    """Shuffle an epoch's pictures once, and not at each of its steps."""
    return np.random.default_rng([seed, epoch]).permutation(pictures)


class UnpairedCrops:
    """Random crops of two domains; `crops[step]` is the batch of that step, always the same.

    With `mine` only these places of each batch are read, as a rank does that others help.

    As in the reference, an epoch shows every picture of A once in random order (repeated until the
    larger domain's size is reached), each beside a random picture of B.
    """

    def __init__(
        self,
        a: Pictures,
        b: Pictures,
        *,
        crop: int,
        flip: bool,
        batch: int,
        seed: int,
        mine: Sequence[int] | None = None,
    ) -> None:
        self.a, self.b = a, b
        self.crop, self.flip, self.batch, self.seed = crop, flip, batch, seed
        self._mine = range(batch) if mine is None else mine

    @property
    def steps_per_epoch(self) -> int:
        """Steps that take as many pictures as the larger domain has."""
        return max(1, max(len(self.a), len(self.b)) // self.batch)

    def __getitem__(self, step: int) -> tuple[Crops, Crops]:
        """Give the crops of A and B of step number `step`, counted from 0."""
        epoch, place = divmod(step, self.steps_per_epoch)
        order = _order(self.seed, epoch, self._epoch_pictures)
        chosen_a = order[place * self.batch : (place + 1) * self.batch] % len(self.a)
        rng = np.random.default_rng([self.seed, 1, step])
        chosen_b = rng.integers(len(self.b), size=self.batch)
        return (
            self._crops(self.a, chosen_a.tolist(), rng),
            self._crops(self.b, chosen_b.tolist(), rng),
        )

    @property
    def _epoch_pictures(self) -> int:
        return max(len(self.a), len(self.b), self.batch)

    def _crops(self, pictures: Pictures, chosen: list[int], rng: np.random.Generator) -> Crops:
        windows = [self._window(pictures.shape[1], rng) for _ in chosen]
        crops = [self._cut(pictures[chosen[place]], *windows[place]) for place in self._mine]
        return torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2)

    def _window(self, side: int, rng: np.random.Generator) -> tuple[int, int, bool]:
        """Draw a crop's top and left, and whether it is mirrored."""
        top, left = rng.integers(side - self.crop + 1, size=2)
        return int(top), int(left), self.flip and bool(rng.random() < 0.5)

    def _cut(
        self, picture: UInt8[np.ndarray, "side side 3"], top: int, left: int, mirrored: bool
    ) -> UInt8[np.ndarray, "crop crop 3"]:
        cut = picture[top : top + self.crop, left : left + self.crop]
        return cut[:, ::-1] if mirrored else cut
