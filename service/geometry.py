"""Which way up a picture is, and how large it is to be."""

import logging

from PIL import ExifTags, Image

logger = logging.getLogger(__name__)

# EXIF orientation -> how to turn the picture upright; 1 is upright.
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SIDEWAYS = {_UPRIGHT[orientation] for orientation in (5, 6, 7, 8)}


def turn_of(image: Image.Image) -> Image.Transpose | None:
    """Say how to turn a picture upright; none if it is, or says nonsense."""
    # `ImageOps.exif_transpose` would write the EXIF block anew and fall over damaged tags.
    try:
        return _UPRIGHT.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception as error:
        logger.debug("ignoring a damaged EXIF block: %r", error)
        return None


def turned(size: tuple[int, int], turn: Image.Transpose | None) -> tuple[int, int]:
    """Give the width and height after a turn."""
    width, height = size
    return (height, width) if turn in _SIDEWAYS else size


def fitting(size: tuple[int, int], max_edge: int) -> tuple[int, int]:
    """Shrink a width and height so that neither exceeds `max_edge` pixels; the aspect stays."""
    width, height = size
    scale = max_edge / max(size)
    return size if scale >= 1 else (max(1, round(width * scale)), max(1, round(height * scale)))


def reduced(image: Image.Image, max_edge: int) -> Image.Image:
    """Shrink a picture so that no side is longer than `max_edge` pixels; the aspect stays."""
    size = fitting(image.size, max_edge)
    if size == image.size:
        return image
    # What is much too large is first shrunk to twice the size by means, in a quarter of the time.
    # Alpha weighs, so that what cannot be seen does not bleed into what can.
    return image.resize(size, Image.Resampling.LANCZOS, reducing_gap=2)
