"""Measuring the vitals of a run.

Reading a number waits for the device, so this is for every 50 steps or so.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, cosine_similarity
from torch.nn.utils import get_total_norm

from cyclegan.history import HistoryBuffer
from cyclegan.objectives import Images
from training.chart import Thumbnails
from training.probes import Probes
from training.state import TrainState
from training.vitals import Course, Look, Vitals

_THUMBNAIL = 16  # pixels; what pictures show as a whole, without their texture
_SPECK = 1 / 255  # half a level of a byte, in [-1, 1]
_LEAST_HISTORY = 10  # images, of which some are expected to differ
_LUMINANCE = (0.299, 0.587, 0.114)  # ITU-R BT.601


@torch.no_grad()
def examine(state: TrainState, probes: Probes, names: Sequence[str]) -> None:
    """Measure a run between two steps and put it on its chart; nothing else of it changes.

    Args:
        state: Of the run.
        probes: Pictures to translate.
        names: Of the losses, in their order.
    """
    chart, nets = state.chart, state.networks
    made_a, made_b = probes.translated(nets)
    table = torch.stack(chart.losses)
    former = chart.seen
    vitals = Vitals(
        step=state.step,
        losses={name: _course(table[:, i]) for i, name in enumerate(names)},
        broken_since=_first_broken(table, state.step),
        gradients={name: _gradient(net) for name, net in nets.named_children()},
        weights=get_total_norm(nets.parameters()).item(),
        rate=float(state.optim_gen.param_groups[0]["lr"]),
        looks={
            "ab": _look(probes.a, made_b, probes.b, former.get("ab"), state.history_b),
            "ba": _look(probes.b, made_a, probes.a, former.get("ba"), state.history_a),
        },
    )
    chart.note(vitals, {"ab": _thumbnails(made_b), "ba": _thumbnails(made_a)})


def _course(losses: Float[Tensor, " steps"]) -> Course:
    deviation = losses.std(correction=0)
    return Course(mean=losses.mean().item(), deviation=deviation.item(), peak=losses.max().item())


def _first_broken(table: Float[Tensor, "steps losses"], last: int) -> int | None:
    broken = table.isfinite().all(dim=1).logical_not().nonzero()
    return last - len(table) + 1 + int(broken[0]) if len(broken) else None


def _gradient(network: nn.Module) -> float:
    """Norm of what the last step left."""
    gradients = [weight.grad for weight in network.parameters() if weight.grad is not None]
    return get_total_norm(gradients).item()


def _look(
    originals: Images,
    made: Images,
    real: Float[Tensor, "reals 3 h w"],
    former: Thumbnails | None,
    history: HistoryBuffer,
) -> Look:
    """Compare what was made of `originals` with them, and with `real` pictures of that domain."""
    small_originals, small_made, small_real = map(_thumbnails, (originals, made, real))
    expected = min(_variety(small_originals), _variety(small_real))
    past = torch.cat([_thumbnails(image[None]) for image in history.images] or [small_real])
    enough = len(history.images) >= _LEAST_HISTORY
    return Look(
        brightness=made.mean().item(),
        contrast=_share(_contrast(made), _contrast(real)),
        variety=_share(_variety(small_made), expected),
        likeness=cosine_similarity(_luminance(small_made), _luminance(small_originals))
        .mean()
        .item(),
        change=None if former is None else (small_made - former).abs().mean().item(),
        history=_share(_variety(past), _variety(small_real)) if enough else None,
    )


def _share(part: float, whole: float) -> float:
    # Where there is next to nothing to compare with, the share is next to 1.
    return (part + _SPECK) / (whole + _SPECK)


def _thumbnails(images: Images) -> Thumbnails:
    return adaptive_avg_pool2d(images, _THUMBNAIL)


def _variety(thumbnails: Thumbnails) -> float:
    """Mean difference from the mean picture."""
    return (thumbnails - thumbnails.mean(0)).abs().mean().item()


def _contrast(images: Images) -> float:
    return images.std(dim=(2, 3), correction=0).mean().item()


def _luminance(thumbnails: Thumbnails) -> Float[Tensor, "n pixels"]:
    """Of each picture, with the mean 0."""
    luminance = torch.einsum("nchw,c->nhw", thumbnails, thumbnails.new_tensor(_LUMINANCE))
    return luminance.flatten(1) - luminance.mean(dim=(1, 2))[:, None]
