"""What a real server answers to hostile files."""

from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import NamedTuple

import httpx2
from fake_models import write_models
from live_server import serving
from PIL import Image

from service.app import create_app
from service.settings import ServiceSettings

REFUSED = {400, 413, 415, 422}
AT_ONCE = 100  # clients; many more than places
_SECONDS = 60  # for an answer: only something that hangs takes longer


class Answer(NamedTuple):
    """Its body only if it is a picture: problems have the number of their request in them."""

    status: int
    body: bytes

    @property
    def size(self):
        """Width and height of the picture."""
        with Image.open(BytesIO(self.body)) as image:
            return image.size


def answers(folder, files, isolation, clients):
    """Send each file to a server of its own, as many at a time as there are clients."""
    settings = ServiceSettings(
        models=write_models(folder), isolation=isolation, queue=AT_ONCE, deadline_seconds=_SECONDS
    )
    with (
        serving(create_app(settings)) as (host, port),
        httpx2.Client(base_url=f"http://{host}:{port}", timeout=_SECONDS) as client,
        ThreadPoolExecutor(clients) as threads,
    ):
        return list(threads.map(lambda file: _answer(client, file), files))


def _answer(client, file):
    # PNG: the alpha of a picture is written as well.
    url = "/v1/translate/summer2winter?format=png"
    if file.filename is None:
        answer = client.post(url, content=file.data, headers={"content-type": file.declared})
    else:
        answer = client.post(url, files={"file": (file.filename, file.data, file.declared)})
    return Answer(answer.status_code, answer.content if answer.status_code == 200 else b"")
