"""The whole job through the doors that a user uses: two folders in, a translated picture out."""

import io

import numpy as np
import pytest
import torch
from conftest import draw_pictures
from PIL import Image
from starlette.testclient import TestClient

from cyclegan.__main__ import main
from cyclegan.checkpoint import Checkpoint
from cyclegan.export import Deployed
from service.app import create_app
from service.settings import ServiceSettings


@pytest.fixture(scope="module")
def workshop(tmp_path_factory):
    """A folder with data, a run of a few steps, and its exported models."""
    home = tmp_path_factory.mktemp("workshop")
    draw_pictures(home / "data" / "trainA", 3, seed=1)
    draw_pictures(home / "data" / "trainB", 4, seed=2)
    sizes = ["--crop", "32", "--load-size", "36", "--networks.discriminator.width", "4"]
    tiny = [*sizes, "--networks.generator.width", "4", "--networks.generator.blocks", "1"]
    names = ["--names", "summer,winter", "--device", "cpu", "--steps", "3"]
    train = ["train", "--data", str(home / "data"), "--run", str(home / "run"), *names, *tiny]
    assert main(train) == 0
    assert main(["export", "--run", str(home / "run"), "--out", str(home / "models/season")]) == 0
    return home


@pytest.fixture(scope="module")
def client(workshop):
    with TestClient(create_app(ServiceSettings(models=workshop / "models"))) as client:
        yield client


def a_picture(width, height):
    """A smooth picture, as bytes of a PNG and as an array."""
    y, x = np.mgrid[0:height, 0:width]
    pixels = np.stack([x * 255 / width, y * 255 / height, (x + y) % 256], axis=-1)
    pixels = pixels.astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue(), pixels


def pixels_of(data):
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def levels_apart(one, other):
    return np.abs(one.astype(int) - other.astype(int)).max()


@pytest.mark.parametrize("target", ["winter", "summer"])
def test_pytorch_the_command_line_and_http_agree_within_a_level(workshop, client, target, tmp_path):
    png, pixels = a_picture(64, 48)
    source = "summer" if target == "winter" else "winter"

    networks = Checkpoint.load(workshop / "run" / "latest.pt").networks()
    generator = networks.gen_ab if target == "winter" else networks.gen_ba
    with torch.inference_mode():
        by_pytorch = Deployed(generator)(torch.from_numpy(pixels)[None])[0].numpy()

    (tmp_path / "in.png").write_bytes(png)
    words = ["--model", str(workshop / "models/season"), "--to", target]
    assert main(["translate", *words, str(tmp_path / "in.png"), "--out", str(tmp_path / "o")]) == 0
    by_command = pixels_of((tmp_path / "o" / "in.png").read_bytes())

    answer = client.post(
        f"/v1/translate/{source}2{target}?format=png",
        content=png,
        headers={"Content-Type": "image/png"},
    )
    by_http = pixels_of(answer.content)

    assert answer.status_code == 200
    assert levels_apart(by_http, by_command) == 0
    assert levels_apart(by_pytorch, by_http) <= 1


@pytest.mark.parametrize(("width", "height"), [(1, 1), (33, 47), (300, 20)])
def test_the_answer_has_the_size_of_the_picture(client, width, height):
    png, _ = a_picture(width, height)

    answer = client.post("/v1/translate/summer2winter", files={"file": ("in.png", png)})

    assert answer.headers["content-type"] == "image/jpeg"
    assert pixels_of(answer.content).shape == (height, width, 3)


def test_the_service_tells_what_it_was_trained_on(client):
    [to_winter, to_summer] = client.get("/v1/models").json()["models"]

    assert to_winter["names"][0] == "summer2winter"
    assert to_summer["names"][0] == "winter2summer"
    assert to_winter["training"]["steps"] == 3
    assert to_winter["training"]["settings"]["crop"] == 32
