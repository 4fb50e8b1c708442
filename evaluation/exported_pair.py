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
        self._ab, self.card, there = _load(folder / FILE_AB)
        self._ba, card_back, back = _load(folder / FILE_BA)
        self.names = domains_of_pair(self.card, card_back, str(folder))
        """Of domain A and B."""
        self.weights = {self.card.translation: there, card_back.translation: back}
        """Which models these are, by translation."""

    def to_b(self, pictures: Pictures) -> Pictures:
        """Translate pictures of A, one after the other."""
        return _translated(self._ab, pictures, f"making {self.names[1]}")

    def to_a(self, pictures: Pictures) -> Pictures:
        """Translate pictures of B, one after the other."""
        return _translated(self._ba, pictures, f"making {self.names[0]}")


def _load(file: Path) -> tuple[CpuSession, ModelCard, Weights]:
    if not file.is_file():
        raise ModelError(f"{file} is not there; expected a folder that `cyclegan export` wrote")
    try:
        content = file.read_bytes()
        session = CpuSession(content)
    except Exception as error:  # ONNX Runtime names no class of its own
        raise ModelError(f"{file} cannot be loaded ({error}); export the model again") from error
    card = ModelCard.from_metadata(session.metadata, str(file))
    told = card.training.model_dump(include={"origin", "steps", "weights", "strength"})
    return session, card, Weights(sha256=sha256(content).hexdigest(), **told)


def _translated(session: CpuSession, pictures: Pictures, label: str) -> Pictures:
    one_by_one = pictures.permute(0, 2, 3, 1).contiguous().split(1)
    results = [
        torch.from_numpy(session.translated(picture.numpy()))
        for picture in tracked(one_by_one, label, len(pictures))
    ]
    return torch.cat(results).permute(0, 3, 1, 2)
