#!/usr/bin/env python3
"""Lists the project's own files, one a line, relative to its root.

Usage: own_files.py [.SUFFIX | NAME | shell]...

`shell` stands for shell scripts, by their first line. Without arguments all
files. In a git checkout these are the tracked files and the untracked ones that
are not ignored; elsewhere all but build trees and installed packages.
"""

import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]

# Not written by hand, so exempt from every check.
GENERATED = ("package-lock.json",)
SKIPPED_FOLDERS = {".git", "build", "node_modules", "__pycache__", ".cache"}


def _from_git():
    if not (ROOT / ".git").exists():
        return None
    try:
        listing = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT, capture_output=True, check=True).stdout.decode()
    except (OSError, subprocess.CalledProcessError):
        return None
    return [name for name in listing.split("\0") if name]


def _from_walk():
    names = []
    for folder, subfolders, files in os.walk(ROOT):
        subfolders[:] = [s for s in subfolders if s not in SKIPPED_FOLDERS]
        names += [os.path.relpath(os.path.join(folder, f), ROOT) for f in files]
    return names


def is_shell(name):
    if name.endswith((".sh", ".bash")):
        return True
    if "." in os.path.basename(name):
        return False
    with open(ROOT / name, "rb") as file:
        first = file.readline(80)
    return first.startswith(b"#!") and any(
        first.rstrip().endswith(shell) for shell in (b"bash", b"/sh", b" sh"))


def own_files(*kinds):
    """Sorted names of the files of these kinds that exist."""
    names = _from_git()
    if names is None:
        names = _from_walk()
    names = sorted(
        n for n in set(names)
        if os.path.basename(n) not in GENERATED and (ROOT / n).is_file())
    if not kinds:
        return names
    suffixes = tuple(k for k in kinds if k.startswith("."))
    return [
        n for n in names
        if n.endswith(suffixes) or os.path.basename(n) in kinds
        or ("shell" in kinds and is_shell(n))
    ]


if __name__ == "__main__":
    for found in own_files(*sys.argv[1:]):
        print(found)
