#!/usr/bin/python3
"""What policies reach on the recorded attention of a real model, side by side.

The numbers were measured once with other code; skips (exit 77) where the
recordings are not there.
"""

import json
import os
import subprocess
import sys
import tempfile
import unittest

CTL = os.path.join(os.environ.get("KVPLACE_BIN_DIR", "build/release/bin"), "kvplacectl")
DATA = os.environ.get("KVPLACE_DATA_DIR", "../shared/data")
NAMES = ("bible", "handbook", "code")


def run(*args):
    done = subprocess.run([CTL, *args], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise AssertionError(f"{args}: exit {done.returncode}: {done.stderr}")
    return done.stdout


class RealTraces(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.traces = []
        for name in NAMES:
            trace = os.path.join(cls.folder.name, name + ".kvtrace")
            run("trace", "import", "--from", "attention-mass", os.path.join(DATA, name + ".mass.zst"),
                "--select", "top:64", "--out", trace)
            cls.traces.append(trace)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def simulate(self, capacity, policies, steps=400):
        document = json.loads(run("simulate", *self.traces, "--steps", f"0:{steps}", "--hbm-capacity", capacity,
                                  "--policy", policies, "--format", "json"))
        return document, {one["policy"]: one for one in document["results"]}

    def test_lru_misses(self):
        """Miss shares of lru: 17.9, 7.7 and 4.2% at 15, 20 and 25%; at 10% it thrashes."""
        for capacity, expected in (("15%", 17.9), ("20%", 7.7), ("25%", 4.2)):
            with self.subTest(capacity=capacity):
                _, results = self.simulate(capacity, "lru")
                self.assertAlmostEqual(100 * results["lru"]["miss_share"], expected, delta=0.2)
        _, results = self.simulate("10%", "lru")
        self.assertGreater(results["lru"]["miss_share"], 0.99)

    def test_order_of_policies(self):
        """The roofline bounds all; MIN misses least; lfu does not thrash where lru does."""
        document, results = self.simulate("10%", "static,reactive-layer,reactive-page,lru,lfu,lookahead-1,balanced,"
                                                 "slack-oracle,belady")
        bound = document["bounds"]["roofline_seconds"]
        for one in results.values():
            self.assertGreaterEqual(one["total_seconds"], bound)
            from_dram = one["dram_read_bytes"] + one["prefetched_bytes"]
            self.assertGreaterEqual(from_dram, results["belady"]["dram_read_bytes"])
        self.assertLess(results["lfu"]["miss_share"], 0.5 * results["lru"]["miss_share"])

    def test_oracles(self):
        """At 25% the two numbers found beat a window of one step; prefetching within the slack loses to lru.

        The search runs the traces 42 times: on the first steps only."""
        _, results = self.simulate("25%", "lru,lookahead-1,slack-oracle,annealed-oracle", 100)
        seconds = {name: one["total_seconds"] for name, one in results.items()}
        self.assertEqual(sorted(seconds, key=seconds.get), ["annealed-oracle", "lookahead-1", "lru", "slack-oracle"])

    def test_routing_helps_when_all_fits(self):
        """With everything in HBM only read routing uses the rest of the bandwidth."""
        args = ("simulate", *self.traces, "--steps", "0:50", "--hbm-capacity", "100%", "--policy", "lru",
                "--format", "json")
        off = json.loads(run(*args))
        on = json.loads(run(*args, "--read-routing", "on"))
        self.assertLess(on["results"][0]["total_seconds"], off["results"][0]["total_seconds"])
        self.assertGreater(on["results"][0]["roofline_ratio"], 0.98)


if __name__ == "__main__":
    for name in NAMES:
        path = os.path.join(DATA, name + ".mass.zst")
        if not os.path.exists(path):
            print(f"skipped: {path} is not there (set KVPLACE_DATA_DIR)")
            sys.exit(77)
    unittest.main(verbosity=2)
