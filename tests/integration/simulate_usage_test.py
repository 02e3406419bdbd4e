#!/usr/bin/python3
"""kvplacectl simulate: exit codes, and errors that name what was wrong."""

import json
import os
import subprocess
import tempfile
import unittest

CTL = os.path.join(os.environ.get("KVPLACE_BIN_DIR", "build/release/bin"), "kvplacectl")
SAMPLE = os.path.join(os.environ.get("KVPLACE_SOURCE_DIR", "."), "tests/data/bible-sample.kvtrace")


def simulate(*args):
    return subprocess.run([CTL, "simulate", *args], capture_output=True, text=True, check=False)


class Usage(unittest.TestCase):
    def refused(self, code, needles, *args):
        done = simulate(*args)
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertEqual(done.stdout, "")
        for needle in needles:
            self.assertIn(needle, done.stderr)

    def test_wrong_usage(self):
        cases = [
            (["--policy", "nope"], ["--policy", "nope", "lru"]),
            (["--policy", "shadow-prize"], ["--policy", "shadow-price"]),
            (["--policy", "lru,lfu", "--param", "decay=1"], ["--param", "exactly one"]),
            (["--policy", "lfu", "--param", "decay"], ["--param", "NAME=NUMBER"]),
            (["--policy", "lfu", "--param", "decay=7"], ["--param", "decay", "0.01"]),
            (["--hbm-capacity", "25x"], ["--hbm-capacity", "expected"]),
            (["--hbm-capacity", "-1%"], ["--hbm-capacity"]),
            (["--hbm-capacity", "nan%"], ["--hbm-capacity"]),
            (["--hbm-capacity", "99999999999GiB"], ["--hbm-capacity"]),
            (["--steps", "5:5"], ["--steps", "expected"]),
            (["--steps", "-1:5"], ["--steps"]),
            (["--steps", "abc"], ["--steps", "expected"]),
            (["--delay-steps", "-1"], ["--delay-steps"]),
            (["--mode", "both"], ["--mode", "inclusive"]),
            (["--mode", "exclusive", "--read-routing", "on"], ["--read-routing"]),
            (["--profile", "nowhere"], ["--profile", "nowhere", "paper-gh200"]),
            (["--fixed-bytes-per-phase", "1.5"], ["--fixed-bytes-per-phase"]),
            (["--bound", "magic"], ["--bound", "roofline"]),
            (["--format", "xml"], ["--format"]),
            (["--policy", "lru,lfu", "--schedule-out", "x"], ["--schedule-out"]),
            (["--no-such-flag"], ["--no-such-flag"]),
        ]
        for args, needles in cases:
            with self.subTest(args=args):
                self.refused(2, needles, SAMPLE, *args)
        self.refused(2, ["traces"])

    def test_failed_runs(self):
        self.refused(1, ["nowhere.kvtrace"], "nowhere.kvtrace")
        self.refused(1, ["README.md"], os.path.join(os.path.dirname(SAMPLE), "README.md"))
        self.refused(1, ["--schedule-out", "/nowhere/x"], SAMPLE, "--steps", "0:1", "--schedule-out", "/nowhere/x")
        self.refused(1, ["400"], SAMPLE, "--steps", "400:500")
        self.refused(1, ["/dev/full"], SAMPLE, "--steps", "0:2", "--schedule-out", "/dev/full")

    def profile(self, text):
        with tempfile.NamedTemporaryFile("w", suffix=".yaml", delete=False) as file:
            file.write(text)
        self.addCleanup(os.unlink, file.name)
        return file.name

    def test_profiles(self):
        good = ("name: mine\nhbm_bytes_per_second: 1e12\nlink_read_bytes_per_second: .inf\n"
                "link_write_bytes_per_second: 1e11\ndram_bytes_per_second: 2e11\n")
        done = simulate(SAMPLE, "--steps", "0:2", "--profile", self.profile(good), "--format", "json")
        self.assertEqual(done.returncode, 0, done.stderr)
        document = json.loads(done.stdout)
        self.assertEqual(document["profile"]["name"], "mine")
        self.assertIsNone(document["profile"]["link_read_bytes_per_second"])
        for bad, needle in ((good.replace("1e12", "0"), "hbm_bytes_per_second"),
                            (good.replace("1e12", "-3"), "hbm_bytes_per_second"),
                            (good.replace("1e12", ".nan"), "hbm_bytes_per_second"),
                            (good.replace("1e12", "fast"), ":2:"),
                            (good + "colour: blue\n", "colour"),
                            (good + "name: again\n", "twice"),
                            ("- 1\n", "map"), ("a: [", ".yaml:")):
            with self.subTest(needle=needle):
                self.refused(2, ["--profile", needle], SAMPLE, "--profile", self.profile(bad))

    def test_output(self):
        args = (SAMPLE, "--steps", "0:3", "--policy", "lru,belady")
        document = json.loads(simulate(*args, "--format", "json").stdout)
        self.assertEqual(document["schema"], "kvplace.simulate/1")
        self.assertEqual([one["policy"] for one in document["results"]], ["lru", "belady"])
        self.assertEqual([one["clairvoyant"] for one in document["results"]], [False, True])
        self.assertIsNone(document["bounds"]["hindsight_seconds"])
        for one in document["results"]:
            self.assertEqual(one["hbm_read_bytes"] + one["dram_read_bytes"], document["read_bytes"])
        lines = simulate(*args, "--format", "csv").stdout.splitlines()
        self.assertEqual(len(lines), 3)
        self.assertEqual(len(lines[0].split(",")), len(lines[1].split(",")))
        self.assertEqual(repr(document["results"][0]["total_seconds"]), lines[1].split(",")[3])
        self.assertIn("lru", simulate(*args).stdout)
        no_bound = json.loads(simulate(*args, "--bound", "none", "--format", "json").stdout)
        self.assertIsNone(no_bound["bounds"]["roofline_seconds"])
        self.assertIsNone(no_bound["results"][0]["roofline_ratio"])

    def test_bound_iterations_end_the_search(self):
        """Where the gap is out of reach, and the time has no limit; twice the same, then."""
        found = []
        for _ in range(2):
            bounds = json.loads(simulate(SAMPLE, "--steps", "0:6", "--hbm-capacity", "15%", "--bound", "hindsight",
                                         "--bound-gap", "0", "--bound-iterations", "20", "--bound-time-limit", "inf",
                                         "--format", "json").stdout)["bounds"]
            self.assertEqual(bounds["iterations"], 20)
            bounds.pop("seconds_spent")
            found.append(bounds)
        self.assertEqual(found[0], found[1])

    def test_annealed_oracle(self):
        """What it found is in the result, for no other policy, and the seed decides."""
        args = (SAMPLE, "--steps", "0:6", "--policy", "lru,annealed-oracle", "--hbm-capacity", "15%")
        found = []
        for seed in ("1", "1", "2", "3"):
            results = json.loads(simulate(*args, "--seed", seed, "--format", "json").stdout)["results"]
            self.assertNotIn("annealed", results[0])
            found.append(results[1]["annealed"])
            self.assertEqual(sorted(found[-1]), ["iterations", "share", "window_steps"])
            self.assertEqual(found[-1]["iterations"], 40)
            self.assertTrue(1 <= found[-1]["window_steps"] <= 6 and 0 <= found[-1]["share"] <= 1)
        self.assertEqual(found[0], found[1])
        table = simulate(*args).stdout
        self.assertIn("annealed-oracle: looks", table)
        self.assertIn("found in 40 iterations", table)
        lines = simulate(*args, "--format", "csv").stdout.splitlines()
        self.assertEqual(len(lines[0].split(",")), len(lines[2].split(",")))

    def test_help(self):
        done = simulate("--help")
        self.assertEqual(done.returncode, 0)
        self.assertIn("Examples", done.stdout)
        for policy in ("reactive-layer", "lookahead-1", "slack-oracle", "annealed-oracle", "belady"):
            self.assertIn(policy, done.stdout)


if __name__ == "__main__":
    unittest.main(verbosity=2)
