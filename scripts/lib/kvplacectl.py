"""Runs the kvplacectl of the release build (or of KVPLACE_BIN_DIR), for scripts that measure with it."""

import os
import pathlib
import subprocess
import sys

_ROOT = pathlib.Path(__file__).resolve().parents[2]


def die(text):
    print(f"{pathlib.Path(sys.argv[0]).name}: {text}", file=sys.stderr, flush=True)
    sys.exit(1)


def program():
    """Its path; ends the script where it is not built."""
    path = pathlib.Path(os.environ.get("KVPLACE_BIN_DIR", _ROOT / "build/release/bin")) / "kvplacectl"
    if not path.exists():
        die("no kvplacectl; scripts/build release makes it")
    return path


def call(*arguments):
    """What it prints; ends the script where it fails."""
    done = subprocess.run([program(), *map(str, arguments)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        die(f"kvplacectl {' '.join(map(str, arguments))}: {done.stderr.strip()}")
    return done.stdout
