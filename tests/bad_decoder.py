"""A decoding process as a picture that has taken it over might make it: it does what it is told."""

import json
import os
import signal

from service.decode_worker import serve

HEADS = {
    b"no json": b"\xff",
    b"no answer": b"[]",
    b"no such error": json.dumps({"error": "trust-me", "detail": "x"}).encode(),
    b"too large": json.dumps({"picture": [10**5, 10**5], "file": [1, 1], "alpha": False}).encode(),
    b"other size": json.dumps({"picture": [2, 2], "file": [2, 2], "alpha": False}).encode(),
    b"less than no size": json.dumps(
        {"picture": [-2, -2], "file": [2, 2], "alpha": False}
    ).encode(),
}


def serve_badly(pipe, megabytes):
    serve(_Pipe(pipe), megabytes)


class _Pipe:
    def __init__(self, pipe):
        self.pipe = pipe
        self.send_bytes = pipe.send_bytes

    def recv_bytes(self):
        message = self.pipe.recv_bytes()
        if message == b"die":
            os.kill(os.getpid(), signal.SIGKILL)
        if message == b"die with half an answer":
            os.write(self.pipe.fileno(), b"\0\0\0\x20{")  # 32 bytes are announced
            os.kill(os.getpid(), signal.SIGKILL)
        if message == b"dawdle":
            os.write(self.pipe.fileno(), b"\0\0\0\x20{")
            signal.pause()
        if message in HEADS:
            self.pipe.send_bytes(HEADS[message])
            self.pipe.send_bytes(b"123")
        return message
