"""What a decoding process does: files of pictures come in, pixels go out.

It imports neither an engine nor a server, so that a process is small and ready at once. Nothing is
pickled on its pipe: should a picture take a decoder over, all that the service reads is numbers.
"""

import json
import resource
import signal
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path

from service.errors import ClientError
from service.images import decode_reduced

_MEMORY = Path("/proc/self/statm")


def serve(pipe: Connection, megabytes: int) -> None:
    """Decode picture after picture until the other end of the pipe is closed.

    A question is JSON, the arguments of `decode_reduced`, and then the file. The answer is JSON
    and then, if that names no error, the pixels and, if there is any, the alpha.

    Args:
        pipe: To the service; the first message says that this process is ready.
        megabytes: That this process may take beyond what it has at its start.
    """
    # Ctrl-C, and systemd's SIGTERM, reach everybody; the service decides when it is over.
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN)
    _limit_memory(megabytes)
    pipe.send_bytes(b"ready")
    with suppress(EOFError):
        while True:
            question = json.loads(pipe.recv_bytes())
            for message in _answer(pipe.recv_bytes(), **question):
                pipe.send_bytes(message)


def _answer(data: bytes, max_pixels: int, max_edge: int | None) -> list[bytes]:
    try:
        picture, size = decode_reduced(data, max_pixels, max_edge)
    except ClientError as error:
        return [json.dumps({"error": error.code, "detail": str(error)}).encode()]
    alpha = picture.alpha
    head = {"picture": picture.size, "file": size, "alpha": alpha is not None}
    messages = [json.dumps(head).encode(), picture.pixels.tobytes()]
    return messages if alpha is None else [*messages, alpha.tobytes()]


def _limit_memory(megabytes: int) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a crash leaves no picture on the disk
    if not _MEMORY.exists():
        return  # only Linux keeps to the limit that follows
    used = int(_MEMORY.read_text().split()[0]) * resource.getpagesize()
    limit = used + megabytes * 2**20
    _, highest = resource.getrlimit(resource.RLIMIT_AS)
    if highest != resource.RLIM_INFINITY:
        limit = min(limit, highest)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
