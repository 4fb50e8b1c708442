"""The formats that pictures are read in and written in."""

from enum import StrEnum
from typing import Literal

from PIL import Image, TiffImagePlugin, WebPImagePlugin

from service.errors import BadRequest, UnsupportedImageType

FormatName = Literal["jpeg", "png", "webp"]

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
# Loaded now: to find a decoder that it does not have, Pillow would load all that there are.
Image.preinit()
_LOADED_TOO = (TiffImagePlugin, WebPImagePlugin)


class PictureFormat(StrEnum):
    """A format of results; the value is its name in URLs and on the command line."""

    JPEG = "jpeg"
    PNG = "png"
    WEBP = "webp"

    @property
    def media_type(self) -> str:
        """As in `Content-Type`."""
        return f"image/{self.value}"

    @property
    def suffix(self) -> str:
        """Of a new file's name."""
        return {"jpeg": ".jpg", "png": ".png", "webp": ".webp"}[self.value]

    @property
    def longest_side(self) -> int:
        """That a file of this format can have, in pixels."""
        return {"jpeg": 65_500, "png": 2**31 - 1, "webp": 16_383}[self.value]


def read_format(data: bytes) -> str:
    """Tell the format of a file by its first bytes; it is Pillow's name that comes back.

    Raises:
        BadRequest: There are no bytes.
        UnsupportedImageType: The first bytes are of no format that is read.
    """
    if not data:
        raise BadRequest("the picture is empty; expected the bytes of a picture file")
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    for signature, name in _SIGNATURES.items():
        if data.startswith(signature):
            return name
    raise UnsupportedImageType(f"the bytes are of no known picture format; {_READ} are read")
