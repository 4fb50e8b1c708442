"""A comparison to look at: the plot of its errors, and what its generators make."""

import io
from collections.abc import Iterable

import numpy as np
import torch
from jaxtyping import UInt8
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor
from torchvision.utils import make_grid

from cyclegan.networks import Networks
from cyclegan.pixels import to_bytes, to_signed
from training.comparison import Comparison
from training.counterparts import Counterparts
from training.samples import evenly

_COLUMNS = 4  # pictures of each domain in the grid
_TILE = 64  # least side of a picture in the grid, in pixels
_MARGIN, _HEAD = 120, 22  # left of the grid and above it, for words


def plot(comparison: Comparison) -> bytes:
    """Draw every trial's errors as dots and their means as lines; a PNG."""
    a, b = comparison.names
    figure = Figure(figsize=(8, 1.4 + 0.45 * len(comparison.rows)), dpi=100, layout="constrained")
    axes = figure.subplots()
    axes.axvline(1, color="black", linestyle=":", label="untranslated")
    for error, blind, shift, colour, label in (
        ("to_b", comparison.blind[0], -0.12, "tab:blue", f"to {b}"),
        ("to_a", comparison.blind[1], 0.12, "tab:orange", f"to {a}"),
    ):
        axes.axvline(blind, color=colour, linestyle="--")
        _dots(axes, comparison, error, shift, colour)
        axes.plot([], [], "o", color=colour, label=label)
    axes.plot([], [], "--", color="grey", label="mean picture")
    axes.set_yticks(range(len(comparison.rows)), [row.objective for row in comparison.rows])
    axes.set_ylim(len(comparison.rows) - 0.5, -0.5)  # the first on top
    axes.set_xlim(left=0)
    axes.set_xlabel(
        f"error to the true counterpart after {comparison.steps:,} steps; dots are seeds"
    )
    axes.grid(axis="x", alpha=0.3)
    figure.legend(loc="outside upper center", ncols=4, frameon=False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def grid(
    networks: Iterable[tuple[str, Networks]], pairs: Counterparts, names: tuple[str, str]
) -> UInt8[np.ndarray, "h w 3"]:
    """Draw pictures, a row of translations for each of `networks`, and the true counterparts.

    On the left those of A made into B, on the right those of B made into A.
    """
    chosen = evenly(range(len(pairs)), _COLUMNS)
    a, b = pairs.a[chosen], pairs.b[chosen]
    rows = {"picture": (a, b)}
    rows |= {name: _translated(each, a, b) for name, each in networks}
    rows |= {"true counterpart": (b, a)}
    tiles = torch.cat([torch.cat(row) for row in rows.values()])
    tiles = _enlarged(tiles, max(1, _TILE // tiles.shape[-1]))
    tiled = make_grid(tiles, nrow=2 * len(chosen), padding=2, pad_value=255)
    heads = [f"{names[0]} to {names[1]}", f"{names[1]} to {names[0]}"]
    return _labelled(tiled.permute(1, 2, 0).numpy(), list(rows), heads)


def _dots(axes: Axes, comparison: Comparison, error: str, shift: float, colour: str) -> None:
    for place, row in enumerate(comparison.rows):
        errors = [
            getattr(trial.errors, error)
            for trial in comparison.trials
            if trial.settings.objective == row.objective and trial.errors is not None
        ]
        height = place + shift
        axes.plot(errors, [height] * len(errors), "o", color=colour, alpha=0.6)
        if errors:
            mean = sum(errors) / len(errors)
            axes.plot([mean, mean], [height - 0.12, height + 0.12], color=colour, linewidth=2)


@torch.inference_mode()
def _translated(
    networks: Networks, a: UInt8[Tensor, "n 3 s s"], b: UInt8[Tensor, "n 3 s s"]
) -> tuple[UInt8[Tensor, "n 3 s s"], UInt8[Tensor, "n 3 s s"]]:
    device = next(networks.parameters()).device
    networks.eval()
    made = networks.gen_ab(to_signed(a.to(device))), networks.gen_ba(to_signed(b.to(device)))
    fake_b, fake_a = (to_bytes(images).cpu() for images in made)
    return fake_b, fake_a


def _enlarged(tiles: UInt8[Tensor, "n 3 s s"], times: int) -> UInt8[Tensor, "n 3 t t"]:
    return tiles.repeat_interleave(times, dim=2).repeat_interleave(times, dim=3)


def _labelled(
    picture: UInt8[np.ndarray, "h w 3"], rows: list[str], heads: list[str]
) -> UInt8[np.ndarray, "labelled_h labelled_w 3"]:
    height, width, _ = picture.shape
    canvas = Image.new("RGB", (_MARGIN + width, _HEAD + height), "white")
    canvas.paste(Image.fromarray(picture), (_MARGIN, _HEAD))
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(13)
    for place, label in enumerate(rows):
        middle = _HEAD + (place + 0.5) * height / len(rows)
        draw.text((4, middle), label, fill="black", font=font, anchor="lm")
    for place, head in enumerate(heads):
        draw.text((_MARGIN + place * width / len(heads) + 4, 3), head, fill="black", font=font)
    return np.asarray(canvas)
