"""The manifests against the schemas of Kubernetes' own API, where no unknown field passes."""

import ast
import re
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from service.settings import ServiceSettings

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "deploy" / "kubernetes"
VERSION = "1.37"  # of the Kubernetes whose schemas these are


def documents(name):
    return list(yaml.safe_load_all((FOLDER / name).read_text()))


MANIFESTS = {each["kind"]: each for each in documents("cyclegan.yaml")}
POD = MANIFESTS["Deployment"]["spec"]["template"]
[CONTAINER] = POD["spec"]["containers"]


@pytest.mark.parametrize("kind", MANIFESTS)
def test_a_manifest_follows_the_schema(kind):
    assert kubernetes_validate.validate(MANIFESTS[kind], VERSION, strict=True) == VERSION


def test_a_misspelt_field_would_be_found():
    manifest = documents("cyclegan.yaml")[0]
    manifest["spec"]["template"]["spec"]["containers"][0]["livenesProbe"] = {}

    with pytest.raises(kubernetes_validate.ValidationError, match="livenesProbe"):
        kubernetes_validate.validate(manifest, VERSION, strict=True)


def test_what_one_manifest_says_of_another_is_so():
    labels = POD["metadata"]["labels"]
    ports = {port["name"]: port["containerPort"] for port in CONTAINER["ports"]}
    [model_volume, _] = POD["spec"]["volumes"]
    target = MANIFESTS["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]

    for kind in "Deployment", "PodDisruptionBudget":
        assert MANIFESTS[kind]["spec"]["selector"]["matchLabels"] == labels
    assert MANIFESTS["Service"]["spec"]["selector"] == labels
    assert MANIFESTS["Service"]["spec"]["ports"][0]["targetPort"] in ports
    claim = model_volume["persistentVolumeClaim"]["claimName"]
    assert claim == MANIFESTS["PersistentVolumeClaim"]["metadata"]["name"]
    assert (target["kind"], target["name"]) == ("Deployment", "cyclegan")
    assert POD["metadata"]["annotations"]["prometheus.io/port"] == str(ports["metrics"])


def test_the_container_is_what_the_image_makes_it():
    image = (ROOT / "service" / "Dockerfile").read_text()
    ports = [str(port["containerPort"]) for port in CONTAINER["ports"]]

    assert f"\nEXPOSE {' '.join(ports)}\n" in image
    user = POD["spec"]["securityContext"]["runAsUser"]
    assert f"\nUSER {user}:{user}\n" in image
    for name in (each["name"] for each in CONTAINER["env"]):
        assert name.removeprefix("CYCLEGAN_").lower() in ServiceSettings.model_fields


def test_health_is_asked_where_the_service_answers():
    def path(probe):
        return CONTAINER[probe]["httpGet"]["path"]

    assert path("readinessProbe") == "/readyz"
    assert path("livenessProbe") == path("startupProbe") == "/livez"


def test_a_pod_has_time_to_finish_what_it_has_begun():
    before = CONTAINER["lifecycle"]["preStop"]["sleep"]["seconds"]
    grace = ServiceSettings.model_fields["grace_seconds"].default

    assert POD["spec"]["terminationGracePeriodSeconds"] > before + grace


def test_a_pod_may_do_no_more_than_it_must():
    assert CONTAINER["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert POD["spec"]["securityContext"]["runAsNonRoot"]
    assert CONTAINER["resources"]["limits"]["memory"]


def test_it_is_scaled_by_a_metric_that_the_service_has():
    [metric] = MANIFESTS["HorizontalPodAutoscaler"]["spec"]["metrics"]
    name = metric["pods"]["metric"]["name"]
    source = (ROOT / "service" / "metrics.py").read_text()

    assert name.removeprefix("cyclegan_") in re.findall(r'\("(\w+)", "', source)


[RAY] = documents("rayservice.yaml")
CLUSTER = RAY["spec"]["rayClusterConfig"]


def test_the_pods_of_a_ray_cluster_follow_the_schema():
    """KubeRay's own fields have no schema here; what they hold of Kubernetes has."""
    groups = [CLUSTER["headGroupSpec"], *CLUSTER["workerGroupSpecs"]]

    assert (RAY["apiVersion"], RAY["kind"]) == ("ray.io/v1", "RayService")
    for group in groups:
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "any"},
            "spec": group["template"]["spec"],
        }
        kubernetes_validate.validate(pod, VERSION, strict=True)


def test_ray_is_told_of_our_application():
    [application] = yaml.safe_load(RAY["spec"]["serveConfigV2"])["applications"]
    [worker] = CLUSTER["workerGroupSpecs"]
    [container] = worker["template"]["spec"]["containers"]

    assert application["import_path"] == "service.ray_app:build"
    assert application["args"]["models"] == container["volumeMounts"][0]["mountPath"]
    # A replica fits into a worker.
    assert application["args"]["threads"] <= int(container["resources"]["limits"]["cpu"])


def test_ray_has_the_environment_that_our_own_clusters_have():
    [container] = CLUSTER["headGroupSpec"]["template"]["spec"]["containers"]
    given = {each["name"]: each["value"] for each in container["env"] if "value" in each}
    tree = ast.parse((ROOT / "service" / "ray_cluster.py").read_text())
    [ours] = [n.value for n in tree.body if isinstance(n, ast.Assign)
              and getattr(n.targets[0], "id", "") == "_ENVIRONMENT"]  # fmt: skip

    assert given == ast.literal_eval(ours)
