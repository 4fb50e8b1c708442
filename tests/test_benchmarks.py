import json
import pickle
import re
import sys
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

sys.path.insert(0, str(Path(__file__).parents[1]))  # benchmarks/ is not installed

from benchmarks import (
    engines,
    inference,
    loader,
    scaling,
    training_memory,
    training_step,
)
from benchmarks.clock import Times, measure_alternately
from benchmarks.engines import export_untrained, open_engine, random_pictures
from benchmarks.memory import in_new_process, peak_growth
from benchmarks.naive_step import NaiveTraining
from benchmarks.operations import generator_multiply_adds, matrix_peaks, step_operations
from cyclegan.command_line import parse
from cyclegan.convolutions import FewOutputsConv
from cyclegan.generator import GeneratorConfig
from cyclegan.networks import NetworksConfig
from training.state import TrainState
from training.step import StepLosses, train_step

CPU = torch.device("cpu")


def both(settings):
    """Ours and the naive training, with the same weights."""
    ours, naive = TrainState.start(settings, CPU), NaiveTraining(settings, CPU)
    naive.networks.copy_weights(ours.networks)
    return ours, naive


def pictures(settings):
    return torch.rand(2, settings.batch, 3, settings.crop, settings.crop) * 2 - 1


@pytest.mark.parametrize("history", [0, 2])
@pytest.mark.parametrize(
    "generator",
    [{}, {"block": "separable", "upsampling": "resize", "output": "detail"}],
    ids=["paper", "compact"],
)
def test_the_naive_step_computes_what_ours_does(tiny_settings, history, generator):
    shape = tiny_settings.networks.model_dump()
    shape["generator"] |= generator
    networks = NetworksConfig.model_validate(shape)
    settings = tiny_settings.model_copy(update={"history": history, "networks": networks})
    ours, naive = both(settings)

    for _ in range(6 if history else 3):  # from the third step on a history of 2 exchanges
        real_a, real_b = pictures(settings)
        expected = train_step(ours, real_a, real_b, settings.weights)
        torch.testing.assert_close(
            torch.stack(naive.step(real_a, real_b)), torch.stack(expected), rtol=1e-4, atol=1e-5
        )

    mine = dict(zip(ours.networks.state_dict(), naive.networks.state_dict().values(), strict=True))
    for name, weight in ours.networks.state_dict().items():
        if name.endswith("weight"):  # a bias before instance norm moves by rounding alone
            torch.testing.assert_close(mine[name], weight, rtol=1e-3, atol=2e-5)


def test_without_identity_the_naive_step_saves_its_passes_too(tiny_settings):
    weights = tiny_settings.weights.model_copy(update={"identity": 0.0})
    without = tiny_settings.model_copy(update={"weights": weights})

    assert step_operations(without) < 0.8 * step_operations(tiny_settings)
    losses = StepLosses(*NaiveTraining(without, CPU).step(*pictures(without)))
    assert losses.identity_a == losses.identity_b == 0


def test_ours_needs_no_more_operations_than_the_naive_step(tiny_settings, monkeypatch):
    # Written out plainly, since on pictures as small as these its additional rows are many.
    monkeypatch.setattr(FewOutputsConv, "forward", nn.Conv2d.forward)
    ours, _ = both(tiny_settings)
    with FlopCounterMode(display=False) as counter:
        train_step(ours, *pictures(tiny_settings), tiny_settings.weights)

    assert counter.get_total_flops() <= step_operations(tiny_settings)


def test_multiply_adds_of_the_full_generator_are_exact():
    assert generator_multiply_adds(GeneratorConfig(), 256) / 1e9 == pytest.approx(49.57, abs=0.01)
    assert generator_multiply_adds(GeneratorConfig(blocks=6), 256) / 1e9 == pytest.approx(
        35.07, abs=0.01
    )


def test_multiply_adds_of_one_convolution_are_those_counted_by_hand():
    no_blocks = generator_multiply_adds(GeneratorConfig(width=4, blocks=0), 16)
    one_block = generator_multiply_adds(GeneratorConfig(width=4, blocks=1), 16)

    assert one_block - no_blocks == 2 * (4 * 4) * 16 * 16 * 3 * 3  # 4×4 pixels, 16 channels


def test_works_take_turns():
    calls = []
    works = {"naive": lambda: calls.append("naive"), "ours": lambda: calls.append("ours")}

    times = measure_alternately(works, range(2), calls=2)

    assert calls == ["naive", "naive", "ours", "ours"] * 2
    assert len(times["ours"].rounds) == 2


