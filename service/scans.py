"""The scans of a JPEG, each of which takes as long as the whole picture, in a hundred bytes.

Source: "Two Issues with the JPEG Standard" of the libjpeg-turbo project, LJT-01-003.
"""

import re

from service.errors import UndecodableImage

_MOST = 100  # encoders make about ten
_START_OF_SCAN = b"\xda"
_END = b"\xd9"
# Those that have a length behind them, and the end; what else follows a 255 is no marker, or alone.
_MARKER = re.compile(rb"\xff([^\x00\x01\xd0-\xd8\xff])")


def check_scans(data: bytes) -> None:
    """Refuse a JPEG that could keep a decoder busy for hours.

    Raises:
        UndecodableImage: It has more scans than any encoder makes.
    """
    # The first is as fast as the file is read, and enough for nearly all.
    if data.count(b"\xff" + _START_OF_SCAN) > _MOST and _count(data) > _MOST:
        raise UndecodableImage(f"the JPEG picture has more than {_MOST} scans")


def _count(data: bytes) -> int:
    scans, position = 0, 2
    while (marker := _MARKER.search(data, position)) and marker[1] != _END:
        scans += marker[1] == _START_OF_SCAN
        position = marker.end() + int.from_bytes(data[marker.end() : marker.end() + 2])
    return scans
