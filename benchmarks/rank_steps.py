"""What `torchrun` starts for the benchmark of scaling: every rank times the same steps.

`python -m torch.distributed.run ... -m benchmarks.rank_steps SETTINGS STEPS`; the first rank
writes milliseconds as JSON to the standard output.
"""

import json
import sys
from time import perf_counter

import torch

from benchmarks.variants import wait_for
from training.device import choose_device, prepare_device
from training.ranks import joined_ranks
from training.settings import TrainSettings
from training.state import TrainState
from training.step import train_step

_WARM_UP = 2  # DDP arranges its buckets anew after the first


def main(settings: TrainSettings, steps: int) -> None:
    """Take steps on random pictures."""
    device = choose_device(settings.device)
    prepare_device(device, settings.precision)
    with joined_ranks(device) as ranks:
        state = TrainState.start(settings, device, ranks)
        shape = settings.batch // ranks.count, 3, settings.crop, settings.crop
        real_a, real_b = (torch.rand(shape, device=device) * 2 - 1 for _ in range(2))
        milliseconds: list[float] = []
        for _ in range(_WARM_UP + steps):
            begin = perf_counter()
            train_step(state, real_a, real_b, settings.weights)
            wait_for(device)
            milliseconds.append(1000 * (perf_counter() - begin))
        if ranks.is_first:
            print(json.dumps(milliseconds[_WARM_UP:]))


if __name__ == "__main__":
    main(TrainSettings.model_validate_json(sys.argv[1]), int(sys.argv[2]))
