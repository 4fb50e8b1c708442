"""No more threads than a container or systemd leaves cores."""

import pytest
import torch
from fake_models import write_inverting

from cyclegan.cores import available_cores
from cyclegan.cpu_session import CpuSession
from training.device import prepare_device


@pytest.fixture(autouse=True)
def _three_cores(monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda _pid: {0, 1, 2}, raising=False)


@pytest.mark.parametrize(
    ("files", "quota"),
    [
        ({"cpu.max": "150000 100000\n"}, 1.5),
        ({"cpu.max": "10000 100000\n"}, 0.1),
        ({"cpu.max": "max 100000\n"}, float("inf")),
        ({"cpu/cpu.cfs_quota_us": "100000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 1),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, float("inf")),
        ({}, float("inf")),
    ],
)
def test_cores_are_those_of_the_mask_and_the_quota(tmp_path, files, quota):
    (tmp_path / "cpu").mkdir()
    for name, text in files.items():
        (tmp_path / name).write_text(text)

    assert available_cores(tmp_path, tmp_path / "no membership") == max(1, int(min(3, quota)))


@pytest.mark.parametrize(
    ("quotas", "cores"),
    [
        ({"system.slice/mine.service": "100000 100000\n"}, 1),  # systemd's CPUQuota=100%
        ({"system.slice": "200000 100000\n"}, 2),
        ({"system.slice": "100000 100000\n", "system.slice/mine.service": "max 100000\n"}, 1),
        ({".": "200000 100000\n", "system.slice/mine.service": "250000 100000\n"}, 2),
        ({"system.slice/another.service": "100000 100000\n"}, 3),
    ],
)
def test_the_least_quota_on_the_way_to_the_processs_own_group_counts(tmp_path, quotas, cores):
    (tmp_path / "membership").write_text("1:name=systemd:/old\n0::/system.slice/mine.service\n")
    for group, quota in quotas.items():
        (tmp_path / group).mkdir(parents=True, exist_ok=True)
        (tmp_path / group / "cpu.max").write_text(quota)

    assert available_cores(tmp_path, tmp_path / "membership") == cores


def test_a_training_has_no_more_threads_than_cores(monkeypatch):
    def threads_with(cores):
        monkeypatch.setattr("training.device.available_cores", lambda: cores)
        prepare_device(torch.device("cpu"), "fp32")
        return torch.get_num_threads()

    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        assert [threads_with(cores) for cores in (4, 2, 3)] == [3, 2, 2]
    finally:
        torch.set_num_threads(before)


def test_a_model_that_is_checked_or_measured_has_as_many_threads_as_cores(tmp_path, monkeypatch):
    monkeypatch.setattr("cyclegan.cpu_session.available_cores", lambda: 2)

    session = CpuSession(write_inverting(tmp_path / "a2b.onnx")).session

    assert session.get_session_options().intra_op_num_threads == 2
