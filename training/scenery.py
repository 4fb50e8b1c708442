"""The land of a drawn landscape: sky, mountains, meadows, a lake or a path, and what stands there.

Everything is decided by the easel's random numbers, never by its colours: two easels with the same
numbers and different looks show the same scene.
"""

from collections.abc import Callable
from typing import NamedTuple

from training.easel import Easel
from training.palettes import Colour
from training.things import boat, fir, flower, house, tree

Skyline = Callable[[float], float]
"""The height of a hill, as y, for each x."""


class Lake(NamedTuple):
    """An ellipse of water."""

    x: float
    y: float
    wide: float
    """Radius from left to right."""
    high: float
    """Radius from top to bottom."""

    def covers(self, x: float, y: float) -> bool:
        """Tell whether a place is in the water, or so near that a thing would get wet feet."""
        dx, dy = (x - self.x) / (self.wide + 0.04), (y - self.y) / (self.high + 0.02)
        return dx * dx + dy * dy < 1


def draw_landscape(easel: Easel) -> None:
    """Draw a scene, from the sky to what stands nearest."""
    horizon = easel.between(0.42, 0.56)
    _sky(easel, horizon)
    _mountains(easel, horizon)
    lake = _ground(easel, horizon)
    _things(easel, horizon, lake)
    _flowers(easel, horizon, lake)


def _sky(easel: Easel, horizon: float) -> None:
    easel.gradient(easel.look.sky_high, easel.look.sky_low, horizon + 0.1)
    x, y, radius = easel.between(0.12, 0.88), easel.between(0.1, 0.28), easel.between(0.05, 0.08)
    for glow, opacity in ((2.6, 0.12), (1.8, 0.2), (1.35, 0.3), (1.0, 1.0)):
        easel.disc(x, y, radius * glow, radius * glow, easel.look.sun, opacity)
    for _ in range(easel.count(1, 3)):
        _cloud(easel)


def _cloud(easel: Easel) -> None:
    cloud = easel.look.cloud
    x, y, size = easel.between(0, 1), easel.between(0.08, 0.32), easel.between(0.05, 0.1)
    for place in (-1.3, -0.6, 0.1, 0.7, 1.3):
        r = size * easel.between(0.35, 0.6) * (1.25 - 0.4 * abs(place))
        easel.disc(x + place * size, y - 0.5 * r, 1.2 * r, r, cloud, 0.9)
    easel.disc(x, y, 1.9 * size, 0.28 * size, cloud, 0.9)


def _mountains(easel: Easel, horizon: float) -> None:
    for _ in range(easel.count(1, 3)):
        _mountain(easel, easel.between(0, 1), horizon + 0.06)
    _land(easel, _skyline(easel, horizon + 0.03, 0.09, knots=4), easel.look.hill)


def _mountain(easel: Easel, x: float, foot: float) -> None:
    high, wide = easel.between(0.14, 0.28), easel.between(0.16, 0.3)
    top, lean = foot - high, easel.between(-0.05, 0.05)
    easel.polygon([(x + lean, top), (x + wide, foot), (x - wide, foot)], easel.look.mountain)
    snow_line = [
        (x + lean, top),
        (x + lean + 0.4 * (wide - lean), top + 0.4 * high),
        (x + lean + 0.12 * (wide - lean), top + 0.3 * high),
        (x + lean - 0.02, top + 0.44 * high),
        (x + lean - 0.34 * (wide + lean), top + 0.34 * high),
    ]
    easel.polygon(snow_line, easel.look.peak)


def _skyline(easel: Easel, foot: float, height: float, knots: int) -> Skyline:
    """Make a soft line through random heights."""
    heights = [foot - easel.between(0, height) for _ in range(knots + 1)]

    def y(x: float) -> float:
        left = min(int(x * knots), knots - 1)
        t = x * knots - left
        return heights[left] + (heights[left + 1] - heights[left]) * t * t * (3 - 2 * t)

    return y


def _land(easel: Easel, skyline: Skyline, colour: Colour) -> None:
    """Fill everything below a line."""
    xs = [i / 48 for i in range(49)]
    easel.polygon([*((x, skyline(x)) for x in xs), (1, 1.01), (0, 1.01)], colour)


def _ground(easel: Easel, horizon: float) -> Lake | None:
    look = easel.look
    far = _skyline(easel, horizon + 0.09, 0.05, knots=3)
    near = _skyline(easel, horizon + 0.34, 0.12, knots=2)
    _land(easel, far, look.meadow)
    _tufts(easel, horizon + 0.14, 5)
    _land(easel, near, look.meadow_near)
    _tufts(easel, horizon + 0.34, 6)
    if easel.chance(0.6):
        return _lake(easel, horizon)
    _path(easel, horizon + 0.1)
    return None


def _tufts(easel: Easel, top: float, count: int) -> None:
    for _ in range(count):
        x, y = easel.between(0, 1), easel.between(top, 1)
        size = 0.006 + 0.02 * (y - 0.5)
        easel.disc(x, y, 1.6 * size, 0.5 * size, easel.look.tuft)


def _lake(easel: Easel, horizon: float) -> Lake:
    lake = Lake(
        x=easel.between(0.2, 0.8),
        y=easel.between(horizon + 0.22, 0.86),
        wide=easel.between(0.22, 0.4),
        high=easel.between(0.07, 0.12),
    )
    x, y, wide, high = lake
    easel.disc(x, y, wide + 0.025, high + 0.018, easel.look.shore)
    easel.disc(x, y, wide, high, easel.look.lake)
    for _ in range(5):
        dx, dy = easel.between(-0.6, 0.6), easel.between(-0.7, 0.7)
        easel.disc(x + dx * wide, y + dy * high, 0.14 * wide, 0.006, easel.look.glint)
    if easel.chance(0.6):
        boat(easel, x + wide * easel.between(-0.4, 0.4), y + 0.2 * high)
    return lake


def _path(easel: Easel, top: float) -> None:
    start, bend, end = (easel.between(0.15, 0.85) for _ in range(3))

    def edge(t: float, side: int) -> tuple[float, float]:
        middle = start * (1 - t) * (1 - t) + 2 * bend * t * (1 - t) + end * t * t
        return middle + side * (0.012 + 0.07 * t * t), top + (1.01 - top) * t

    steps = [i / 24 for i in range(25)]
    left, right = ([edge(t, side) for t in steps] for side in (-1, 1))
    easel.polygon([*left, *reversed(right)], easel.look.path)


def _things(easel: Easel, horizon: float, lake: Lake | None) -> None:
    """Draw a house, perhaps, and trees, those far away first."""
    kinds = [house] if easel.chance(0.75) else []
    kinds += [fir if easel.chance(0.5) else tree for _ in range(easel.count(3, 6))]
    places = [_dry_place(easel, horizon, lake) for _ in kinds]
    for (y, x), draw in sorted(zip(places, kinds, strict=True), key=lambda placed: placed[0]):
        draw(easel, x, y, 0.12 + 0.26 * (y - horizon))


def _dry_place(easel: Easel, horizon: float, lake: Lake | None) -> tuple[float, float]:
    """Choose y and x."""
    x, y = easel.between(0, 1), easel.between(horizon + 0.1, 0.97)
    if lake is not None and lake.covers(x, y):
        y = lake.y - lake.high - 0.02  # behind it
    return y, x


def _flowers(easel: Easel, horizon: float, lake: Lake | None) -> None:
    for _ in range(easel.count(0, 6)):
        x, y = easel.between(0, 1), easel.between(horizon + 0.3, 0.98)
        if lake is None or not lake.covers(x, y):
            flower(easel, x, y)
