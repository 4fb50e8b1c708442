"""Pictures on disk, as training reads them: found, decoded upright and made RGB."""

import os
import struct
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from hashlib import sha256
from multiprocessing.pool import ThreadPool
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import ExifTags, Image, UnidentifiedImageError

from cyclegan.cores import available_cores
from cyclegan.errors import DataError
from cyclegan.pixels import Pictures

Square = UInt8[np.ndarray, "side side 3"]

SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".avif"}
)

# By content, since downloaded pictures often carry the wrong suffix. Formats that start another
# program (EPS starts Ghostscript) stay out.
_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "DIB", "TIFF", "PPM", "GIF", "AVIF")

# What Pillow raises on damaged files: it wraps some errors of its plugins and lets others through.
_DECODE_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    TypeError,
    OverflowError,
    MemoryError,
    struct.error,
    Image.DecompressionBombError,
)

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def picture_files(folder: Path) -> list[Path]:
    """List the pictures in `folder` and below, sorted; hidden files and folders are skipped.

    Raises:
        DataError: The folder is missing, is a file, or holds no picture.
    """
    if not folder.exists():
        raise DataError(f"{folder} does not exist; expected a folder of pictures")
    if not folder.is_dir():
        raise DataError(f"{folder} is a file; expected a folder of pictures")
    files = _visible_files(folder)
    pictures = sorted(file for file in files if _is_picture(file))
    if not pictures:
        expected = ", ".join(sorted(SUFFIXES))
        raise DataError(f"{folder} holds {_counted(len(files))}; expected pictures ({expected})")
    return pictures


def other_files(folder: Path) -> list[Path]:
    """List what `picture_files` passes over: visible files whose names are not those of pictures.

    Args:
        folder: One that is there.
    """
    return sorted(file for file in _visible_files(folder) if not _is_picture(file))


def read_picture(file: Path) -> UInt8[np.ndarray, "h w 3"]:
    """Read a picture upright and as RGB, transparent parts on white, the first of many frames.

    More than 8 bits a channel are scaled to bytes, not clipped.

    Raises:
        DataError: The file is missing, empty, cut short, or no picture.
    """
    try:
        if not file.stat().st_size:
            raise DataError(f"{file} is empty (0 bytes); delete it or copy it again")
        with Image.open(file, formats=_FORMATS) as image:
            image.load()
            return np.array(_on_white(_in_bytes(_upright(image))))
    except UnidentifiedImageError:
        raise DataError(f"{file} is no picture that can be read; delete or replace it") from None
    except _DECODE_ERRORS as error:
        reason = _one_line(error)
        raise DataError(f"{file} cannot be read ({reason}); delete or replace it") from error


def fingerprint(files: Sequence[Path]) -> str:
    """Tell pictures from others by their names and sizes, without reading them."""
    # Names are bytes to the system, and not always UTF-8.
    listed = [b"%s %d" % (os.fsencode(file.name), file.stat().st_size) for file in files]
    return sha256(b"\n".join(listed)).hexdigest()[:8]


def picture_format(file: Path) -> str:
    """Say what a picture that can be read is encoded as, in Pillow's word: JPEG, PNG."""
    with Image.open(file, formats=_FORMATS) as image:
        return image.format or "unknown"


def smaller_than(files: Sequence[Path], side: int) -> int:
    """Count the pictures with a side of less than `side` pixels, by their headers alone.

    What cannot be read is not counted; whoever reads it whole says why.
    """
    count = 0
    for file in files:
        with suppress(*_DECODE_ERRORS), Image.open(file, formats=_FORMATS) as image:
            count += min(image.size) < side
    return count


def read_resized(file: Path, side: int) -> UInt8[np.ndarray, "{side} {side} 3"]:
    """Read a picture and resize it to a square, bicubically and squashed, as the reference does.

    Raises:
        DataError: As `read_picture`.
    """
    image = Image.fromarray(read_picture(file))
    return np.array(image.resize((side, side), Image.Resampling.BICUBIC))


def _visible_files(folder: Path) -> list[Path]:
    return [file for file in folder.rglob("*") if _is_visible(file, folder) and file.is_file()]


def _is_visible(file: Path, folder: Path) -> bool:
    return not any(part.startswith(".") for part in file.relative_to(folder).parts)


def _is_picture(file: Path) -> bool:
    return file.suffix.lower() in SUFFIXES


def _counted(files: int) -> str:
    if not files:
        return "no file"
    return "1 file, which is no picture" if files == 1 else f"{files} files, none of them a picture"


def _one_line(error: BaseException) -> str:
    # The system's errors repeat the path, which the message already names.
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(text.split()) or type(error).__name__


def _upright(image: Image.Image) -> Image.Image:
    # Not `ImageOps.exif_transpose`: it rewrites all tags, which fails where any other is damaged.
    try:
        turn = _TURNS.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    except _DECODE_ERRORS:
        return image
    return image if turn is None else image.transpose(turn)


def _in_bytes(image: Image.Image) -> Image.Image:
    """Bring grey of more than 8 bits to 8; Pillow's own conversion would clip at 255."""
    if image.mode != "F" and not image.mode.startswith("I"):
        return image
    values = np.nan_to_num(np.asarray(image).astype(np.float64), posinf=0, neginf=0)
    # Floats are written in [0, 1], as bytes, or as 16 bits; integers as 16 bits.
    usual = (1, 255, 65535) if image.mode == "F" else (65535,)
    largest = float(values.max())
    white = next((white for white in usual if largest <= white), largest)
    return Image.fromarray((values / white * 255).round().clip(0, 255).astype(np.uint8))


def _on_white(image: Image.Image) -> Image.Image:
    if not image.has_transparency_data:
        return image.convert("RGB")
    picture = image.convert("RGBA")
    white = Image.new("RGBA", picture.size, "white")
    return Image.alpha_composite(white, picture).convert("RGB")


def read_squares(files: Sequence[Path], side: int) -> Pictures:
    """Read pictures as squares of one size, together, channels first.

    Raises:
        DataError: A file cannot be read.
    """
    return together(squares(files, side))


def squares(files: Sequence[Path], side: int) -> Iterator[Square]:
    """Read pictures as squares of one size on all cores, and give them in their order.

    Raises:
        DataError: A file cannot be read.
    """
    # Threads are enough: decoding and resizing release the interpreter's lock.
    with ThreadPool(available_cores()) as pool:
        yield from pool.imap(partial(read_resized, side=side), files)


def together(squares: Iterable[Square]) -> Pictures:
    """Put squares of one size into one tensor, channels first."""
    return torch.from_numpy(np.stack(list(squares))).permute(0, 3, 1, 2)
