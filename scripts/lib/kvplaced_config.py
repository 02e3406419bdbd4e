"""kvplaced's configuration as a manifest gives it, read by kvplaced itself."""

import os
import pathlib
import re
import subprocess
import tempfile

import manifests as m

BIN = pathlib.Path(os.environ.get("KVPLACE_BIN_DIR", m.ROOT / "build/release/bin"))


def write_volumes(objects, workload, container, folder):
    """Writes the ConfigMaps that a container mounts below `folder`. Returns what
    makes paths in the container paths there."""
    mounts = m.mounts(workload, container)
    moved = {path: pathlib.Path(folder) / path.strip("/").replace("/", "_") for path in mounts}

    def translate(text):
        for path in sorted(moved, key=len, reverse=True):
            text = re.sub(rf"(^|[\s=]){re.escape(path)}(?=/)", rf"\g<1>{moved[path]}", text, flags=re.MULTILINE)
        return text

    for path, volume in mounts.items():
        moved[path].mkdir(exist_ok=True)
        config = m.find(objects, "ConfigMap", volume.get("configMap", {}).get("name")) if volume else None
        for key, text in (config or {}).get("data", {}).items():
            (moved[path] / key).write_text(translate(text), encoding="utf-8")
    return translate


def effective(objects, workload, container):
    """Options in force by name, as text with paths of the container; or None and
    what kvplaced says against them."""
    with tempfile.TemporaryDirectory() as folder:
        translate = write_volumes(objects, workload, container, folder)
        run = subprocess.run([BIN / "kvplaced", *map(translate, container.get("args", [])), "--check-config"],
                             capture_output=True, text=True, check=False)
        if run.returncode != 0:
            return None, run.stderr.strip()
        options = dict(re.findall(r"^([a-z-]+): (.*?)  # ", run.stdout, re.MULTILINE))
        options = {name: "" if value in ('""', "~") else value.strip('"') for name, value in options.items()}
        for path in m.mounts(workload, container):
            target = str(pathlib.Path(folder) / path.strip("/").replace("/", "_"))
            options = {name: value.replace(target + "/", path + "/") for name, value in options.items()}
    return options, ""
