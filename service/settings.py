"""Settings of the service: flags of `cyclegan serve`, or environment variables `CYCLEGAN_*`."""

import re
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    StringConstraints,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from service.engine import Precision, ProviderChoice
from service.rates import Rates

Quality = Annotated[int, Field(ge=1, le=100)]
# From 89 MP on Pillow's own guard against decompression bombs says no.
Pixels = Annotated[int, Field(ge=1, le=89_000_000)]
ModelEdge = Annotated[int, Field(ge=64)]


LogFormat = Literal["console", "json"]
Isolation = Literal["threads", "process"]


def _separated(given: object) -> object:
    if isinstance(given, str):
        return [part.strip() for part in given.split(",") if part.strip()]
    return given


def _network(given: str) -> str:
    return str(ip_network(given))


_Digest = Annotated[str, StringConstraints(to_lower=True)]
_Network = Annotated[str, AfterValidator(_network)]


class ServiceSettings(BaseSettings):
    """Translate pictures over HTTP.

    Each flag can also be given as an environment variable: `--max-edge` is CYCLEGAN_MAX_EDGE.
    Flags win. With --ray it runs on several machines; see `cyclegan serve --ray --help`.
    """

    model_config = SettingsConfigDict(
        env_prefix="CYCLEGAN_",
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        hide_input_in_errors=True,  # it may be a key
    )

    models: Path = Path("models")
    """Folder of exported models, one subfolder a model: `models/NAME/a2b.onnx`, `b2a.onnx`."""
    host: str = "127.0.0.1"
    """Address to listen on; 0.0.0.0 lets everybody on the network in."""
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    """Port to listen on; 0 takes a free one."""
    api_keys: Annotated[tuple[_Digest, ...], NoDecode, BeforeValidator(_separated)] = ()
    """SHA-256 digests of the keys that let somebody in, with commas between them; make one with
    `printf %s KEY | sha256sum | cut -c-64`. Without any, everybody who gets to the address is let
    in."""
    open: bool = False
    """Listen beyond this machine though there are no keys: something in front is the guard."""
    rate_limit: str | None = None
    """How many pictures a caller may send: 60/minute, or several such limits with ; between them;
    429 for more. A caller is a key or, without keys, an address."""
    max_body_bytes: PositiveInt = 25 * 1024 * 1024
    """Largest request body that is read, in bytes."""
    max_batch_bytes: PositiveInt = 100 * 1024 * 1024
    """Largest body with several pictures for /v1/batch, in bytes; each picture in it may have as
    many as a body with one."""
    max_batch_files: PositiveInt = 32
    """Pictures in one body for /v1/batch."""
    max_held_bytes: PositiveInt = 512 * 1024 * 1024
    """Bytes of all request bodies that are in memory at a time, being read or waiting for their
    turn; 429 for more."""
    max_pixels: Pixels = 50_000_000
    """Largest picture that is decoded, in pixels."""
    max_edge: PositiveInt = 1024
    """Longest side that is translated, in pixels; a larger picture is reduced to it, the answer has
    the reduced size and says so in the header X-Resized-From."""
    model_edge: ModelEdge | None = None
    """Longest side that the models see of a picture, in pixels; what they change of a larger one is
    enlarged and laid over it, so that --max-edge 4096 costs little time and memory. If not given
    they see all that is left by --max-edge."""
    provider: ProviderChoice = "auto"
    """What runs the models: ONNX Runtime on the CPU (cpu) or on the GPU (cuda), or OpenVINO on the
    CPU; auto takes OpenVINO if it is installed, else cpu."""
    precision: Precision = "fp32"
    """What the models compute in; bf16 is faster, a few levels off, and needs OpenVINO and a CPU
    that computes in it."""
    max_batch_size: PositiveInt | None = None
    """Pictures of the same size that a model translates at a time, at most; 1 on a CPU and 8 on a
    GPU if not given."""
    max_queue_delay_microseconds: NonNegativeInt | None = None
    """Time that a picture waits for others to fill its batch; 0 on a CPU and 2000 on a GPU if not
    given."""
    threads: PositiveInt | None = None
    """Threads for the models; as many as this process may use cores if not given."""
    workers: PositiveInt | None = None
    """Pictures that are worked at, at one time; if not given, one more than cores, 9 at most, and
    at least two full batches."""
    queue: NonNegativeInt = 64
    """Pictures that may wait while as many are worked at as can be; 429 for more, and for what
    could not be done within the deadline."""
    deadline_seconds: PositiveFloat = 30.0
    """Time from the end of a request's body to its answer; 504 after that."""
    read_timeout_seconds: PositiveFloat = 10.0
    """Time in which a request's head must have arrived, and then its body."""
    write_timeout_seconds: PositiveFloat = 60.0
    """Time in which a client must read something of its answer; else the connection is closed."""
    keep_alive_seconds: PositiveInt = 75
    """Time for which a connection is kept on which nothing is asked; longer than a proxy in front
    keeps its own, or it may send a request just as the connection closes."""
    trusted_proxies: Annotated[tuple[_Network, ...], NoDecode, BeforeValidator(_separated)] = (
        "127.0.0.1",
        "::1",
    )
    """Addresses or networks, with commas between them, of proxies whose X-Forwarded-For and
    X-Forwarded-Proto are believed: callers without keys are told from each other by their
    addresses."""
    watch: bool = True
    """Take over models that appear, change or go while the service runs; --no-watch does not."""
    wait_for_models: bool = False
    """Start though there is no model yet, and be ready (/readyz) once one is there."""
    grace_seconds: PositiveFloat = 30.0
    """Time that the service has to finish what it has begun, once SIGTERM or Ctrl-C ends it."""
    drain_seconds: NonNegativeFloat = 0.0
    """Time for which it then still answers, with 503, so that whoever sends it requests can learn
    that it is about to end."""
    isolation: Isolation = "threads"
    """Where pictures are decoded: in threads, or in processes of their own under the two limits
    that follow, where the worst of pictures costs nobody but its sender."""
    decode_seconds: PositiveFloat = 10.0
    """Time that a decoding process may take for a picture."""
    decode_megabytes: PositiveInt = 1024
    """Memory that a decoding process may take for a picture; on Linux only."""
    metrics_port: Annotated[int, Field(ge=0, le=65535)] | None = None
    """Port for Prometheus, without keys; 0 takes a free one, and without it there is none."""
    metrics_host: str = "127.0.0.1"
    """Address for Prometheus."""
    log_format: LogFormat | None = None
    """Form of the log's lines, for people or one JSON object each; for people on a terminal and
    JSON elsewhere if not given."""
    quality: Quality = 90
    """Quality of JPEG and WebP answers that do not ask for another, 1 to 100."""

    @field_validator("rate_limit")
    @classmethod
    def _is_a_rate(cls, given: str | None) -> str | None:
        if given is not None:
            Rates(given)
        return given

    @model_validator(mode="after")
    def _keys_are_digests(self) -> "ServiceSettings":
        # Not a field's validator, whose message would show what may be a key.
        for number, digest in enumerate(self.api_keys, 1):
            if not re.fullmatch("[0-9a-f]{64}", digest):
                raise ValueError(
                    f"number {number} of --api-keys is no SHA-256 digest: 64 hexadecimal digits, "
                    "made with `printf %s KEY | sha256sum | cut -c-64`"
                )
        return self

    @model_validator(mode="after")
    def _a_body_fits_into_memory(self) -> "ServiceSettings":
        largest = max(self.max_body_bytes, self.max_batch_bytes)
        if self.max_held_bytes < largest:
            raise ValueError(
                f"--max-held-bytes is {self.max_held_bytes:,}, and a body may have {largest:,} "
                "bytes by --max-body-bytes and --max-batch-bytes; it must be at least as many"
            )
        return self

    @model_validator(mode="after")
    def _waiting_watches(self) -> "ServiceSettings":
        if self.wait_for_models and not self.watch:
            raise ValueError("--wait-for-models looks for them; leave out --no-watch")
        return self

    @model_validator(mode="after")
    def _drain_fits_into_grace(self) -> "ServiceSettings":
        if self.drain_seconds >= self.grace_seconds:
            raise ValueError(
                f"--drain-seconds is {self.drain_seconds:g} and --grace-seconds is "
                f"{self.grace_seconds:g}; it must be less, to leave time for what was begun"
            )
        return self
