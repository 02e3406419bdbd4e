#!/usr/bin/python3
"""trace synth --requests, then simulate: requests that arrive and leave load, run and fit into HBM."""

import json
import os
import subprocess
import tempfile
import unittest

SOURCE = os.environ.get("KVPLACE_SOURCE_DIR", ".")
CTL = os.path.join(os.environ.get("KVPLACE_BIN_DIR", "build/release/bin"), "kvplacectl")
REQUESTS = os.path.join(SOURCE, "tests/data/requests.jsonl")
LAYERS = 4


def ctl(*args):
    return subprocess.run([CTL, *args], capture_output=True, text=True, check=False)


class SynthRequests(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.trace = self.path("t.kvtrace")

    def path(self, name):
        return os.path.join(self.folder, name)

    def run_ctl(self, *args):
        done = ctl(*args)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def synth(self, *args, requests=REQUESTS, out=None):
        self.run_ctl("trace", "synth", "--requests", requests, "--layers", str(LAYERS), "--max-active", "3",
                     "--out", out or self.trace, *args)

    def test_every_policy_runs(self):
        self.synth()
        for machine in (("--mode", "inclusive", "--read-routing", "on"), ("--mode", "exclusive")):
            document = json.loads(self.run_ctl(
                "simulate", self.trace, "--policy", "all", "--hbm-capacity", "20%", "--format", "json", *machine,
                "--bound", "hindsight", "--bound-iterations", "20", "--bound-time-limit", "inf"))
            self.assertGreater(len(document["results"]), 8)
            for one in document["results"]:
                self.assertLessEqual(document["bounds"]["hindsight_seconds"], one["total_seconds"], one["policy"])
                # Prompts and outputs of all eight requests, in each layer.
                self.assertEqual(one["new_kv_bytes"], LAYERS * 4096 * (1846 + 133), one["policy"])

    def test_blocks_come_and_go(self):
        """Three run at once and hold no more than HBM; what is freed is never read again."""
        self.synth("--page-tokens", "8")
        schedule = self.path("s.jsonl")
        self.run_ctl("simulate", self.trace, "--policy", "lru", "--hbm-capacity", "30%", "--schedule-out", schedule)
        with open(schedule, encoding="utf-8") as lines:
            header, *phases = [json.loads(line) for line in lines]
        self.assertEqual(header["sequences"], 8)
        self.assertEqual(header["initial_hbm"], [])
        per_sequence = header["pages_max"] * header["groups"]
        alive, hbm, ever = set(), set(), set()
        for phase in phases:
            born = set(phase["new_hbm"]) | set(phase["new_dram"])
            self.assertFalse(born & ever)
            ever |= born
            alive |= born
            hbm |= set(phase["new_hbm"])
            self.assertLessEqual(len(hbm), header["hbm_capacity_blocks"])
            self.assertLessEqual(len({block // per_sequence for block in alive}), 3)
            self.assertLessEqual(set(phase["read_hbm"]), hbm)
            self.assertLessEqual(set(phase["read_dram"]), alive - hbm)
            hbm |= set(phase["promote_on_read"])
            hbm -= set(phase["evict"]) | set(phase["freed"])
            alive -= set(phase["freed"])
        self.assertEqual(len(ever), header["blocks"])
        self.assertFalse(alive)

    def test_bytes_depend_on_what_was_asked_for_only(self):
        self.synth()
        packed = self.path("r.zst")
        if subprocess.run(["zstd", "-q", REQUESTS, "-o", packed], check=False).returncode != 0:
            self.skipTest("no zstd")
        self.synth(requests=packed, out=self.path("again"))
        with open(self.trace, "rb") as one, open(self.path("again"), "rb") as other:
            self.assertEqual(one.read(), other.read())

    def test_bad_requests(self):
        bad = self.path("bad.jsonl")
        for text, needles in (
                ('{"timestamp": 1, "input_length": 2}\n', ["line 1", "output_length is missing"]),
                ('{"timestamp": 1, "input_length": 2, "output_length": 3}\nx\n', ["line 2", "JSON object"]),
                ("", ["has no request"])):
            with open(bad, "w", encoding="utf-8") as file:
                file.write(text)
            done = ctl("trace", "synth", "--requests", bad, "--out", self.trace)
            self.assertEqual(done.returncode, 1)
            for needle in [bad, *needles]:
                self.assertIn(needle, done.stderr)
            self.assertFalse(os.path.exists(self.trace))


if __name__ == "__main__":
    unittest.main()
