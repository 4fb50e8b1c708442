"""Things that stand in a drawn landscape; (x, y) is where each touches the ground.

Sizes are shares of the picture's side; a thing is about as high as its `size`.
"""

from training.easel import Easel


def tree(easel: Easel, x: float, y: float, size: float) -> None:
    """Draw a tree with a round crown."""
    look = easel.look
    size *= easel.between(0.85, 1.2)
    easel.disc(x, y, 0.5 * size, 0.1 * size, look.shadow)
    easel.box(x - 0.07 * size, y - 0.6 * size, 0.14 * size, 0.6 * size, look.trunk)
    puffs = ((-0.3, -0.8, 0.32), (0.3, -0.85, 0.32), (0.0, -1.1, 0.42))
    for dx, dy, r in puffs:
        easel.disc(x + dx * size, y + dy * size, r * size, r * size, look.crown)
    for dx, dy, r in puffs:
        left, top = x + (dx - 0.08) * size, y + (dy - 0.1) * size
        easel.disc(left, top, 0.6 * r * size, 0.55 * r * size, look.crown_light)


def fir(easel: Easel, x: float, y: float, size: float) -> None:
    """Draw a fir of three tiers, light or snow lying on each."""
    look = easel.look
    size *= easel.between(0.9, 1.4)
    easel.disc(x, y, 0.4 * size, 0.08 * size, look.shadow)
    easel.box(x - 0.06 * size, y - 0.3 * size, 0.12 * size, 0.3 * size, look.trunk)
    high = 0.62 * size
    for tier in range(3):
        foot, wide = y - (0.2 + 0.36 * tier) * size, (0.46 - 0.1 * tier) * size
        tip = (x, foot - high)
        easel.polygon([(x - wide, foot), (x + wide, foot), tip], look.fir)
        lit = [(-0.72 * wide, 0.28), (-0.1 * wide, 0.4), (0.45 * wide, 0.55)]
        easel.polygon([*((x + dx, foot - up * high) for dx, up in lit), tip], look.fir_light)


def house(easel: Easel, x: float, y: float, size: float) -> None:
    """Draw a house, its roof's rim showing under the snow."""
    look = easel.look
    size *= easel.between(1.0, 1.3)
    wide, eaves = 0.75 * size, y - 0.6 * size
    easel.disc(x, y, 1.2 * wide, 0.1 * size, look.shadow)
    easel.box(x - wide, eaves, 2 * wide, 0.6 * size, look.wall)
    easel.box(x + 0.3 * wide, eaves, 0.7 * wide, 0.6 * size, look.wall_shade)
    easel.box(x - 0.62 * wide, eaves - 0.66 * size, 0.16 * size, 0.4 * size, look.wall_shade)
    _slope(easel, x, eaves + 0.04 * size, 1.2 * wide, eaves - 0.55 * size, 0.75 * wide, snowy=False)
    _slope(easel, x, eaves - 0.12 * size, 1.02 * wide, eaves - 0.6 * size, 0.75 * wide, snowy=True)
    for left in (-0.7, 0.5):
        easel.box(x + left * wide, y - 0.44 * size, 0.22 * size, 0.22 * size, look.window)
    easel.box(x - 0.1 * wide, y - 0.42 * size, 0.22 * size, 0.42 * size, look.accent)


def _slope(
    easel: Easel,
    x: float,
    foot: float,
    wide: float,
    ridge: float,
    ridge_wide: float,
    *,
    snowy: bool,
) -> None:
    corners = [
        (x - wide, foot),
        (x - ridge_wide, ridge),
        (x + ridge_wide, ridge),
        (x + wide, foot),
    ]
    easel.polygon(corners, easel.look.roof_top if snowy else easel.look.roof)


def boat(easel: Easel, x: float, y: float) -> None:
    """Draw a sailing boat."""
    look = easel.look
    hull = [(x - 0.06, y), (x + 0.06, y), (x + 0.04, y + 0.03), (x - 0.04, y + 0.03)]
    sail = [(x + 0.008, y - 0.1), (x + 0.055, y - 0.015), (x + 0.008, y - 0.015)]
    easel.polygon(hull, look.accent)
    easel.box(x - 0.005, y - 0.1, 0.01, 0.1, look.trunk)
    easel.polygon(sail, look.wall)


def flower(easel: Easel, x: float, y: float) -> None:
    """Draw a flower, or some berries in the snow."""
    easel.disc(x, y, 0.016, 0.014, easel.look.accent)
