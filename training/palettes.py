"""Colours of the drawn landscapes: what each material looks like in summer and in winter."""

from dataclasses import dataclass
from random import Random
from typing import TypeVar

Colour = tuple[int, int, int]
Option = TypeVar("Option")


@dataclass(frozen=True)
class Mood:
    """What varies in a scene's colours, and must be told from either look."""

    evening: float
    """0 is noon, 1 is dusk; all scenes are near one of the two, three of five near noon."""
    ripeness: float
    """0 is a fresh green meadow under bluish snow, 1 a golden one under creamy snow."""
    wood: float
    """0 is dark green foliage and blue frost, 1 rusty foliage and lilac frost."""
    wall: Colour
    roof: Colour
    accent: Colour
    """Of flowers (berries in winter), door and boat."""

    @classmethod
    def drawn(cls, random: Random) -> "Mood":
        """Draw a mood; low numbers and first options are more frequent, in both seasons alike."""
        late = random.random() < 0.4
        spread = 0.25 * random.random()
        return cls(
            evening=1 - spread if late else spread,
            ripeness=min(random.random(), random.random()),
            wood=min(random.random(), random.random()),
            wall=_pick(random, _WALLS),
            roof=_pick(random, _ROOFS),
            accent=_pick(random, _ACCENTS),
        )


@dataclass(frozen=True)
class Look:
    """The colour of every material in one season."""

    sky_high: Colour
    sky_low: Colour
    sun: Colour
    cloud: Colour
    mountain: Colour
    peak: Colour
    hill: Colour
    meadow: Colour
    meadow_near: Colour
    tuft: Colour
    lake: Colour
    glint: Colour
    shore: Colour
    path: Colour
    trunk: Colour
    crown: Colour
    crown_light: Colour
    fir: Colour
    fir_light: Colour
    wall: Colour
    wall_shade: Colour
    roof: Colour
    roof_top: Colour
    window: Colour
    accent: Colour
    shadow: Colour


_WALLS: tuple[Colour, ...] = ((244, 230, 200), (244, 230, 200), (196, 74, 58), (232, 184, 84))
_ROOFS: tuple[Colour, ...] = ((176, 70, 52), (176, 70, 52), (84, 78, 110), (112, 76, 54))
_ACCENTS: tuple[Colour, ...] = ((236, 74, 86), (236, 74, 86), (252, 206, 66), (176, 96, 214))


def _pick(random: Random, options: tuple[Option, ...]) -> Option:
    """Choose one; unlike `Random.choice`, the same in every version of Python."""
    return options[int(random.random() * len(options))]


def _mix(start: Colour, end: Colour, share: float) -> Colour:
    """Go from `start` (share 0) to `end` (share 1)."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(start, end, strict=True))
    return red, green, blue


def summer(mood: Mood) -> Look:
    """Colour the materials for summer."""
    dusk = mood.evening
    meadow = _mix((112, 186, 56), (206, 188, 72), mood.ripeness)
    crown = _mix((46, 124, 52), (150, 108, 34), mood.wood)

    def at(noon: Colour, evening: Colour) -> Colour:
        return _mix(noon, evening, dusk)

    def lit(noon: Colour) -> Colour:
        return _mix(noon, (70, 40, 92), 0.12 * dusk)

    return Look(
        sky_high=at((64, 150, 240), (100, 88, 176)),
        sky_low=at((170, 220, 248), (255, 164, 140)),
        sun=at((255, 240, 150), (255, 196, 120)),
        cloud=at((255, 255, 255), (255, 208, 194)),
        mountain=lit((116, 150, 178)),
        peak=lit((152, 180, 196)),
        hill=lit(_mix((88, 158, 88), (150, 160, 80), mood.ripeness)),
        meadow=lit(meadow),
        meadow_near=lit(_mix(meadow, (60, 140, 40), 0.35)),
        tuft=lit(_mix(meadow, (30, 110, 40), 0.3)),
        lake=at((30, 104, 196), (74, 70, 160)),
        glint=at((104, 176, 236), (216, 156, 176)),
        shore=lit((226, 204, 146)),
        path=lit((222, 190, 134)),
        trunk=lit((110, 74, 48)),
        crown=lit(crown),
        crown_light=lit(_mix(crown, (190, 220, 90), 0.4)),
        fir=lit((22, 84, 66)),
        fir_light=lit((46, 120, 84)),
        wall=lit(mood.wall),
        wall_shade=lit(_mix(mood.wall, (70, 50, 60), 0.3)),
        roof=lit(mood.roof),
        roof_top=lit(_mix(mood.roof, (255, 200, 150), 0.25)),
        window=at((120, 170, 200), (255, 226, 130)),
        accent=lit(mood.accent),
        shadow=lit(_mix(meadow, (20, 70, 50), 0.6)),
    )


def winter(mood: Mood) -> Look:
    """Colour the same materials for winter: each stays apart from its neighbours."""
    dusk = mood.evening
    snow = _mix((226, 238, 252), (250, 242, 228), mood.ripeness)
    frost = _mix((112, 146, 186), (160, 130, 176), mood.wood)

    def at(noon: Colour, evening: Colour) -> Colour:
        return _mix(noon, evening, dusk)

    def lit(noon: Colour) -> Colour:
        return _mix(noon, (58, 62, 150), 0.12 * dusk)

    return Look(
        sky_high=at((184, 210, 236), (116, 110, 188)),
        sky_low=at((238, 243, 248), (240, 180, 196)),
        sun=at((255, 252, 226), (250, 222, 190)),
        cloud=at((252, 253, 255), (236, 204, 222)),
        mountain=lit((132, 152, 190)),
        peak=lit((244, 248, 255)),
        hill=lit(_mix((204, 220, 238), (232, 222, 222), mood.ripeness)),
        meadow=lit(snow),
        meadow_near=lit(_mix(snow, (190, 210, 240), 0.3)),
        tuft=lit(_mix(snow, (150, 170, 210), 0.35)),
        lake=at((92, 164, 208), (98, 110, 186)),
        glint=at((196, 226, 242), (206, 196, 232)),
        shore=lit((206, 214, 226)),
        path=lit((196, 192, 196)),
        trunk=lit((84, 66, 62)),
        crown=lit(frost),
        crown_light=lit(_mix(frost, (255, 255, 255), 0.45)),
        fir=lit((48, 92, 120)),
        fir_light=lit((176, 204, 224)),
        wall=lit(mood.wall),
        wall_shade=lit(_mix(mood.wall, (70, 60, 90), 0.3)),
        roof=lit(mood.roof),
        roof_top=lit((248, 250, 255)),
        window=at((255, 214, 120), (255, 226, 130)),
        accent=lit(mood.accent),
        shadow=lit(_mix(snow, (110, 130, 180), 0.45)),
    )
