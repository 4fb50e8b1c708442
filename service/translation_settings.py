"""How files of pictures are to be translated, by this process or by many."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, PositiveInt

from cyclegan.errors import UsageError
from service.catalogue import load_model
from service.engine import Engine, Precision, ProviderChoice
from service.formats import FormatName, PictureFormat
from service.pipeline import Order
from service.settings import ModelEdge, Pixels, Quality
from service.translator import Translator


class TranslationSettings(BaseModel):
    """What a result shall be, and by which model."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    model: Path
    """Folder of the model: `models/NAME`."""
    to: str
    """Domain to translate into, as the model calls it: `winter`."""
    format: FormatName | None = None
    """Format of the results; if not given each keeps its picture's, or becomes a PNG."""
    quality: Quality = 90
    """Quality of JPEG and WebP results."""
    max_edge: PositiveInt | None = None
    """Longest side of the results, in pixels; the pictures' own size if not given."""
    model_edge: ModelEdge | None = None
    """Longest side that the model sees of a larger picture, in pixels, as 1024; what it changes is
    enlarged and laid over the picture in its own size. Saves time and memory, and strokes are as
    much larger. Not for domains of other shapes, as label maps. Without it the model sees all."""
    max_pixels: Pixels = 50_000_000
    """Largest picture that is decoded, in pixels."""
    provider: ProviderChoice = "auto"
    """What runs the model: ONNX Runtime on the CPU (cpu) or on the GPU (cuda), or OpenVINO on the
    CPU; auto takes OpenVINO if it is installed, else cpu."""
    precision: Precision = "fp32"
    """What the model computes in; bf16 is faster, a few levels off, and needs OpenVINO and a CPU
    that computes in it."""

    @property
    def picture_format(self) -> PictureFormat | None:
        """Of all results, if it was given."""
        return PictureFormat(self.format) if self.format else None

    def order(self, format: PictureFormat) -> Order:
        """Tell how to read a picture and to write its result."""
        return Order(format, self.quality, self.max_pixels, self.max_edge, self.model_edge)

    def load(self, threads: int) -> Translator:
        """Load the model that translates into the domain.

        Raises:
            ModelError: There is none, or it is damaged.
            UsageError: It does not translate into that domain, or the provider is not there.
        """
        engine = Engine.choose(self.provider, threads, self.precision)
        translators = load_model(self.model, engine)
        for translator in translators:
            if translator.card.target == self.to:
                return translator
        offered = " or ".join(f"--to {translator.card.target}" for translator in translators)
        raise UsageError(f"the model does not translate to {self.to!r}; it offers {offered}")
