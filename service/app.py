"""The application: settings and models in, FastAPI out."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, closing, contextmanager, nullcontext
from functools import partial
from importlib.metadata import version

from fastapi import FastAPI

from cyclegan.cores import available_cores
from service import (
    batch_route,
    health,
    huggingface_route,
    information,
    kserve,
    openai_route,
    routes,
)
from service.access import KEY_DOCUMENTATION
from service.admission import Admission
from service.batching import Inference
from service.body_memory import BodyMemory
from service.catalogue import Catalogue
from service.documentation import install_documentation
from service.engine import Engine
from service.envelope import Envelope
from service.front_page import install_front_page
from service.isolation import IsolatedReader
from service.live_models import LiveModels
from service.metrics import Metrics
from service.pipeline import read
from service.problems import install_problems
from service.rates import Rates
from service.settings import ServiceSettings
from service.slices import keep_slices_whole
from service.state import ServiceState
from service.tracing import TELEMETRY
from service.workshop import Reader, Workshop

_ROUTERS = (
    routes.router,
    batch_route.router,
    openai_route.router,
    huggingface_route.router,
    information.router,
    kserve.router,
)
_OPEN_ROUTERS = (health.router, kserve.health_router)
_MOST_CORES = 8


def create_app(settings: ServiceSettings, catalogue: Catalogue | None = None) -> FastAPI:
    """Make the application; it answers once its models are loaded and warm.

    Args:
        settings: Of the service.
        catalogue: Models that are loaded already; without it the application loads those of
            `settings.models` when it starts.
    """
    metrics = Metrics()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        loaded = catalogue or load_catalogue(settings)
        with (
            _workshop(settings, metrics.note_batch) as workshop,
            metrics.watching(workshop.admission, lambda: app.state.service.catalogue),
        ):
            state = app.state.service = ServiceState(settings, loaded, workshop)
            async with _following(state, metrics) if settings.watch else nullcontext():
                yield

    app = FastAPI(
        title="CycleGAN",
        summary="Translates pictures from one domain into another.",
        version=version("cyclegan"),
        lifespan=lifespan,
        telemetry=TELEMETRY,
        docs_url=None,  # those pages would load scripts from elsewhere
        redoc_url=None,
    )
    app.state.metrics = metrics  # whoever listens serves it, on a port of its own
    app.add_middleware(Envelope, metrics=metrics, memory=BodyMemory(settings.max_held_bytes))
    install_problems(app)
    install_documentation(app)
    install_front_page(app)
    for router in _ROUTERS:
        app.include_router(router, dependencies=KEY_DOCUMENTATION if settings.api_keys else ())
    for router in _OPEN_ROUTERS:
        app.include_router(router)
    return app


@asynccontextmanager
async def _following(state: ServiceState, metrics: Metrics) -> AsyncGenerator[None]:
    def take(catalogue: Catalogue) -> None:
        state.catalogue = catalogue

    live = LiveModels(state.settings.models, state.catalogue, metrics.note_reload)
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(live.follow(take))
        yield
        task.cancel()


@contextmanager
def _workshop(settings: ServiceSettings, on_batch: Callable[[int], None]) -> Generator[Workshop]:
    batch_size, delay = _batching(settings)
    # One more than cores: while they run a model, somebody can decode the next picture. And two
    # batches: while one is in the model, the next is decoded. Not as many as a large machine has
    # cores, since each may take the memory of the largest picture, and a model is the slower part.
    workers = settings.workers or max(min(available_cores(), _MOST_CORES) + 1, 2 * batch_size)
    # With several keys none may fill the queue alone.
    share = -(-settings.queue // 2) if len(set(settings.api_keys)) > 1 else settings.queue
    rates = Rates(settings.rate_limit) if settings.rate_limit else None
    admission = Admission(workers, settings.queue, share, rates, settings.deadline_seconds)
    with (
        ThreadPoolExecutor(workers, "codec", keep_slices_whole) as codecs,
        _reader(settings, workers, codecs) as reader,
        closing(Inference(batch_size, delay, on_batch)) as inference,
    ):
        yield Workshop(admission, reader, inference, codecs, settings.deadline_seconds)


@contextmanager
def _reader(
    settings: ServiceSettings, workers: int, codecs: ThreadPoolExecutor
) -> Generator[Reader]:
    if settings.isolation == "threads":
        yield partial(codecs.submit, read)
        return
    limits = settings.decode_seconds, settings.decode_megabytes
    with closing(IsolatedReader(workers, *limits)) as isolated:
        yield isolated.submit


def load_catalogue(settings: ServiceSettings) -> Catalogue:
    """Load the models that the settings name, with the engine that they choose.

    Raises:
        ModelError: There is no model and none is waited for, or one is damaged.
        UsageError: The provider is not there, or does not compute in this precision.
    """
    threads = settings.threads or available_cores()
    engine = Engine.choose(settings.provider, threads, settings.precision)
    return Catalogue.load(settings.models, engine, may_be_empty=settings.wait_for_models)


def _batching(settings: ServiceSettings) -> tuple[int, int]:
    # A CPU is as busy with one picture as with several.
    size, delay = (8, 2000) if settings.provider == "cuda" else (1, 0)
    given_delay = settings.max_queue_delay_microseconds
    return settings.max_batch_size or size, delay if given_delay is None else given_delay
