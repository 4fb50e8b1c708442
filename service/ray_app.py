"""The service as an application of Ray Serve: `serve run service.ray_app:build`.

Ray starts and ends the replicas, gives them the requests in turn, and lets a bounded number wait.
Each replica makes the same application as `cyclegan serve`, with models of its own.
"""

import logging

from fastapi import FastAPI
from pydantic import NonNegativeFloat, PositiveInt, model_validator
from ray import serve
from ray.serve import Application
from ray.serve.config import AutoscalingConfig, BackpressureConfig
from ray.serve.schema import LoggingConfig

from cyclegan.errors import UsageError
from service.app import create_app
from service.arenas import keep_few_arenas
from service.request_log import form_log
from service.settings import ServiceSettings
from service.slices import collect_only_what_comes, hand_over_early, slices_kept_whole

_SECONDS_TO_RETRY = 1.0


class RayServiceSettings(ServiceSettings):
    """Translate pictures over HTTP, on several machines with Ray Serve.

    The folder of models must be there under the same name on each machine. Each flag can also be
    given as an environment variable: `--max-edge` is CYCLEGAN_MAX_EDGE. Flags win.
    """

    replicas: PositiveInt = 1
    """Processes that translate, at least."""
    max_replicas: PositiveInt | None = None
    """Processes that translate, at most: as many as there is work for; if not given, as many as at
    least."""
    threads: PositiveInt = 1  # pyright: ignore[reportIncompatibleVariableOverride] - frozen
    """Threads of a replica for its models, and the cores that Ray keeps for it."""
    gpus: NonNegativeFloat = 0.0
    """Share of a GPU that Ray keeps for a replica: 0.25 puts four on one. With --provider cuda."""
    workers: PositiveInt = 3  # pyright: ignore[reportIncompatibleVariableOverride] - frozen
    """Pictures that a replica works at, at one time; where more are asked for, Ray starts another
    replica. On a GPU twice --max-batch-size."""
    queue: PositiveInt = 64
    """Requests that may wait at one of Ray's proxies while all replicas have enough; 429 for
    more."""
    ray_address: str | None = None
    """Ray cluster to serve on, auto for the one that runs on this machine; if not given, one begins
    and ends with the command."""

    @model_validator(mode="after")
    def _replicas_are_a_range(self) -> "RayServiceSettings":
        if self.max_replicas is not None and self.max_replicas < self.replicas:
            raise ValueError(
                f"--max-replicas is {self.max_replicas}; expected at least --replicas, "
                f"{self.replicas}"
            )
        return self

    @model_validator(mode="after")
    def _has_no_port_for_metrics(self) -> "RayServiceSettings":
        if self.metrics_port is not None:
            raise ValueError(
                "--metrics-port is for one process; Ray has metrics of all replicas on its own "
                "port, see docs/scale.md"
            )
        return self


class Replica:
    """One process of the service; Ray makes it where it runs."""

    def __init__(self, settings: RayServiceSettings) -> None:
        self._settings = settings

    def __serve_build_asgi_app__(self) -> FastAPI:
        """Make the application, of which nothing could be sent from elsewhere."""
        keep_few_arenas()
        hand_over_early()
        logging.basicConfig(level=logging.WARNING)
        logging.getLogger("service").setLevel(logging.INFO)
        form_log(self._settings.log_format)
        with slices_kept_whole():  # by the threads that the models start
            app = create_app(self._settings)
        collect_only_what_comes()
        return app


def build(settings: RayServiceSettings) -> Application:
    """Describe the application to Ray.

    Raises:
        UsageError: Whoever gets to Ray's proxy would be let in.
    """
    if not (settings.api_keys or settings.open):
        raise UsageError(
            "whoever gets to Ray's proxy would be let in: give api_keys, or open=true "
            "(CYCLEGAN_OPEN=1) if something in front of it is the guard"
        )
    return application(settings)


def application(settings: RayServiceSettings) -> Application:
    """Describe the application to Ray, whoever may get to it."""
    return serve.deployment(
        name="translate",
        # Twice: the next bodies are read while those before are worked at.
        max_ongoing_requests=2 * settings.workers,
        max_queued_requests=settings.queue,
        backpressure_config=BackpressureConfig(status_code=429, retry_after_s=_SECONDS_TO_RETRY),
        autoscaling_config=AutoscalingConfig(
            min_replicas=settings.replicas,
            max_replicas=settings.max_replicas or settings.replicas,
            target_ongoing_requests=settings.workers,
        ),
        ray_actor_options={"num_cpus": settings.threads, "num_gpus": settings.gpus},
        graceful_shutdown_timeout_s=settings.grace_seconds,
        logging_config=LoggingConfig(enable_access_log=False),  # the envelope writes its own
    )(serve.ingress()(Replica)).bind(settings)
