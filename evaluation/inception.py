"""The network whose features FID and KID compare: Inception v3 with the weights of 2015."""

import io
import logging
from pathlib import Path
from typing import cast
from urllib.error import URLError

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch_fidelity.feature_extractor_inceptionv3 import (
    URL_INCEPTION_V3,
    FeatureExtractorInceptionV3,
)

from cyclegan.errors import UsageError

logger = logging.getLogger(__name__)

_SHA256_BEGINS = "6726825d"
_FEATURES = "2048"


class Inception(nn.Module):
    """Torch-fidelity's, which resizes as TensorFlow did, in the form that torchmetrics asks for."""

    num_features = int(_FEATURES)

    def __init__(self, weights: Path) -> None:
        """Load the weights.

        Raises:
            UsageError: The file cannot be read, or is none of these weights.
        """
        super().__init__()
        try:
            self._network = FeatureExtractorInceptionV3(
                "inception", [_FEATURES], cast(str, _harmless(weights))
            )
        except RuntimeError:  # of other names or shapes, as torchvision's Inception has
            raise _others(weights) from None

    def forward(self, pictures: UInt8[Tensor, "n 3 h w"]) -> Float[Tensor, "n 2048"]:
        """Give the features of pictures."""
        return self._network(pictures)[0]


def find_inception(given: Path | None) -> Inception | None:
    """Load the weights from a file, or download them once; none if that is not possible.

    Raises:
        UsageError: The given file cannot be read, or is none of these weights.
    """
    if given is not None:
        return Inception(given)
    file = Path(torch.hub.get_dir()) / "checkpoints" / URL_INCEPTION_V3.rpartition("/")[2]
    try:
        if not file.exists():
            logger.info("downloading the weights for FID and KID (95 MB) to %s", file)
            file.parent.mkdir(parents=True, exist_ok=True)
            torch.hub.download_url_to_file(URL_INCEPTION_V3, str(file), _SHA256_BEGINS)
        return Inception(file)
    except (URLError, OSError, RuntimeError) as error:
        logger.warning(
            "FID and KID are left out, since their weights could not be had (%s): get %s elsewhere "
            "and give it with --inception",
            error,
            URL_INCEPTION_V3,
        )
        return None


def _others(file: Path) -> UsageError:
    return UsageError(f"{file} has other weights; expected the file of {URL_INCEPTION_V3}")


def _harmless(file: Path) -> io.BytesIO:
    """Read a file that could execute code as nothing but tensors.

    The library would unpickle whatever stands in it; what it gets instead is written here.
    """
    try:
        weights = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # of many kinds: torch lets those of pickle and zip through
        raise UsageError(
            f"{file} cannot be read as weights ({type(error).__name__}); expected the file of "
            f"{URL_INCEPTION_V3}"
        ) from None
    if not isinstance(weights, dict) or "Mixed_7c.branch_pool.conv.weight" not in weights:
        raise _others(file)
    copy = io.BytesIO()
    torch.save(weights, copy)
    copy.seek(0)
    return copy
