#!/usr/bin/python3
"""kvplacectl explain: one block's story is what simulate's schedule says of it;
and where a block stands on a live device."""

import json
import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import live_system  # noqa: E402
from live_system import CTL, System, run, until  # noqa: E402

SAMPLE = os.path.join(live_system.SOURCE, "tests/data/bible-sample.kvtrace")
TOTALS = ("policy", "clairvoyant", "delay_steps", "total_seconds", "hbm_read_bytes", "dram_read_bytes",
          "promoted_on_read_bytes", "prefetched_bytes", "demoted_bytes", "new_kv_bytes", "miss_share")


def explain(*words):
    return subprocess.run([CTL, "explain", *words], capture_output=True, text=True, check=False, timeout=120)


def story_of(schedule, block):
    """What the phases of a schedule do to one block."""
    moments = []
    tier = "hbm" if block in schedule[0]["initial_hbm"] else None
    for phase in schedule[1:]:
        lists = {name for name, ids in phase.items() if isinstance(ids, list) and block in ids}
        if lists:
            moments.append((phase["phase"], phase["step"], lists))
    return tier, moments


def lists_of(moment):
    """The lists of a schedule that a moment of explain stands for."""
    names = {"promoted": "promote_on_read", "prefetched": "prefetch", "evicted": "evict", "ended": "freed"}
    lists = {name for key, name in names.items() if moment[key]}
    if moment["born_in"]:
        lists.add("new_" + moment["born_in"])
    if moment["read_from"]:
        lists.add("read_" + moment["read_from"])
    return lists


