"""`cyclegan serve --ray`: translate pictures over HTTP, on several machines."""

import logging
import signal
import threading
from collections.abc import Sequence
from types import FrameType

from service.ray_cluster import cluster  # isort: skip - sets what Ray reads when it is imported

from ray import serve

from cyclegan.command_line import parse
from cyclegan.errors import UsageError, first_line
from service.app import load_catalogue
from service.listening import check_nobody_else_gets_here, take_port, url_of
from service.ray_app import RayServiceSettings, application
from service.request_log import form_log
from service.variables import warn_of_unknown_variables

logger = logging.getLogger(__name__)

_NAME = "cyclegan"


def run(arguments: Sequence[str]) -> int:
    """Serve until a signal.

    Raises:
        CycleGANError: A flag is wrong, the port is taken or would let in everybody, there is no
            model to serve, or no cluster.
    """
    words = [word for word in arguments if word != "--ray"]
    settings = parse(RayServiceSettings, words, "cyclegan serve --ray")
    form_log(settings.log_format)
    warn_of_unknown_variables(RayServiceSettings)
    with take_port(settings.host, settings.port) as listener:
        if not (settings.api_keys or settings.open):
            check_nobody_else_gets_here(listener, settings.host)
        # Closed again: it is the port of Ray's proxy.
        port: int = listener.getsockname()[1]
    translations = load_catalogue(settings).translations  # a replica would try again and again
    with cluster(settings.ray_address, tell=True):
        serve.start(proxy_location="EveryNode", http_options={"host": settings.host, "port": port})
        _start(settings)
        logger.info("serving %s on %s", ", ".join(translations), url_of(settings.host, port))
        _wait_for_a_signal()
        logger.info("stopping")
        serve.delete(_NAME)
        if not settings.ray_address:
            serve.shutdown()  # HAProxy would outlive the cluster
    return 0


def _start(settings: RayServiceSettings) -> None:
    try:
        serve.run(application(settings), name=_NAME)
    except RuntimeError as error:
        raise UsageError(
            f"no replica could be started ({first_line(error)}); the reason stands in "
            "the lines above"
        ) from None


def _wait_for_a_signal() -> None:
    came = threading.Event()

    def note(_: int, __: FrameType | None) -> None:
        came.set()

    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, note)
    came.wait()
