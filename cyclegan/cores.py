"""How many cores this process may use."""

import os
from pathlib import Path


def available_cores(cgroup: Path = Path("/sys/fs/cgroup")) -> int:
    """Count the cores that both the affinity mask and a container's CPU quota leave.

    ONNX Runtime would count those of the machine and slow itself down in a container.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, int(min(cores or 1, _quota(cgroup))))


def _quota(cgroup: Path) -> float:
    try:
        quota, period = (cgroup / "cpu.max").read_text().split()  # version 2
    except (OSError, ValueError):
        try:
            quota = (cgroup / "cpu/cpu.cfs_quota_us").read_text()  # version 1
            period = (cgroup / "cpu/cpu.cfs_period_us").read_text()
        except OSError:
            return float("inf")
    unlimited = quota == "max" or int(quota) < 0
    return float("inf") if unlimited else int(quota) / int(period)
