"""The application: settings and models in, FastAPI out."""

from collections.abc import AsyncGenerator, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, closing, contextmanager
from functools import partial
from importlib.metadata import version

from fastapi import FastAPI

from cyclegan.cores import available_cores
from service import information, routes
from service.admission import Admission
from service.batching import Inference
from service.catalogue import Catalogue
from service.engine import Engine
from service.envelope import Envelope
from service.pipeline import read
from service.problems import install_problems
from service.settings import ServiceSettings
from service.state import ServiceState
from service.workshop import Workshop


def create_app(settings: ServiceSettings, catalogue: Catalogue | None = None) -> FastAPI:
    """Make the application; it answers once its models are loaded and warm.

    Args:
        settings: Of the service.
        catalogue: Models that are loaded already; without it the application loads those of
            `settings.models` when it starts.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        loaded = catalogue or load_catalogue(settings)
        with _workshop(settings) as workshop:
            app.state.service = ServiceState(settings, loaded, workshop)
            yield

    app = FastAPI(
        title="CycleGAN",
        summary="Translates pictures from one domain into another.",
        version=version("cyclegan"),
        lifespan=lifespan,
    )
    app.add_middleware(Envelope)
    install_problems(app)
    app.include_router(routes.router)
    app.include_router(information.router)
    return app


@contextmanager
def _workshop(settings: ServiceSettings) -> Generator[Workshop]:
    # One more than cores: while they run a model, somebody can decode the next picture.
    workers = settings.workers or available_cores() + 1
    admission = Admission(workers, settings.queue)
    with (
        ThreadPoolExecutor(workers, thread_name_prefix="codec") as codecs,
        closing(Inference()) as inference,
    ):
        reader = partial(codecs.submit, read)
        yield Workshop(admission, reader, inference, codecs, settings.deadline_seconds)


def load_catalogue(settings: ServiceSettings) -> Catalogue:
    """Load the models that the settings name, with the engine that they choose.

    Raises:
        ModelError: There is no model, or one is damaged.
        UsageError: The provider is not there.
    """
    engine = Engine(settings.provider, settings.threads or available_cores())
    return Catalogue.load(settings.models, engine)
