"""`cyclegan serve`: translate pictures over HTTP."""

import contextlib
import logging
from collections.abc import Generator, Sequence

import uvicorn

from cyclegan.command_line import parse
from cyclegan.errors import UsageError
from service.app import create_app, load_catalogue
from service.arenas import keep_few_arenas
from service.connection import connection
from service.listening import check_nobody_else_gets_here, take_port, url_of, why_not
from service.metrics import Metrics
from service.overdue import alarm_after
from service.request_log import form_log
from service.server import Server
from service.settings import ServiceSettings
from service.slices import collect_only_what_comes, hand_over_early, slices_kept_whole
from service.variables import warn_of_unknown_variables

logger = logging.getLogger(__name__)


def run(arguments: Sequence[str]) -> int:
    """Serve until a signal; 0 if all was answered that had been begun, else 1.

    Raises:
        CycleGANError: A flag is wrong, the port is taken or would let in everybody, or there is no
            model to serve.
    """
    keep_few_arenas()
    hand_over_early()
    settings = parse(ServiceSettings, arguments, "cyclegan serve")
    form_log(settings.log_format)
    warn_of_unknown_variables(ServiceSettings)
    with take_port(settings.host, settings.port) as listener:
        if not (settings.api_keys or settings.open):
            check_nobody_else_gets_here(listener, settings.host)
        # Before the server starts, since it would answer an error with a trace.
        with slices_kept_whole():  # by the threads that the models start
            catalogue = load_catalogue(settings)
        try:
            listener.listen()
        except OSError as error:  # another program was quicker while the models were loaded
            raise UsageError(why_not(settings.host, settings.port, error)) from None
        url = url_of(settings.host, listener.getsockname()[1])
        logger.info("serving %s on %s", ", ".join(catalogue.translations) or "nothing yet", url)
        app = create_app(settings, catalogue)
        overdue = alarm_after(settings.grace_seconds)

        def close() -> None:
            app.state.service.workshop.admission.close()
            overdue.start()

        server = Server(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,  # the envelope writes a line for each request
                server_header=False,
                http=connection(settings.read_timeout_seconds, settings.write_timeout_seconds),
                ws="none",
                timeout_keep_alive=settings.keep_alive_seconds,
                forwarded_allow_ips=list(settings.trusted_proxies),
            ),
            close,
            settings.grace_seconds,
            settings.drain_seconds,
        )
        # Its lines at start say again what ours has said.
        logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
        metrics = _metrics_served(app.state.metrics, settings.metrics_host, settings.metrics_port)
        collect_only_what_comes()
        with metrics:
            try:
                server.run(sockets=[listener])
            finally:
                overdue.cancel()
    return 0 if server.started and server.finished else 1


@contextlib.contextmanager
def _metrics_served(metrics: Metrics, host: str, port: int | None) -> Generator[None]:
    with contextlib.ExitStack() as stack:
        if port is not None:
            try:
                port = stack.enter_context(metrics.served(host, port))
            except OSError as error:
                raise UsageError(why_not(host, port, error, "--metrics-")) from None
            logger.info("metrics on %s/metrics", url_of(host, port))
        yield
