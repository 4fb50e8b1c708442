"""Label maps, as JPEG files keep them."""

import io

import numpy as np
import torch
from PIL import Image

RED, SEA, SAND = (200, 10, 10), (0, 80, 200), (230, 220, 120)


def label_map(seed, quality=75):
    """Rectangles of three colours."""
    rng = np.random.default_rng(seed)
    pixels = np.full((96, 96, 3), SEA, np.uint8)
    for colour in (RED, SAND, RED, SAND):
        top, left = rng.integers(0, 70, 2)
        pixels[top : top + 25, left : left + 25] = colour
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality)
    return torch.from_numpy(np.array(Image.open(file))).permute(2, 0, 1)
