#!/usr/bin/python3
"""kvplacectl simulate --plot: a picture an XML parser reads, and files that cannot be written."""

import json
import os
import shutil
import subprocess
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree

CTL = os.path.join(os.environ.get("KVPLACE_BIN_DIR", "build/release/bin"), "kvplacectl")
SAMPLE = os.path.join(os.environ.get("KVPLACE_SOURCE_DIR", "."), "tests/data/bible-sample.kvtrace")
SVG = "{http://www.w3.org/2000/svg}"


def simulate(*args):
    return subprocess.run([CTL, "simulate", *args], capture_output=True, text=True, check=False)


class Plot(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.svg = os.path.join(self.folder, "p.svg")

    def plot(self, *args):
        done = simulate(*args, "--plot", self.svg)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stderr, "")
        return ElementTree.parse(self.svg).getroot(), done.stdout

    @staticmethod
    def group(root, name):
        return [one for one in root.iter(SVG + "g") if one.get("class") == name]

    @staticmethod
    def texts(root):
        return ["".join(one.itertext()) for one in root.iter(SVG + "text")]

    def test_every_policy_of_the_run(self):
        run = (SAMPLE, "--steps", "0:40", "--policy", "all", "--format", "json")
        root, _ = self.plot(*run)
        policies = [one["policy"] + ("*" if one["clairvoyant"] else "") for one in
                    json.loads(simulate(*run).stdout)["results"]]
        lines = {one.find(SVG + "title").text: one for one in self.group(root, "line")}
        self.assertEqual(sorted(lines), sorted([*policies, "roofline"]))
        bars = [one.find(SVG + "text").text for one in self.group(root, "bar")]
        self.assertEqual(sorted(bars), sorted(lines))
        looks = set()
        for line in lines.values():
            curve = line.find(SVG + "polyline")
            looks.add((line.get("stroke"), curve.get("stroke-dasharray")))
        self.assertEqual(len(looks), len(lines))
        self.assertEqual(len({line.get("stroke") for line in lines.values()}), len(lines))

    def test_points_and_totals_are_those_of_the_run(self):
        root, stdout = self.plot(SAMPLE, "--steps", "0:20", "--policy", "lru", "--format", "json")
        for line in self.group(root, "line"):
            self.assertEqual(len(line.find(SVG + "polyline").get("points").split()), 20)
        result = json.loads(stdout)["results"][0]
        bar = self.group(root, "bar")[0]
        self.assertIn(f"({1 / result['roofline_ratio']:.2f}\u00d7)", bar.findall(SVG + "text")[1].text)
        widths = [float(one.get("width")) for one in bar.iter(SVG + "rect")]
        self.assertAlmostEqual(sum(widths), 640, delta=0.05)

    def test_no_bound(self):
        root, _ = self.plot(SAMPLE, "--steps", "0:9", "--bound", "none")
        self.assertNotIn("roofline", " ".join(self.texts(root)))
        self.assertEqual(len(self.group(root, "line")), 1)

    def test_one_step(self):
        root, _ = self.plot(SAMPLE, "--steps", "3:4", "--policy", "lru,lru")
        self.assertEqual(len(list(root.iter(SVG + "circle"))), 3)

    def test_self_contained(self):
        root, _ = self.plot(SAMPLE, "--mode", "exclusive")
        tags = {one.tag.removeprefix(SVG) for one in root.iter()}
        self.assertLessEqual(tags, {"svg", "title", "desc", "rect", "text", "g", "line", "path", "polyline",
                                    "polygon", "circle", "defs", "pattern"})
        for one in root.iter():
            for name, value in one.attrib.items():
                self.assertNotIn("href", name)
                self.assertFalse(name.startswith("on"), name)
                self.assertNotRegex(value, r"\b(nan|inf)\b")
        self.assertEqual(root.find(SVG + "rect").get("fill"), "#ffffff")

    def test_hostile_names(self):
        for name, shown in (('a<b>&"c.kvtrace', 'a<b>&"c'), ("x\x1b\x07y.kvtrace", "x\ufffd\ufffdy"),
                            ("</svg>".replace("/", "\u2215") + ".kvtrace", "<\u2215svg>"), ("w" * 200, "www")):
            with self.subTest(name=name):
                trace = os.path.join(self.folder, name)
                shutil.copy(SAMPLE, trace)
                root, _ = self.plot(trace, "--steps", "0:3")
                self.assertIn(shown, root.find(SVG + "title").text)

    def test_stdout_is_the_document(self):
        args = (SAMPLE, "--steps", "0:5", "--policy", "lru")

        def timeless(text):
            return [line for line in text.splitlines() if "p50" not in line and "p99" not in line]

        for form in ("json", "table", "csv"):
            plain = simulate(*args, "--format", form).stdout
            schedule = os.path.join(self.folder, "s.jsonl")
            _, plotted = self.plot(*args, "--format", form, "--schedule-out", schedule)
            if form == "json":
                self.assertEqual(timeless(plotted), timeless(plain))
            self.assertEqual(len(plotted.splitlines()), len(plain.splitlines()))
            with open(schedule, encoding="utf-8") as lines:
                self.assertEqual(json.loads(lines.readline())["schema"], "kvplace.schedule/1")

    def test_the_same_run_gives_the_same_file(self):
        files = []
        for _ in range(2):
            self.plot(SAMPLE, "--steps", "0:40", "--policy", "all")
            with open(self.svg, "rb") as file:
                files.append(file.read())
        self.assertEqual(files[0], files[1])

    def refused(self, code, needles, *args):
        done = simulate(*args)
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertEqual(done.stdout, "")
        for needle in needles:
            self.assertIn(needle, done.stderr)

    def test_files_that_cannot_be_written(self):
        missing = os.path.join(self.folder, "nowhere", "p.svg")
        self.refused(1, ["--plot", missing, "No such file or directory"], SAMPLE, "--plot", missing)
        self.refused(1, ["--plot", self.folder, "Is a directory"], SAMPLE, "--plot", self.folder)
        self.refused(1, ["/dev/full"], SAMPLE, "--steps", "0:2", "--plot", "/dev/full")
        # Known before the run, and before the traces are read.
        self.refused(1, ["--plot", missing], "nowhere.kvtrace", "--plot", missing)
        self.refused(2, ["--plot", "--schedule-out"], SAMPLE, "--plot", self.svg, "--schedule-out", self.svg)
        self.assertFalse(os.path.exists(self.svg))

    def test_a_trace_is_not_overwritten(self):
        trace = os.path.join(self.folder, "t.kvtrace")
        shutil.copy(SAMPLE, trace)
        size = os.path.getsize(trace)
        self.refused(1, ["--plot", "is the trace"], trace, "--plot", os.path.join(self.folder, ".", "t.kvtrace"))
        self.assertEqual(os.path.getsize(trace), size)

    def test_a_failed_run_leaves_files_as_they_were(self):
        self.refused(1, ["nowhere.kvtrace"], "nowhere.kvtrace", "--plot", self.svg)
        self.assertFalse(os.path.exists(self.svg))
        with open(self.svg, "w", encoding="utf-8") as file:
            file.write("the plot of yesterday")
        self.refused(1, ["nowhere.kvtrace"], "nowhere.kvtrace", "--plot", self.svg)
        with open(self.svg, encoding="utf-8") as file:
            self.assertEqual(file.read(), "the plot of yesterday")

    def test_help(self):
        self.assertIn("--plot", simulate("--help").stdout)


if __name__ == "__main__":
    unittest.main(verbosity=2)
