"""How many cores this process may use."""

import os
from collections.abc import Iterator
from pathlib import Path


def available_cores(
    cgroups: Path = Path("/sys/fs/cgroup"), membership: Path = Path("/proc/self/cgroup")
) -> int:
    """Count the cores that both the affinity mask and a CPU quota leave.

    ONNX Runtime and PyTorch would count those of the machine and slow themselves down where a
    container, or systemd's CPUQuota=, leaves less.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    quota = min(_quota(group) for group in _groups(cgroups, membership))
    return max(1, int(min(cores or 1, quota)))


def _groups(cgroups: Path, membership: Path) -> Iterator[Path]:
    """Give the root of the control groups and those that lead to this process's; each may limit."""
    group = cgroups
    yield group
    for name in _own_group(membership).split("/"):
        group /= name
        yield group


def _own_group(membership: Path) -> str:
    try:
        lines = membership.read_text().splitlines()
    except OSError:  # not on Linux
        return ""
    return next((line.removeprefix("0::/") for line in lines if line.startswith("0::/")), "")


def _quota(group: Path) -> float:
    try:
        quota, period = (group / "cpu.max").read_text().split()  # version 2
    except (OSError, ValueError):
        try:
            quota = (group / "cpu/cpu.cfs_quota_us").read_text()  # version 1
            period = (group / "cpu/cpu.cfs_period_us").read_text()
        except OSError:
            return float("inf")
    unlimited = quota == "max" or int(quota) < 0
    return float("inf") if unlimited else int(quota) / int(period)