def test_speed_is_the_median_of_the_ratios_within_each_round():
    slow, fast = Times.of([10.0, 40.0, 30.0]), Times.of([5.0, 10.0, 10.0])

    assert fast.speed_against(slow) == 3.0
    assert Times.of([7.0]).p95 == 7.0
    assert Times.of([float(x) for x in range(21)]).lower_quartile == 5.0


def test_memory_counts_what_was_held_at_the_peak_alone():
    held_and_freed = partial(bytes.__mul__, b"x", 64 * 2**20)

    assert in_new_process(peak_growth, held_and_freed) == pytest.approx(64, abs=4)


def test_both_engines_translate_alike(tmp_path):
    subject = export_untrained("tiny", tmp_path)
    batch = random_pictures(2, 16)
    first, second = (open_engine(e, subject, 1)(batch) for e in ("pytorch", "onnxruntime"))

    assert first.shape == batch.shape
    assert np.abs(first.astype(int) - second).max() <= 1


def in_this_process(function, *arguments):
    """Stands for `in_new_process`, which would import PyTorch anew each time."""
    function, *arguments = pickle.loads(pickle.dumps((function, *arguments)))
    return function(*arguments)


def test_the_step_is_measured_from_words_to_json(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(training_step, "in_new_process", in_this_process)
    file = tmp_path / "step.json"
    words = "--device cpu --size 32 --preset tiny --precision fp32 bf16 --repeats 2 --matrix 64"

    assert training_step.main([*words.split(), "--profile", "--json", str(file)]) == 0

    report = json.loads(file.read_text())
    assert [v["name"] for v in report["variants"]] == ["naive fp32", "ours fp32", "ours bf16"]
    for variant in report["variants"]:
        assert len(variant["milliseconds"]["rounds"]) == 2
        assert variant["memory_mib"] >= 0
        assert variant["slowest"][0]["milliseconds"] > 0
        for key in ("pictures_per_second", "speed_against_naive", "teraflops", "peak_share"):
            assert variant[key] > 0
    assert report["variants"][0]["speed_against_naive"] == 1
    assert report["matrix_peaks"].keys() == {"fp32", "bf16"}
    assert report["machine"].keys() >= {"device_name", "threads", "pytorch", "commit"}
    assert "ours bf16" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("slow", "words", "names"),
    [
        (False, [], ["naive fp32", "ours fp32", "ours bf16"]),
        (True, [], ["naive fp32", "ours fp32"]),
        (True, ["--precision", "bf16"], ["naive fp32", "ours bf16"]),
    ],
)
def test_bf16_is_measured_where_the_device_computes_it_or_it_is_asked_for(
    monkeypatch, slow, words, names
):
    monkeypatch.setattr(training_step, "is_slow_in_bf16", lambda _device: slow)
    benchmark = parse(training_step.StepBenchmark, words, "benchmark")

    variants = training_step._variants(benchmark, CPU)

    assert [variant.name for variant in variants] == names


def test_the_peak_of_a_precision_that_is_not_measured_is_not_either():
    peaks = matrix_peaks(CPU, {"fp32"}, side=8, wait=lambda: None)

    assert peaks.keys() == {"fp32"}


def test_a_larger_batch_is_compared_by_its_pictures_with_the_authors_batch_of_one(tmp_path):
    file = tmp_path / "step.json"
    words = "--device cpu --size 32 --preset tiny --precision fp32 --repeats 1 --matrix 64"
    words += " --no-memory --batch 4 --naive-batch 1"

    assert training_step.main([*words.split(), "--json", str(file)]) == 0

    naive, ours = json.loads(file.read_text())["variants"]
    assert (naive["batch"], ours["batch"]) == (1, 4)
    assert ours["pictures_per_second"] == pytest.approx(4000 / ours["milliseconds"]["median"])
    speeds = ours["pictures_per_second"] / naive["pictures_per_second"]
    assert ours["speed_against_naive"] == pytest.approx(speeds)
    assert ours["teraflops"] / naive["teraflops"] == pytest.approx(speeds)


