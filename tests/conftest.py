"""Shapes and types are checked at every call of our packages while testing."""

# Whatever is imported by one of our packages first is compiled anew in each process, since the hook
# looks for caches under a name of its own meanwhile; so the largest come before it.
import torchvision  # noqa: F401
from beartype import BeartypeConf, beartype
from jaxtyping import config, install_import_hook

# `int` where `float` is written is right by PEP 484, so beartype is told so.
_checked = beartype(conf=BeartypeConf(is_pep484_tower=True))


def check_types(function):
    """Check what a function takes and gives, unless it would be wrapped anew at each call."""
    return function if "<locals>" in function.__qualname__ else _checked(function)


HOOK = install_import_hook(
    ["cyclegan", "evaluation", "service", "training"], "conftest.check_types"
)

from collections.abc import Iterator  # noqa: E402 - the hook must be there before our packages
from contextlib import contextmanager  # noqa: E402
from pathlib import Path  # noqa: E402

import numpy as np  # noqa: E402
import pytest  # noqa: E402
import torch  # noqa: E402
from PIL import Image  # noqa: E402

from cyclegan.discriminator import DiscriminatorConfig  # noqa: E402
from cyclegan.generator import GeneratorConfig  # noqa: E402
from cyclegan.networks import NetworksConfig  # noqa: E402
from training.settings import Schedule, TrainSettings  # noqa: E402

# The networks of the tests are too small for a second thread to help, and two test processes
# with two threads each would wait for one another.
torch.set_num_threads(1)


def pytest_collection_modifyitems(items):
    if torch.cuda.is_available():
        return
    for item in items:
        if item.get_closest_marker("gpu"):
            item.add_marker(pytest.mark.skip(reason="needs a CUDA device"))


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def _one_thread_again():
    yield
    torch.set_num_threads(1)  # of which benchmarks that were tested leave more behind


@pytest.fixture
def tiny_networks():
    """Networks that take milliseconds."""
    return NetworksConfig(
        generator=GeneratorConfig(width=4, blocks=1),
        discriminator=DiscriminatorConfig(width=4, layers=2),
    )


@contextmanager
def types_unchecked() -> Iterator[None]:
    """For hundreds of steps or scenes, of which the first few have their types checked elsewhere.

    Checking them takes a third of such a training's time, and four fifths of the drawing's.
    """
    former = config.jaxtyping_disable
    config.update("jaxtyping_disable", True)
    try:
        yield
    finally:
        config.update("jaxtyping_disable", former)


def draw_pictures(folder: Path, count: int, side: int = 24, seed: int = 0) -> Path:
    """Write `count` pictures of random colours to `folder`."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    for i in range(count):
        pixels = rng.integers(0, 256, (side, side, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{i}.png")
    return folder


def change(settings: TrainSettings, **changes: object) -> TrainSettings:
    """Give the same settings but for `changes`, unchecked."""
    return settings.model_copy(update=changes)


@pytest.fixture
def tiny_settings(tmp_path, tiny_networks):
    """A run of 12 steps on 3 and 2 pictures."""
    draw_pictures(tmp_path / "data" / "a", 3, seed=1)
    draw_pictures(tmp_path / "data" / "b", 2, seed=2)
    return TrainSettings(
        data=tmp_path / "data",
        run=tmp_path / "run",
        names=("summer", "winter"),
        crop=16,
        load_size=20,
        history=2,
        device="cpu",
        precision="fp32",
        log_every=3,
        sample_every=100,
        checkpoint_every=4,
        schedule=Schedule(constant_epochs=2, decay_epochs=2),
        networks=tiny_networks,
    )
