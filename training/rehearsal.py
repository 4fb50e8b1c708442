"""A step of networks that nobody needs: how long it takes, and whether it fits."""

from collections.abc import Callable

import torch

from cyclegan.objectives import Images, Loss
from cyclegan.pixels import to_signed
from training.device import sent
from training.settings import TrainSettings
from training.state import TrainState

Step = Callable[[TrainState, Images, Images], tuple[Loss, ...]]
"""What a run does with its state, and images of A and of B."""


def rehearsal(step: Step, settings: TrainSettings, device: torch.device) -> Callable[[], None]:
    """Give what takes `step` once, and once more at each call, with a state of its own.

    Its pictures lie in memory as those of `UnpairedCrops` do: for others, compiled networks would
    have to be compiled again.
    """
    state = TrainState.start(settings.model_copy(update={"start_from": None}), device)
    random = torch.Generator().manual_seed(0)
    shape = settings.pictures_per_step, settings.crop, settings.crop, 3
    of_a, of_b = torch.randint(0, 256, (2, *shape), dtype=torch.uint8, generator=random)
    real_a, real_b = (to_signed(sent(x.permute(0, 3, 1, 2), device)) for x in (of_a, of_b))

    def rehearsed() -> None:
        losses = step(state, real_a, real_b)
        losses[0].item()  # waits for the device

    return rehearsed
