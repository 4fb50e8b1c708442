"""It learns: on drawn scenes, whose true counterpart is known and never shown in training.

At 32 pixels and with small networks, so that it takes a minute; docs/log.md has the numbers. That
neither loss can be left out takes two minutes more, so it is among the long tests.
"""

import numpy as np
import pytest
import torch
from conftest import types_unchecked
from PIL import Image

from cyclegan import objectives
from cyclegan.discriminator import DiscriminatorConfig
from cyclegan.generator import GeneratorConfig
from cyclegan.networks import NetworksConfig
from cyclegan.pixels import to_signed
from training.landscapes import draw_dataset
from training.loop import train
from training.loss_weights import LossWeights
from training.settings import Schedule, TrainSettings

SIDE, TRAIN, TEST, STEPS = 32, 200, 24, 1200


@pytest.fixture(scope="module")
@types_unchecked()
def scenes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scenes")
    draw_dataset(folder, side=SIDE, train=TRAIN, test=TEST, seed=0)
    return folder


def settings(scenes, run, **changes):
    epochs = STEPS / TRAIN
    return TrainSettings(
        data=scenes,
        run=run,
        crop=SIDE,
        load_size=SIDE,
        device="cpu",
        schedule=Schedule(constant_epochs=epochs / 2, decay_epochs=epochs / 2, learning_rate=5e-4),
        networks=NetworksConfig(
            generator=GeneratorConfig(width=16, blocks=2, upsampling="resize"),
            discriminator=DiscriminatorConfig(width=32, layers=2),
        ),
        **changes,
    )


def held_out(scenes, domain):
    files = sorted((scenes / f"test{domain}").iterdir())
    pixels = np.stack([np.asarray(Image.open(file)) for file in files])
    return to_signed(torch.from_numpy(pixels).permute(0, 3, 1, 2))


def distance(one, other):
    return (one - other).abs().mean().item()


def errors_of(networks, scenes):
    """As shares of the distance between untranslated pictures and their counterparts."""
    summer, winter = held_out(scenes, "A"), held_out(scenes, "B")
    untranslated = distance(summer, winter)

    with torch.inference_mode():
        to_winter, to_summer = networks.gen_ab(summer), networks.gen_ba(winter)
        summer_again, winter_again = networks.gen_ba(to_winter), networks.gen_ab(to_summer)

    return {
        "to winter": distance(to_winter, winter) / untranslated,
        "to summer": distance(to_summer, summer) / untranslated,
        "summer again": distance(summer_again, summer) / untranslated,
        "winter again": distance(winter_again, winter) / untranslated,
    }


@types_unchecked()
def test_the_error_to_the_true_counterpart_falls_to_less_than_half(scenes, tmp_path):
    errors = errors_of(train(settings(scenes, tmp_path / "run")).networks, scenes)

    assert max(errors["to winter"], errors["to summer"]) < 0.5, errors
    assert max(errors["summer again"], errors["winter again"]) < 0.42, errors


@pytest.mark.long
@types_unchecked()
def test_without_the_cycle_loss_it_does_not_learn(scenes, tmp_path):
    # The identity loss, whose weight counts in that of the cycle loss, stays as it is.
    without = LossWeights(cycle=1e-9, identity=0.5 * 10 / 1e-9)

    trained = train(settings(scenes, tmp_path / "run", weights=without))

    errors = errors_of(trained.networks, scenes)
    assert errors["to winter"] > 0.5, errors


@pytest.mark.long
@types_unchecked()
def test_without_the_adversarial_loss_it_does_not_learn(scenes, tmp_path, monkeypatch):
    monkeypatch.setattr(objectives, "lsgan_generator", lambda scores: 0 * scores.mean())

    trained = train(settings(scenes, tmp_path / "run"))

    errors = errors_of(trained.networks, scenes)
    assert errors["to summer"] > 0.5, errors
