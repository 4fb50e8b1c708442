"""A square picture in the making: flat shapes, drawn large and reduced to soften their edges."""

from collections.abc import Sequence
from random import Random

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw

from training.palettes import Colour, Look


class Easel:
    """Carries the picture, the look that colours it, and the random numbers that place things.

    Places and sizes are shares of the side: (0, 0) is at the top left, (1, 1) opposite.
    """

    OVERSAMPLING = 4

    def __init__(self, side: int, look: Look, random: Random) -> None:
        self.look = look
        self._random = random
        self._side = self.OVERSAMPLING * side
        self._image = Image.new("RGB", (self._side, self._side))
        self._draw = ImageDraw.Draw(self._image, "RGBA")

    def picture(self) -> UInt8[np.ndarray, "side side 3"]:
        """What has been drawn, in its final size."""
        return np.array(self._image.reduce(self.OVERSAMPLING))

    def between(self, low: float, high: float) -> float:
        """Draw a random number."""
        return low + (high - low) * self._random.random()

    def count(self, least: int, most: int) -> int:
        """Draw a random whole number; both ends are possible."""
        return least + int((most - least + 1) * self._random.random())

    def chance(self, share: float) -> bool:
        """Be true this often."""
        return self._random.random() < share

    def polygon(self, points: Sequence[tuple[float, float]], colour: Colour) -> None:
        """Fill the inside of `points`."""
        # Whole pixels, so that no machine rounds an edge otherwise than another.
        corners = [(self._pixels(x), self._pixels(y)) for x, y in points]
        self._draw.polygon(corners, fill=colour)

    def box(self, left: float, top: float, width: float, height: float, colour: Colour) -> None:
        """Fill an upright rectangle."""
        right, bottom = left + width, top + height
        self.polygon([(left, top), (right, top), (right, bottom), (left, bottom)], colour)

    def disc(
        self, x: float, y: float, wide: float, high: float, colour: Colour, opacity: float = 1
    ) -> None:
        """Fill an ellipse around (x, y); `wide` and `high` are its radii."""
        left, right = self._pixels(x - wide), self._pixels(x + wide)
        top, bottom = self._pixels(y - high), self._pixels(y + high)
        self._draw.ellipse((left, top, right, bottom), fill=(*colour, round(255 * opacity)))

    def gradient(self, top: Colour, bottom: Colour, height: float) -> None:
        """Fill the upper part of the picture, from one colour to the other."""
        share = np.linspace(0, 1, self._pixels(height))[:, None]
        rows = np.array(top) * (1 - share) + np.array(bottom) * share
        strip = np.repeat(rows.round().astype(np.uint8)[:, None], self._side, axis=1)
        self._image.paste(Image.fromarray(strip), (0, 0))

    def _pixels(self, share: float) -> int:
        return round(share * self._side)
