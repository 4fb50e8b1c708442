"""`cyclegan serve`: translate pictures over HTTP."""

import contextlib
import errno
import logging
import socket
from collections.abc import Generator, Sequence
from ipaddress import ip_address

import uvicorn

from cyclegan.command_line import parse
from cyclegan.errors import UsageError
from service.app import create_app, load_catalogue
from service.arenas import keep_few_arenas
from service.connection import connection
from service.metrics import Metrics
from service.request_log import form_log
from service.server import Server
from service.settings import ServiceSettings

logger = logging.getLogger(__name__)


def run(arguments: Sequence[str]) -> int:
    """Serve until a signal; 0 if all was answered that had been begun, else 1.

    Raises:
        CycleGANError: A flag is wrong, the port is taken or would let in everybody, or there is no
            model to serve.
    """
    keep_few_arenas()
    settings = parse(ServiceSettings, arguments, "cyclegan serve")
    form_log(settings.log_format)
    with _listen(settings.host, settings.port) as listener:
        if not (settings.api_keys or settings.open):
            _check_nobody_else_gets_here(listener, settings.host)
        # Before the server starts, since it would answer an error with a trace.
        catalogue = load_catalogue(settings)
        try:
            listener.listen()
        except OSError as error:  # another program was quicker while the models were loaded
            raise UsageError(_why_not(settings.host, settings.port, error)) from None
        url = _url(settings.host, listener.getsockname()[1])
        logger.info("serving %s on %s", ", ".join(catalogue.translations) or "nothing yet", url)
        app = create_app(settings, catalogue)
        server = Server(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,  # the envelope writes a line for each request
                server_header=False,
                http=connection(settings.read_timeout_seconds, settings.write_timeout_seconds),
                ws="none",
            ),
            lambda: app.state.service.workshop.admission.close(),
            settings.grace_seconds,
            settings.drain_seconds,
        )
        # Its lines at start say again what ours has said.
        logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
        metrics = _metrics_served(app.state.metrics, settings.metrics_host, settings.metrics_port)
        with metrics:
            server.run(sockets=[listener])
    return 0 if server.started and server.finished else 1


def _listen(host: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise UsageError(_why_not(host, port, error)) from None
    return listener


def _check_nobody_else_gets_here(listener: socket.socket, host: str) -> None:
    address = listener.getsockname()[0].partition("%")[0]
    if not ip_address(address).is_loopback:
        raise UsageError(
            f"whoever gets to {host or address} would be let in: give --api-keys, or --open "
            "(CYCLEGAN_OPEN=1) if something in front of the service is the guard"
        )


@contextlib.contextmanager
def _metrics_served(metrics: Metrics, host: str, port: int | None) -> Generator[None]:
    with contextlib.ExitStack() as stack:
        if port is not None:
            try:
                port = stack.enter_context(metrics.served(host, port))
            except OSError as error:
                raise UsageError(_why_not(host, port, error, "--metrics-")) from None
            logger.info("metrics on %s/metrics", _url(host, port))
        yield


def _why_not(host: str, port: int, error: OSError, flag: str = "--") -> str:
    if isinstance(error, socket.gaierror):
        return f"{host} is no address of this machine; choose another with {flag}host"
    if error.errno == errno.EADDRINUSE:
        reason = "is in use by another program"
    else:
        reason = f"cannot be listened on ({error.strerror})"
    return f"port {port} on {host} {reason}; choose another with {flag}port N"


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
