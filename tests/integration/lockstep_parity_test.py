#!/usr/bin/python3
"""A worker in lockstep with a live kvplaced moves, byte for byte, what
`kvplacectl simulate --delay-steps 1` says."""

import json
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import live_system  # noqa: E402

POLICIES = ("static", "reactive-layer", "reactive-page", "lru", "lfu", "balanced", "shadow-price")
MODES = {
    "inclusive": (),
    "exclusive": ("--mode", "exclusive"),
    "routing": ("--read-routing", "on"),
}
SAMPLE = os.path.join(live_system.SOURCE, "tests/data/bible-sample.kvtrace")
# On a busy machine steps, or what is learned from them, would be left out.
ALL_STEPS = ("--max-sample-every", "1")
SAME = ("hbm_read_bytes", "dram_read_bytes", "promoted_on_read_bytes", "prefetched_bytes",
        "demoted_bytes", "new_kv_bytes")


class LockstepParity(unittest.TestCase):
    def compare(self, system, policy, flags, traces):
        simulated = json.loads(live_system.run(
            live_system.CTL, "simulate", *traces, *flags, "--policy", policy, "--delay-steps", "1",
            "--format", "json").stdout)
        expected = simulated["results"][0]
        live_system.run(live_system.CTL, "policy", "set", policy, "--server", system.address)
        worker = system.start_worker(*traces, *flags, "--node", "node-a", "--lockstep", "--plan-timeout", "30")
        report = system.finish(worker)
        for key in SAME:
            self.assertEqual(report[key], expected[key], key)
        for key, reference in (("total_seconds", expected["total_seconds"]),
                               ("roofline_seconds", simulated["bounds"]["roofline_seconds"])):
            self.assertAlmostEqual(report[key] / reference, 1, delta=1e-12, msg=key)
        self.assertTrue(report["complete"])
        self.assertEqual(report["session"]["plan_steps"], simulated["steps"])
        for key in ("fallback_steps", "resyncs", "reconnects", "dropped_steps", "plans_invalid"):
            self.assertEqual(report["session"][key], 0, key)
        self.assertEqual(report["plan_timeouts"], 0)

    def test_every_policy_and_mode(self):
        with live_system.System() as system:
            first = live_system.synthetic(system.path("a.kvtrace"))
            second = live_system.synthetic(system.path("b.kvtrace"), sequences=1, context=512, steps=35, seed=6)
            system.start_server(*ALL_STEPS)
            cases = [((first, second), ()),
                     ((SAMPLE,), ("--steps", "100:160", "--hbm-capacity", "10%",
                                  "--fixed-bytes-per-phase", "1MiB"))]
            for traces, extra in cases:
                for policy in POLICIES:
                    for mode, flags in MODES.items():
                        with self.subTest(policy=policy, mode=mode, traces=len(traces)):
                            self.compare(system, policy, (*flags, *extra), traces)

    def test_odd_capacities(self):
        with live_system.System() as system:
            trace = live_system.synthetic(system.path("a.kvtrace"), sequences=2, steps=30)
            system.start_server(*ALL_STEPS)
            for capacity in ("0%", "1%", "50%", "100%", "300%", "1000000"):
                with self.subTest(capacity=capacity):
                    self.compare(system, "lfu", ("--hbm-capacity", capacity), (trace,))

    def test_a_recording_is_the_trace(self):
        with live_system.System() as system:
            trace = live_system.synthetic(system.path("a.kvtrace"), steps=40)
            folder = system.path("recorded")
            os.mkdir(folder)
            server = system.start_server(*ALL_STEPS, "--record-dir", folder)
            system.finish(system.start_worker(trace, "--node", "node-a", "--lockstep"))
            live_system.terminate(server)
            self.assertEqual(server.wait(live_system.PATIENCE), 0)
            (recording,) = os.listdir(folder)
            runs = []
            for file in (trace, os.path.join(folder, recording)):
                simulated = json.loads(live_system.run(live_system.CTL, "simulate", file, "--policy", "all",
                                                       "--format", "json").stdout)
                runs.append([[result[key] for key in ("policy", "total_seconds", *SAME)]
                             for result in simulated["results"]])
            self.assertEqual(*runs)

    def test_the_schedules_are_the_same(self):
        with live_system.System() as system:
            trace = live_system.synthetic(system.path("a.kvtrace"), steps=25)
            system.start_server(*ALL_STEPS, "--policy", "lfu")
            live_system.run(live_system.CTL, "simulate", trace, "--policy", "lfu", "--delay-steps", "1",
                            "--schedule-out", system.path("simulated.jsonl"))
            worker = system.start_worker(trace, "--node", "node-a", "--lockstep", "--schedule-out",
                                         system.path("lived.jsonl"))
            system.finish(worker)
            with open(system.path("simulated.jsonl"), encoding="utf-8") as simulated, \
                    open(system.path("lived.jsonl"), encoding="utf-8") as lived:
                self.assertEqual(simulated.read(), lived.read())


if __name__ == "__main__":
    unittest.main()
