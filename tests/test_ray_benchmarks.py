"""Bulk translation on Ray, as its benchmark sees it; and what is computed of measured numbers."""

import asyncio
from itertools import count
from types import SimpleNamespace

import pytest

from benchmarks import ray_serve
from benchmarks.load_client import Answer
from benchmarks.load_tally import Tally
from benchmarks.ray_bulk import RayBulk, measure
from benchmarks.scale import Scale, bulk, service

MEASURED = {
    "per_core": 10,
    "bulk_efficiency": 0.5,
    "serve_efficiency": 0.8,
    "per_proxy": 300,
    "plan_per_second": 1000,
    "plan_bytes": 400,
    "kilobytes_in": 20,
    "kilobytes_out": 30,
}
ASSUMED = {
    "core_dollars": 0.05,
    "machine_cores": 4,
    "machines": 10,
    "machine_gigabits": 1,
    "busy": 0.5,
    "store_requests_per_second": 3500,
    "read_dollars": 0.5,
    "write_dollars": 4.5,
}


def test_a_speed_counts_the_answers_of_its_own_measurement_alone(monkeypatch):
    async def ten_answers(client, requests, clients, note):
        for _ in range(10):
            note(Answer(200, 0.1, {}, b""))

    seconds = count()
    monkeypatch.setattr(ray_serve, "in_turn", ten_answers)
    monkeypatch.setattr(ray_serve, "perf_counter", lambda: next(seconds))
    tally = Tally()

    service, benchmark = SimpleNamespace(port=1), ray_serve.RayServe()

    speeds = [asyncio.run(ray_serve._speed(service, benchmark, tally)) for _ in range(2)]

    assert (speeds, tally.total) == ([10, 10], 20)


@pytest.mark.ray
@pytest.mark.long
def test_a_bulk_with_bad_files_and_a_killed_worker_ends_whole_and_is_not_done_twice():
    pytest.importorskip("ray")

    report = measure(RayBulk(pictures=800, side=32))

    assert [(each.case, each.met) for each in report.findings] == [
        ("a worker killed", True),
        ("the same again", True),
    ], report.findings


def test_a_bulk_is_computed_by_hand():
    million = bulk(Scale(**MEASURED, **ASSUMED), 1e6)

    assert million.core_hours == pytest.approx(1e6 / 5 / 3600)
    assert million.core_dollars == pytest.approx(1e6 / 5 / 3600 * 0.05)
    assert million.storage_dollars == pytest.approx(5)
    assert million.plan_gigabytes == pytest.approx(0.4)
    assert million.hours == pytest.approx((1e6 / 200 + 1000) / 3600)  # 40 cores of 5 a second
    assert million.bottleneck == "cores"


def test_the_bottleneck_moves_with_more_machines():
    scale = Scale(**MEASURED, **ASSUMED | {"machines": 1000})

    assert bulk(scale, 1e6).bottleneck == "writes to one prefix"


def test_a_slow_network_is_the_bottleneck():
    slow = Scale(**MEASURED, **ASSUMED | {"machine_gigabits": 0.004})  # 500 kB/s, 50 a picture

    assert bulk(slow, 1e6).bottleneck == "network"
    assert bulk(slow, 1e6).limits["network"] == pytest.approx(100)


def test_a_service_is_computed_by_hand():
    served = service(Scale(**MEASURED, **ASSUMED))

    assert served.replicas == 250  # 10 a second, 0.8 of it, half of the time
    assert served.machines == 63
    assert served.proxies == 4
    assert served.dollars_an_hour == pytest.approx(63 * 4 * 0.05)
