#!/usr/bin/python3
"""kvplacectl bench against a running kvplaced and the echo server, and scripts/bench --quick."""

import json
import os
import pathlib
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from live_system import BIN, CTL, SOURCE, System, run, until  # noqa: E402

SMALL = ("--blocks", "2048", "--groups", "4", "--message-ids", "200", "--warm-up", "0.1")


def bench(*words):
    return subprocess.run([CTL, "bench", *words], capture_output=True, text=True, check=False, timeout=100)


class BenchCommand(unittest.TestCase):
    def test_json_and_text(self):
        with System() as system:
            # A machine that is busy with other things does not throttle.
            system.start_server("--max-sample-every", "1")
            flags = ("--target", system.address, "--workers", "3", "--devices-per-worker", "2", *SMALL)
            document = json.loads(run(CTL, "bench", *flags, "--rate", "20/s", "--seconds", "0.5", "--format", "json").stdout)
            self.assertEqual(document["schema"], "kvplace.load/1")
            self.assertEqual(document["sessions"], 6)
            phase = document["phases"][0]
            self.assertEqual(phase["offered"], 60)
            self.assertEqual((phase["left_out"], phase["answered"]), (0, 60))
            self.assertEqual(list(phase["latency_us"]), ["count", "mean", "p50", "p90", "p99", "p99.9", "max"])
            text = run(CTL, "bench", *flags, "--phases", "max:0.3,10/s:0.3").stdout.splitlines()
            self.assertTrue(text[0].startswith(f"{system.address}: 6 sessions of 2048 blocks in 4 groups, 200 ids"))
            self.assertEqual(text[2].split()[:3], ["RATE", "SECONDS", "ANSWERS/S"])
            self.assertEqual([line.split()[0] for line in text[3:]], ["max", "10/s"])

    def test_the_echo_server_passes_for_a_kvplaced(self):
        with System() as system:
            echo = system.start(os.path.join(BIN, "echo_server"), "--reply-bytes", "5000", log="echo.log")
            address = until(echo.stdout.readline, "the echo server is up").strip()
            document = json.loads(run(CTL, "bench", "--target", address, *SMALL, "--rate", "max", "--seconds", "0.3",
                                      "--format", "json").stdout)
            phase = document["phases"][0]
            self.assertGreater(phase["answered"], 10)
            self.assertAlmostEqual(phase["plan_bytes"], 5000, delta=50)

    def test_wrong_usage(self):
        for words, said in [
                (("--rate", "fast"), '--rate: "fast": expected steps per second'),
                (("--phases", "5/s"), '--phases: "5/s": expected RATE:SECONDS'),
                (("--phases", "5/s:1", "--rate", "3"), "--rate excludes --phases"),
                (("--workers", "0"), "--workers is 0, expected 1..4096"),
                (("--message-ids", "100000"), "--message-ids is 100000, expected 1..32768"),
                (("--encoding", "zip"), "--encoding")]:
            done = bench(*words)
            self.assertEqual(done.returncode, 2, done)
            self.assertIn(said, done.stderr)
        nobody = bench("--target", "127.0.0.1:1", "--seconds", "0.1")
        self.assertEqual(nobody.returncode, 1, nobody)
        self.assertIn("session 0 with 127.0.0.1:1", nobody.stderr)
        self.assertIn("Examples:", run(CTL, "bench", "--help").stdout)


class QuickBench(unittest.TestCase):
    def test_every_promised_number_is_there_or_has_a_reason(self):
        done = run(str(pathlib.Path(SOURCE) / "scripts/bench"), "--quick", "--policies", "lru", "--format", "json")
        document = json.loads(done.stdout)
        self.assertEqual(document["schema"], "kvplace.bench/1")
        ratios = {"p50_1k", "p50_16k", "p99_64x50_16k", "throughput_1k", "throughput_16k", "mtls_throughput", "mtls_p50",
                  "p50_1k_heard", "p50_16k_heard", "throughput_1k_heard", "throughput_16k_heard"}
        figures = {"p99_64x50_16k_ms", "ns_per_id_32k", "ns_per_id_1m", "ns_per_id_64x1m", "rss_64x1m_bytes",
                   "overload_plan_p99_ms", "overload_recovery_s", "overload_uncounted"}
        for part in (document, document["policies"]["lru"]):
            self.assertEqual(set(part["ratios"]), ratios)
            self.assertLessEqual(figures, set(part["figures"]))
            for name in ratios | figures:
                value = part["ratios"].get(name, part["figures"].get(name))
                self.assertTrue(value is not None or part["reasons"][name], name)
        for name in ratios:
            self.assertGreater(document["ratios"][name], 0, name)
        self.assertIn("--quick", document["reasons"]["rss_64x1m_bytes"])
        # How many is a measurement: how the machine is used decides whether all answers are there in time.
        self.assertGreaterEqual(document["figures"]["overload_uncounted"], 0)


if __name__ == "__main__":
    unittest.main()
