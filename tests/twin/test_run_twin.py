#!/usr/bin/python3
"""Tests of the driver against fake_kvplacectl: a sound tool passes, each built-in fault is found."""

import contextlib
import io
import os
import re
import shutil
import stat
import tempfile
import unittest
from unittest import mock

import run_twin

HERE = os.path.dirname(os.path.abspath(__file__))


class DriverTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.tool = f"{folder.name}/kvplacectl"
        with open(self.tool, "w", encoding="utf-8") as handle:
            handle.write(f'#!/bin/sh\nexec /usr/bin/python3 {HERE}/fake_kvplacectl.py "$@"\n')
        os.chmod(self.tool, os.stat(self.tool).st_mode | stat.S_IXUSR)

    def drive(self, fault, cases):
        """(exit status, printed text) of the driver with the fake's two policies at their default delay."""
        draw = run_twin.draw_settings

        def default_delay(rng, run):
            settings = draw(rng, run)
            settings.delay = None
            settings.profile = run_twin.step_time.Profile.named("paper-gh200")
            return settings

        output = io.StringIO()
        with mock.patch.object(run_twin, "POLICIES", ("static", "lru")), \
                mock.patch.object(run_twin, "draw_settings", default_delay), \
                mock.patch.dict(os.environ, {"KVPLACE_FAKE_FAULT": fault}), contextlib.redirect_stdout(output):
            status = run_twin.main(["--kvplacectl", self.tool, "--cases", str(cases), "--seed", "11"])
        for kept in re.findall(r"^files: (\S+)/case\d+$", output.getvalue(), re.MULTILINE):
            shutil.rmtree(kept, ignore_errors=True)
        return status, output.getvalue()

    def test_sound_tool_passes(self):
        status, text = self.drive("", 8)
        self.assertEqual((status, text.splitlines()[-1]), (0, "8 passed, 0 failed"), text)

    def test_faults_are_found(self):
        for fault, rule in (("seconds", "seconds = T(p)"), ("usage", "expected (2,)"), ("peek", "static has no"),
                            ("bound", "hindsight_seconds <= hindsight_upper_seconds"),
                            ("upper", "hindsight_upper_seconds: ")):
            with self.subTest(fault=fault):
                status, text = self.drive(fault, 4)
                self.assertEqual(status, 1)
                self.assertIn(rule, text)
                self.assertNotIn(", 0 failed", text)


class PrefixTest(unittest.TestCase):
    """compare_prefix: the causality rule on hand-made lines."""

    def lines(self, **last):
        blank = {"read_hbm": [1, 2], "read_dram": [], "promote_on_read": [], "evict": [], "new_hbm": []}
        return [{"header": 1}, dict(blank), dict(blank, **last)]

    def fails(self, left, right, delay):
        with self.assertRaises(run_twin.TwinFailure):
            run_twin.compare_prefix(left, right, 1, "lru", delay)

    def test_rules(self):
        changed = self.lines()
        changed[1]["evict"] = [9]
        self.fails(self.lines(), changed, 0)
        run_twin.compare_prefix(self.lines(evict=[5]), self.lines(evict=[5, 6]), 1, "lru", 1)
        run_twin.compare_prefix(self.lines(evict=[5]), self.lines(evict=[6]), 1, "lru", 0)
        self.fails(self.lines(evict=[5]), self.lines(evict=[6]), 1)
        self.fails(self.lines(new_hbm=[5]), self.lines(), 1)
        self.fails(self.lines(promote_on_read=[1]), self.lines(promote_on_read=[2]), 1)


if __name__ == "__main__":
    unittest.main()
