"""Ports: taking one, and whom it would let in."""

import errno
import socket
from ipaddress import ip_address

from cyclegan.errors import UsageError


def take_port(host: str, port: int) -> socket.socket:
    """Take a port, without listening on it yet; 0 takes a free one.

    Raises:
        UsageError: The port is taken, or the address none of this machine.
    """
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise UsageError(why_not(host, port, error)) from None
    return listener


def check_nobody_else_gets_here(listener: socket.socket, host: str) -> None:
    """Refuse to listen, without keys, where others than this machine get to.

    Raises:
        UsageError: They do.
    """
    address = listener.getsockname()[0].partition("%")[0]
    if not ip_address(address).is_loopback:
        raise UsageError(
            f"whoever gets to {host or address} would be let in: give --api-keys, or --open "
            "(CYCLEGAN_OPEN=1) if something in front of the service is the guard"
        )


def why_not(host: str, port: int, error: OSError, flag: str = "--") -> str:
    """Say why a port cannot be had; `flag` is how the flags for it begin."""
    if isinstance(error, socket.gaierror):
        return f"{host} is no address of this machine; choose another with {flag}host"
    if error.errno == errno.EADDRINUSE:
        reason = "is in use by another program"
    else:
        reason = f"cannot be listened on ({error.strerror})"
    return f"port {port} on {host} {reason}; choose another with {flag}port N"


def url_of(host: str, port: int) -> str:
    """Write the address as a URL."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
