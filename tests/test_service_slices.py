"""What the scheduler is asked for."""

import os
import subprocess
import sys

import pytest

from service.slices import keep_slices_whole

SCRIPT = """
import os
from concurrent.futures import ThreadPoolExecutor
from service.slices import keep_slices_whole
keep_slices_whole()
print(ThreadPoolExecutor(1).submit(os.sched_getscheduler, 0).result())
"""


@pytest.mark.skipif(not hasattr(os, "SCHED_BATCH"), reason="not Linux")
def test_threads_that_come_later_do_not_take_a_core_from_another_by_waking():
    run = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)

    assert int(run.stdout) == os.SCHED_BATCH


def test_where_it_is_forbidden_the_service_starts_all_the_same(monkeypatch):
    def forbid(*_):
        raise PermissionError

    monkeypatch.setattr(os, "sched_setscheduler", forbid, raising=False)

    keep_slices_whole()


def test_elsewhere_than_on_linux_nothing_is_asked(monkeypatch):
    monkeypatch.delattr(os, "SCHED_BATCH", raising=False)
    monkeypatch.setattr(os, "sched_setscheduler", None, raising=False)

    keep_slices_whole()
