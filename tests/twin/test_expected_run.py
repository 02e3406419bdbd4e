#!/usr/bin/python3
"""Tests of what the checker computes: numbers worked out by hand, and slow searches over everything."""

import itertools
import random
import struct
import tempfile
import unittest

import brute_simulator
import check_schedule
import expected_run
import step_time


class Arithmetic(unittest.TestCase):
    def test_selection_by_hand(self):
        """Page 0 and the two newest always; then by mass, ties to the lower page; zero is a value like any other."""
        self.assertEqual(expected_run.select_pages(bytes([0, 5, 9, 9, 9, 0, 0]), 7, 5), (0, 2, 3, 5, 6))
        self.assertEqual(expected_run.select_pages(bytes([0, 0, 0, 0, 0]), 5, 4), (0, 1, 3, 4))
        self.assertEqual(expected_run.select_pages(bytes([1]), 1, 3), (0,))
        self.assertEqual(expected_run.select_pages(bytes([1, 2]), 2, 3), (0, 1))

    def test_pages_and_births_by_hand(self):
        """Prefill 4, pages of 2: pages 0,1 are initial; steps 0..3 write tokens 4..7; pages 2,3 begin at steps 0,2."""
        one = expected_run.SourceSequence(4, 2, 10, [[(0,)]] * 4)
        self.assertEqual((one.initial_pages(), one.pages_at(0), one.pages_at(3)), (2, 3, 4))
        self.assertEqual([one.born_page(step) for step in range(4)], [2, None, 3, None])
        empty = expected_run.SourceSequence(0, 2, 10, [[(0,)]] * 4)
        self.assertEqual((empty.initial_pages(), empty.born_page(0)), (0, 0))

    def test_window(self):
        """[A, B) renumbered from 0; what exists before A is initial."""
        with tempfile.TemporaryDirectory() as folder:
            path = f"{folder}/m"
            with open(path, "wb") as handle:
                handle.write(struct.pack("<5i", 6, 1, 6, 3, 2) + bytes(36))
            run = check_schedule.load_run([("mass", path)], select=3, window=(2, 5))
            self.assertEqual((run.steps, len(run.initial_blocks()), run.blocks, run.births(1)), (3, 3, 4, {3}))
            self.assertEqual(run.reads(0), {0, 1, 2})

    def test_csv(self):
        """Steps from the first row's; the context is just long enough for the tokens read."""
        with tempfile.TemporaryDirectory() as folder:
            path = f"{folder}/c"
            with open(path, "w", encoding="utf-8") as handle:
                handle.write('7, 0, "[0, 9]"\n7, 1, "[]"\n8, 0, "[3]"\n8, 1, "[11]"\n')
            one = expected_run.read_csv(path, 4)
            self.assertEqual((one.prefill, one.steps, one.reads), (10, 2, [[(0, 2), ()], [(0,), (2,)]]))

    def test_routing_is_the_best_of_all_counts(self):
        rng = random.Random(5)
        for _ in range(300):
            profile = step_time.Profile(rng.randrange(1, 50), *(rng.randrange(1, 9) for _ in range(3)))
            hits, block = rng.randrange(30), rng.randrange(1, 20)
            base, read, written = (rng.randrange(200) for _ in range(3))
            best = min(step_time.phase_seconds(profile, base + (hits - k) * block, read + k * block, written)
                       for k in range(hits + 1))
            self.assertEqual(step_time.best_routing_seconds(profile, hits, block, base, read, written), best)

    def test_roofline_against_a_fine_grid(self):
        rng = random.Random(6)
        for _ in range(200):
            profile = step_time.Profile(rng.randrange(1, 50), *(rng.randrange(1, 9) for _ in range(3)))
            demand, fixed, new = rng.randrange(300), rng.randrange(100), rng.randrange(20)
            limit = rng.randrange(demand + 1)
            grid = min(step_time.phase_seconds(profile, fixed + hits + new, demand - hits, new)
                       for hits in [limit * i / 4000 for i in range(4001)])
            value = step_time.roofline_phase(profile, demand, limit, fixed, new, new)
            self.assertLessEqual(value, grid + 1e-12)
            self.assertAlmostEqual(value, grid, delta=max(0.1, limit / 1000))

    def test_min_is_the_best_of_all_schedules(self):
        """fewest_dram_reads against an exhaustive search over every HBM content of tiny runs."""
        for seed in range(25):
            rng = random.Random(seed)
            reads = [[tuple(sorted(rng.sample(range(3 + step), rng.randrange(0, 4))))] for step in range(5)]
            run = expected_run.ExpectedRun([expected_run.SourceSequence(2, 1, 1, reads)])
            for capacity in range(4):
                self.assertEqual(brute_simulator.fewest_dram_reads(run, capacity), exhaustive_misses(run, capacity))


def exhaustive_misses(run, capacity):
    """Fewest DRAM reads over all schedules of a tiny run, by dynamic programming over all HBM contents."""
    def contents(blocks):
        return (frozenset(chosen) for size in range(capacity + 1)
                for chosen in itertools.combinations(sorted(blocks), size))

    live = run.initial_blocks() | run.births(0)
    best = dict.fromkeys(contents(live), 0)
    for phase in range(run.phases):
        reads = run.reads(phase)
        born = run.births(phase + 1) if phase + 1 < run.phases else set()
        live |= born
        following = {}
        for after in contents(live):
            following[after] = min(cost + len(reads - hbm) + len(after - hbm - reads - born)
                                   for hbm, cost in best.items())
        best = following
    return min(best.values())


if __name__ == "__main__":
    unittest.main()
