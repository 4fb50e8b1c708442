"""The grid of fixed pictures that shows what a run has learned so far."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image, ImageDraw, ImageFont
from torchvision.utils import make_grid

from cyclegan.networks import Networks
from cyclegan.objectives import Images
from cyclegan.pixels import to_bytes, to_signed
from training.pictures import read_squares

CAPTION_HEIGHT = 22  # pixels

Item = TypeVar("Item")


class Samples:
    """The same few pictures of both domains, translated and translated back again."""

    def __init__(
        self, files_a: Sequence[Path], files_b: Sequence[Path], side: int, names: tuple[str, str]
    ) -> None:
        self.names = names
        self._real_a = read_squares(files_a, side)
        self._real_b = read_squares(files_b, side)

    def grid(self, networks: Networks) -> UInt8[np.ndarray, "h w 3"]:
        """Draw a row for each picture: A, B made of it, A again; then B, A made of it, B again."""
        device = next(networks.parameters()).device
        real_a, real_b = (to_signed(x).to(device) for x in (self._real_a, self._real_b))
        networks.eval()  # batch norm would take these pictures into its statistics
        with torch.inference_mode():
            fake_b, fake_a = networks.gen_ab(real_a), networks.gen_ba(real_b)
            cycled_a, cycled_b = networks.gen_ba(fake_b), networks.gen_ab(fake_a)
        networks.train()
        columns = (real_a, fake_b, cycled_a, real_b, fake_a, cycled_b)
        return _captioned(_tiled(columns), self._captions())

    def _captions(self) -> list[str]:
        a, b = self.names
        return [a, f"to {b}", "and back", b, f"to {a}", "and back"]


def png(picture: UInt8[np.ndarray, "h w 3"]) -> bytes:
    """Encode a picture."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG")
    return buffer.getvalue()


def evenly(items: Sequence[Item], count: int) -> list[Item]:
    """Choose `count` of `items`, or all if there are fewer, spread over the whole sequence."""
    count = min(count, len(items))
    return [items[i * len(items) // count] for i in range(count)]


def _tiled(columns: Sequence[Images]) -> UInt8[np.ndarray, "grid_h grid_w 3"]:
    rows = [tile for row in zip(*columns, strict=True) for tile in row]
    tiles = to_bytes(torch.stack(rows)).cpu()
    return make_grid(tiles, nrow=len(columns), padding=2, pad_value=255).permute(1, 2, 0).numpy()


def _captioned(
    picture: UInt8[np.ndarray, "h w 3"], captions: Sequence[str]
) -> UInt8[np.ndarray, "captioned_h w 3"]:
    height, width, _ = picture.shape
    canvas = Image.new("RGB", (width, height + CAPTION_HEIGHT), "white")
    canvas.paste(Image.fromarray(picture), (0, CAPTION_HEIGHT))
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(13)
    for column, caption in enumerate(captions):
        draw.text((column * width // len(captions) + 4, 3), caption, fill="black", font=font)
    return np.asarray(canvas)
