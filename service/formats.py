"""The formats that a translated picture can be written in."""

from enum import StrEnum
from typing import Literal

FormatName = Literal["jpeg", "png", "webp"]


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
