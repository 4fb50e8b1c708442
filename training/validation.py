"""How good a run is on pictures that it does not train on, measured while it trains."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import nn

from cyclegan.errors import DataError
from cyclegan.networks import Networks
from cyclegan.pixels import Pictures, to_bytes, to_signed
from evaluation.content import cycle_error, edge_correlation
from evaluation.measures import LEAST_SPAN, is_apart
from evaluation.sliced_wasserstein import Reference
from training.folders import DataFolders
from training.pictures import picture_files, read_squares
from training.samples import evenly
from training.settings import TrainSettings
from training.validation_settings import Measure, measured_side

SCORES = "validation.jsonl"
"""File of a run's folder, a line for each measurement."""

_REFERENCES = 4  # real pictures of the target for each that is translated: a steadier reference
_PATCHES = 32_768  # of each set; a quarter of those of `cyclegan evaluate`, for the memory
_SCALES = 2  # the finest, on which translations differ most
_BATCH = 4


class Score(NamedTuple):
    """Means over both directions."""

    excess: float
    """At the two finest scales: 0 as near to the target as real test pictures, 1 nothing done. Of
    one direction alone where the other has no difference to bridge, whose noise would outweigh."""
    edges: float
    """Correlation of edges before and after, in [-1, 1]."""
    cycle: float
    """Mean absolute error there and back, in [0, 2]."""

    def is_better(self, other: "Score", measure: Measure) -> bool:
        """Tell which of two states of a run is to be kept."""
        mine, theirs = getattr(self, measure), getattr(other, measure)
        return mine > theirs if measure == "edges" else mine < theirs

    @property
    def sentence(self) -> str:
        """For the console."""
        return f"excess {self.excess:.2f}, edges {self.edges:.2f}, there and back {self.cycle:.3f}"


class Validation:
    """The same pictures each time; see docs/evaluation.md for the measures."""

    def __init__(self, folders: DataFolders, settings: TrainSettings) -> None:
        """Read the pictures, and measure the untranslated ones.

        Raises:
            DataError: There is no testA or testB, too few pictures, or one cannot be read.
        """
        if folders.test_a is None or folders.test_b is None:
            raise DataError(
                f"--validation.every is {settings.validation.every}, and there is no testA and "
                "testB to measure on; move some pictures of each domain there, or leave it out"
            )
        side = measured_side(settings.load_size)
        count, self._seed = settings.validation.pictures, settings.seed
        self._a, self._b = (_read(each, count, side) for each in (folders.test_a, folders.test_b))
        self._towards_b, self._towards_a = (
            _Target(_read(folder, _REFERENCES * count, side), real, source, self._seed)
            for folder, real, source in (
                (folders.train_b, self._b, self._a),
                (folders.train_a, self._a, self._b),
            )
        )

    def score(self, networks: Networks) -> Score:
        """Measure the generators in both directions."""
        networks.eval()
        fake_b, fake_a = made_by(networks.gen_ab, self._a), made_by(networks.gen_ba, self._b)
        again_a, again_b = made_by(networks.gen_ba, fake_b), made_by(networks.gen_ab, fake_a)
        networks.train()
        both = (self._towards_b, fake_b), (self._towards_a, fake_a)
        telling = [each for each in both if each[0].is_apart] or both
        return Score(
            excess=_mean([target.excess(made) for target, made in telling]),
            edges=_mean([edge_correlation(self._a, fake_b), edge_correlation(self._b, fake_a)]),
            cycle=_mean([cycle_error(self._a, again_a), cycle_error(self._b, again_b)]),
        )


class _Target:
    """Real pictures of a domain, and how far others are from them."""

    def __init__(self, train: Pictures, test: Pictures, untranslated: Pictures, seed: int) -> None:
        self._real = Reference(train, _PATCHES, seed, _SCALES)
        self._floor, nothing = self._distance(test), self._distance(untranslated)
        self.is_apart = is_apart(self._floor, nothing)
        """Whether there is a difference to bridge."""
        self._span = max(nothing - self._floor, LEAST_SPAN * self._floor)

    def excess(self, translated: Pictures) -> float:
        return (self._distance(translated) - self._floor) / self._span

    def _distance(self, pictures: Pictures) -> float:
        return sum(self._real.distances(pictures))


def read_scores(run: Path) -> list[tuple[int, Score]]:
    """Read what a run has written of its measurements, by steps; nothing before the first."""
    file = run / SCORES
    lines = file.read_text().splitlines() if file.exists() else []
    scores = [json.loads(line) for line in lines]
    return [(line["step"], Score(*(line[name] for name in Score._fields))) for line in scores]


def _read(folder: Path, count: int, side: int) -> Pictures:
    return read_squares(evenly(picture_files(folder), count), side)


@torch.inference_mode()
def made_by(generator: nn.Module, pictures: Pictures) -> Pictures:
    """Translate pictures of one size on the generator's device, some at a time."""
    device = next(generator.parameters()).device
    parts = (to_signed(part.to(device)) for part in pictures.split(_BATCH))
    return torch.cat([to_bytes(generator(part)).cpu() for part in parts])


def _mean(numbers: Sequence[float]) -> float:
    return sum(numbers) / len(numbers)
