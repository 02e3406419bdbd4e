#!/usr/bin/env python3
"""Prints deploy/prometheus/prometheus.yml for other targets: the same job and
rules, scraped and evaluated every second.

Usage: prometheus_config.py HOST:PORT...
"""

import pathlib
import re
import sys

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "deploy/prometheus"


def replaced(text, pattern, replacement):
    text, count = re.subn(pattern, lambda _: replacement, text, flags=re.MULTILINE)
    if count == 0:
        sys.exit(f"deploy/prometheus/prometheus.yml has no {pattern}")
    return text


def prometheus_config(targets):
    text = (FOLDER / "prometheus.yml").read_text(encoding="utf-8")
    text = replaced(text, r'\["127\.0\.0\.1:9551"\]', "[" + ", ".join(f'"{t}"' for t in targets) + "]")
    text = replaced(text, r"(?<=_interval: )15s$", "1s")
    return replaced(text, r"^  - (?=kvplace\.\w+\.yml$)", f"  - {FOLDER}/")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.stdout.write(prometheus_config(sys.argv[1:]))
