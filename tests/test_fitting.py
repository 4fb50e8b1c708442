"""What does not fit, or is not there: said in one line, with what would do."""

import pytest
import torch
from conftest import change

from cyclegan.errors import UsageError
from training import loop
from training.device import prepare_device, settled_precision
from training.fitting import is_out_of_memory
from training.imitation_settings import DistillSettings
from training.loop import train
from training.train_command import read_settings


def hold_at_most(monkeypatch, pictures, name="train_step"):
    """Let steps run out of memory where more than so many are computed at once."""
    real_step = getattr(loop, name)

    def step(state, *rest):
        images = next(each for each in rest if isinstance(each, torch.Tensor))
        if len(images) // state.generators._parts > pictures:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return real_step(state, *rest)

    monkeypatch.setattr(loop, name, step)


@pytest.mark.parametrize(("pictures", "parts"), [(4, 2), (3, 4), (1, 8)])
def test_a_batch_that_does_not_fit_is_said_with_the_parts_that_do(
    tiny_settings, monkeypatch, pictures, parts
):
    hold_at_most(monkeypatch, pictures)

    with pytest.raises(UsageError, match=f"8 pictures of 16 .* --accumulate {parts} fits"):
        train(change(tiny_settings, batch=8))

    assert train(change(tiny_settings, batch=8, accumulate=parts, steps=1)).step == 1


def test_of_a_distillation_its_own_step_is_tried(tiny_settings, monkeypatch):
    teacher = tiny_settings.run.with_name("teacher")
    train(change(tiny_settings, run=teacher, steps=1))
    hold_at_most(monkeypatch, 0)
    hold_at_most(monkeypatch, 2, "distill_step")
    settings = DistillSettings.model_validate(
        tiny_settings.model_dump() | {"teacher": teacher, "batch": 4}
    )

    with pytest.raises(UsageError, match="--accumulate 2 fits"):
        train(settings)


def test_a_single_picture_that_does_not_fit_is_said(tiny_settings, monkeypatch):
    hold_at_most(monkeypatch, 0)

    with pytest.raises(UsageError, match=r"1 pictures .* nor does a single one: give --recompute"):
        train(tiny_settings)


@pytest.mark.parametrize(
    ("pictures", "message"),
    [(2, "--accumulate 2 fits"), (1, "nor do two: give --recompute-activations")],
)
def test_a_term_that_compares_pictures_is_tried_with_two(
    tiny_settings, monkeypatch, pictures, message
):
    hold_at_most(monkeypatch, pictures)
    pulling = tiny_settings.judging.model_copy(update={"pull": 0.1})

    with pytest.raises(UsageError, match=message):
        train(change(tiny_settings, batch=4, judging=pulling))


def test_recomputing_what_batch_norm_counts_is_refused():
    flags = "--run unused --recompute-activations --networks.generator.norm batch"

    with pytest.raises(UsageError, match="would count each picture twice: leave it out, or"):
        read_settings(flags.split())


def test_the_machines_memory_counts_too():
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60, dtype=torch.uint8)

    assert is_out_of_memory(caught.value)
    assert not is_out_of_memory(RuntimeError("anything else"))


def test_bfloat16_on_a_device_without_it_is_refused(monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", False)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: False)

    with pytest.raises(UsageError, match="bf16, which cuda does not have; give fp32"):
        prepare_device(torch.device("cuda"), "bf16")
    prepare_device(torch.device("cuda"), "fp32")
    assert torch.backends.cudnn.benchmark


@pytest.mark.parametrize(
    ("features", "settled"),
    [({"avx512_bf16": True}, "bf16"), ({"amx_bf16": True}, "bf16"), ({"avx512_f": True}, "fp32")],
)
def test_auto_is_bf16_where_the_processor_computes_in_it(monkeypatch, features, settled):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: features)

    assert settled_precision("auto", torch.device("cpu")) == settled
    assert settled_precision("fp32", torch.device("cpu")) == "fp32"
    assert settled_precision("bf16", torch.device("cpu")) == "bf16"


@pytest.mark.parametrize(("has", "settled"), [(True, "bf16"), (False, "fp32")])
def test_auto_is_bf16_on_gpus_that_have_it(monkeypatch, has, settled):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: has)

    assert settled_precision("auto", torch.device("cuda")) == settled
    assert settled_precision("auto", torch.device("mps")) == "fp32"
