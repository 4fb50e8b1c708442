"""What is told to Ray, without a cluster."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("ray")

from cyclegan.command_line import parse
from cyclegan.errors import UsageError
from service.ray_app import RayServiceSettings, application, build
from service.ray_proxy import OneRequestId
from service.ray_serve_command import run

ROOT = Path(__file__).parents[1]


def settings_of(*words):
    return parse(RayServiceSettings, words, "cyclegan serve --ray")


def deployment_of(*words):
    return application(settings_of(*words))._bound_deployment


def test_ray_starts_replicas_for_the_work_that_there_is():
    deployment = deployment_of("--replicas", "2", "--max-replicas", "9", "--workers", "5")

    scaling = deployment._deployment_config.autoscaling_config
    assert (scaling.min_replicas, scaling.max_replicas) == (2, 9)
    assert scaling.target_ongoing_requests == 5
    assert deployment.max_ongoing_requests == 10


def test_a_full_queue_is_429_with_a_time_to_come_again():
    deployment = deployment_of("--queue", "7")

    assert deployment.max_queued_requests == 7
    assert deployment.backpressure_config.status_code == 429
    assert deployment.backpressure_config.retry_after_s >= 1


def test_a_replica_has_the_cores_and_the_share_of_a_gpu_that_are_asked_for():
    options = deployment_of("--threads", "4", "--gpus", "0.25").ray_actor_options

    assert (options["num_cpus"], options["num_gpus"]) == (4, 0.25)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--replicas", "3", "--max-replicas", "2"], "at least --replicas, 3"),
        (["--metrics-port", "9100"], "Ray has metrics of all replicas"),
        (["--queue", "0"], "greater than 0"),
    ],
)
def test_what_cannot_be_on_ray_is_refused(words, reason):
    with pytest.raises(UsageError, match=reason):
        settings_of(*words)


def test_nobody_is_let_in_without_a_key_or_a_guard(tmp_path):
    with pytest.raises(UsageError, match="would be let in"):
        build(RayServiceSettings())
    with pytest.raises(UsageError, match="would be let in"):
        run(["--ray", "--host", "0.0.0.0", "--port", "0", "--models", str(tmp_path)])

    build(RayServiceSettings(open=True))
    build(RayServiceSettings(api_keys="a" * 64))


@pytest.mark.parametrize(
    ("ids", "kept"), [(["ours", "ray's"], ["ours"]), (["ray's"], ["ray's"]), ([], [])]
)
def test_an_answer_of_the_proxy_has_one_request_id(ids, kept):
    headers = [(b"x-request-id", each.encode()) for each in ids]
    sent = []

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"x"})

    async def send(message):
        sent.append(message)

    asyncio.run(OneRequestId(app)({"type": "http"}, None, send))

    assert [value.decode() for _, value in sent[0]["headers"]] == kept
    assert sent[1]["body"] == b"x"


@pytest.mark.parametrize(
    "module", ["service.serve_command", "service.translate_command", "cyclegan.__main__"]
)
def test_what_runs_on_one_machine_imports_no_ray(module):
    code = f"import {module}, sys; sys.exit(bool({{'ray', 'pyarrow'}} & sys.modules.keys()))"

    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


@pytest.mark.parametrize("module", ["service.ray_app", "service.ray_translate_command"])
def test_what_runs_on_ray_needs_no_pytorch(module):
    code = f"import {module}, sys; sys.exit('torch' in sys.modules)"

    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
