"""From any mode that a picture file can have to sRGB with 8 bits, and its alpha beside it."""

import logging
from io import BytesIO

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageCms, ImageFile

logger = logging.getLogger(__name__)

# Pillow's mode -> colour space of the profiles that fit it.
_PROFILE_SPACES = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK"}


def split_alpha(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Give the colours as sRGB, mode RGB, and the alpha, mode L, if the picture has any."""
    profile = image.info.get("icc_profile")
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        image = _eight_bits(image)
    if image.has_transparency_data:
        image = _with_alpha(image)
        alpha = image.getchannel("A")
        return _to_srgb(image.convert("RGB" if image.mode == "RGBA" else "L"), profile), alpha
    if image.mode in ("P", "1"):
        image = image.convert("RGB" if image.mode == "P" else "L")
    return _to_srgb(image, profile), None


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


def _eight_bits(image: Image.Image) -> Image.Image:
    # `Image.convert` would clip: nearly all of a 16-bit picture would turn white.
    values = np.nan_to_num(np.asarray(image, dtype=np.float64))
    gray = Image.fromarray(_scaled(values, is_float=image.mode == "F"))
    key = image.info.get("transparency")
    if not isinstance(key, int):
        return gray
    alpha = Image.fromarray(np.where(values == key, 0, 255).astype(np.uint8))
    return Image.merge("LA", (gray, alpha))


def _scaled(values: np.ndarray, is_float: bool) -> UInt8[np.ndarray, "h w"]:
    # Files do not say what counts as white: it is the least usual one that nothing exceeds. Modes
    # of 16 bits come here too and hold 16 bits however dark they are.
    top = values.max()
    usual = (1.0, 255.0, 65535.0) if is_float else (65535.0,)
    white = next((white for white in usual if top <= white), top)
    return np.rint(values.clip(0) * (255 / white)).clip(0, 255).astype(np.uint8)


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
