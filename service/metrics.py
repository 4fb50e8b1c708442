"""Numbers for Prometheus: what was asked, how long its phases took, who waits, what is loaded."""

from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    Metric,
    PlatformCollector,
    ProcessCollector,
    start_http_server,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from service.admission import Admission
from service.catalogue import Catalogue
from service.record import RequestRecord

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_PIXELS = (128**2, 256**2, 512**2, 1024**2, 2e6, 4e6, 8e6, 12e6, 24e6, 50e6, 89e6)
_PICTURES = (1, 2, 4, 8, 16, 32)


class Metrics:
    """The numbers of one application, in a registry of its own; safe among threads.

    A label never has a value that a client can make up, else a client could fill the memory.
    """

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        GCCollector(registry=registry)
        self._requests = Counter(
            "cyclegan_requests_total",
            "Requests answered; code is that of the problem, if one was the answer.",
            ["route", "translation", "status", "code"],
            registry=registry,
        )
        self._seconds = Histogram(
            "cyclegan_request_seconds",
            "From a request's head to the end of its answer.",
            ["route"],
            buckets=_SECONDS,
            registry=registry,
        )
        self._phases = Histogram(
            "cyclegan_phase_seconds",
            "Time that a picture spent in a phase; read is its body's way in, queue its wait.",
            ["phase"],
            buckets=_SECONDS,
            registry=registry,
        )
        self._refused = Counter(
            "cyclegan_rejections_total",
            "Problems answered, to requests and to single pictures of a batch, by their code.",
            ["reason"],
            registry=registry,
        )
        self._in_progress = Gauge(
            "cyclegan_requests_in_progress",
            "Requests whose answer has not ended.",
            registry=registry,
        )
        self._request_bytes = Counter(
            "cyclegan_request_bytes_total", "Bytes of bodies read.", registry=registry
        )
        self._response_bytes = Counter(
            "cyclegan_response_bytes_total", "Bytes of answers' bodies.", registry=registry
        )
        self._pixels = Histogram(
            "cyclegan_input_pixels",
            "Pixels of each picture translated, before it was reduced.",
            buckets=_PIXELS,
            registry=registry,
        )
        self._batches = Histogram(
            "cyclegan_batch_pictures",
            "Pictures that went through a model together.",
            buckets=_PICTURES,
            registry=registry,
        )
        self._reloads = Counter(
            "cyclegan_model_reloads_total",
            "Changes of the models' folder that were taken over or, being broken, refused.",
            ["result"],
            registry=registry,
        )

    def begin(self) -> None:
        """Count a request that has come."""
        self._in_progress.inc()

    def end(self, record: RequestRecord) -> None:
        """Count a request whose answer has ended."""
        self._in_progress.dec()
        self._requests.labels(record.route, record.translation, record.status, record.code).inc()
        self._seconds.labels(record.route).observe(record.seconds)
        for phase in record.phases:
            self._phases.labels(phase.name).observe(phase.milliseconds / 1000)
        for code in record.refused:
            self._refused.labels(code).inc()
        for width, height in record.sizes:
            self._pixels.observe(width * height)
        self._request_bytes.inc(record.bytes_in)
        self._response_bytes.inc(record.bytes_out)

    def note_batch(self, pictures: int) -> None:
        """Count a run of a model."""
        self._batches.observe(pictures)

    def note_reload(self, result: str) -> None:
        """Count a change of the models' folder: "taken" or "refused"."""
        self._reloads.labels(result).inc()

    @contextmanager
    def watching(self, admission: Admission, catalogue: Callable[[], Catalogue]) -> Generator[None]:
        """Within, whoever asks for the numbers also learns who waits and what is loaded.

        Args:
            admission: Its places and its queue.
            catalogue: Gives the models that are on offer at the moment.
        """
        current = _Current(admission, catalogue)
        self.registry.register(current)
        try:
            yield
        finally:
            self.registry.unregister(current)

    @contextmanager
    def served(self, host: str, port: int) -> Generator[int]:
        """Answer Prometheus from a thread, without a key; yields the port, a free one for 0.

        Raises:
            OSError: The port is taken, or the host is not here.
        """
        server, thread = start_http_server(port, host, self.registry)
        try:
            yield server.server_port
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


class _Current(Collector):
    # Read when somebody asks, so that nothing needs to be told when it changes.

    def __init__(self, admission: Admission, catalogue: Callable[[], Catalogue]) -> None:
        self._admission = admission
        self._catalogue = catalogue

    def collect(self) -> Iterable[Metric]:
        admission = self._admission
        for name, help, value in (
            ("places", "Pictures that can be worked at, at one time.", admission.workers),
            ("places_taken", "Pictures that are worked at.", admission.working),
            ("queue_places", "Pictures that can wait.", admission.queue),
            ("queue_waiting", "Pictures that wait.", admission.waiting),
        ):
            yield GaugeMetricFamily(f"cyclegan_{name}", help, value)
        yield self._models()

    def _models(self) -> Metric:
        catalogue = self._catalogue()
        labels = ["translation", "model", "sha256", "provider", "precision"]
        family = GaugeMetricFamily(
            "cyclegan_model_info", "Models on offer and what runs them.", labels=labels
        )
        for each in catalogue.translators:
            name, engine = catalogue.names_of(each)[0], each.engine
            facts = [name, each.model, each.sha256, engine.provider, engine.precision]
            family.add_metric(facts, 1)
        return family
