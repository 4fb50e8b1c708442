"""Settings of the service: flags of `cyclegan serve`, or environment variables `CYCLEGAN_*`."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt
from pydantic_settings import BaseSettings, SettingsConfigDict

Quality = Annotated[int, Field(ge=1, le=100)]
# From 89 MP on Pillow's own guard against decompression bombs says no.
Pixels = Annotated[int, Field(ge=1, le=89_000_000)]


Provider = Literal["cpu", "cuda"]


class ServiceSettings(BaseSettings):
    """Translate pictures over HTTP.

    Each flag can also be given as an environment variable: `--max-edge` is CYCLEGAN_MAX_EDGE.
    Flags win.
    """

    model_config = SettingsConfigDict(
        env_prefix="CYCLEGAN_", frozen=True, extra="forbid", use_attribute_docstrings=True
    )

    models: Path = Path("models")
    """Folder of exported models, one subfolder a model: `models/NAME/a2b.onnx`, `b2a.onnx`."""
    host: str = "127.0.0.1"
    """Address to listen on; 0.0.0.0 lets everybody on the network in."""
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    """Port to listen on; 0 takes a free one."""
    max_body_bytes: PositiveInt = 25 * 1024 * 1024
    """Largest request body that is read, in bytes."""
    max_pixels: Pixels = 50_000_000
    """Largest picture that is decoded, in pixels."""
    max_edge: PositiveInt = 1024
    """Longest side that is translated, in pixels; a larger picture is reduced to it, the answer has
    the reduced size and says so in the header X-Resized-From."""
    provider: Provider = "cpu"
    """What runs the models."""
    threads: PositiveInt | None = None
    """Threads for the models; as many as this process may use cores if not given."""
    workers: PositiveInt | None = None
    """Pictures that are worked at, at one time; one more than cores if not given."""
    queue: NonNegativeInt = 64
    """Pictures that may wait while as many are worked at as can be; more are refused with 429."""
    deadline_seconds: PositiveFloat = 30.0
    """Time from the end of a request's body to its answer; 504 after that."""
    read_timeout_seconds: PositiveFloat = 10.0
    """Time in which a request's body must have arrived."""
    quality: Quality = 90
    """Quality of JPEG and WebP answers that do not ask for another, 1 to 100."""
