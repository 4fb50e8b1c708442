"""Which files are pictures by their names, and what their results are called."""

from pathlib import PurePath
from typing import TypeVar

from service.formats import PictureFormat

Name = TypeVar("Name", bound=PurePath)

_WRITTEN = {
    ".jpg": PictureFormat.JPEG,
    ".jpeg": PictureFormat.JPEG,
    ".png": PictureFormat.PNG,
    ".webp": PictureFormat.WEBP,
}
READ = frozenset({*_WRITTEN, ".gif", ".bmp", ".tif", ".tiff"})
"""Endings of pictures, in lower case."""


def is_picture_name(name: PurePath) -> bool:
    """Whether a file so named below a searched folder is a picture, and not hidden."""
    return not is_hidden(name) and name.suffix.lower() in READ


def is_hidden(name: PurePath) -> bool:
    """Whether a file so named below a searched folder, or one of its folders, is hidden."""
    return any(part.startswith(".") for part in name.parts)


def result_name(name: Name, format: PictureFormat | None) -> tuple[Name, PictureFormat]:
    """Name the result of a picture, and its format.

    Args:
        name: Of the picture.
        format: Of the result; without it the picture's own, or PNG where that is not written.
    """
    own = _WRITTEN.get(name.suffix.lower())
    chosen = format or own or PictureFormat.PNG
    return name if chosen is own else name.with_suffix(chosen.suffix), chosen
