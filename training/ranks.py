"""The processes that train one run together, as `torchrun` starts them; alone, there is one."""

import atexit
import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch
from torch import distributed

from cyclegan.errors import TrainingFailed, UsageError, first_line

Thing = TypeVar("Thing")

_PATIENCE = timedelta(minutes=10)
"""A rank that hangs without dying is noticed after this; one that dies, at once."""


@dataclass(frozen=True)
class Ranks:
    """Which of how many processes this is. What is done "together" all ranks must do."""

    rank: int = 0
    count: int = 1

    @property
    def is_first(self) -> bool:
        """Tell whether this is the one that writes and speaks."""
        return self.rank == 0

    def places(self, batch: int, batches: int) -> list[int]:
        """Tell which pictures of several batches in one are this rank's: of each an equal share."""
        share = batch // self.count
        mine = range(self.rank * share, (self.rank + 1) * share)
        return [number * batch + place for number in range(batches) for place in mine]

    def any(self, mine: bool) -> bool:
        """Tell, together, whether it is so on some rank."""
        if self.count == 1:
            return mine
        flag = torch.tensor(int(mine))
        distributed.all_reduce(flag, distributed.ReduceOp.MAX)
        return bool(flag)

    def gather(self, mine: Thing) -> list[Thing]:
        """Give the first rank, together, what each has; the others get nothing."""
        if self.count == 1:
            return [mine]
        things: list[Any] = [None] * self.count
        distributed.gather_object(mine, things if self.is_first else None)
        return things if self.is_first else []

    def check_alike(self, facts: Mapping[str, object]) -> None:
        """Make sure, together, that what must be the same is.

        Raises:
            UsageError: A rank differs from the first; all of them raise it.
        """
        if self.count == 1:
            return
        of_all: list[Any] = [None] * self.count
        distributed.all_gather_object(of_all, dict(facts))
        for rank, theirs in enumerate(of_all):
            for name, first in of_all[0].items():
                if theirs[name] != first:
                    raise UsageError(
                        f"rank {rank} has {name} = {theirs[name]}, rank 0 has {first}; all ranks "
                        "need the same command, the same pictures and the same --run"
                    )


ALONE = Ranks()


@contextmanager
def joined_ranks(device: torch.device) -> Generator[Ranks]:
    """Meet the other ranks, if `torchrun` started this process.

    Raises:
        TrainingFailed: Another rank ended before its time.
    """
    if not distributed.is_torchelastic_launched():
        yield ALONE
        return
    try:
        if not distributed.is_initialized():
            _meet(device)
        yield Ranks(distributed.get_rank(), distributed.get_world_size())
    except RuntimeError as error:
        if not _is_of_another_rank(error):
            raise
        raise TrainingFailed(
            f"rank {os.environ['RANK']} lost another rank, whose end torchrun tells "
            f"({first_line(error)}); the last checkpoint is whole, the same command goes "
            "on from there"
        ) from None


def _meet(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.set_device(device)
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    distributed.init_process_group(backend, timeout=_PATIENCE)
    # Not at the end of a training: ranks that torchrun started can meet only once.
    atexit.register(distributed.destroy_process_group)


def local_rank() -> int:
    """Number of this process on its machine, counted from 0."""
    return int(os.environ.get("LOCAL_RANK", 0)) if distributed.is_torchelastic_launched() else 0


def _is_of_another_rank(error: RuntimeError) -> bool:
    return isinstance(error, distributed.DistError) or "gloo" in str(error).lower()
