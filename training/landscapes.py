"""A drawn data set: landscapes in two looks, the same scene in summer and in winter.

What it is made for:

- *Learning can be measured.* The true counterpart of every picture is known. The two looks of a
  scene differ by 0.23 of the range from black to white on average.
- *It can be learned without pairs.* Both looks share every outline. Each material has a colour in
  either season, and what differs in one season differs in the other, so that neither direction
  loses anything. Which colours belong together can be told from where they are, from light and
  dark, whose order they keep, and from how frequent they are: options are drawn unevenly. With a
  permutation of equally frequent colours, any other permutation would satisfy all losses too.
- *Without the cycle loss it goes wrong.* Much varies that no discriminator asks a generator to
  keep: the hour, which tints sky, clouds and lake; meadows and foliage; the colours of walls, roofs
  and boats. A winter noon is as good a picture as a winter dusk, whatever it was made from. Two
  winter pictures of different scenes differ by 0.16 of the range, which is far more than half of
  0.23; so whoever gives just any winter picture is caught.
"""

from collections.abc import Iterator
from pathlib import Path
from random import Random

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from training.easel import Easel
from training.palettes import Look, Mood, summer, winter
from training.scenery import draw_landscape

MOST_PICTURES = 100_000
"""Of one kind in a data set; those of the next seed begin after them."""


def draw_scene(
    seed: int, side: int
) -> tuple[UInt8[np.ndarray, "{side} {side} 3"], UInt8[np.ndarray, "{side} {side} 3"]]:
    """Draw one scene in summer and in winter; a seed gives the same bytes on every machine."""
    mood = Mood.drawn(Random(f"mood {seed}"))
    return _draw(seed, side, summer(mood)), _draw(seed, side, winter(mood))


def draw_dataset(folder: Path, *, side: int, train: int, test: int, seed: int) -> None:
    """Write `trainA`, `trainB`, `testA` and `testB` into `folder`; A is summer, B is winter.

    Each has its own scenes, except that `testA/x.png` and `testB/x.png` show the same one.
    """
    for _ in drawing(folder, side=side, train=train, test=test, seed=seed):
        pass


def drawing(folder: Path, *, side: int, train: int, test: int, seed: int) -> Iterator[Path]:
    """Do what `draw_dataset` does, and give each file as soon as it is written."""
    # Test scenes first, so that they stay the same when there is more to train on.
    test_scenes, scenes_a, scenes_b = ((3 * seed + kind) * MOST_PICTURES for kind in range(3))
    for i in range(test):
        pictures = draw_scene(test_scenes + i, side)
        for name, picture in zip(("testA", "testB"), pictures, strict=True):
            yield _write(picture, folder / name, i)
    for i in range(train):
        yield _write(draw_scene(scenes_a + i, side)[0], folder / "trainA", i)
        yield _write(draw_scene(scenes_b + i, side)[1], folder / "trainB", i)


def _draw(seed: int, side: int, look: Look) -> UInt8[np.ndarray, "{side} {side} 3"]:
    # The same random numbers for both looks, so that they share every outline.
    easel = Easel(side, look, Random(f"scene {seed}"))
    draw_landscape(easel)
    return easel.picture()


def _write(picture: UInt8[np.ndarray, "h w 3"], folder: Path, number: int) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{number:05d}.png"
    Image.fromarray(picture).save(file)
    return file
