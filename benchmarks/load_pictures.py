"""Pictures to send, drawn with a seed, and a model that differs from another."""

from collections.abc import Iterator
from io import BytesIO

import numpy as np
import onnx
from onnx import numpy_helper
from PIL import Image

FORMATS = ("jpeg", "png", "webp")

_PATCH = 16  # pixels over which the colours change, about as in a photograph
_GRAIN = 6.0  # standard deviation of the noise; a JPEG has the size of a photograph's then


def draw(width: int, height: int, seed: int) -> Image.Image:
    """Draw soft patches of colour with a little noise."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (height // _PATCH + 2, width // _PATCH + 2, 3), dtype=np.uint8)
    soft = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
    noisy = np.asarray(soft) + rng.normal(0, _GRAIN, (height, width, 3))
    return Image.fromarray(noisy.clip(0, 255).astype(np.uint8))


def encoded(picture: Image.Image, format: str) -> bytes:
    """Return it as a file, with the little effort that PNG and WebP allow."""
    file = BytesIO()
    picture.save(file, format, quality=90, compress_level=1, method=0)
    return file.getvalue()


def jpegs(count: int, side: int) -> list[bytes]:
    """Draw square JPEG files."""
    return [encoded(draw(side, side, seed), "jpeg") for seed in range(count)]


def mixed(count: int, sides: tuple[int, int] = (16, 512)) -> Iterator[tuple[bytes, str]]:
    """Cut files of random sizes and formats, each with the format to be answered in."""
    rng = np.random.default_rng(0)
    whole = draw(2 * sides[1], 2 * sides[1], seed=0)
    for _ in range(count):
        width, height = rng.integers(*sides, 2, endpoint=True)
        left, top = rng.integers(whole.width - width), rng.integers(whole.height - height)
        part = whole.crop((int(left), int(top), int(left + width), int(top + height)))
        given, wanted = rng.choice(FORMATS, 2)
        yield encoded(part, given), str(wanted)


def altered(model: bytes) -> bytes:
    """Return an exported model that translates otherwise: its first weights have the other sign."""
    changed = onnx.load_from_string(model)
    weights = next(each for each in changed.graph.initializer if len(each.dims) == 4)
    weights.CopyFrom(numpy_helper.from_array(-numpy_helper.to_array(weights), weights.name))
    return changed.SerializeToString()
