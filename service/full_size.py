"""Large pictures in their own size, of which the model sees a smaller one.

The change that the model makes is enlarged and laid over the picture, whose own fine structure so
remains. After Liang et al. 2021, arXiv:2105.09188, which translates the coarse levels of a
picture's pyramid and keeps the fine ones.
"""

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from service.geometry import reduced
from service.images import Pixels


def seen_by_model(pixels: Pixels, edge: int | None) -> UInt8[np.ndarray, "h2 w2 3"]:
    """Shrink pixels so that no side is longer than `edge`; without it they stay as they are."""
    if edge is None or max(pixels.shape[:2]) <= edge:
        return pixels
    return np.asarray(reduced(Image.fromarray(pixels), edge))


def laid_over(
    pixels: Pixels, seen: UInt8[np.ndarray, "h2 w2 3"], translated: UInt8[np.ndarray, "h2 w2 3"]
) -> Pixels:
    """Change `pixels` as the model has changed what it has seen of them.

    Args:
        pixels: Of the picture.
        seen: What `seen_by_model` gave of them.
        translated: What the model made of that.
    """
    if seen is pixels:  # it has seen all
        return translated
    height, width, channels = pixels.shape
    result = np.empty_like(pixels)
    for channel in range(channels):  # one at a time, for their floats take four times the memory
        change = translated[..., channel].astype(np.float32) - seen[..., channel]
        enlarged = Image.fromarray(change).resize((width, height), Image.Resampling.BICUBIC)
        changed = pixels[..., channel] + np.asarray(enlarged)
        result[..., channel] = changed.round().clip(0, 255)
    return result