def test_translating_is_measured_from_words_to_json(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(inference, "in_new_process", in_this_process)
    file = tmp_path / "inference.json"
    words = "--size 8 16 --batch 1 2 --presets tiny --engines pytorch onnxruntime --threads 1"

    assert inference.main([*words.split(), "--repeats", "2", "--json", str(file)]) == 0

    report = json.loads(file.read_text())
    assert len(report["cases"]) == 2 * 2 * 2
    assert {case["engine"] for case in report["cases"]} == {"pytorch", "onnxruntime"}
    for case in report["cases"]:
        assert case["speed_against_full"] is None  # paper was not asked for
        assert case["memory_mib"] >= 0
        for key in ("pictures_per_second", "giga_multiply_adds", "file_mb"):
            assert case[key] > 0
        assert case["milliseconds"]["p95"] >= case["milliseconds"]["median"]
    assert "tiny" in capsys.readouterr().out


def test_crops_are_measured_from_words_to_json(tmp_path, capsys):
    file = tmp_path / "loader.json"
    words = "--device cpu --size 32 --preset tiny --pictures 3 --repeats 2 --batch 1 2"

    assert loader.main([*words.split(), "--json", str(file)]) == 0

    report = json.loads(file.read_text())
    assert [found["batch"] for found in report["batches"]] == [1, 2]
    for found in report["batches"]:
        assert found["pictures_per_second"] == pytest.approx(
            2 * found["batch"] / found["milliseconds"]["median"] * 1000
        )
        assert 0 < found["share"] < 1
    assert "Goal: 500 pictures per second and core" in capsys.readouterr().out


def test_memory_is_measured_with_and_without_what_saves_it(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(training_memory, "in_new_process", in_this_process)
    file = tmp_path / "memory.json"
    words = "--device cpu --size 32 --preset tiny --batch 1 2"

    assert training_memory.main([*words.split(), "--json", str(file)]) == 0

    one, two = json.loads(file.read_text())["cases"]
    assert one["in_parts"] is None
    assert two["in_parts"] >= 0
    printed = capsys.readouterr()
    assert "recomputed" in printed.out
    assert re.findall(r"32 px, batch (\d): ", printed.err) == ["1", "2"]  # each when it is known


def test_ranks_are_measured_from_words_to_json(tmp_path, capsys):
    file = tmp_path / "scaling.json"
    words = "--device cpu --size 32 --preset tiny --ranks 2 --steps 2 --repeats 1"

    assert scaling.main([*words.split(), "--json", str(file)]) == 0

    [two] = json.loads(file.read_text())["cases"]
    assert two["pictures_per_second"] == pytest.approx(2000 / two["milliseconds"]["median"])
    assert "efficiency" in capsys.readouterr().out


def test_the_speed_of_ranks_counts_the_pictures_of_all():
    times = {1: Times.of([100.0, 100.0]), 4: Times.of([200.0, 100.0])}

    scaled = scaling._scaled(4, times, batch=3, device=CPU)

    assert scaled.pictures_per_second == pytest.approx(3 * 4 / 0.150)
    assert scaled.speed == pytest.approx((2 + 4) / 2)
    assert scaled.efficiency == pytest.approx(0.75)


@pytest.mark.skipif(not find_spec("openvino"), reason="needs OpenVINO")
def test_openvino_is_measured_against_onnx_runtime(tmp_path, capsys):
    file = tmp_path / "inference.json"
    words = "--size 16 --presets tiny --engines onnxruntime openvino --repeats 2 --no-memory"

    assert inference.main([*words.split(), "--json", str(file)]) == 0

    reference, other = json.loads(file.read_text())["cases"]
    assert reference["difference"] == {"largest": 0, "mean": 0}
    assert other["difference"]["largest"] <= 1
    assert "openvino" in capsys.readouterr().out


def test_what_is_not_measured_is_said(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(engines, "find_spec", lambda _: None)
    words = "--size 16 --presets tiny --repeats 1 --no-memory"

    assert inference.main(words.split()) == 0

    assert "not all engines: OpenVINO is not installed" in capsys.readouterr().out


@pytest.mark.parametrize("program", [training_step, inference, loader, scaling, training_memory])
@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--batch 0", "--batch"),
        ("--size 30", "multiple of 4"),
        ("--json nowhere/x.json", "nowhere is no folder"),
        ("--sizes 8", "--sizes"),
    ],
)
def test_wrong_words_are_told_in_one_line(program, words, message, capsys):
    assert program.main(words.split()) == 2

    told = capsys.readouterr().err
    assert message in told
    assert told.count("\n") == 1
