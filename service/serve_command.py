"""`cyclegan serve`: translate pictures over HTTP."""

import contextlib
import errno
import logging
import socket
from collections.abc import Sequence

import uvicorn

from cyclegan.command_line import parse
from cyclegan.errors import UsageError
from service.app import create_app, load_catalogue
from service.settings import ServiceSettings

logger = logging.getLogger(__name__)

_GRACE_SECONDS = 30


def run(arguments: Sequence[str]) -> int:
    """Serve until a signal; 0 then.

    Raises:
        CycleGANError: A flag is wrong, the port is taken, or there is no model to serve.
    """
    settings = parse(ServiceSettings, arguments, "cyclegan serve")
    with _listen(settings.host, settings.port) as listener:
        # Before the server starts, since it would answer an error with a trace.
        catalogue = load_catalogue(settings)
        try:
            listener.listen()
        except OSError as error:  # another program was quicker while the models were loaded
            raise UsageError(_why_not(settings.host, settings.port, error)) from None
        url = _url(settings.host, listener.getsockname()[1])
        logger.info("serving %s on %s", ", ".join(catalogue.translations), url)
        server = uvicorn.Server(
            uvicorn.Config(
                create_app(settings, catalogue),
                log_config=None,
                server_header=False,
                ws="none",
                timeout_graceful_shutdown=_GRACE_SECONDS,
            )
        )
        # Its lines at start say again what ours has said; those of requests stay.
        logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
        logging.getLogger("uvicorn.access").setLevel(logging.INFO)
        with contextlib.suppress(KeyboardInterrupt):
            server.run(sockets=[listener])
    return 0 if server.started else 1


def _listen(host: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise UsageError(_why_not(host, port, error)) from None
    return listener


def _why_not(host: str, port: int, error: OSError) -> str:
    if isinstance(error, socket.gaierror):
        return f"{host} is no address of this machine; choose another with --host"
    if error.errno == errno.EADDRINUSE:
        reason = "is in use by another program"
    else:
        reason = f"cannot be listened on ({error.strerror})"
    return f"port {port} on {host} {reason}; choose another with --port N"


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
