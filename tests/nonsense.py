"""Requests, sound ones and what can be made of them."""

from base64 import b64encode
from io import BytesIO

from hypothesis import strategies as st
from PIL import Image

PATH = b"/v1/translate/summer2winter"
START = b"POST " + PATH + b" HTTP/1.1\r\nHost: x\r\n"
GET = b"GET /livez HTTP/1.1\r\nHost: x\r\n"


def a_png():
    file = BytesIO()
    Image.new("RGB", (5, 3), "red").save(file, "PNG")
    return file.getvalue()


PNG = a_png()


def posted(body, *headers, content_type=b"image/png"):
    lines = [START, b"Content-Type: " + content_type + b"\r\n"]
    lines += [header + b"\r\n" for header in headers]
    return b"".join([*lines, b"Content-Length: %d\r\n\r\n" % len(body), body])


def chunked(*chunks):
    return START + b"Transfer-Encoding: chunked\r\n\r\n" + b"".join(chunks)


def form(*parts, boundary=b"b"):
    body = b"".join(b"--" + boundary + b"\r\n" + part + b"\r\n" for part in parts)
    return body + b"--" + boundary + b"--\r\n"


def part(disposition, content=PNG, *headers):
    lines = [b"Content-Disposition: " + disposition, *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + content


FILE = b'form-data; name="file"; filename='
IMAGE = b'form-data; name="image"; filename="a.png"'
FORM = b"multipart/form-data; boundary=b"
WHOLE = form(part(FILE + b'"a.png"'))
JUNK = st.binary(max_size=40)


@st.composite
def mostly(draw, usual, seldom=JUNK):
    """Else nearly every request would be refused for its first line."""
    return draw(seldom if draw(st.integers(0, 19)) == 0 else usual)


LINE_ENDS = mostly(st.just(b"\r\n"), st.sampled_from([b"\n", b"\r", b"\0", b""]))
METHODS = st.sampled_from([b"POST"] * 4 + [b"GET", b"PUT", b"OPTIONS", b"DELETE"])
TARGETS = st.sampled_from(
    [PATH] * 4 + [b"/livez", b"/v1/models", b"/", b"*", b"/docs", b"/openapi.json", b"http://x/"]
)
VERSIONS = st.sampled_from([b"HTTP/1.1"] * 9 + [b"HTTP/1.0"])
NAMES = st.sampled_from(
    b"Host Accept Content-Type Content-Length Transfer-Encoding Connection Expect Upgrade "
    b"X-Request-Id Authorization Content-Encoding Range Cookie Trailer TE".split()
)
VALUES = st.sampled_from(
    b"x */* image/png multipart/form-data;boundary=b chunked identity close keep-alive gzip "
    b"100-continue websocket h2c Bearer 0 1 7 -1 99999999999 bytes=0-".split()
)
HEADERS = st.lists(st.tuples(mostly(NAMES), mostly(VALUES)), max_size=4)
BODIES = mostly(st.sampled_from([PNG, WHOLE, b"3\r\nabc\r\n0\r\n\r\n", PNG[:40]]))


@st.composite
def requests(draw):
    """Something like a request; each part of it may be what it should be, or not."""
    words = [draw(mostly(METHODS)), draw(mostly(TARGETS)), draw(mostly(VERSIONS))]
    body = draw(BODIES)
    headers = [(b"Host", b"x"), *draw(HEADERS)]
    if draw(mostly(st.just(True), st.just(False))):
        headers.append((b"Content-Length", b"%d" % len(body)))
    lines = [b" ".join(words), *(name + b": " + value for name, value in headers), b""]
    return b"".join(line + draw(LINE_ENDS) for line in lines) + body


SOUND = [
    GET + b"\r\n",
    posted(PNG),
    chunked(b"%x\r\n" % len(PNG), PNG, b"\r\n0\r\n\r\n"),
    posted(WHOLE, content_type=FORM),
    posted(WHOLE.replace(b"file", b"files", 1) * 2, content_type=FORM).replace(
        PATH, b"/v1/batch/summer2winter"
    ),
    posted(
        form(part(b'form-data; name="model"', b"summer2winter"), part(IMAGE)),
        content_type=FORM,
    ).replace(PATH, b"/v1/images/edits"),
    posted(b'{"inputs": "' + b64encode(PNG) + b'"}', content_type=b"application/json").replace(
        PATH, b"/models/summer2winter"
    ),
]
PIECES = mostly(
    st.sampled_from(
        b'\r\n|\r\n\r\n|\0|--b\r\n|--b--|"|:|;|%|0\r\n\r\n|\xff|Content-Length: 1\r\n|'
        b"Transfer-Encoding: chunked\r\n|Connection: close\r\n".split(b"|")
    )
)


@st.composite
def damaged(draw):
    """A sound request, of which some places are cut out, doubled, or written over."""
    data = draw(st.sampled_from(SOUND))
    for _ in range(draw(st.integers(1, 4))):
        begin = draw(st.integers(0, len(data)))
        end = begin + draw(st.integers(0, 30))
        between = draw(st.sampled_from([b"", data[begin:end] * 2]) | PIECES)
        data = data[:begin] + between + data[end:]
    return data
