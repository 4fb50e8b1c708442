"""Both exported generators of a model, run as the service would run them."""

from hashlib import sha256
from pathlib import Path

import torch

from cyclegan.contract import FILE_AB, FILE_BA, ModelCard, domains_of_pair
from cyclegan.cpu_session import CpuSession
from cyclegan.errors import ModelError
from cyclegan.pixels import Pictures
from evaluation.measures import Weights
from training.progress import tracked


class ExportedPair:
    """`a2b.onnx` and `b2a.onnx` of one folder."""

    def __init__(self, folder: Path) -> None:
        """Load both.

        Raises:
            ModelError: One is missing, damaged, or they are not of the same two domains.
        """
        self._folder = folder
        self._ab, self.card = _load(folder / FILE_AB)
        self._ba, self._card_back = _load(folder / FILE_BA)
        self.names = domains_of_pair(self.card, self._card_back, str(folder))
        """Of domain A and B."""

    def weights(self) -> dict[str, Weights]:
        """Tell which models these are, by translation."""
        return {
            card.translation: Weights(
                sha256=sha256((self._folder / name).read_bytes()).hexdigest(),
                **card.training.model_dump(include={"origin", "steps", "weights", "strength"}),
            )
            for name, card in ((FILE_AB, self.card), (FILE_BA, self._card_back))
        }

    def to_b(self, pictures: Pictures) -> Pictures:
        """Translate pictures of A, one after the other."""
        return _translated(self._ab, pictures, f"making {self.names[1]}")

    def to_a(self, pictures: Pictures) -> Pictures:
        """Translate pictures of B, one after the other."""
        return _translated(self._ba, pictures, f"making {self.names[0]}")


def _load(file: Path) -> tuple[CpuSession, ModelCard]:
    if not file.is_file():
        raise ModelError(f"{file} is not there; expected a folder that `cyclegan export` wrote")
    try:
        session = CpuSession(file)
    except Exception as error:  # ONNX Runtime names no class of its own
        raise ModelError(f"{file} cannot be loaded ({error}); export the model again") from error
    return session, ModelCard.from_metadata(session.metadata, str(file))


def _translated(session: CpuSession, pictures: Pictures, label: str) -> Pictures:
    one_by_one = pictures.permute(0, 2, 3, 1).contiguous().split(1)
    results = [
        torch.from_numpy(session.translated(picture.numpy()))
        for picture in tracked(one_by_one, label, len(pictures))
    ]
    return torch.cat(results).permute(0, 3, 1, 2)
