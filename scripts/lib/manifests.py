"""Kubernetes objects as the checks of deployment see them."""

import pathlib
import subprocess

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
KUSTOMIZE = ROOT / "deploy/kustomize"


def render(folder):
    """What each kustomization comes to: {name: [object]}."""
    names = subprocess.run([ROOT / "scripts/lib/render-manifests", folder], check=True,
                           capture_output=True, text=True).stdout.split()
    return {pathlib.Path(name).stem: load(name) for name in names}


def load(path):
    with open(path, encoding="utf-8") as file:
        return [one for one in yaml.safe_load_all(file) if one]


def name(obj):
    return f'{obj["kind"]}/{obj["metadata"]["name"]}'


def of_kind(objects, *kinds):
    return [one for one in objects if one["kind"] in kinds]


def find(objects, kind, wanted):
    return next((one for one in of_kind(objects, kind) if one["metadata"]["name"] == wanted), None)


def workloads(objects):
    return of_kind(objects, "Deployment", "StatefulSet", "DaemonSet", "Job")


def pod_spec(workload):
    return workload["spec"]["template"]["spec"]


def pod_labels(workload):
    return workload["spec"]["template"]["metadata"].get("labels", {})


def containers(workload):
    spec = pod_spec(workload)
    return spec.get("initContainers", []) + spec["containers"]


def selects(selector, labels):
    """Whether a selector of matchLabels, or a Service's plain one, selects these labels."""
    wanted = selector.get("matchLabels", {}) if "matchLabels" in selector or not selector else selector
    return all(labels.get(key) == value for key, value in wanted.items())


def ports(workload):
    """Ports of all containers by name."""
    return {port["name"]: port["containerPort"]
            for one in containers(workload) for port in one.get("ports", [])}


def secrets_asked_for(kustomization):
    """{Secret: keys} that the comment at the top of a kustomization says must be there."""
    asked = {}
    path = next(KUSTOMIZE.glob(f"**/{kustomization}/kustomization.yaml"))
    for line in path.read_text(encoding="utf-8").splitlines():
        words = line.lstrip("#").replace(",", " ").split()
        if line.startswith("#") and words[:1] == ["Secret"]:
            asked[words[1]] = set(words[2:])
    return asked


def mounts(workload, container):
    """{mount path: volume} of a container."""
    volumes = {volume["name"]: volume for volume in pod_spec(workload).get("volumes", [])}
    return {mount["mountPath"]: volumes.get(mount["name"]) for mount in container.get("volumeMounts", [])}


def environment(objects, container):
    """Variables of a container; those of the Downward API have their field path as value."""
    values = {}
    for source in container.get("envFrom", []):
        values.update(find(objects, "ConfigMap", source["configMapRef"]["name"])["data"])
    for variable in container.get("env", []):
        values[variable["name"]] = variable.get("value") or variable["valueFrom"]["fieldRef"]["fieldPath"]
    return values
