"""The way of one picture, the same over HTTP and from the command line."""

from dataclasses import dataclass, field, replace
from time import perf_counter

from service.formats import PictureFormat
from service.full_size import laid_over, seen_by_model
from service.images import Picture, Pixels, decode_reduced, encode
from service.translator import Translator


@dataclass(frozen=True)
class Order:
    """How a picture is to be read and answered."""

    format: PictureFormat
    quality: int
    max_pixels: int
    max_edge: int | None = None
    """Longest side that is translated, in pixels; a larger picture is reduced before."""
    model_edge: int | None = None
    """Longest side that the model sees; its change of a larger picture is laid over that."""


@dataclass(frozen=True)
class Result:
    """A translated picture file."""

    data: bytes
    size: tuple[int, int]
    """Width and height of it."""
    original_size: tuple[int, int]
    """Width and height that the picture had before, seen upright."""
    timings: dict[str, float]
    """Milliseconds of each phase."""

    @property
    def resized_from(self) -> tuple[int, int] | None:
        """Width and height that the picture had, if it was reduced."""
        return None if self.size == self.original_size else self.original_size


@dataclass
class Stopwatch:
    """Milliseconds between one lap and the next, by the name of the lap."""

    timings: dict[str, float] = field(default_factory=dict[str, float])
    _since: float = field(default_factory=perf_counter)

    def lap(self, name: str) -> None:
        """Note the time since the lap before."""
        now = perf_counter()
        self.timings[name] = (now - self._since) * 1000
        self._since = now


@dataclass(frozen=True)
class Read:
    """A picture as it goes into the model."""

    picture: Picture
    size: tuple[int, int]
    """Width and height that it had in its file, seen upright."""

    @property
    def resized_from(self) -> tuple[int, int] | None:
        """Width and height that it had in its file, if it was reduced."""
        return None if self.picture.size == self.size else self.size


def read(data: bytes, order: Order) -> Read:
    """Decode a picture file and reduce what is larger than ordered.

    Raises:
        ClientError: The picture cannot be read.
    """
    picture, size = decode_reduced(data, order.max_pixels, order.max_edge)
    return Read(picture, size)


def written(picture: Picture, seen: Pixels, translated: Pixels, order: Order) -> bytes:
    """Encode a picture as the model has changed what it has seen of it.

    Raises:
        ResultTooLong: A side is longer than the format can say.
    """
    pixels = laid_over(picture.pixels, seen, translated)
    return encode(replace(picture, pixels=pixels), order.format, order.quality)


def translate_file(data: bytes, translator: Translator, order: Order) -> Result:
    """Decode, translate and encode; blocks, so not for the event loop.

    Raises:
        ClientError: The picture cannot be read, or not be written as it was ordered.
        ModelError: The model failed.
    """
    watch = Stopwatch()
    given = read(data, order)
    watch.lap("decode")
    seen = seen_by_model(given.picture.pixels, order.model_edge)
    translated = translator.translate(seen)
    watch.lap("infer")
    encoded = written(given.picture, seen, translated, order)
    watch.lap("encode")
    return Result(encoded, given.picture.size, given.size, watch.timings)
