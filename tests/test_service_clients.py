"""The clients of other services, as their makers ship them, against a real server."""

from base64 import b64decode, b64encode
from hashlib import sha256
from io import BytesIO

import httpx2
import numpy as np
import openai
import pytest
from fake_models import write_models
from huggingface_hub import InferenceClient
from huggingface_hub.errors import HfHubHTTPError
from live_server import serving
from PIL import Image

from service.app import create_app
from service.settings import ServiceSettings

KEY = "a key of ours"


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return write_models(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def url(models):
    settings = ServiceSettings(models=models, provider="cpu", max_edge=64, max_body_bytes=100_000)
    with serving(create_app(settings)) as (host, port):
        yield f"http://{host}:{port}"


@pytest.fixture
def noise():
    return np.random.default_rng(0).integers(0, 256, (9, 14, 3), dtype=np.uint8)


@pytest.fixture
def client(url):
    with openai.OpenAI(base_url=f"{url}/v1", api_key="any", max_retries=0) as client:
        yield client


def png_of(pixels):
    file = BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def image_of(encoded):
    return Image.open(BytesIO(b64decode(encoded)))


def edit(client, pixels, **arguments):
    arguments = {"model": "summer2winter", "prompt": "make it cold"} | arguments
    return client.images.edit(image=("a.png", png_of(pixels)), **arguments)


def test_openai_edits_an_image(client, noise):
    answer = edit(client, noise, n=1, size="auto", user="somebody", quality="high")

    [image] = answer.data
    np.testing.assert_array_equal(np.asarray(image_of(image.b64_json)), 255 - noise)
    assert (answer.output_format, answer.size) == ("png", "14x9")
    assert answer.created > 1_700_000_000


def test_openai_may_send_a_list_of_one(client, noise):
    answer = client.images.edit(
        image=[BytesIO(png_of(noise))], model="winter2summer", prompt="", response_format="b64_json"
    )

    result = np.asarray(image_of(answer.data[0].b64_json))
    np.testing.assert_array_equal(result, noise[..., ::-1])


def test_openai_chooses_format_and_compression(client, noise):
    worst, best = (
        edit(client, noise, output_format="webp", output_compression=compression)
        for compression in (0, 100)
    )

    assert worst.output_format == "webp"
    assert image_of(worst.data[0].b64_json).format == "WEBP"
    assert len(worst.data[0].b64_json) < len(best.data[0].b64_json)


def test_openai_is_told_the_size_that_a_large_picture_came_to(client):
    assert edit(client, np.zeros((32, 128, 3), np.uint8)).size == "64x16"


@pytest.mark.parametrize(
    ("arguments", "kind", "code", "message"),
    [
        ({"model": "a2b"}, openai.NotFoundError, "model-not-found", "nothing is called 'a2b'"),
        ({"model": openai.omit}, openai.BadRequestError, "bad-request", "model: Field required"),
        ({"n": 2}, openai.BadRequestError, "bad-request", "n: Input should be '1'"),
        ({"size": "512x512"}, openai.BadRequestError, "bad-request", "size: Input should be"),
        ({"output_format": "gif"}, openai.BadRequestError, "bad-request", "output_format: "),
        ({"response_format": "url"}, openai.BadRequestError, "bad-request", "response_format: "),
        ({"stream": True}, openai.BadRequestError, "bad-request", "stream: "),
        ({"mask": b"a mask"}, openai.BadRequestError, "bad-request", "the field 'mask'"),
    ],
)
def test_openai_raises_what_was_answered(client, noise, arguments, kind, code, message):
    with pytest.raises(kind, match=message) as raised:
        edit(client, noise, **arguments)

    assert (raised.value.code, raised.value.type) == (code, "invalid_request_error")
    assert raised.value.request_id == raised.value.response.headers["x-request-id"]
    assert raised.value.response.headers["content-type"] == "application/problem+json"
    assert raised.value.response.json()["status"] == raised.value.status_code


def test_openai_sends_one_picture(client, noise):
    pictures = [("a.png", png_of(noise)), ("b.png", png_of(noise))]

    with pytest.raises(openai.BadRequestError, match="2 pictures; one at a time"):
        client.images.edit(image=pictures, model="summer2winter", prompt="")


def test_openai_raises_what_is_wrong_with_the_picture(client):
    with pytest.raises(openai.APIStatusError, match="no known picture format") as raised:
        client.images.edit(image=b"<svg/>", model="summer2winter", prompt="")
    assert (raised.value.status_code, raised.value.code) == (415, "unsupported-image-type")

    with pytest.raises(openai.APIStatusError, match="100,000 bytes") as raised:
        client.images.edit(image=bytes(100_000), model="summer2winter", prompt="")
    assert raised.value.status_code == 413


def test_both_send_the_key_that_they_are_given(models, noise):
    digest = sha256(KEY.encode()).hexdigest()
    settings = ServiceSettings(models=models, provider="cpu", api_keys=(digest,))
    with serving(create_app(settings)) as (host, port):
        base_url = f"http://{host}:{port}/v1"
        with openai.OpenAI(base_url=base_url, api_key=KEY) as client:
            assert edit(client, noise).size == "14x9"
        theirs = InferenceClient(f"http://{host}:{port}/models/summer2winter", token=KEY)
        assert theirs.image_to_image(png_of(noise)).size == (14, 9)
        with (
            openai.OpenAI(base_url=base_url, api_key="wrong") as client,
            pytest.raises(openai.PermissionDeniedError, match="the key that was sent"),
        ):
            edit(client, noise)


def test_hugging_face_sends_a_picture_as_it_is(url, noise):
    client = InferenceClient(f"{url}/models/summer2winter")

    image = client.image_to_image(png_of(noise))

    assert image.format == "PNG"  # what this client asks for
    np.testing.assert_array_equal(np.asarray(image), 255 - noise)


def test_hugging_face_sends_parameters_in_json(url, noise):
    client = InferenceClient(base_url=f"{url}/models/seasons:winter2summer")

    image = client.image_to_image(png_of(noise), prompt="warmer", guidance_scale=3.0)

    np.testing.assert_array_equal(np.asarray(image), noise[..., ::-1])


def test_hugging_face_raises_what_was_answered(url, noise):
    with pytest.raises(HfHubHTTPError, match="nothing is called 'a2b'") as raised:
        InferenceClient(f"{url}/models/a2b").image_to_image(png_of(noise))
    assert raised.value.response.status_code == 404

    with pytest.raises(HfHubHTTPError, match="no known picture format") as raised:
        InferenceClient(f"{url}/models/summer2winter").image_to_image(b"<svg/>")
    assert raised.value.response.status_code == 415


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{", "Invalid JSON"),
        (b"[" * 1000, "Invalid JSON"),
        (b"[" * 100_000, "1,000 parts"),
        (b"{}", "inputs: Field required"),
        (b'{"inputs": 7}', "inputs: "),
        (b'{"inputs": "a"}', "inputs: "),
        (b'{"inputs": ""}', "empty"),
        (b'{"inputs": "\xff"}', "Invalid JSON"),
        (b'{"inputs": "AAAA", "parameters": 7}', "parameters: "),
        (b'{"inputs": "AAAA", "parameters": {"a": [%s""]}}' % (b'"",' * 10_000), "1,000 parts"),
    ],
)
def test_json_that_brings_no_picture_is_400(url, body, message):
    headers = {"content-type": "application/json"}

    answer = httpx2.post(f"{url}/models/summer2winter", content=body, headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (400, "bad-request")
    assert message in answer.json()["error"] == answer.json()["detail"]


def test_json_that_brings_a_picture_may_choose_the_format(url, noise):
    answer = httpx2.post(
        f"{url}/models/summer2winter",
        json={"inputs": b64encode(png_of(noise)).decode()},
        headers={"accept": "image/webp"},
    )

    assert answer.headers["content-type"] == "image/webp"


def test_hugging_face_asks_for_health(url):
    assert InferenceClient(provider="hf-inference").health_check(url)


def test_hugging_face_asks_for_what_serves(url):
    info = InferenceClient(provider="hf-inference").get_endpoint_info(model=url)

    assert info["translations"] == ["summer2winter", "winter2summer"]
