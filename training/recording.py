"""Learning as a CUDA graph: recorded once, then repeated by the GPU without waiting for Python.

Source: PyTorch's notes on CUDA semantics, "CUDA graphs", whole-network capture.
"""

import torch
from torch.optim import Adam, Optimizer

from cyclegan.objectives import Images
from training.optimizers import make_recordable
from training.ranks import Ranks
from training.settings import TrainSettings
from training.side import Played, Side, Turn


class RecordedSide:
    """A side that, after a few batches, repeats on others of their shape what it did with one.

    Python does not run any more then: the networks that a turn meets and the numbers that it
    computes with stay what they were. Random numbers and the learning rate change as ever.
    """

    WARM_UP = 3
    """Batches before the recording, while libraries choose their kernels."""

    def __init__(self, side: Side, optimizer: Optimizer) -> None:
        self._side = side
        self._optimizer = optimizer
        self._seen = 0
        self._graph = torch.cuda.CUDAGraph()
        self._batches: tuple[Images, ...] = ()
        self._played: Played | None = None

    def learn(self, turn: Turn, *batches: Images) -> Played:
        """Do what `Side.learn` does; what is returned holds until the next call."""
        if self._seen < self.WARM_UP:
            self._seen += 1
            return self._warm_up(turn, *batches)
        if self._played is None:
            self._played = self._record(turn, *batches)
        for mine, batch in zip(self._batches, batches, strict=True):
            mine.copy_(batch)
        self._graph.replay()
        return self._played

    def _warm_up(self, turn: Turn, *batches: Images) -> Played:
        """Learn on another stream, as a recording will, so that autograd leaves nothing on ours."""
        ours, other = torch.cuda.current_stream(), torch.cuda.Stream()
        other.wait_stream(ours)
        with torch.cuda.stream(other):
            played = self._side.learn(turn, *batches)
        ours.wait_stream(other)
        return played

    def _record(self, turn: Turn, *batches: Images) -> Played:
        """Note all that the GPU is told to do, without doing it."""
        make_recordable(self._optimizer)
        self._batches = tuple(batch.clone() for batch in batches)
        with torch.cuda.graph(self._graph):
            return self._side.learn(turn, *self._batches)


def warm_up_steps(device: torch.device) -> int:
    """Tell how many steps to take before one is timed: two, behind the recording on a GPU."""
    return 2 + (RecordedSide.WARM_UP + 1 if device.type == "cuda" else 0)


def is_recordable(
    settings: TrainSettings, optimizer: Optimizer, device: torch.device, ranks: Ranks
) -> bool:
    """Tell whether all steps of a run do the same, so that one stands for all."""
    steady = settings.stabilisers
    changes = steady.noise or steady.replay_every
    alone = device.type == "cuda" and ranks.count == 1
    return settings.cuda_graphs and alone and isinstance(optimizer, Adam) and not changes
