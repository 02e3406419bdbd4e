#!/usr/bin/python3
"""Tests of the checker: valid schedules of the own brute simulator pass, and every mutation is rejected.

A checker that cannot fail is worthless: each mutation names the rule that has to catch it.
"""

import copy
import itertools
import json
import os
import random
import subprocess
import tempfile
import unittest

import brute_simulator
import check_schedule
import expected_run
import random_traces
import step_time
from schedule_walk import Settings

PROFILE = step_time.Profile.named("paper-gh200")


def document(run, settings, header, lines, peak):
    """A simulate document for a schedule, totals summed here and not by the checker."""
    block = run.block_bytes
    total = {key: sum(len(line[key]) for line in lines) * block
             for key in ("read_hbm", "read_dram", "promote_on_read", "prefetch", "evict")}
    seconds = sum(line["seconds"] for line in lines)
    capacity = header["hbm_capacity_blocks"]
    roofline = sum(step_time.roofline_phase_range(
        PROFILE, settings.mode, len(run.reads(phase)) * block, capacity, block, settings.fixed_bytes,
        len(run.live_sequences(phase // run.groups)), run.kv_bytes_per_token)[1] for phase in range(run.phases))
    reads = total["read_hbm"] + total["read_dram"]
    entry = {"policy": settings.policy, "delay_steps": 0, "total_seconds": seconds, "clairvoyant": False,
             "hbm_read_bytes": total["read_hbm"], "dram_read_bytes": total["read_dram"],
             "promoted_on_read_bytes": total["promote_on_read"], "prefetched_bytes": total["prefetch"],
             "demoted_bytes": total["evict"], "new_kv_bytes": sum(line["new_kv_bytes"] for line in lines),
             "miss_share": total["read_dram"] / reads if reads else 0, "roofline_ratio": roofline / seconds,
             "hindsight_ratio": None, "decide_microseconds": {"p50": 1.0, "p99": 2.0}}
    bounds = dict.fromkeys(check_schedule.BOUND_KEYS)
    bounds["roofline_seconds"] = roofline
    rates = (PROFILE.hbm, PROFILE.link_read, PROFILE.link_write, PROFILE.dram)
    profile = dict(zip(step_time.PROFILE_KEYS, rates))
    return {"schema": "kvplace.simulate/1", "traces": ["t"] * len(run.sequences), "mode": settings.mode,
            "read_routing": settings.read_routing, "profile": dict(profile, name=PROFILE.name), "steps": run.steps,
            "phases": run.phases, "blocks": run.blocks, "read_bytes": reads, "peak_kv_bytes": peak * block,
            "hbm_capacity_bytes": capacity * block, "fixed_bytes_per_phase": settings.fixed_bytes, "bounds": bounds,
            "results": [entry]}


class Case:
    """A run of two sequences (one ends early), a valid schedule and its document, in a temporary folder."""

    def __init__(self, folder, policy="lru", mode="inclusive", routing=False, capacity="40%", fixed=1000, seed=3):
        rng = random.Random(seed)
        files = [random_traces.write_mass(f"{folder}/{index}.mass", rng, 2, 2, steps, compress=index == 1, prefill=17)
                 for index, steps in enumerate((9, 5))]
        self.run = check_schedule.load_run([(one.kind, one.path) for one in files], select=5, kv_bytes_per_token=100)
        self.settings = Settings(PROFILE, mode, routing, fixed, capacity, policy)
        peak = min(self.run.peaks_live())
        blocks = expected_run.capacity_blocks(capacity, peak, self.run.block_bytes)
        self.header, self.lines = brute_simulator.make_schedule(self.run, self.settings, blocks, policy)
        self.result = document(self.run, self.settings, self.header, self.lines, peak)
        self.path = f"{folder}/schedule.jsonl"

    def errors(self):
        brute_simulator.write_schedule(self.path, self.header, self.lines)
        return check_schedule.check_schedule(self.run, self.path, self.settings, self.result).errors

    def phase_with(self, key, predicate=bool):
        """The first line whose list `key` satisfies the predicate."""
        return next(line for line in self.lines if predicate(line[key]))


class CheckerTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def case(self, **options):
        return Case(self.folder, **options)

    def rejects(self, case, *rules):
        """The mutated case fails, and each text is part of some message."""
        errors = case.errors()
        self.assertTrue(errors, f"accepted, expected {rules}")
        for rule in rules:
            self.assertTrue(any(rule in one for one in errors), f"'{rule}' not in {errors}")


class ValidSchedules(CheckerTest):
    def test_brute_schedules_pass(self):
        for policy, (mode, routing), capacity in itertools.product(
                ("static", "lru"), (("inclusive", False), ("inclusive", True), ("exclusive", False)),
                ("0%", "5%", "40%", "100%", "3 KiB")):
            with self.subTest(policy=policy, mode=mode, routing=routing, capacity=capacity):
                case = self.case(policy=policy, mode=mode, routing=routing, capacity=capacity)
                self.assertEqual(case.errors(), [])

    def test_random_sources_pass(self):
        for seed in range(60):
            rng = random.Random(seed)
            files = random_traces.random_sources(rng, self.folder)
            run = check_schedule.load_run([(one.kind, one.path) for one in files], rng.randrange(3, 9),
                                          files[0].page_tokens, kv_bytes_per_token=64)
            capacity, policy = rng.choice(("0%", "10%", "25%", "60%")), rng.choice(("static", "lru"))
            mode = rng.choice(("inclusive", "exclusive"))
            settings = Settings(PROFILE, mode, rng.random() < 0.5, 0, capacity, policy)
            blocks = expected_run.capacity_blocks(capacity, min(run.peaks_live()), run.block_bytes)
            header, lines = brute_simulator.make_schedule(run, settings, blocks, policy)
            brute_simulator.write_schedule(f"{self.folder}/s.jsonl", header, lines)
            report = check_schedule.check_schedule(run, f"{self.folder}/s.jsonl", settings)
            self.assertEqual(report.errors, [], f"seed {seed}")

    def test_command_line(self):
        case = self.case(capacity="40%")
        case.errors()
        with open(f"{self.folder}/r.json", "w", encoding="utf-8") as handle:
            json.dump(case.result, handle)
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "check_schedule.py")
        command = ["/usr/bin/python3", script, "--schedule", case.path, "--mass", f"{self.folder}/0.mass",
                   f"{self.folder}/1.mass", "--select", "top:5", "--kv-bytes-per-token", "100",
                   "--fixed-bytes-per-phase", "1000", "--result", f"{self.folder}/r.json"]
        good = subprocess.run(command + ["--hbm-capacity", "40%", "--policy", "lru"], capture_output=True, text=True)
        self.assertEqual((good.returncode, good.stdout.count("\n")), (0, 1), good.stdout + good.stderr)
        bad = subprocess.run(command + ["--hbm-capacity", "60%"], capture_output=True, text=True)
        self.assertEqual(bad.returncode, 1)
        self.assertIn("hbm_capacity_blocks", bad.stdout)


class Mutations(CheckerTest):
    def test_header_numbers(self):
        for key in ("schema", "sequences", "groups", "pages_max", "page_tokens", "kv_bytes_per_token", "blocks",
                    "phases", "hbm_capacity_blocks", "block_bytes"):
            case = self.case()
            case.header[key] = "x" if key == "schema" else case.header[key] + 1
            self.rejects(case, key)

    def test_start(self):
        case = self.case()
        case.header["initial_hbm"].pop()
        self.rejects(case, "same start for every online policy")
        case = self.case()
        case.header["initial_hbm"].append(case.header["initial_hbm"][0])
        self.rejects(case, "initial_hbm holds each id once")
        case = self.case()
        case.header["initial_hbm"][-1] = case.run.blocks * 5
        self.rejects(case, "initial_hbm holds initial blocks only")

    def test_lines(self):
        case = self.case()
        case.lines.pop()
        self.rejects(case, "one line per phase")
        case = self.case()
        case.lines.append(copy.deepcopy(case.lines[-1]))
        self.rejects(case, "one line per phase")
        case = self.case()
        case.lines[3], case.lines[4] = case.lines[4], case.lines[3]
        self.rejects(case, "phase order")
        case = self.case()
        del case.lines[2]["evict"]
        self.rejects(case, "'evict' is not a list")

    def test_reads(self):
        case = self.case()
        case.phase_with("read_hbm")["read_hbm"].pop()
        self.rejects(case, "read_hbm + read_dram are the phase's reads")
        case = self.case()
        line = case.phase_with("read_hbm")
        line["read_hbm"].append(line["read_hbm"][0])
        self.rejects(case, "each id at most once per list")
        case = self.case()
        line = case.phase_with("read_hbm")
        line["read_dram"].append(line["read_hbm"][0])
        self.rejects(case, "read_hbm and read_dram are disjoint")
        case = self.case()
        line = case.phase_with("read_dram")
        line["read_hbm"].append(line["read_dram"].pop())
        self.rejects(case, "read_hbm is in HBM", "seconds = T(p)")
        case = self.case()
        line = case.phase_with("read_hbm")
        line["read_dram"].append(line["read_hbm"].pop())
        self.rejects(case, "a block in HBM is read from HBM")

    def test_moves(self):
        case = self.case()
        line = case.phase_with("read_hbm")
        line["promote_on_read"].append(line["read_hbm"][0])
        self.rejects(case, "promote_on_read is a subset of read_dram", "promote_on_read is not in HBM")
        case = self.case()
        line = case.phase_with("read_hbm")
        line["prefetch"].append(line["read_hbm"][0])
        self.rejects(case, "prefetch is not in HBM", "prefetch is not read in the phase")
        case = self.case()
        case.lines[0]["prefetch"].append(case.run.pages_max - 1)  # begins later
        self.rejects(case, "prefetch exists")
        case = self.case()
        line = case.phase_with("read_dram")
        line["evict"].append(line["read_dram"][0])
        self.rejects(case, "evict is in HBM")
        case = self.case()
        case.phase_with("evict")["evict"].pop()
        self.rejects(case, "HBM capacity")

    def test_births_and_frees(self):
        case = self.case()
        case.phase_with("new_hbm")["new_hbm"].pop()
        self.rejects(case, "new_hbm + new_dram are exactly the births")
        case = self.case(policy="static")
        line = case.phase_with("new_dram")
        line["new_hbm"].append(line["new_dram"].pop())
        self.rejects(case, "static has no new_hbm")
        case = self.case()
        line = case.phase_with("new_hbm")
        line["new_dram"].append(line["new_hbm"].pop())
        self.rejects(case, "new blocks start in HBM")
        case = self.case()
        case.phase_with("freed")["freed"].pop()
        self.rejects(case, "freed holds the ended sequences' blocks")
        case = self.case()
        case.lines[0]["freed"].append(0)
        self.rejects(case, "freed holds only ended sequences' blocks")
        case = self.case()
        case.lines[-1]["freed"] = sorted(case.run.ended(case.run.phases - 1)[1])
        self.rejects(case, "all or none")

    def test_time(self):
        case = self.case()
        case.lines[5]["seconds"] *= 1 + 1e-11
        self.rejects(case, "phase 5: seconds = T(p)")
        case = self.case()
        case.lines[5]["new_kv_bytes"] += 1
        self.rejects(case, "phase 5: new_kv_bytes")
        case = self.case(mode="exclusive")
        case.settings.mode = case.result["mode"] = "inclusive"
        self.rejects(case, "seconds = T(p)")

    def test_routing(self):
        """One block more or fewer from DRAM than best, with the matching seconds, is still wrong."""
        for change in (1, -1):
            case = self.case(policy="static", routing=True, capacity="100%", fixed=5000)
            source, target = ("read_hbm", "read_dram") if change > 0 else ("read_dram", "read_hbm")
            hbm = set(case.header["initial_hbm"])
            line = case.phase_with(source, lambda ids: hbm & set(ids))
            line[target].append(next(one for one in line[source] if one in hbm))
            line[source].remove(line[target][-1])
            block, new = case.run.block_bytes, line["new_kv_bytes"]
            line["seconds"] = step_time.phase_seconds(
                PROFILE, 5000 + len(line["read_hbm"]) * block + new, len(line["read_dram"]) * block, new)
            self.rejects(case, "best whole number of routed blocks")

    def test_totals(self):
        case = self.case()
        documented = list(case.result["results"][0])
        for key in documented:
            if key in ("hindsight_ratio", "decide_microseconds"):
                continue
            case = self.case()
            entry = case.result["results"][0]
            whole = key.endswith("bytes") or key == "delay_steps"
            entry[key] = {"policy": "lfu", "clairvoyant": True}.get(key) or entry[key] * (1 + 1e-9) + whole
            self.rejects(case, "results" if key == "policy" else key)
        for key in ("steps", "phases", "blocks", "read_bytes", "peak_kv_bytes", "hbm_capacity_bytes", "mode",
                    "fixed_bytes_per_phase", "read_routing", "schema", "traces"):
            case = self.case()
            value = case.result[key]
            replaced = {"mode": "exclusive", "schema": "x", "traces": [], "read_routing": True}
            case.result[key] = replaced[key] if key in replaced else value + 1
            self.rejects(case, key)
        case = self.case()
        case.result["bounds"]["roofline_seconds"] *= 1 + 1e-9
        self.rejects(case, "roofline_seconds")
        case = self.case()
        total = case.result["results"][0]["total_seconds"]
        case.result["bounds"].update(hindsight_seconds=total * 1.01, hindsight_upper_seconds=total)
        self.rejects(case, "hindsight_seconds is a lower bound", "<= hindsight_upper_seconds", "hindsight_ratio")
        case = self.case()
        case.result["profile"]["dram_bytes_per_second"] += 1
        self.rejects(case, "dram of profile paper-gh200")

    def test_hindsight_bounds(self):
        """Of a clairvoyant schedule: any start, the upper bound its time, no policy and no roofline beyond."""
        def case():
            made = self.case(policy="static")
            made.settings.policy = check_schedule.HINDSIGHT
            made.header["initial_hbm"] = []  # no policy's start
            made.lines = brute_simulator.make_schedule(made.run, made.settings, 0, "static")[1]
            total = sum(line["seconds"] for line in made.lines)
            lower = made.result["bounds"]["roofline_seconds"]
            made.result["bounds"].update(hindsight_seconds=lower, hindsight_upper_seconds=total, iterations=3,
                                         seconds_spent=0.5)
            entry = made.result["results"][0]
            entry["hindsight_ratio"] = lower / entry["total_seconds"]
            return made

        self.assertEqual(case().errors(), [])
        for key, change, rule in (("hindsight_seconds", lambda _: None, "is a number"),
                                  ("hindsight_seconds", lambda lower: lower * 0.99, "roofline_seconds <= hindsight"),
                                  ("hindsight_seconds", lambda lower: lower * 1e3, "no policy is below"),
                                  ("hindsight_upper_seconds", lambda upper: upper * 0.999, "hindsight_upper_seconds"),
                                  ("iterations", lambda _: -1, "bounds.iterations")):
            broken = case()
            broken.result["bounds"][key] = change(broken.result["bounds"][key])
            self.rejects(broken, rule)

    def test_policy_names(self):
        """A schedule of one policy is not taken for another's."""
        for made, claimed, rule in (("lru", "static", "static has no"), ("static", "lru", "promotes every miss"),
                                    ("static", "belady", "belady is MIN"), ("lru", "belady", "belady is MIN"),
                                    ("static", "reactive-layer", "reactive"), ("lru", "reactive-page", "reactive")):
            with self.subTest(made=made, claimed=claimed):
                case = self.case(policy=made)
                case.settings.policy = claimed
                case.result["results"][0]["policy"] = claimed
                self.rejects(case, rule)

    def test_lru_order(self):
        """Evicting a block just read while an older one stays breaks lru, lfu at d = 1 and the d >= 1 rule."""
        case = self.case()
        line = case.phase_with("evict", lambda ids: len(ids) == 1)
        line["evict"] = [next(one for one in line["read_hbm"] if one not in line["evict"])]
        self.rejects(case, "lru evicts from the low end")
        case.settings.delay = 1
        self.rejects(case, "d >= 1 evicts nothing that is read in the phase")

    def test_other_policy_is_free_to_move(self):
        """A move that only static forbids passes when no policy is named, with the time that it costs."""
        for policy, accepted in (("static", False), ("", True)):
            case = self.case(policy="static", capacity="100%")
            case.settings.policy, case.result = policy, None
            line = case.phase_with("read_dram")
            later = case.lines[line["phase"] + case.run.groups]
            block = next(one for one in line["read_dram"] if one in later["read_dram"])
            line["promote_on_read"] = [block]
            for each in case.lines[line["phase"] + 1:]:
                if block in each["read_dram"]:
                    each["read_dram"].remove(block)
                    each["read_hbm"].append(block)
            for each in case.lines:
                moved, new = len(each["promote_on_read"]), each["new_kv_bytes"]
                each["seconds"] = step_time.phase_seconds(
                    PROFILE, 1000 + (len(each["read_hbm"]) + moved) * case.run.block_bytes + new,
                    len(each["read_dram"]) * case.run.block_bytes, new)
            self.assertEqual(case.errors() == [], accepted)


if __name__ == "__main__":
    unittest.main()