class Offline(unittest.TestCase):
    def check(self, system, traces, flags, policy):
        """Of some blocks: those with the most events, and a few others."""
        path = system.path("schedule.jsonl")
        simulated = json.loads(run(CTL, "simulate", *traces, *flags, "--policy", policy, "--schedule-out", path,
                                   "--format", "json").stdout)
        with open(path, encoding="utf-8") as file:
            schedule = [json.loads(line) for line in file]
        heading = schedule[0]
        moves = {}
        for phase in schedule[1:]:
            for name in ("promote_on_read", "evict", "new_hbm", "freed", "read_dram"):
                for block in phase[name]:
                    moves[block] = moves.get(block, 0) + (10 if name in ("promote_on_read", "evict") else 1)
        chosen = sorted(moves, key=lambda block: (-moves[block], block))
        for block in (*chosen[:3], chosen[len(chosen) // 2]):
            with self.subTest(policy=policy, block=block, flags=flags):
                told = json.loads(run(CTL, "explain", "--trace", *traces, *flags, "--policy", policy,
                                      "--block", str(block), "--format", "json").stdout)
                self.assertEqual(told["schema"], "kvplace.explain/1")
                for key in TOTALS:
                    self.assertEqual(told["run"][key], simulated["results"][0][key], key)
                tier, moments = story_of(schedule, block)
                self.assertEqual([(m["phase"], m["step"], lists_of(m)) for m in told["moments"]], moments)
                self.assertEqual(told["start"] == "hbm", tier == "hbm")
                page = block % heading["pages_max"]
                group = block // heading["pages_max"] % heading["groups"]
                sequence = block // heading["pages_max"] // heading["groups"]
                named = told["block"]
                self.assertEqual((named["sequence"], named["group"], named["page"]), (sequence, group, page))
                self.assertEqual(told, json.loads(
                    run(CTL, "explain", "--trace", *traces, *flags, "--policy", policy, "--block",
                        f"{sequence}/{group}/{page}", "--format", "json").stdout))
                self.check_moments(told)
        return simulated

    def check_moments(self, told):
        tier = told["start"]
        promotions = 0
        for moment in told["moments"]:
            self.assertEqual(moment["tier_before"], tier)
            tier = moment["tier_after"]
            promotions += moment["promoted"]
            self.assertTrue(moment["words"])
            worth = moment["worth"]
            if moment["reason"] in ("worth_it", "not_worth_it"):
                ratio = worth["value_if_read"] / worth["needed"] if worth["needed"] else float("inf")
                self.assertEqual(ratio >= 1, moment["promoted"])
            if moment["promoted"]:
                self.assertIn("missed, promoted: ", moment["words"])
            if moment["evicted"]:
                self.assertIn("evicted", moment["words"])
            if worth:
                self.assertAlmostEqual(worth["value"], worth["read_probability"] * worth["price"], delta=1e-12)
        self.assertEqual(promotions, told["counts"]["promotions"])

    def test_the_story_is_that_of_the_schedule(self):
        with System() as system:
            for policy in ("shadow-price", "lru", "lfu", "balanced", "static", "belady"):
                self.check(system, [SAMPLE], ["--steps", "0:40", "--hbm-capacity", "15%"], policy)
            self.check(system, [SAMPLE], ["--steps", "20:60", "--hbm-capacity", "10%", "--delay-steps", "0"],
                       "shadow-price")
            self.check(system, [SAMPLE], ["--steps", "0:40", "--hbm-capacity", "20%", "--mode", "exclusive",
                                          "--delay-steps", "3", "--param", "hysteresis=0.3"], "shadow-price")

    def test_traces_side_by_side(self):
        with System() as system:
            first = live_system.synthetic(system.path("a.kvtrace"), steps=30)
            second = live_system.synthetic(system.path("b.kvtrace"), sequences=1, context=512, steps=20, seed=6)
            self.check(system, [first, second], ["--read-routing", "on", "--profile", "h100-pcie5"], "shadow-price")
            told = json.loads(run(CTL, "explain", "--trace", first, second, "--block", "3/0/0", "--format",
                                  "json").stdout)
            self.assertEqual(told["block"]["trace"], second)
            # The shorter trace ends first, and its blocks with it.
            self.assertTrue(told["moments"][-1]["ended"])
            self.assertEqual(told["moments"][-1]["step"], 19)

    def test_table(self):
        flags = ("--trace", SAMPLE, "--steps", "0:40", "--hbm-capacity", "15%", "--block", "0/11/278")
        told = json.loads(run(CTL, "explain", *flags, "--format", "json").stdout)
        lines = run(CTL, "explain", *flags).stdout.splitlines()
        self.assertIn("sequence 0 (" + SAMPLE + "), group 11, page 278", lines[0])
        self.assertIn("shadow-price, delay 1, on paper-gh200", lines[1])
        self.assertIn("P(READ)", lines[4])
        rows = lines[5:-3]
        self.assertEqual([int(row.split()[0]) for row in rows], [m["step"] for m in told["moments"]])
        for row, moment in zip(rows, told["moments"]):
            self.assertTrue(row.endswith(moment["words"]), row)
        every = json.loads(run(CTL, "explain", *flags, "--every", "10", "--format", "json").stdout)
        steps = {m["step"] for m in every["moments"]}
        self.assertTrue({0, 10, 20, 30} <= steps)
        self.assertEqual([m for m in every["moments"] if m["step"] % 10],
                         [m for m in told["moments"] if m["step"] % 10])
        # Without values there are no columns of them.
        lru = run(CTL, "explain", *flags, "--policy", "lru").stdout
        self.assertNotIn("P(READ)", lru)
        self.assertTrue(all(m["worth"] is None for m in json.loads(
            run(CTL, "explain", *flags, "--policy", "lru", "--format", "json").stdout)["moments"]))

    def test_wrong_usage(self):
        trace = ("--trace", SAMPLE)
        cases = [
            (2, ["--block"], [*trace]),
            (2, ["--trace", "--node"], ["--block", "0"]),
            (2, ["--trace", "--node"], [*trace, "--node", "a", "--block", "0"]),
            (2, ["--block", "0/3/17"], [*trace, "--block", "abc"]),
            (2, ["--block", "0/3/17"], [*trace, "--block", "-1"]),
            (2, ["--block", "0/3/17"], [*trace, "--block", "0/0"]),
            (2, ["--block", "0/3/17"], [*trace, "--block", "0//1"]),
            (2, ["--block", "0/3/17"], [*trace, "--block", "4294967296"]),
            (2, ["--policy", "lru"], [*trace, "--block", "0", "--policy", "nope"]),
            (2, ["--policy", "lru"], [*trace, "--block", "0", "--policy", "all"]),
            (2, ["--param", "decay"], [*trace, "--block", "0", "--policy", "lfu", "--param", "decay=7"]),
            (2, ["--hbm-capacity"], [*trace, "--block", "0", "--hbm-capacity", "x"]),
            (2, ["--steps"], [*trace, "--block", "0", "--steps", "5:5"]),
            (2, ["--read-routing"], [*trace, "--block", "0", "--mode", "exclusive", "--read-routing", "on"]),
            (2, ["--format"], [*trace, "--block", "0", "--format", "csv"]),
            (2, ["--every"], [*trace, "--block", "0", "--every", "-1"]),
            (2, ["--device", "--trace"], [*trace, "--block", "0", "--device", "1"]),
            (2, ["--server", "--trace"], [*trace, "--block", "0", "--server", "x:1"]),
            (2, ["--steps", "--node"], ["--node", "a", "--block", "0", "--steps", "0:1"]),
            (2, ["--every", "--node"], ["--node", "a", "--block", "0", "--every", "1"]),
            (2, ["--block", "handle"], ["--node", "a", "--block", "0/0/0"]),
            (1, ["nowhere.kvtrace"], ["--trace", "nowhere.kvtrace", "--block", "0"]),
            (1, ["--block 1/0/0", "sequence is 1", "below 1"], [*trace, "--block", "1/0/0"]),
            (1, ["--block 0/999/0", "group is 999"], [*trace, "--block", "0/999/0"]),
            (1, ["--block 0/0/9999", "page"], [*trace, "--block", "0/0/9999"]),
            (1, ["--block 4294967295", "id is 4294967295"], [*trace, "--block", "4294967295"]),
            (1, ["refused"], ["--node", "a", "--block", "0", "--server", "127.0.0.1:1"]),
        ]
        for code, needles, words in cases:
            with self.subTest(words=words):
                done = explain(*words)
                self.assertEqual(done.returncode, code, done.stderr)
                self.assertEqual(done.stdout, "")
                for needle in needles:
                    self.assertIn(needle, done.stderr)
        helped = explain("--help")
        self.assertEqual(helped.returncode, 0)
        self.assertIn("Examples", helped.stdout)

    def test_completion_knows_it(self):
        for shell in ("bash", "zsh", "fish"):
            script = run(CTL, "completion", shell).stdout
            self.assertIn("kvplacectl explain", script)
            self.assertIn("-l every" if shell == "fish" else "--every", script)


class Live(unittest.TestCase):
    def start(self, system, *flags):
        trace = live_system.synthetic(system.path("a.kvtrace"), steps=40)
        system.start_worker(trace, "--node", "node-a", "--device", "3", "--hold", "--lockstep",
                            "--hbm-capacity", "20%", "--final-state", system.path("final.json"))
        until(lambda: os.path.exists(system.path("final.json")), "the worker is through")
        return trace

    def test_where_a_block_stands(self):
        with System() as system:
            system.start_server()
            trace = self.start(system)
            until(lambda: system.devices()["node-a", 3]["last_step"] == 39, "the server has heard all")
            _, state = system.final_state("final.json")
            where = ("--node", "node-a", "--device", "3")
            resident = set(state["hbm"])
            queued = 0
            for handle in range(0, 400, 37):
                done = explain(*where, "--block", str(handle), "--server", system.address, "--format", "json")
                if done.returncode == 1:
                    self.assertIn(f"handle is {handle}", done.stderr)
                    continue
                block = json.loads(done.stdout)
                self.assertEqual(block["schema"], "kvplace.block/1")
                self.assertEqual((block["handle"], block["step"], block["policy"], block["mode"]),
                                 (handle, 39, "shadow-price", "act"))
                self.assertEqual(block["tier"], "hbm" if handle in resident else "dram")
                self.assertEqual(block["order"]["basis_step"], 39)
                queued += block["order"]["evict_place"] is not None
                # The reads of the run, as the simulation tells them.
                told = json.loads(run(CTL, "explain", "--trace", trace, "--hbm-capacity", "20%", "--block",
                                      str(handle), "--format", "json").stdout)
                reads = [m["step"] for m in told["moments"] if m["read_from"]]
                self.assertEqual(block["last_read_step"], reads[-1] if reads else None)
                self.assertEqual(block["tier"], told["moments"][-1]["tier_after"] if told["moments"]
                                 else told["start"])
                self.assertEqual((block["group"], block["page"]), (told["block"]["group"], told["block"]["page"]))
                worth = block["worth"]
                self.assertEqual(worth["rule"], "values")
                self.assertAlmostEqual(worth["value"], worth["read_probability"] * worth["price"], delta=1e-12)
            self.assertGreater(queued, 0)
            handle = state["hbm"][0]
            text = run(CTL, "explain", *where, "--block", str(handle), "--server", system.address).stdout
            self.assertIn(f"node-a/3 handle {handle}: sequence", text)
            self.assertIn("in HBM at step 39", text)
            self.assertIn("in line for eviction", text)
            self.check_errors(system)
            run(CTL, "policy", "set", "lru", "--server", system.address)
            block = system.ask("explain", *where, "--block", str(handle))
            self.assertEqual((block["policy"], block["worth"]), ("lru", None))
            text = run(CTL, "explain", *where, "--block", str(handle), "--server", system.address).stdout
            self.assertIn("policy lru (act), which keeps no values", text)

    def check_errors(self, system):
        server = ("--server", system.address)
        for code, needle, words in (
                (1, "nowhere", ["--node", "nowhere", "--block", "0"]),
                (1, "device_index is 4", ["--node", "node-a", "--device", "4", "--block", "0"]),
                (2, "handle is 4294967295, expected below",
                 ["--node", "node-a", "--device", "3", "--block", "4294967295"])):
            with self.subTest(words=words):
                done = explain(*words, *server)
                self.assertEqual(done.returncode, code, done.stderr)
                self.assertIn(needle, done.stderr)
                self.assertEqual(done.stdout, "")

    def test_needs_the_token(self):
        with System() as system:
            with open(system.path("token"), "w", encoding="utf-8") as file:
                file.write("secret-word-of-the-admins\n")
            system.start_server("--admin-token-file", system.path("token"))
            words = ("--node", "nowhere", "--block", "0", "--server", system.address)
            done = explain(*words)
            self.assertEqual(done.returncode, 1)
            self.assertIn("--token-file", done.stderr)
            done = explain(*words, "--token-file", system.path("token"))
            self.assertEqual(done.returncode, 1)
            self.assertIn("nowhere", done.stderr)


if __name__ == "__main__":
    unittest.main()
