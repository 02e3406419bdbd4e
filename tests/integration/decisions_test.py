#!/usr/bin/python3
"""bench/decisions --quick: valid tables in a folder of its own, repeatable, and failures that name the command."""

import csv
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(os.environ.get("KVPLACE_SOURCE_DIR", "."))
BIN = pathlib.Path(os.environ.get("KVPLACE_BIN_DIR", ROOT / "build/release/bin"))
BENCH = ROOT / "bench/decisions"
FILES = ("decisions.csv", "decisions.md")
sys.path.insert(0, str(ROOT / "scripts/lib"))
import decisions_report as report  # noqa: E402
from decisions_report import Cell, Row  # noqa: E402


def contents(folder):
    return {name: (folder / name).read_bytes() for name in FILES if (folder / name).exists()}


def bench(*arguments, **environment):
    return subprocess.run([BENCH, *arguments], capture_output=True, text=True, check=False,
                          env={**os.environ, **environment})


class Folder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)


class Quick(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.out = pathlib.Path(folder.name)
        cls.docs = contents(ROOT / "docs")
        done = bench("--quick", "--jobs", "2", "--out", cls.out)
        if done.returncode != 0:
            raise AssertionError(done.stderr)
        cls.log = done.stderr
        cls.files = contents(cls.out)
        cls.page = cls.files["decisions.md"].decode()
        cls.blocks = dict(re.findall(r"<!-- measured: (\w+) -->\n(.*?)<!-- /measured -->", cls.page, re.DOTALL))

    def rows(self):
        with open(self.out / "decisions.csv", encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    def test_docs_are_as_they_were(self):
        self.assertEqual(sorted(self.files), sorted(FILES))
        self.assertEqual(contents(ROOT / "docs"), self.docs)

    def test_every_run_is_a_line(self):
        rows = self.rows()
        self.assertEqual(tuple(rows[0]), report.COLUMNS)
        keys = [tuple(row.values())[:6] for row in rows]
        self.assertEqual(len(set(keys)), len(keys))
        # Traces, machines, capacities.
        cells = {key[:3] for key in keys}
        self.assertEqual(len(cells), 3 * 2 * 2)
        for cell in cells:
            policies = {key[3] for key in keys if key[:3] == cell and key[5] == "off"}
            self.assertLessEqual({*report.BASELINES, "belady"}, policies)
            self.assertEqual(sum(key[:3] == cell and key[4] == "2" for key in keys), 1)
        self.assertEqual({key[1:3] for key in keys if key[5] == "on"}, {("40", "paper-gh200")})

    def test_nothing_beats_the_certified_bound(self):
        for row in self.rows():
            self.assertGreater(float(row["bound_seconds"]), 0)
            self.assertGreaterEqual(float(row["seconds"]), 0.999999 * float(row["bound_seconds"]), row)
            self.assertGreaterEqual(float(row["upper_seconds"]), 0.999999 * float(row["bound_seconds"]), row)

    def test_tables(self):
        self.assertEqual(sorted(self.blocks), ["how", "misses", "ratios", "rules", "targets", "worst"])
        for name, text in self.blocks.items():
            self.assertNotRegex(text, r"\bnan\b|\binf\b(?!`)|/tmp|Not measured yet")
            tables = re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE)
            self.assertEqual(len(tables), 2 if name == "ratios" else 1, name)
            for table in tables:
                self.assertEqual(len({line.count("|") for line in table.splitlines()}), 1, table)
        self.assertIn("| bible (tuned on) |", self.blocks["ratios"])
        self.assertIn("2 of 3 traces judge", self.blocks["targets"].replace("\n", " "))

    def test_repeatable_whatever_the_jobs(self):
        with tempfile.TemporaryDirectory() as folder:
            done = bench("--quick", "--jobs", "1", "--out", folder)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(contents(pathlib.Path(folder)), self.files)

    def test_redraw_measures_nothing(self):
        done = bench("--redraw", "--out", self.out)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn("[1/", done.stderr)
        self.assertEqual(contents(self.out), self.files)
        done = bench("--redraw", "--out", self.out, "--ours", "nobody")
        self.assertEqual(done.returncode, 1)
        self.assertIn("does not judge nobody", done.stderr)

    def test_progress(self):
        self.assertRegex(self.log, r"\[12/12\] ")


class Further(Folder):
    def test_further_traces_and_another_policy(self):
        further = self.folder / "mine.kvtrace"
        done = subprocess.run([BIN / "kvplacectl", "trace", "synth", "--layers", "2", "--context", "512", "--steps", "8",
                               "--out", further], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        done = bench("--quick", "--ours", "balanced", "--out", self.folder, further)
        self.assertEqual(done.returncode, 0, done.stderr)
        page = (self.folder / "decisions.md").read_text(encoding="utf-8")
        self.assertIn("| mine | further | judges | `mine.kvtrace` |", page)
        self.assertIn("balanced over lru", page)

    def test_names_that_would_mislead(self):
        for name in ("mixed.kvtrace", "bible.mass.zst", "a+b.kvtrace", "trace.bin", "absent.kvtrace"):
            path = self.folder / name
            if name != "absent.kvtrace":
                path.write_bytes(b"")
            done = bench("--quick", "--out", self.folder / "out", path)
            self.assertEqual(done.returncode, 1, name)
            self.assertIn(name, done.stderr)


class Failure(Folder):
    def test_a_run_that_fails_is_named(self):
        fake = self.folder / "kvplacectl"
        fake.write_text(f"""#!/bin/sh
case "$*" in
  *"simulate "*mixed*) echo broken >&2; exit 3 ;;
esac
exec {BIN.resolve()}/kvplacectl "$@"
""", encoding="utf-8")
        fake.chmod(0o755)
        done = bench("--quick", "--out", self.folder / "out", KVPLACE_BIN_DIR=str(self.folder))
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r"kvplacectl simulate .*mixed\.kvtrace .*: exit 3: broken")
        self.assertEqual(list((self.folder / "out").iterdir()), [])

    def test_a_trace_that_is_none(self):
        path = self.folder / "none.kvtrace"
        path.write_bytes(b"nothing")
        done = bench("--quick", "--out", self.folder / "out", path)
        self.assertEqual(done.returncode, 1)
        self.assertIn("none.kvtrace", done.stderr)

    def test_no_recordings(self):
        done = bench("--data", self.folder, "--out", self.folder / "out")
        self.assertEqual(done.returncode, 1)
        self.assertIn("bible.mass.zst: no such file", done.stderr)


class Report(unittest.TestCase):
    """Numbers made up, ratios worked out by hand."""

    @staticmethod
    def rows(trace, ours, lru, belady_misses=0.1):
        cell = Cell(trace, "h100-pcie5", 15)
        times = {"static": 9.0, "lru": lru, "lfu": 5.0, "balanced": 8.0, "ours": ours, "belady": 1.0}
        rows = [Row(cell, name, report.DELAYS.get(name, 1), False, seconds, 0.2, 100, 1.0, 1.5)
                for name, seconds in times.items() if name != "belady"]
        rows.append(Row(cell, "belady", 0, False, 1.0, belady_misses, 50, 1.0, 1.5))
        return rows + [Row(cell, "ours", 2, False, 1.1 * ours, 0.2, 90, 1.0, 1.5)]

    def results(self, *rows):
        return report.Results([row for some in rows for row in some], "ours", lambda trace: "recordings")

    def test_means_leave_out_what_was_tuned_on(self):
        results = self.results(self.rows("a", 4.0, 8.0), self.rows("b", 4.0, 2.0),
                               self.rows("bible", 1.0, 100.0), self.rows("bible+a", 1.0, 100.0))
        # Geometric means of 1/2 and 2, and of 1/8 and 1/2.
        table = report.targets(results)
        self.assertIn("| h100-pcie5 | 15% | 0.78 | 1.000 | missed by 28% | 0.250 | 1.000 |", table)
        self.assertTrue(table[0].startswith("ours meets 0 of 1 targets. 2 of 4 traces judge"), table[0])

    def test_rules_count_every_cell(self):
        results = self.results(self.rows("a", 4.0, 8.0), self.rows("bible", 5.5, 8.0, belady_misses=0.0))
        lines = {line.split(" | ")[0][2:]: line for line in report.rules(results)[2:]}
        # The best of the baselines is lfu with 5.
        self.assertIn("| 1.01 | 0.950 | 1.100 | bible, h100-pcie5, 15% | 1 of 2 | missed by 8.91% |",
                      lines["time over the best baseline"])
        self.assertIn("| 1.03 | 1.100 |", lines["time at delay 2 over delay 1"])
        self.assertIn("| 2 of 2 | met |", lines["bytes moved over lru's"])
        self.assertIn("| 2.000 | 2.000 | a, ", lines["misses over belady's"])

    def test_verdicts(self):
        self.assertEqual(report.verdict(0.8, 0.8), "met")
        self.assertEqual(report.verdict(0.808, 0.8), "missed by 1.00%")
        self.assertEqual(report.verdict(1.6, 0.8), "missed by 100%")
        self.assertEqual(report.verdict(None, 0.8), "not measured")


if __name__ == "__main__":
    unittest.main()
