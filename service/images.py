"""From the bytes of a picture file to pixels and back; what comes in is trusted in nothing."""

import warnings
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from jaxtyping import UInt8
from PIL import Image
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from simplejpeg import encode_jpeg

from service.colours import split_alpha, to_eight_bits, widen_transparent_gray
from service.errors import (
    ClientError,
    ResultTooLong,
    TooManyPixels,
    UndecodableImage,
)
from service.formats import PictureFormat, read_format
from service.geometry import fitting, reduced, turn_of, turned
from service.scans import check_scans

# For the whole process, since `warnings.catch_warnings` is not safe among threads.
warnings.simplefilter("error", Image.DecompressionBombWarning)
# Python remembers each text that it has warned with, and damaged files make ever new ones.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")


Pixels = UInt8[np.ndarray, "h w 3"]


@dataclass(frozen=True)
class Picture:
    """Upright sRGB pixels and the alpha that they came with.

    Colours are not multiplied by alpha. Where alpha is 0 they are white, since whatever the file
    hides there is nobody's colour and would lead a model astray.
    """

    pixels: Pixels
    alpha: UInt8[np.ndarray, "h w"] | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, in pixels."""
        height, width, _ = self.pixels.shape
        return width, height


def decode(data: bytes, max_pixels: int) -> Picture:
    """Read a picture in full, the first one of an animation.

    Raises:
        ClientError: As `decode_reduced` does.
    """
    picture, _ = decode_reduced(data, max_pixels, max_edge=None)
    return picture


def decode_reduced(
    data: bytes, max_pixels: int, max_edge: int | None
) -> tuple[Picture, tuple[int, int]]:
    """Read a picture, the first one of an animation, no larger than it is needed.

    Args:
        data: Of the file.
        max_pixels: That the file may have.
        max_edge: Longest side of the result, in pixels; the aspect stays. All pixels without it.

    Returns:
        The picture, and its width and height in the file, seen upright.

    Raises:
        UnsupportedImageType: The first bytes are of no format on the list.
        TooManyPixels: The header announces more than `max_pixels`; nothing is decoded then.
        UndecodableImage: The rest is damaged or cut short, or takes too much time or memory.
    """
    kind = read_format(data)
    try:
        with Image.open(BytesIO(data), formats=[kind]) as image:
            _check_size(image, max_pixels)
            if kind == "JPEG":
                check_scans(data)
            return _decoded(image, max_edge)
    except ClientError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise TooManyPixels(
            f"the picture has more than the {max_pixels:,} pixels that are allowed"
        ) from None
    except MemoryError as error:
        raise UndecodableImage(f"there is not enough memory for the {kind} picture") from error
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
    if format is PictureFormat.JPEG:
        # Not by Pillow, which holds the interpreter's lock meanwhile. It wants whole rows. Colours
        # have their full resolution from quality 90 on.
        pixels = np.ascontiguousarray(_on_white(picture))
        return encode_jpeg(pixels, quality, "RGB", "444" if quality >= 90 else "420")
    file = BytesIO()
    if format is PictureFormat.PNG:
        # Level 1: four times as fast as the default for a tenth more bytes.
        _to_image(picture).save(file, "PNG", compress_level=1)
    else:
        _to_image(picture).save(file, "WEBP", quality=quality)
    return file.getvalue()


def _check_size(image: Image.Image, max_pixels: int) -> None:
    if image.width * image.height > max_pixels:
        raise TooManyPixels(
            f"the picture has {image.width}x{image.height} pixels; "
            f"at most {max_pixels:,} in all are allowed"
        )


def _decoded(image: ImageFile, max_edge: int | None) -> tuple[Picture, tuple[int, int]]:
    widen_transparent_gray(image)
    size = _load(image, max_edge)
    turn, profile = turn_of(image), image.info.get("icc_profile")
    plain = to_eight_bits(image)
    # First of all, so that the rest has less to do.
    if max_edge:
        plain = reduced(plain, max_edge)
    if turn is not None:
        plain = plain.transpose(turn)
    colours, alpha = split_alpha(plain, profile)
    return _to_picture(colours, alpha), turned(size, turn)


def _load(image: ImageFile, max_edge: int | None) -> tuple[int, int]:
    """Decode; the width and height in the file come back."""
    size = image.size
    if max_edge:
        # JPEG alone can be decoded at a half, quarter or eighth. It stays at least twice as large
        # as the result, so that what one sees is the work of the better filter that follows.
        image.draft(None, fitting(size, 2 * max_edge))
    image.load()
    # Pillow turns TIFFs while it loads them, and takes the tag away.
    return size if isinstance(image, JpegImageFile) else image.size


def _to_picture(colours: Image.Image, alpha: Image.Image | None) -> Picture:
    if alpha is None:
        return Picture(np.asarray(colours))
    mask = np.asarray(alpha)
    return Picture(np.where(mask[..., None] == 0, np.uint8(255), np.asarray(colours)), mask)


def _to_image(picture: Picture) -> Image.Image:
    image = Image.fromarray(picture.pixels)
    if picture.alpha is not None:
        image.putalpha(Image.fromarray(picture.alpha))
    return image


def _on_white(picture: Picture) -> Pixels:
    if picture.alpha is None:
        return picture.pixels
    white = Image.new("RGB", picture.size, "white")
    white.paste(Image.fromarray(picture.pixels), mask=Image.fromarray(picture.alpha))
    return np.asarray(white)
