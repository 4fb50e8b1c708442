"""What the files for containers say, without an engine. test_container runs them."""

import json
import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
REQUIREMENTS = ROOT / "deploy" / "requirements"


def read(name):
    return yaml.safe_load((ROOT / name).read_text())


SERVICES = read("docker-compose.yml")["services"]
PORTS = read("docker-compose.override.yml")["services"]
DOCKERFILES = ["service/Dockerfile", "training/Dockerfile"]


def test_by_default_only_the_service_for_a_cpu_is_started():
    profiles = {name: service.get("profiles") for name, service in SERVICES.items()}

    assert profiles == {
        "service": None,
        "gpu": ["gpu"],
        "train": ["training"],
        "tensorboard": ["training"],
        "prometheus": ["watch"],
        "grafana": ["watch"],
    }


@pytest.mark.parametrize("name", SERVICES)
def test_each_container_may_do_no_more_than_it_must(name):
    service = SERVICES[name]

    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["read_only"]
    assert "privileged" not in service
    assert service["mem_limit"]
    assert service["pids_limit"]
    assert service["stop_grace_period"]
    assert service["tmpfs"]


@pytest.mark.parametrize("name", [name for name in SERVICES if name != "train"])
def test_each_container_that_stays_says_whether_it_is_well(name):
    service = SERVICES[name]
    image = (ROOT / service["build"]["dockerfile"]).read_text() if "build" in service else ""

    assert "healthcheck" in service or "\nHEALTHCHECK" in image


@pytest.mark.parametrize("name", PORTS)
def test_ports_are_published_on_this_machine_alone(name):
    for port in PORTS[name]["ports"]:
        assert port.startswith("127.0.0.1:")


def test_ports_stand_where_an_engine_without_networks_leaves_them_out():
    assert not any("ports" in service for service in SERVICES.values())
    host = read("deploy/compose.host.yml")["services"]
    assert set(host) == set(SERVICES)
    assert all(service["network_mode"] == "host" for service in host.values())
    for name in "service", "gpu":
        assert host[name]["environment"]["CYCLEGAN_HOST"] == "127.0.0.1"
        assert host[name]["environment"]["CYCLEGAN_METRICS_HOST"] == "127.0.0.1"


def test_others_are_let_in_with_keys_alone_and_to_the_service_alone():
    public = read("deploy/compose.public.yml")["services"]

    assert set(public) == set(PORTS)
    for name, service in public.items():
        [*opened, behind] = service["ports"]
        assert behind.startswith("127.0.0.1:")
        if opened:
            assert name in ("service", "gpu")
            assert service["environment"]["CYCLEGAN_OPEN"] == "0"
            # By ${NAME:?reason} compose refuses to start anything while the name is empty.
            assert service["environment"]["CYCLEGAN_API_KEYS"].startswith("${CYCLEGAN_API_KEYS:?")


@pytest.mark.parametrize("name", ["service", "gpu", "train", "tensorboard"])
def test_what_is_mounted_lies_at_the_top_and_models_are_only_read(name):
    mounts = dict(mount.split(":", 1) for mount in SERVICES[name]["volumes"])

    assert set(mounts) <= {"./models", "./data", "./runs"}
    if name in ("service", "gpu"):
        assert mounts == {"./models": "/models:ro"}


def test_a_service_has_time_to_finish_what_it_has_begun():
    from service.settings import ServiceSettings

    grace = ServiceSettings.model_fields["grace_seconds"].default

    for name in "service", "gpu":
        assert int(SERVICES[name]["stop_grace_period"].removesuffix("s")) > grace


def test_the_dashboard_and_the_targets_are_those_that_are_mounted():
    mounts = [mount.split(":")[0] for mount in SERVICES["grafana"]["volumes"]]
    for mount in [*mounts[:-1], SERVICES["prometheus"]["volumes"][0].split(":")[0]]:
        assert (ROOT / mount).exists()
    [provider] = read("deploy/grafana/provisioning/dashboards/cyclegan.yml")["providers"]
    assert f"{provider['options']['path']}/cyclegan.json" in SERVICES["grafana"]["volumes"][1]
    assert json.loads((ROOT / mounts[1]).read_text())["uid"] == "cyclegan"
    [job] = read("deploy/prometheus.compose.yml")["scrape_configs"]
    [targets] = [each["targets"] for each in job["static_configs"]]
    assert {target.split(":")[0] for target in targets} <= set(SERVICES)


@pytest.mark.parametrize("name", DOCKERFILES)
def test_an_image_runs_as_nobody_from_a_base_that_can_be_chosen(name):
    text = (ROOT / name).read_text()

    assert "\nARG BASE=python:3.11-slim-bookworm\n" in text
    assert re.findall(r"^FROM (\S+)", text, re.MULTILINE) == ["${BASE}", "${BASE}"]
    assert "\nUSER 10001:10001\n" in text


@pytest.mark.parametrize("name", DOCKERFILES)
def test_an_image_installs_nothing_but_what_is_pinned_with_a_hash(name):
    text = (ROOT / name).read_text().replace("\\\n", " ")

    for command in re.findall(r"pip (?:--python \S+ )?install [^&\n]*", text):
        assert "--require-hashes" in command or "--no-deps /wheels/" in command
    assert "--no-build-isolation" in text  # else pip would fetch setuptools by itself


@pytest.mark.parametrize("file", sorted(REQUIREMENTS.glob("*.txt")), ids=lambda file: file.name)
def test_the_pins_of_an_image_are_those_of_the_project(file):
    def pins(text):
        return set(re.findall(r"^([\w.-]+==[^\s;]+)", text, re.MULTILINE))

    assert pins(file.read_text())
    assert pins(file.read_text()) <= pins((ROOT / "requirements.txt").read_text())
    assert "://" not in file.read_text()


@pytest.mark.parametrize("engine", ["cpu", "gpu", "cuda"])
def test_the_service_needs_no_pytorch(engine):
    assert not re.search(r"^torch", (REQUIREMENTS / f"{engine}.txt").read_text(), re.MULTILINE)


@pytest.mark.parametrize("room", ["service", "training"])
def test_an_image_is_built_of_every_package_that_the_wheel_names(room):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    lines = (ROOT / room / "Dockerfile").read_text().splitlines()
    let_in = (ROOT / ".dockerignore").read_text().splitlines()

    for package in project["tool"]["setuptools"]["packages"]:
        top = package.split(".")[0]
        assert f"COPY {top}/ {top}/" in lines
        assert f"!{top}" in let_in
