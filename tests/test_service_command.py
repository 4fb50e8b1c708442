import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest
from fake_models import write_models

from cyclegan.__main__ import main
from cyclegan.command_line import parse
from cyclegan.errors import ModelError, UsageError
from service.serve_command import run
from service.settings import ServiceSettings
from service.variables import warn_of_unknown_variables


def test_flags_win_over_the_environment_and_that_over_defaults(monkeypatch):
    monkeypatch.setenv("CYCLEGAN_PORT", "9000")
    monkeypatch.setenv("CYCLEGAN_MAX_EDGE", "512")

    settings = parse(ServiceSettings, ["--port", "9001"], "cyclegan serve")

    assert (settings.port, settings.max_edge, settings.quality) == (9001, 512, 90)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--port", "70000"], "--port is '70000'"),
        (["--quality", "0"], "--quality is '0'"),
        (["--max-pixels", "100000000"], "--max-pixels is '100000000'"),
        (["--provider", "tpu"], "--provider is 'tpu'"),
        (["--nonsense"], "--nonsense"),
    ],
)
def test_a_wrong_flag_is_one_line(arguments, message):
    with pytest.raises(UsageError, match="see cyclegan serve --help") as caught:
        run(arguments)

    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_wrong_variable_of_the_environment_is_one_line(monkeypatch):
    monkeypatch.setenv("CYCLEGAN_QUALITY", "best")

    with pytest.raises(UsageError, match="--quality is 'best'"):
        run([])


def test_a_variable_that_nothing_heeds_is_told_with_the_one_that_is_meant(monkeypatch, caplog):
    monkeypatch.setenv("CYCLEGAN_API_KEY", "secret")
    monkeypatch.setenv("CYCLEGAN_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("CYCLEGAN_MAX_EDGE", "512")
    monkeypatch.setenv("CYCLEGAN_USER", "1000:1000")  # docker-compose.yml's

    warn_of_unknown_variables(ServiceSettings)

    assert caplog.messages == [
        "CYCLEGAN_API_KEY is no setting, so it changes nothing; is CYCLEGAN_API_KEYS meant?",
        "CYCLEGAN_SERVICE_HOST is no setting, so it changes nothing",
    ]


def test_a_port_in_use_is_one_line(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]

        with pytest.raises(UsageError) as caught:
            run(["--port", str(port), "--models", str(write_models(tmp_path))])

    assert str(caught.value) == (
        f"port {port} on 127.0.0.1 is in use by another program; choose another with --port N"
    )


def test_a_host_that_is_not_here_is_one_line(tmp_path):
    with pytest.raises(UsageError, match=r"port 0 on 192.0.2.1 cannot be listened on"):
        run(["--host", "192.0.2.1", "--port", "0", "--models", str(write_models(tmp_path))])


@pytest.mark.parametrize("host", ["0.0.0.0", ""])
def test_whoever_would_let_in_everybody_is_told_in_one_line(tmp_path, host):
    with pytest.raises(UsageError, match=r"--api-keys, or --open \(CYCLEGAN_OPEN=1\)") as caught:
        run(["--host", host, "--port", "0", "--models", str(tmp_path)])

    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "flags",
    [
        ["--host", "0.0.0.0", "--open"],
        ["--host", "0.0.0.0", "--api-keys", 64 * "0"],
        ["--host", "localhost"],
        ["--host", "127.0.0.2"],
    ],
)
def test_who_is_guarded_or_listens_to_this_machine_alone_may_serve(tmp_path, flags):
    with pytest.raises(ModelError, match="there is no model in"):  # it came as far as that
        run([*flags, "--port", "0", "--models", str(tmp_path)])


def test_a_port_that_closes_after_the_grace_time_is_refused():
    with pytest.raises(UsageError, match="--drain-seconds is 30 and --grace-seconds is 30"):
        run(["--drain-seconds", "30"])


def test_without_models_nothing_is_served(tmp_path, capsys):
    arguments = ["--port", "0", "--models", str(tmp_path)]

    with pytest.raises(ModelError, match="there is no model in"):
        run(arguments)
    assert main(["serve", *arguments]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert "cyclegan export" in line


def test_the_service_serves_until_it_is_interrupted(tmp_path):
    models = str(write_models(tmp_path))
    command = [sys.executable, "-m", "service", "--port", "0", "--models", models]
    with subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[1],
        env={**os.environ, "CYCLEGAN_QUALTIY": "80"},
    ) as process:
        begin = []
        for line in process.stderr:
            begin.append(line)
            if "serving" in line:
                break
        [url] = re.findall(r"serving summer2winter, winter2summer on (http://127.0.0.1:\d+)", line)
        with httpx2.Client(base_url=url) as client:
            answer = client.post("/v1/translate/summer2winter", content=b"no picture")
            health = client.get("/readyz")
        threads = Path(f"/proc/{process.pid}/task")  # on Linux
        policies = {
            int(each.name): os.sched_getscheduler(int(each.name)) for each in threads.glob("*")
        }
        process.send_signal(signal.SIGINT)
        log = process.stderr.read()

    assert "CYCLEGAN_QUALTIY is no setting" in "".join(begin)
    assert health.json() == {"status": "ready"}
    assert answer.status_code == 415
    if policies:  # the event loop answers health checks at once, the codecs take no core from it
        assert policies[process.pid] == os.SCHED_OTHER
        assert os.SCHED_BATCH in policies.values()
    assert "server" not in answer.headers
    assert process.returncode == 0
    assert "Traceback" not in log
