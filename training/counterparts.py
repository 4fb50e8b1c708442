"""Held-out pictures whose true counterpart in the other domain is known, to measure by.

They are the files of the same name in testA and testB, which no training looks at.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from pydantic import BaseModel, ConfigDict

from cyclegan.errors import DataError
from cyclegan.networks import Networks
from cyclegan.objectives import l1_loss
from cyclegan.pixels import to_signed
from training.folders import DataFolders
from training.pictures import picture_files, read_squares

_EXPECTED = (
    "expected two or more files of the same name in testA and testB, the same scene in both "
    "domains, as cyclegan draw-data makes them"
)


class Errors(BaseModel):
    """Mean absolute errors, as shares of that of the untranslated picture: 1 is nothing learned."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    to_b: float
    """Of pictures of A made into B, to their true counterparts."""
    to_a: float
    """Of pictures of B made into A, to their true counterparts."""
    again_a: float
    """Of pictures of A made into B and back, to themselves."""
    again_b: float
    """Of pictures of B made into A and back, to themselves."""


class Counterparts:
    """Pairs of pictures, the same scene in both domains, squares of one size."""

    def __init__(self, pairs: Sequence[tuple[Path, Path]], side: int) -> None:
        """Read them.

        Raises:
            DataError: A file cannot be read, or both pictures are the same in every pair.
        """
        self.a = read_squares([a for a, _ in pairs], side)
        self.b = read_squares([b for _, b in pairs], side)
        if torch.equal(self.a, self.b):
            raise DataError(
                f"the {len(pairs)} pairs in testA and testB are the same picture twice; {_EXPECTED}"
            )

    def __len__(self) -> int:
        return len(self.a)

    @property
    def blind(self) -> tuple[float, float]:
        """Errors to B and to A of answering with the mean of all other pictures of the domain.

        Whoever does no better has learned what a domain looks like and nothing of the picture.
        """
        a, b = to_signed(self.a), to_signed(self.b)
        # Without the picture itself the mean is n / (n - 1) times as far from it.
        share = len(self) / (len(self) - 1) / l1_loss(a, b)
        to_b, to_a = (l1_loss(each.mean(dim=0).expand_as(each), each) for each in (b, a))
        return (share * to_b).item(), (share * to_a).item()

    @torch.inference_mode()
    def errors(self, networks: Networks) -> Errors:
        """Translate every picture there and back; leaves `networks` in evaluation mode."""
        device = next(networks.parameters()).device
        networks.eval()
        sums = torch.zeros(5)
        for pair in zip(self.a, self.b, strict=True):
            a, b = (to_signed(picture[None].to(device)) for picture in pair)
            fake_b, fake_a = networks.gen_ab(a), networks.gen_ba(b)
            again_a, again_b = networks.gen_ba(fake_b), networks.gen_ab(fake_a)
            compared = ((fake_b, b), (fake_a, a), (again_a, a), (again_b, b), (a, b))
            sums += torch.stack([l1_loss(one, other) for one, other in compared]).cpu()
        to_b, to_a, again_a, again_b = (sums[:4] / sums[4]).tolist()
        return Errors(to_b=to_b, to_a=to_a, again_a=again_a, again_b=again_b)


def find_counterparts(folders: DataFolders) -> list[tuple[Path, Path]]:
    """Pair the test pictures by name, whatever their format.

    Raises:
        DataError: There are no two folders of test pictures, or less than two names in both.
    """
    if folders.test_a is None or folders.test_b is None:
        raise DataError(
            f"there are no test pictures beside {folders.train_a} to measure by; {_EXPECTED}"
        )
    a, b = _by_name(folders.test_a), _by_name(folders.test_b)
    pairs = [(a[name], b[name]) for name in a if name in b]
    if len(pairs) < 2:
        raise DataError(
            f"{len(pairs)} of the {len(a)} pictures in {folders.test_a} and the {len(b)} in "
            f"{folders.test_b} have the same name; {_EXPECTED}"
        )
    return pairs


def _by_name(folder: Path) -> dict[Path, Path]:
    return {file.relative_to(folder).with_suffix(""): file for file in picture_files(folder)}
