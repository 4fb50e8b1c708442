"""What the scheduler and the interpreter are asked for."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from service.slices import keep_slices_whole, slices_kept_whole

ON_LINUX = pytest.mark.skipif(not hasattr(os, "SCHED_BATCH"), reason="not Linux")


def policy_of_a_new_thread():
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(os.sched_getscheduler, 0).result()


@ON_LINUX
def test_threads_that_are_started_within_take_no_core_by_waking_and_others_do():
    before = policy_of_a_new_thread()
    with slices_kept_whole():
        within = policy_of_a_new_thread()
    after = policy_of_a_new_thread()

    assert [before, within, after] == [os.SCHED_OTHER, os.SCHED_BATCH, os.SCHED_OTHER]


@ON_LINUX
def test_a_pool_may_ask_for_its_own_threads_alone():
    with ThreadPoolExecutor(1, initializer=keep_slices_whole) as pool:
        inside = pool.submit(os.sched_getscheduler, 0).result()

    assert [inside, os.sched_getscheduler(0)] == [os.SCHED_BATCH, os.SCHED_OTHER]


@ON_LINUX
def test_where_it_is_forbidden_all_goes_on(monkeypatch):
    asked = []

    def forbid(thread, policy, parameters):
        asked.append(policy)
        raise PermissionError

    monkeypatch.setattr(os, "sched_setscheduler", forbid)

    with slices_kept_whole():
        pass

    assert asked == [os.SCHED_BATCH, os.SCHED_OTHER]


def test_elsewhere_than_on_linux_nothing_is_asked(monkeypatch):
    asked = []
    monkeypatch.delattr(os, "SCHED_BATCH", raising=False)
    monkeypatch.delattr(os, "SCHED_OTHER", raising=False)
    monkeypatch.setattr(os, "sched_setscheduler", lambda *given: asked.append(given), raising=False)

    with slices_kept_whole():
        pass

    assert asked == []


def test_who_waits_for_the_interpreter_has_it_within_half_a_millisecond():
    script = (
        "import sys; from service.slices import hand_over_early as go; "
        "go(); print(sys.getswitchinterval())"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert float(run.stdout) == pytest.approx(0.0005)


def test_the_collector_looks_through_nothing_that_is_there_and_still_collects_what_comes():
    script = (
        "import gc; from service.slices import collect_only_what_comes as go; go(); "
        "left = len(gc.get_objects()); ring = []; ring.append(ring); del ring; "
        "print(gc.get_freeze_count(), left, gc.isenabled(), gc.collect())"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    frozen, left, enabled, collected = run.stdout.split()

    assert int(frozen) > 100 * int(left)
    assert enabled == "True"
    assert int(collected) == 1
