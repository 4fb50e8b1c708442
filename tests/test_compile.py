"""`--compile`: chosen by measuring, said aloud, and never a reason to stop."""

import logging
import weakref
from functools import partial

import pytest
import torch
from conftest import change

from cyclegan.errors import UsageError
from training import compile_choice, loop
from training.compile_choice import settled_compilation
from training.compiled import uncompiled
from training.loop import train
from training.ranks import ALONE
from training.state import TrainState
from training.step import train_step

CPU = torch.device("cpu")


def settled(settings):
    def step(state, real_a, real_b):
        return train_step(state, real_a, real_b, settings.weights)

    return settled_compilation(settings, step, CPU, ALONE)


@pytest.mark.parametrize("asked", ["on", "auto"])
def test_a_compiler_that_fails_is_said_and_training_goes_on(
    tiny_settings, monkeypatch, caplog, asked
):
    def broken(*_):
        raise RuntimeError("no C++ compiler found\nand a long trace")

    monkeypatch.setattr("training.state.compile_networks", broken)

    assert train(change(tiny_settings, compile=asked, steps=1)).step == 1

    said = [record.getMessage() for record in caplog.records]
    assert "torch.compile fails (no C++ compiler found); training goes on without it" in said


def test_a_compiler_that_fails_without_a_word_is_named_by_its_error(
    tiny_settings, monkeypatch, caplog
):
    def broken(*_):
        raise AssertionError

    monkeypatch.setattr(compile_choice, "rehearsal", broken)

    assert settled(change(tiny_settings, compile="on")).compile == "off"

    assert "torch.compile fails (AssertionError); training goes on" in caplog.text


@pytest.mark.parametrize(("compiled", "chosen"), [(1.0, "on"), (3.0, "off")])
def test_auto_takes_what_was_measured_to_be_faster_and_says_so(
    tiny_settings, monkeypatch, caplog, compiled, chosen
):
    caplog.set_level(logging.INFO, "training")
    seconds = {"on": compiled, "off": 2.0}
    trial = lambda step, settings, device: partial(str, settings.compile)  # noqa: E731
    monkeypatch.setattr(compile_choice, "rehearsal", trial)
    monkeypatch.setattr(compile_choice, "_seconds", lambda step, _: seconds[step()])

    assert settled(change(tiny_settings, compile="auto")).compile == chosen
    assert f"{compiled:g} s compiled and 2 s as it is" in caplog.text


def test_off_tries_nothing(tiny_settings, monkeypatch):
    monkeypatch.setattr(compile_choice, "rehearsal", pytest.fail)

    assert settled(tiny_settings) is tiny_settings


def test_too_little_memory_is_no_fault_of_the_compilers(tiny_settings, monkeypatch, caplog):
    def full(*_):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    monkeypatch.setattr("training.state.compile_networks", full)

    with pytest.raises(UsageError, match="does not fit into the memory of cpu; --accumulate 2"):
        train(change(tiny_settings, compile="auto", batch=2))
    assert "fails" not in caplog.text


def test_what_is_compiled_has_left_before_the_other_is_tried(tiny_settings, monkeypatch):
    states = []
    start = TrainState.start

    def watched(*arguments):
        assert all(former() is None for former in states)
        state = start(*arguments)
        states.append(weakref.ref(state))
        return state

    monkeypatch.setattr("training.state.compile_networks", lambda *_: None)
    monkeypatch.setattr(TrainState, "start", watched)

    settled(change(tiny_settings, compile="auto"))

    assert len(states) == 2


@pytest.mark.parametrize("batch", [1, 2])
def test_a_rehearsal_has_pictures_that_lie_in_memory_as_the_runs_do(
    tiny_settings, monkeypatch, batch
):
    laid_out = []

    def step(state, *rest):
        laid_out.extend((each.shape, each.stride()) for each in rest[:2])
        return train_step(state, *rest)

    monkeypatch.setattr("training.state.compile_networks", lambda *_: None)
    monkeypatch.setattr(loop, "train_step", step)

    train(change(tiny_settings, compile="on", batch=batch, steps=1))

    assert len(laid_out) == 4
    assert len(set(laid_out)) == 1


@pytest.mark.long
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
@pytest.mark.parametrize(
    ("objective", "upsampling"),
    [("lsgan", "transposed"), ("lsgan", "resize"), ("wgan_gp", "transposed")],
)
def test_compiled_steps_compute_what_eager_ones_do(
    tiny_settings, objective, upsampling, monkeypatch
):
    generator = tiny_settings.networks.generator.model_copy(update={"upsampling": upsampling})
    networks = tiny_settings.networks.model_copy(update={"generator": generator})
    # Watched while they compute, which is compiled, too.
    monkeypatch.setattr("training.excess.MOST_FEATURE", 1.0)
    steady = tiny_settings.stabilisers.model_copy(update={"saturation": 1.0, "spikes": 1.0})
    tiny_settings = change(tiny_settings, networks=networks, stabilisers=steady)
    random = torch.Generator().manual_seed(0)
    noise = torch.rand(3, 2, 1, 16, 16, 3, generator=random) * 2 - 1
    pictures = noise.permute(0, 1, 2, 5, 3, 4)  # laid out as a run's are
    larger = torch.rand(1, 3, 24, 24, generator=random) * 2 - 1  # one colour alone is all rounding

    def trained(how):
        settings = change(tiny_settings, compile=how, objective=objective)
        state = TrainState.start(settings, CPU)
        torch.manual_seed(0)  # the penalty draws
        losses = [torch.stack(train_step(state, *pair, settings.weights)) for pair in pictures]
        with uncompiled(settings), torch.no_grad():
            made = state.networks.gen_ab(larger)
        return torch.stack(losses), made

    for compiled, eager in zip(trained("on"), trained("off"), strict=True):
        torch.testing.assert_close(compiled, eager, rtol=1e-3, atol=1e-3)
