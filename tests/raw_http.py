"""Bytes to a port and back, and what makes a well-formed answer of them."""

import json
import re
import socket
from contextlib import suppress
from typing import NamedTuple

HEAD = re.compile(
    rb"HTTP/1\.1 (\d{3}) [ -~]*\r\n((?:[!#$%&'*+.^_`|~0-9A-Za-z-]+: [ -~]*\r\n)*)\r\n"
)
CHUNK_SIZE = re.compile(rb"([0-9a-f]+)\r\n")
SILENCE_SECONDS = 0.02


class Reply(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


class Talk(NamedTuple):
    replies: list[Reply]
    closed: bool  # by the service


def talk(port, data, patience=5.0, least=1):
    """Send bytes and read until the service closes, or is silent after `least` whole answers of
    which none says that it will; no longer than `patience` seconds for each part of them."""
    got = b""
    with socket.create_connection(("127.0.0.1", port), timeout=patience) as connection:
        with suppress(ConnectionError):  # it may close before it has read all
            connection.sendall(data)
        try:
            while part := connection.recv(1 << 16):
                got += part
                replies, rest = parsed(got)
                is_closing = any(reply.headers.get("connection") == "close" for reply in replies)
                enough = len(replies) >= least and not rest and not is_closing
                connection.settimeout(SILENCE_SECONDS if enough else patience)
            closed = True
        except TimeoutError:
            closed = False
        except ConnectionError:
            closed = True
    replies, rest = parsed(got)
    assert not rest, f"no answer that is well formed: {rest[:300]}"
    return Talk(replies, closed)


def parsed(got):
    """The answers in it, and what is left of it."""
    replies = []
    while head := HEAD.match(got):
        lines = head[2].decode().splitlines()
        headers = {name.lower(): value for name, _, value in (x.partition(": ") for x in lines)}
        chunked = headers.get("transfer-encoding") == "chunked"
        length = int(headers.get("content-length", 0))
        end = end_of_chunks(got, head.end()) if chunked else head.end() + length
        if len(got) < end:
            break
        if head[1] != b"100":
            replies.append(Reply(int(head[1]), headers, got[head.end() : end]))
        got = got[end:]
    return replies, got


def end_of_chunks(got, at):
    """Where the last one ends; beyond what there is while it is missing."""
    while chunk := CHUNK_SIZE.match(got, at):
        at = chunk.end() + int(chunk[1], 16) + 2
        if chunk[1] == b"0":
            return at
    return len(got) + 1


def check(reply):
    """That an answer is a right one to nonsense: no fault of the service, and tells nothing."""
    assert 200 <= reply.status < 500, reply
    if reply.status >= 400 and reply.headers["content-type"] != "text/plain; charset=utf-8":
        assert reply.headers["content-type"] in ("application/problem+json", "application/json")
        assert json.loads(reply.body)
        assert b"Traceback" not in reply.body
        assert b"site-packages" not in reply.body
