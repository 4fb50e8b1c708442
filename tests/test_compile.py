"""`--compile`: chosen by measuring, said aloud, and never a reason to stop."""

import logging
from functools import partial

import pytest
import torch
from conftest import change

from training import compile_choice
from training.compile_choice import settled_compilation
from training.compiled import uncompiled
from training.loop import train
from training.ranks import ALONE
from training.state import TrainState
from training.step import train_step

CPU = torch.device("cpu")


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

    monkeypatch.setattr(compile_choice, "_trial", broken)

    assert settled_compilation(change(tiny_settings, compile="on"), CPU, ALONE).compile == "off"

    assert "torch.compile fails (AssertionError); training goes on" in caplog.text


@pytest.mark.parametrize(("compiled", "chosen"), [(1.0, "on"), (3.0, "off")])
def test_auto_takes_what_was_measured_to_be_faster_and_says_so(
    tiny_settings, monkeypatch, caplog, compiled, chosen
):
    caplog.set_level(logging.INFO, "training")
    seconds = {"on": compiled, "off": 2.0}
    trial = lambda settings, _: partial(str, settings.compile)  # noqa: E731
    monkeypatch.setattr(compile_choice, "_trial", trial)
    monkeypatch.setattr(compile_choice, "_seconds", lambda step, _: seconds[step()])

    settled = settled_compilation(change(tiny_settings, compile="auto"), CPU, ALONE)

    assert settled.compile == chosen
    assert f"{compiled:g} s compiled and 2 s as it is" in caplog.text


def test_off_tries_nothing(tiny_settings, monkeypatch):
    monkeypatch.setattr(compile_choice, "_trial", pytest.fail)

    assert settled_compilation(tiny_settings, CPU, ALONE) is tiny_settings


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
    pictures = [torch.rand(2, 1, 3, 16, 16, generator=random) * 2 - 1 for _ in range(3)]
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
