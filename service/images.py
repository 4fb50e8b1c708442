"""From the bytes of a picture file to pixels and back; what comes in is trusted in nothing."""

import logging
import warnings
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from jaxtyping import UInt8
from PIL import ExifTags, Image

from service.colours import split_alpha, widen_transparent_gray
from service.errors import (
    BadRequest,
    ClientError,
    ResultTooLong,
    TooManyPixels,
    UndecodableImage,
    UnsupportedImageType,
)
from service.formats import PictureFormat

logger = logging.getLogger(__name__)

# First bytes of each format that is read -> Pillow's name of it. Everything else is refused unread.
_SIGNATURES = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"GIF87a": "GIF",
    b"GIF89a": "GIF",
    b"BM": "BMP",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"II+\0": "TIFF",
    b"MM\0+": "TIFF",
}
_READ = "JPEG, PNG, WebP, GIF, BMP and TIFF"

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

# For the whole process, since `warnings.catch_warnings` is not safe among threads.
warnings.simplefilter("error", Image.DecompressionBombWarning)
# Python remembers each text that it has warned with, and damaged files make ever new ones.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")


@dataclass(frozen=True)
class Picture:
    """Upright sRGB pixels and the alpha that they came with.

    Colours are not multiplied by alpha. Where alpha is 0 they are white, since whatever the file
    hides there is nobody's colour and would lead a model astray.
    """

    pixels: UInt8[np.ndarray, "h w 3"]
    alpha: UInt8[np.ndarray, "h w"] | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, in pixels."""
        height, width, _ = self.pixels.shape
        return width, height

    def reduced(self, max_edge: int) -> "Picture":
        """Shrink so that no side is longer than `max_edge` pixels; the aspect stays."""
        width, height = self.size
        scale = max_edge / max(width, height)
        if scale >= 1:
            return self
        size = max(1, round(width * scale)), max(1, round(height * scale))
        return _from_image(_to_image(self).resize(size, Image.Resampling.LANCZOS))


def decode(data: bytes, max_pixels: int) -> Picture:
    """Read a picture, the first one of an animation.

    Raises:
        UnsupportedImageType: The first bytes are of no format on the list.
        TooManyPixels: The header announces more than `max_pixels`; nothing is decoded then.
        UndecodableImage: The rest is damaged or cut short.
    """
    kind = _kind(data)
    try:
        with Image.open(BytesIO(data), formats=[kind]) as image:
            _check_size(image, max_pixels)
            widen_transparent_gray(image)
            image.load()
            return _from_image(_upright(image))
    except ClientError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise TooManyPixels(
            f"the picture has more than the {max_pixels:,} pixels that are allowed"
        ) from None
    except Exception as error:
        # What a decoder can stumble over in untrusted bytes has no common base class.
        raise UndecodableImage(f"the {kind} picture is damaged or cut short") from error


def encode(picture: Picture, format: PictureFormat, quality: int) -> bytes:
    """Write a picture without any metadata; JPEG has no alpha, so white shows through there.

    Args:
        picture: The pixels.
        format: Of the file.
        quality: 1 to 100, for JPEG and WebP; PNG is without loss.

    Raises:
        ResultTooLong: A side is longer than the format can say.
    """
    if max(picture.size) > format.longest_side:
        raise ResultTooLong(
            f"the result has {picture.size[0]}x{picture.size[1]} pixels; "
            f"{format} allows {format.longest_side:,} a side; ask for png"
        )
    file = BytesIO()
    match format:
        case PictureFormat.JPEG:
            # From quality 90 on the colours keep their full resolution.
            subsampling = "4:4:4" if quality >= 90 else "4:2:0"
            _on_white(picture).save(file, "JPEG", quality=quality, subsampling=subsampling)
        case PictureFormat.PNG:
            # Level 1: four times as fast as the default for a tenth more bytes.
            _to_image(picture).save(file, "PNG", compress_level=1)
        case PictureFormat.WEBP:
            _to_image(picture).save(file, "WEBP", quality=quality)
    return file.getvalue()


def _kind(data: bytes) -> str:
    if not data:
        raise BadRequest("the picture is empty; expected the bytes of a picture file")
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    for signature, kind in _SIGNATURES.items():
        if data.startswith(signature):
            return kind
    raise UnsupportedImageType(f"the bytes are of no known picture format; {_READ} are read")


def _check_size(image: Image.Image, max_pixels: int) -> None:
    if image.width * image.height > max_pixels:
        raise TooManyPixels(
            f"the picture has {image.width}x{image.height} pixels; "
            f"at most {max_pixels:,} in all are allowed"
        )


def _upright(image: Image.Image) -> Image.Image:
    # `ImageOps.exif_transpose` would write the EXIF block anew and fall over damaged tags.
    # Pillow has turned TIFFs by now, and taken the tag away.
    try:
        turn = _UPRIGHT.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception as error:
        logger.debug("ignoring a damaged EXIF block: %r", error)
        return image
    return image if turn is None else image.transpose(turn)


def _from_image(image: Image.Image) -> Picture:
    colours, alpha = split_alpha(image)
    if alpha is None:
        return Picture(np.asarray(colours))
    mask = np.asarray(alpha)
    return Picture(np.where(mask[..., None] == 0, np.uint8(255), np.asarray(colours)), mask)


def _to_image(picture: Picture) -> Image.Image:
    image = Image.fromarray(picture.pixels)
    if picture.alpha is not None:
        image.putalpha(Image.fromarray(picture.alpha))
    return image


def _on_white(picture: Picture) -> Image.Image:
    image = _to_image(picture)
    if picture.alpha is None:
        return image
    white = Image.new("RGB", image.size, "white")
    white.paste(image, mask=image.getchannel("A"))
    return white
