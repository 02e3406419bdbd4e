#!/usr/bin/python3
"""scripts/reproduce-paper --quick: valid tables and picture in a folder of its own, docs as they were."""

import csv
import importlib.util
import os
import pathlib
import re
import subprocess
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree

ROOT = pathlib.Path(os.environ.get("KVPLACE_SOURCE_DIR", "."))
SCRIPT = ROOT / "scripts/reproduce-paper"
SVG = "{http://www.w3.org/2000/svg}"
MATPLOTLIB = importlib.util.find_spec("matplotlib") is not None
FILES = ("paper.csv", "paper.md", *(("paper.svg",) if MATPLOTLIB else ()))


def contents(folder):
    return {name: (folder / name).read_bytes() for name in FILES if (folder / name).exists()}


class ReproducePaper(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.out = pathlib.Path(folder.name)
        cls.docs = contents(ROOT / "docs")
        cls.log = cls.run_script("--quick")
        cls.files = contents(cls.out)

    @classmethod
    def run_script(cls, *arguments):
        done = subprocess.run([SCRIPT, *arguments, "--out", cls.out], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise AssertionError(f"{arguments}: exit {done.returncode}: {done.stderr}")
        return done.stderr

    def rows(self):
        with open(self.out / "paper.csv", encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    def test_docs_are_as_they_were(self):
        self.assertEqual(sorted(self.files), sorted(FILES))
        self.assertEqual(contents(ROOT / "docs"), self.docs)

    def test_nothing_beats_the_certified_bound(self):
        rows = self.rows()
        self.assertEqual({row["data"] for row in rows}, {"mixed", "sticky", "volatile", "real"})
        for row in rows:
            seconds = {name: float(value) for name, value in row.items() if name.endswith("_seconds")}
            self.assertEqual(len(seconds), 9)
            self.assertTrue(0 < float(row["read_percent"]) <= 100, row)
            roofline, certified = seconds.pop("roofline_seconds"), seconds.pop("certified_seconds")
            self.assertLessEqual(0.999999 * roofline, certified)
            for name, value in seconds.items():
                self.assertGreaterEqual(value, 0.999999 * certified, name)

    def test_tables(self):
        blocks = re.findall(r"<!-- measured: (\w+) -->\n(.*?)<!-- /measured -->",
                            (self.out / "paper.md").read_text(encoding="utf-8"), re.DOTALL)
        self.assertEqual(sorted(name for name, _ in blocks),
                         ["capacity", "factors", "findings", "gaps", "how", "sparsity"])
        blocks = dict(blocks)
        for name, lines in (("capacity", 4), ("sparsity", 6), ("factors", 6), ("gaps", 12)):
            table = blocks[name].splitlines()
            self.assertEqual(len(table), 2 + lines, name)
            self.assertEqual(len({line.count("|") for line in table}), 1, name)
        for text in blocks.values():
            self.assertNotRegex(text, r"\bnan\b|\binf\b(?!`)|/tmp")

    @unittest.skipUnless(MATPLOTLIB, "no matplotlib (scripts/install-deps --dev)")
    def test_picture(self):
        root = ElementTree.parse(self.out / "paper.svg").getroot()
        texts = ["".join(one.itertext()) for one in root.iter(SVG + "text")]
        for name in ("static", "reactive-layer", "reactive-page", "lru", "annealed-oracle"):
            self.assertIn(name, texts)
        self.assertTrue(any(text.startswith("(b) Real") for text in texts), texts)

    def test_without_recordings_the_real_part_is_kept(self):
        log = self.run_script("--quick", "--synth-only")
        self.assertIn("REAL TRACES NOT MEASURED: 2 rows", log)
        self.assertEqual(contents(self.out), self.files)

    def test_redraw_measures_nothing(self):
        self.assertNotIn("] mixed", self.run_script("--quick", "--redraw"))
        self.assertEqual(contents(self.out), self.files)

    def test_progress(self):
        self.assertRegex(self.log, r"\[9/9\] real traces, HBM 40%: ")


if __name__ == "__main__":
    unittest.main()
