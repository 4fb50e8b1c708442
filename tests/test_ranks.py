"""Several processes that train one run, as `torchrun` starts them; here two, on the CPU."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import torch
from conftest import change, draw_pictures

from cyclegan.adversary import Objective
from cyclegan.checkpoint import Checkpoint
from cyclegan.errors import UsageError
from training.adversarial_settings import Judging
from training.data import UnpairedCrops
from training.loop import _check_ranks, train
from training.ranks import Ranks
from training.settings import TrainSettings

ROOT = Path(__file__).parents[1]
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


def in_two_ranks(folder, *runs):
    """Train them one after another in the same two processes."""
    jobs = folder / "jobs"
    jobs.write_text("\n".join(run.model_dump_json() for run in runs))
    script = Path(__file__).with_name("train_in_ranks.py")
    done = subprocess.run(
        [*TORCHRUN, script, jobs], env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def checkpoint_of(run):
    return Checkpoint.load(run / "latest.pt")


def assert_nearly(run, other):
    """Sums of two in another order differ in their last digit, which Adam makes larger."""
    expected = checkpoint_of(other).weights
    for name, weights in checkpoint_of(run).weights.items():
        if name.endswith("weight"):  # a bias before instance norm moves by rounding alone
            torch.testing.assert_close(weights, expected[name], rtol=1e-3, atol=2e-5)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Settings of runs that two ranks have trained, by name."""
    folder = tmp_path_factory.mktemp("ranks")
    draw_pictures(folder / "data" / "a", 6, seed=1)
    draw_pictures(folder / "data" / "b", 4, seed=2)
    flags = {
        "data": folder / "data",
        "names": ("summer", "winter"),
        "crop": 16,
        "load_size": 20,
        "batch": 2,
        "device": "cpu",
        "precision": "fp32",
        "log_every": 3,
        "sample_every": 100,
        "checkpoint_every": 4,
        "schedule": {"constant_epochs": 1, "decay_epochs": 1},
        "networks": {
            "generator": {"width": 4, "blocks": 1},
            "discriminator": {"width": 4, "layers": 2},
        },
    }
    penalty: Objective = "wgan_gp"

    def run(name, **changes):
        return TrainSettings.model_validate(flags | {"run": folder / name} | changes)

    runs = {
        "whole": run("whole"),
        "in parts": run("parts", batch=4, accumulate=2),
        "interrupted": run("interrupted", history=1),
        "uninterrupted": run("uninterrupted", history=1),
        "handed over": run("over"),
        "penalty": run("penalty", objective=penalty, judging=Judging(updates=2), history=1),
    }
    in_two_ranks(
        folder,
        runs["whole"],
        runs["in parts"],
        change(runs["interrupted"], steps=3),
        runs["interrupted"],
        runs["uninterrupted"],
        change(runs["handed over"], steps=3),
        runs["penalty"],
    )
    return runs


@pytest.mark.parametrize("name", ["whole", "in parts"])
def test_two_ranks_do_what_one_process_does_with_the_same_batch(trained, tmp_path, name):
    alone = change(trained[name], run=tmp_path / "alone")
    train(alone)

    assert_nearly(trained[name].run, alone.run)


def test_a_run_in_ranks_continues_exactly_with_the_histories_of_both(trained):
    continued, whole = (checkpoint_of(trained[n].run) for n in ("interrupted", "uninterrupted"))

    torch.testing.assert_close(continued.weights, whole.weights, rtol=0, atol=0)
    torch.testing.assert_close(continued.resume, whole.resume, rtol=0, atol=0)
    [other] = whole.resume["other_ranks"]
    assert not torch.equal(other["history_a"]["images"][0], whole.resume["history_a"]["images"][0])


def test_a_run_of_two_ranks_can_be_finished_by_one(trained):
    train(trained["handed over"])

    assert checkpoint_of(trained["handed over"].run).resume["step"] == 6
    assert_nearly(trained["handed over"].run, trained["whole"].run)


