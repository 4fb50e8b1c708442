"""How much memory reading a picture takes, that of the C libraries included."""

import sys
from io import BytesIO
from pathlib import Path

from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1]))  # benchmarks/ is not installed

from benchmarks.memory import in_new_process, peak_growth
from service.errors import ClientError
from service.images import decode_reduced


def growth_of_reading(data, max_edge, max_pixels=50_000_000):
    """MiB by which a process grows at its peak while it reads, or refuses, a picture."""
    return growth_of_reading_all([data], max_edge, max_pixels)


def growth_of_reading_all(files, max_edge, max_pixels=50_000_000):
    """The same while it reads one picture after another."""
    return in_new_process(_growth, list(files), max_edge, max_pixels)


def _growth(files, max_edge, max_pixels):
    for format in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"):
        tiny = BytesIO()
        Image.new("RGB", (8, 8)).save(tiny, format)
        _read(tiny.getvalue(), 4, max_pixels)  # what is loaded or made at the first is there now
    return peak_growth(lambda: [_read(data, max_edge, max_pixels) for data in files])


def _read(data, max_edge, max_pixels):
    try:
        decode_reduced(data, max_pixels, max_edge)
    except ClientError:
        return
