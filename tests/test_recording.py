"""What of CUDA graphs can be seen without a GPU: when steps are recorded, and what is kept of it.

`tests/test_cuda.py` records.
"""

import pytest
import torch
from conftest import change
from torch.optim import SGD, Adam

from training.optimizers import make_recordable, saved_state, set_rate
from training.ranks import ALONE, Ranks
from training.recording import RecordedSide, is_recordable, warm_up_steps

CUDA, CPU = torch.device("cuda"), torch.device("cpu")


def an_optimizer(kind=Adam):
    weight = torch.nn.Parameter(torch.tensor([1.0]))
    weight.grad = torch.tensor([0.5])
    optimizer = kind([weight], lr=0.1)
    return optimizer, weight


def test_steps_that_are_all_alike_are_recorded_on_a_gpu(tiny_settings):
    assert is_recordable(tiny_settings, an_optimizer()[0], CUDA, ALONE)
    assert not is_recordable(tiny_settings, an_optimizer()[0], CPU, ALONE)


@pytest.mark.parametrize(
    "changes", [{"noise": 0.1}, {"replay_every": 20}], ids=["noise that falls", "other opponents"]
)
def test_steps_that_change_are_not(tiny_settings, changes):
    steady = tiny_settings.stabilisers.model_copy(update=changes)

    assert not is_recordable(
        change(tiny_settings, stabilisers=steady), an_optimizer()[0], CUDA, ALONE
    )


def test_neither_are_those_of_several_ranks_of_other_optimizers_or_where_it_is_declined(
    tiny_settings,
):
    adam, _ = an_optimizer()

    assert not is_recordable(tiny_settings, adam, CUDA, Ranks(0, 2))
    assert not is_recordable(tiny_settings, an_optimizer(SGD)[0], CUDA, ALONE)
    assert not is_recordable(change(tiny_settings, cuda_graphs=False), adam, CUDA, ALONE)


def test_the_learning_rate_is_set_where_a_recording_reads_it():
    optimizer, _ = an_optimizer()
    make_recordable(optimizer)
    read = optimizer.param_groups[0]["lr"]

    set_rate(optimizer, 0.25)

    assert read.item() == 0.25


def test_a_checkpoint_is_the_same_with_a_recording_and_without():
    plain, _ = an_optimizer()
    recorded, _ = an_optimizer()
    make_recordable(recorded)

    [kept], [expected] = saved_state(recorded)["param_groups"], saved_state(plain)["param_groups"]
    assert kept["lr"] == pytest.approx(expected["lr"])
    assert kept | {"lr": 0.1} == expected


def test_a_step_is_timed_behind_two_that_are_as_it_is():
    assert warm_up_steps(CPU) == 2
    assert warm_up_steps(CUDA) == RecordedSide.WARM_UP + 1 + 2  # the recording is one of its own