def test_a_gradient_penalty_and_several_updates_work_in_ranks(trained):
    checkpoint = checkpoint_of(trained["penalty"].run)

    assert checkpoint.resume["step"] == 2 * (6 // 4)
    assert all(weights.isfinite().all() for weights in checkpoint.weights.values())


def test_a_lost_rank_ends_the_run_and_the_reason_is_told(trained, tmp_path):
    long = change(trained["whole"], run=tmp_path / "run", checkpoint_every=1)
    schedule = long.schedule.model_copy(update={"decay_epochs": 99_999})
    (tmp_path / "jobs").write_text(change(long, schedule=schedule).model_dump_json())
    script = Path(__file__).with_name("train_in_ranks.py")

    with subprocess.Popen(
        [*TORCHRUN, script, tmp_path / "jobs"], env=ENVIRONMENT, stderr=subprocess.PIPE, text=True
    ) as torchrun:
        while not (long.run / "latest.pt").exists():
            assert torchrun.poll() is None
            time.sleep(0.1)
        [victim] = [p for p in psutil.Process(torchrun.pid).children() if rank_of(p) == "1"]
        victim.send_signal(signal.SIGKILL)
        _, told = torchrun.communicate(timeout=60)

    assert torchrun.returncode == 1
    assert "rank 0 lost another rank" in told
    assert f"Signal 9 (SIGKILL) received by PID {victim.pid}" in told
    assert checkpoint_of(long.run).resume["step"] >= 1


def rank_of(process):
    return process.environ().get("RANK")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--seed $RANK", "rank 1 has seed = 1, rank 0 has 0"),
        ("--domain-a data$RANK", "rank 1 has pictures of a = 1 ("),
    ],
)
def test_a_rank_that_sees_something_else_is_refused(trained, tmp_path, words, message):
    data = trained["whole"].data
    for rank, count in ((0, 2), (1, 1)):
        (tmp_path / f"data{rank}").mkdir()
        for i in range(count):
            (tmp_path / f"data{rank}" / f"{i}.png").symlink_to(data / "a" / f"{i}.png")
    train_it = f"{sys.executable} -m training --domain-a {data}/a --domain-b {data}/b"
    command = f"{train_it} --run run --device cpu --batch 2 --preset tiny {words}"

    done = subprocess.run(
        [*TORCHRUN, "--no-python", "bash", "-c", command],
        cwd=tmp_path,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert message in done.stderr
    assert not (tmp_path / "run" / "settings.json").exists()


def test_the_words_of_the_documentation_come_to_the_training(tmp_path):
    page = (ROOT / "docs" / "training-speed.md").read_text()
    [words] = re.findall(r"^torchrun --nproc-per-node 4 (.+)$", page, re.MULTILINE)

    done = subprocess.run(
        [*TORCHRUN, *words.split()],
        cwd=tmp_path,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stderr.startswith("data/seasons does not exist; expected trainA and trainB")


def test_a_batch_that_ranks_cannot_share_is_refused(tiny_settings):
    with pytest.raises(UsageError, match="--batch 6 cannot be shared by 2 ranks in 2 parts each"):
        _check_ranks(Ranks(0, 2), change(tiny_settings, batch=6, accumulate=2))


def test_ranks_share_the_pictures_of_each_update():
    assert Ranks(1, 2).places(batch=4, batches=2) == [2, 3, 6, 7]
    assert sorted(Ranks(0, 2).places(4, 2) + Ranks(1, 2).places(4, 2)) == list(range(8))


def test_a_ranks_crops_are_those_that_one_process_would_take(tmp_path):
    from test_data import plain_domain

    a, b = plain_domain(7), plain_domain(3)

    def crops(mine):
        return UnpairedCrops(a, b, crop=8, flip=True, batch=4, seed=0, mine=mine)[3]

    for whole, first, second in zip(crops(None), crops([0, 1]), crops([2, 3]), strict=True):
        assert torch.equal(whole, torch.cat((first, second)))
