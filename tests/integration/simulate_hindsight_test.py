#!/usr/bin/python3
"""kvplacectl simulate --bound hindsight: what it reports on a real trace, the schedule it writes, and wrong usage."""

import json
import os
import subprocess
import sys
import tempfile
import unittest

SOURCE = os.environ.get("KVPLACE_SOURCE_DIR", ".")
sys.path.insert(0, os.path.join(SOURCE, "tests/twin"))
import check_schedule  # noqa: E402
import step_time  # noqa: E402
from schedule_walk import Settings  # noqa: E402

CTL = os.path.join(os.environ.get("KVPLACE_BIN_DIR", "build/release/bin"), "kvplacectl")
SAMPLE = os.path.join(SOURCE, "tests/data/bible-sample.kvtrace")
RECORDING = os.path.join(os.environ.get("KVPLACE_DATA_DIR", "../shared/data"), "bible.mass.zst")
STEPS = 60
MACHINES = (("inclusive", "off"), ("inclusive", "on"), ("exclusive", "off"))
ROUNDING = 1e-9


def simulate(*args):
    return subprocess.run([CTL, "simulate", SAMPLE, *args], capture_output=True, text=True, check=False)


def flags_of(mode, routing):
    return ("--steps", f"0:{STEPS}", "--mode", mode, "--read-routing", routing, "--hbm-capacity", "15%",
            "--bound", "hindsight", "--bound-iterations", "60", "--bound-time-limit", "5s", "--format", "json")


class Hindsight(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "bound.jsonl")

    def document(self, *args):
        done = simulate(*args)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def test_no_policy_is_below(self):
        """roofline <= hindsight <= upper, and hindsight <= every policy's time."""
        for mode, routing in MACHINES:
            with self.subTest(mode=mode, routing=routing):
                document = self.document("--policy", "all", *flags_of(mode, routing))
                bounds = document["bounds"]
                for key in check_schedule.BOUND_KEYS:
                    self.assertIsNotNone(bounds[key], key)
                lower = bounds["hindsight_seconds"]
                self.assertGreaterEqual(lower, bounds["roofline_seconds"])
                self.assertLessEqual(lower, bounds["hindsight_upper_seconds"])
                self.assertLessEqual(bounds["iterations"], 60)
                self.assertGreater(len(document["results"]), 8)
                for one in document["results"]:
                    self.assertLessEqual(lower, one["total_seconds"], one["policy"])
                    self.assertAlmostEqual(one["hindsight_ratio"], lower / one["total_seconds"], delta=ROUNDING)

    def test_schedule_is_the_upper_bound(self):
        """Lines add up to it; where the recording is, the independent checker walks the whole schedule."""
        for mode, routing in MACHINES:
            with self.subTest(mode=mode, routing=routing):
                document = self.document("--policy", "lru,belady", *flags_of(mode, routing),
                                         "--bound-schedule-out", self.path)
                upper = document["bounds"]["hindsight_upper_seconds"]
                with open(self.path, encoding="utf-8") as lines:
                    header, *phases = [json.loads(line) for line in lines]
                self.assertEqual(len(phases), STEPS * header["groups"])
                self.assertAlmostEqual(sum(one["seconds"] for one in phases), upper, delta=ROUNDING * upper)
                if not os.path.exists(RECORDING):
                    continue
                run = check_schedule.load_run([("mass", RECORDING)], 64,
                                              kv_bytes_per_token=header["kv_bytes_per_token"], window=(0, STEPS))
                settings = Settings(step_time.Profile.named("paper-gh200"), mode, routing == "on", 0, "15%",
                                    check_schedule.HINDSIGHT)
                report = check_schedule.check_schedule(run, self.path, settings, document)
                self.assertEqual(report.errors, [])

    def test_it_can_be_repeated(self):
        """The seed decides, where time does not."""
        args = ("--policy", "static", "--steps", "0:4", "--bound", "hindsight", "--bound-gap", "0.05",
                "--bound-time-limit", "60s", "--format", "json")
        bounds = [self.document(*args, "--seed", seed)["bounds"] for seed in ("1", "1")]
        for one in bounds:
            one.pop("seconds_spent")
        self.assertEqual(bounds[0], bounds[1])

    def test_no_time_and_no_iterations(self):
        for args in (("--bound-time-limit", "0s"), ("--bound-iterations", "0", "--bound-time-limit", "200ms"),
                     ("--bound-gap", "1000")):
            with self.subTest(args=args):
                bounds = self.document("--policy", "static", "--bound", "hindsight", "--format", "json",
                                       *args)["bounds"]
                self.assertEqual(bounds["iterations"], 0)
                self.assertGreaterEqual(bounds["hindsight_seconds"], bounds["roofline_seconds"])
                self.assertLessEqual(bounds["hindsight_seconds"], bounds["hindsight_upper_seconds"])

    def test_table_and_csv(self):
        args = ("--policy", "lru", "--steps", "0:5", "--bound", "hindsight", "--bound-time-limit", "100ms")
        table = simulate(*args)
        self.assertEqual(table.returncode, 0, table.stderr)
        for needle in ("(roofline)", "(certified)", "(schedule)", "gap"):
            self.assertIn(needle, table.stdout)
        self.assertEqual(table.stderr, "")
        lines = simulate(*args, "--format", "csv").stdout.splitlines()
        self.assertEqual(len(lines), 2)
        row = dict(zip(lines[0].split(","), lines[1].split(",")))
        self.assertTrue(0 < float(row["hindsight_ratio"]) <= 1)

    def refused(self, code, needles, *args):
        done = simulate("--steps", "0:1", "--policy", "static", *args)
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertEqual(done.stdout, "")
        for needle in needles:
            self.assertIn(needle, done.stderr)

    def test_wrong_usage(self):
        for flag, values in (("--bound-gap", ("-0.1", "nan", "inf", "x", "1%")),
                             ("--bound-time-limit", ("-1s", "60", "soon", "")),
                             ("--bound-iterations", ("-1", "1.5", "many", "99999999999"))):
            for value in values:
                with self.subTest(flag=flag, value=value):
                    self.refused(2, [flag], "--bound", "hindsight", f"{flag}={value}")
        for bound in ("none", "roofline"):
            self.refused(2, ["--bound-schedule-out", "hindsight"], "--bound", bound, "--bound-schedule-out", self.path)
        self.assertFalse(os.path.exists(self.path))

    def test_what_cannot_be_written(self):
        for path in ("/nowhere/x", "/dev/full"):
            self.refused(1, [path], "--bound", "hindsight", "--bound-time-limit", "100ms", "--bound-schedule-out", path)


if __name__ == "__main__":
    unittest.main(verbosity=2)
