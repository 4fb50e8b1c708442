"""From any mode that a picture file can have to sRGB with 8 bits, and its alpha beside it."""

import logging
from collections.abc import Iterator
from io import BytesIO
from itertools import product

import numpy as np
from PIL import Image, ImageCms, ImageFile

logger = logging.getLogger(__name__)

# Pillow's mode -> colour space of the profiles that fit it.
_PROFILE_SPACES = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK"}
_TILE = 1024  # pixels a side


def to_eight_bits(image: Image.Image) -> Image.Image:
    """Give the picture 8 bits a channel, no palette, and as alpha what a key makes transparent."""
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        image = _scaled(image)
    if image.has_transparency_data:
        return _with_alpha(image)
    if image.mode in ("P", "1"):
        return image.convert("RGB" if image.mode == "P" else "L")
    return image


def split_alpha(
    image: Image.Image, profile: bytes | None
) -> tuple[Image.Image, Image.Image | None]:
    """Give the colours as sRGB, mode RGB, and the alpha, mode L, if the picture has any.

    Args:
        image: With 8 bits a channel.
        profile: That its colours follow; one that is damaged or does not fit is ignored.
    """
    if image.mode not in ("LA", "RGBA"):
        return _to_srgb(image, profile), None
    colours = image.convert("L" if image.mode == "LA" else "RGB")
    return _to_srgb(colours, profile), image.getchannel("A")


def widen_transparent_gray(image: ImageFile.ImageFile) -> None:
    """Repair the transparent value of a gray PNG of 2 or 4 bits; call it before `load`.

    Pillow widens the pixels to 8 bits, but not the value that they are compared with.
    """
    key = image.info.get("transparency")
    if image.format == "PNG" and isinstance(key, int):
        image.info["transparency"] = key * {"L;2": 85, "L;4": 17}.get(str(image.tile[0].args), 1)


def _with_alpha(image: Image.Image) -> Image.Image:
    if image.mode in ("LA", "RGBA"):
        return image
    key = image.info.get("transparency")
    if image.mode == "RGB" and isinstance(key, tuple) and max(key) > 255:
        # 16 bits of a PNG of which Pillow has kept the upper 8 of each pixel.
        image.info["transparency"] = tuple(value >> 8 for value in key)
    return image.convert("LA" if image.mode in ("1", "L", "La") else "RGBA")


def _scaled(image: Image.Image) -> Image.Image:
    # `Image.convert` would clip: nearly all of a 16-bit picture would turn white.
    white = _white(image)
    key = image.info.get("transparency")
    gray, alpha = Image.new("L", image.size), Image.new("L", image.size, 255)
    for box in _tiles(image.size):
        values = np.asarray(image.crop(box), np.float64)
        levels = np.nan_to_num(values).clip(0, white) * (255 / white)
        gray.paste(Image.fromarray(np.rint(levels).astype(np.uint8)), box)
        if isinstance(key, int):
            alpha.paste(0, box, Image.fromarray(values == key))
    return Image.merge("LA", (gray, alpha)) if isinstance(key, int) else gray


def _white(image: Image.Image) -> float:
    # However dark it is, a picture of 16 bits has 16 bits. Other files do not say what counts as
    # white: it is the least usual one that nothing exceeds.
    if image.mode.startswith("I;16"):
        return 65535.0
    tiles = (np.asarray(image.crop(box)) for box in _tiles(image.size))
    top = max(float(tile.max(where=np.isfinite(tile), initial=0)) for tile in tiles)
    usual = (1.0, 255.0, 65535.0) if image.mode == "F" else (65535.0,)
    return next((white for white in usual if top <= white), top)


def _tiles(size: tuple[int, int]) -> Iterator[tuple[int, int, int, int]]:
    # A tile at a time: the whole picture in numbers of 64 bits would take gigabytes.
    width, height = size
    for top, left in product(range(0, height, _TILE), range(0, width, _TILE)):
        yield left, top, min(left + _TILE, width), min(top + _TILE, height)


def _to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    space = _PROFILE_SPACES.get(image.mode)
    if profile and space:
        try:
            return _through_profile(image, profile, space)
        except (ImageCms.PyCMSError, OSError, ValueError) as error:
            logger.debug("ignoring a colour profile: %s", error)
    return image.convert("RGB")


def _through_profile(image: Image.Image, profile: bytes, space: str) -> Image.Image:
    source = ImageCms.ImageCmsProfile(BytesIO(profile))
    core = source.profile
    assert isinstance(core, ImageCms.core.CmsProfile)  # of a file, not of a name
    found = core.xcolor_space.strip()
    if found != space:
        raise ValueError(f"it describes {found}, the picture is {space}")
    srgb = ImageCms.createProfile("sRGB")
    converted = ImageCms.profileToProfile(image, source, srgb, outputMode="RGB")
    if converted is None:
        raise ValueError("it converts nothing")
    return converted
