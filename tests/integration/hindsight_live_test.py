#!/usr/bin/python3
"""The rolling hindsight bound of a live server: on /metrics, in `kvplacectl top`,
within its CPU budget, and off."""

import os
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import live_system  # noqa: E402
from live_system import CTL, System, run, until  # noqa: E402

LABELS = '{device="0",node="node-a"}'
GAUGES = ("ratio", "gap_ratio", "age_seconds", "window_steps")
CPU = "kvplace_hindsight_cpu_seconds_total" + LABELS


def name(gauge):
    return "kvplace_hindsight_" + gauge + LABELS


def run_worker(system, steps=60):
    """A worker that ran its trace and holds its session."""
    trace = live_system.synthetic(system.path("a.kvtrace"), steps=steps)
    final = system.path("final.json")
    worker = system.start_worker(trace, "--node", "node-a", "--hold", "--lockstep", "--final-state", final)
    until(lambda: os.path.exists(final), "the worker is through")
    until(lambda: system.devices()["node-a", 0]["last_step"] == steps - 1, "the server has heard all")
    return worker


class HindsightLive(unittest.TestCase):
    def test_ratio_gap_and_age(self):
        with System() as system:
            system.start_server("--hindsight-window-steps", "32", "--hindsight-cpu-share", "1", metrics="127.0.0.1:0")
            worker = run_worker(system)
            series = until(lambda: (s := system.scrape()).get(name("window_steps")) == 32 and s, "a whole window")
            self.assertGreater(series[name("ratio")], 0)
            self.assertLessEqual(series[name("ratio")], 1)
            self.assertGreaterEqual(series[name("gap_ratio")], 0)
            self.assertLess(series[name("gap_ratio")], 0.25)
            self.assertGreater(series[CPU], 0)
            # Once the bound of the last steps is there, nothing changes between two questions.
            until(lambda: system.scrape()[name("age_seconds")] > 2, "the last steps' bound")
            device = system.ask("top", "--once")["nodes"][0]["devices"][0]
            self.assertGreater(device["hindsight_ratio"], 0)
            # Nobody beats the roofline, knowing the future or not.
            self.assertGreater(device["hindsight_ratio"], 0.9 * device["roofline_ratio"])
            self.assertEqual(device["hindsight_window_steps"], 32)
            self.assertGreaterEqual(device["hindsight_gap_ratio"], 0)
            shown = f"{device['hindsight_ratio']:.3f}"
            server = ("--server", system.address)
            self.assertIn(shown, run(CTL, "top", "--once", *server).stdout)
            self.assertIn(shown, run(CTL, "nodes", *server).stdout)
            # No steps, no bounds; but it grows older.
            before = device["hindsight_age_seconds"]
            age = system.scrape()[name("age_seconds")]
            until(lambda: system.scrape()[name("age_seconds")] > age, "the age goes on")
            # The last steps' bound may still come in between.
            until(
                lambda: system.ask("top", "--once")["nodes"][0]["devices"][0]["hindsight_age_seconds"] > before,
                "the age in top goes on",
            )
            live_system.terminate(worker)
            worker.communicate(timeout=live_system.PATIENCE)
            series = until(lambda: (s := system.scrape())["kvplace_sessions"] == 0 and s, "the session is gone")
            for gauge in GAUGES:
                self.assertNotIn(name(gauge), series)
            self.assertIn(CPU, series)

    def test_off(self):
        with System() as system:
            system.start_server("--hindsight-window-steps", "0", metrics="127.0.0.1:0")
            run_worker(system)
            # Longer than a sweep.
            time.sleep(0.5)
            series = system.scrape()
            for gauge in GAUGES:
                self.assertNotIn(name(gauge), series)
            self.assertEqual(series[CPU], 0)
            device = system.ask("top", "--once")["nodes"][0]["devices"][0]
            for key in ("hindsight_ratio", "hindsight_gap_ratio", "hindsight_age_seconds", "hindsight_window_steps"):
                self.assertIsNone(device[key])

    def test_the_server_ends_at_once(self):
        with System() as system:
            server = system.start_server("--hindsight-cpu-share", "1", "--drain-deadline", "0s")
            run_worker(system)
            live_system.terminate(server)
            self.assertEqual(server.wait(timeout=live_system.PATIENCE), 0)


if __name__ == "__main__":
    unittest.main()
