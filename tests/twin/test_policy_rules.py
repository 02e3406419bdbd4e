#!/usr/bin/python3
"""Hand-made phases for the rules of single policies: each rule accepts what the text allows and rejects the rest."""

import unittest

import expected_run
import oracle_rules
import policy_rules
import step_time
from schedule_walk import ID_LISTS, PhaseView, Report, Settings

# One sequence, two groups, ten initial pages per group and no births within four steps: group 0 has ids 0..9, group 1
# ids 10..19 (pages of 100 tokens).
RUN = expected_run.ExpectedRun([expected_run.SourceSequence(990, 100, 1, [[(0,), (0,)]] * 4)])


def view(phase, hbm, reads, next_births=0, next_new_hbm=0, **lists):
    """A phase of RUN with the given residency, reads and moves."""
    hbm, reads = set(hbm), set(reads)
    line = {key: list(lists.get(key, [])) for key in ID_LISTS}
    line.update(phase=phase, step=phase // 2, group=phase % 2, read_hbm=sorted(reads & hbm),
                read_dram=sorted(reads - hbm))
    one = PhaseView(line, reads, hbm)
    one.next_births, one.next_new_hbm = next_births, next_new_hbm
    one.size_after = len((hbm - one.evict - one.freed) | one.promote | one.prefetch)
    return one


class RuleTest(unittest.TestCase):
    def run_views(self, rule, views):
        report = Report()
        for one in views:
            rule.observe(one, report)
        return report.errors

    def accepts(self, rule, *views):
        self.assertEqual(self.run_views(rule, views), [])

    def rejects(self, text, rule, *views):
        errors = self.run_views(rule, views)
        self.assertTrue(any(text in one for one in errors), errors)


class EvictionOrder(RuleTest):
    def rule(self, policy, delay, start):
        return policy_rules.EvictionOrderRule(RUN, len(start), policy, delay, start)

    def test_lru_without_delay(self):
        first = view(0, {1, 2}, {1})
        self.accepts(self.rule("lru", 0, {1, 2}), first, view(2, {1, 2}, {3}, promote_on_read=[3], evict=[2]))
        self.rejects("lru evicts from the low end", self.rule("lru", 0, {1, 2}), first,
                     view(2, {1, 2}, {3}, promote_on_read=[3], evict=[1]))

    def test_lru_with_delay_uses_old_reads(self):
        """At d = 1 the reads of the same step are unknown: phase 1 of step 1 goes by step 0 alone."""
        history = (view(0, {1, 2, 11}, {1}), view(1, {1, 2, 11}, set()), view(2, {1, 2, 11}, {2}))
        stale = view(3, {1, 2, 11}, {12}, promote_on_read=[12], evict=[2, 11])
        fresh = view(3, {1, 2, 11}, {12}, promote_on_read=[12], evict=[1, 11])
        self.accepts(self.rule("lru", 1, {1, 2, 11}), *history, stale)
        self.rejects("lru evicts from the low end", self.rule("lru", 1, {1, 2, 11}), *history, fresh)
        self.accepts(self.rule("lru", 0, {1, 2, 11}), *history, fresh)

    def test_what_entered_late_need_not_be_in_the_queue(self):
        history = (view(0, {1, 2}, {1, 3}, promote_on_read=[3], evict=[]), view(2, {1, 2, 3}, {4}, promote_on_read=[4]))
        self.accepts(self.rule("lru", 1, {1, 2}), *history,
                     view(3, {1, 2, 3, 4}, {11}, promote_on_read=[11], evict=[2, 1]))
        self.rejects("lru evicts", self.rule("lru", 1, {1, 2}), *history,
                     view(3, {1, 2, 3, 4}, {11}, promote_on_read=[11], evict=[3]))

    def test_lfu_counts(self):
        """Two reads long ago (0.64 + 0.51) outrank one in the step before (1 * 0.8) and lose to it undecayed never."""
        history = (view(0, {1, 2}, {1}), view(2, {1, 2}, {1}), view(4, {1, 2}, {2}))
        self.accepts(self.rule("lfu", 1, {1, 2}), *history, view(6, {1, 2}, {3}, promote_on_read=[3], evict=[2]))
        self.rejects("lfu evicts from the low end", self.rule("lfu", 1, {1, 2}), *history,
                     view(6, {1, 2}, {3}, promote_on_read=[3], evict=[1]))


class PromoteEveryMiss(RuleTest):
    def test_rules(self):
        def rule(delay=0):
            return policy_rules.PromoteEveryMissRule(3, delay)

        self.accepts(rule(), view(0, {1, 2, 3}, {4}, promote_on_read=[4], evict=[1]))
        self.accepts(rule(), view(0, {1, 2}, {4}, promote_on_read=[4]))
        self.accepts(rule(), view(0, {1, 2, 3}, {4}, 1, 1, promote_on_read=[4], evict=[1, 2]))
        self.rejects("evicts only to make room", rule(), view(0, {1, 2}, {4}, promote_on_read=[4], evict=[1]))
        self.rejects("promotes every miss that fits", rule(), view(0, {1, 2}, {4}))
        self.rejects("before keeping what is not read", rule(), view(0, {1, 2, 3}, {3, 4}))
        self.accepts(rule(1), view(0, {1, 2, 3}, {1, 2, 3, 4}))
        self.rejects("new blocks start in HBM", rule(), view(0, {1, 2}, {9}, new_dram=[9], promote_on_read=[9]))
        self.rejects("room for new blocks comes before", rule(),
                     view(0, {1, 2, 3}, {4}, 1, promote_on_read=[4], evict=[1]),
                     view(1, {4, 2, 3}, {14}, new_dram=[14], promote_on_read=[14], evict=[2]))


class Reactive(RuleTest):
    def rule(self, by_page=False):
        return policy_rules.ReactiveRule(RUN, 4, by_page)

    def test_nothing_goes_while_misses_fit(self):
        self.accepts(self.rule(), view(0, {1, 11}, {1, 2, 3}, promote_on_read=[2, 3]))
        self.rejects("reactive evicts nothing", self.rule(), view(0, {1, 11}, {1, 2}, promote_on_read=[2], evict=[11]))
        self.rejects("reactive promotes every miss", self.rule(), view(0, {1, 11}, {1, 2, 3}, promote_on_read=[2]))

    def test_layer(self):
        hbm = {1, 2, 3, 11}
        self.accepts(self.rule(), view(0, hbm, {3, 4}, promote_on_read=[4], evict=[1, 2]))
        self.rejects("all of the group", self.rule(), view(0, hbm, {3, 4}, promote_on_read=[4], evict=[1]))
        self.rejects("blocks of the phase's group", self.rule(),
                     view(0, hbm, {3, 4}, promote_on_read=[4], evict=[1, 2, 11]))
        self.accepts(self.rule(), view(0, hbm, {3, 4, 5, 6}, promote_on_read=[4, 5], evict=[1, 2]))
        self.rejects("reactive promotes what fits", self.rule(),
                     view(0, hbm, {3, 4, 5, 6}, promote_on_read=[4], evict=[1, 2]))

    def test_page(self):
        hbm = {1, 2, 3, 11}
        self.accepts(self.rule(True), view(0, hbm, {3, 4}, promote_on_read=[4], evict=[1]))
        self.accepts(self.rule(True), view(0, hbm, {1, 4}, promote_on_read=[4], evict=[1]))  # read ones may go too
        self.accepts(self.rule(True), view(0, hbm, {1, 4}, promote_on_read=[4], evict=[2]))
        self.rejects("lowest page first", self.rule(True), view(0, hbm, {3, 4}, promote_on_read=[4], evict=[2]))
        self.rejects("only to make room", self.rule(True), view(0, hbm, {3, 4}, promote_on_read=[4], evict=[1, 2]))
        self.rejects("makes room for every miss", self.rule(True), view(0, hbm, {3, 4}))


class Oracles(RuleTest):
    """A run whose group 0 reads 1 in steps 0 and 1 and 2, 3 in steps 2 and 3; group 1 reads 11 always."""

    RUN = expected_run.ExpectedRun([expected_run.SourceSequence(
        990, 100, 1, [[(1,), (1,)], [(1,), (1,)], [(2, 3), (1,)], [(2, 3), (1,)]])])

    def test_window(self):
        window = oracle_rules.Window(self.RUN, 1)
        self.assertEqual([window.uses(one) for one in (1, 2, 11)], [1, 0, 1])
        window.enter(2)
        self.assertEqual([window.uses(one) for one in (1, 2, 11)], [0, 1, 1])
        window.enter(6)
        self.assertEqual([window.uses(one) for one in (1, 2, 11)], [0, 0, 1])

    def test_lookahead(self):
        def rule():
            return oracle_rules.LookaheadRule(self.RUN, 2)

        self.accepts(rule(), view(0, {5, 11}, {1}, promote_on_read=[1], evict=[5]))
        self.rejects("promotes what fits", rule(), view(0, {5, 11}, {1}))
        self.rejects("evicts nothing that the next step reads", rule(),
                     view(0, {5, 11}, {1}, promote_on_read=[1], evict=[11]))
        self.rejects("promotes only what the next step reads", rule(),
                     view(2, {5, 11}, {1}, promote_on_read=[1], evict=[5]))
        self.rejects("only to make room", rule(), view(2, {5, 11}, {1}, evict=[5]))

    def test_slack(self):
        """Blocks of 100 bytes: a miss takes 100 / 450e9 s, in which HBM moves 1088 bytes."""
        profile = step_time.Profile.named("paper-gh200")

        def rule(fixed=0):
            return oracle_rules.SlackRule(self.RUN, Settings(profile, fixed_bytes=fixed), 2)

        self.accepts(rule(), view(0, {5, 11}, {1}, promote_on_read=[1], evict=[5]))
        self.accepts(rule(), view(0, {5, 6}, {1}, prefetch=[2], evict=[5]))
        self.rejects("within the slack", rule(1000), view(0, {5, 11}, {1}, promote_on_read=[1], evict=[5]))
        self.rejects("only what the window reads", rule(), view(0, {5, 11}, {1}, prefetch=[9], evict=[5]))
        self.rejects("evicts what is worth less", rule(), view(0, {5, 11}, {1}, prefetch=[2], evict=[11]))
        self.rejects("only to make room", rule(), view(0, {5}, {1}, promote_on_read=[1], evict=[5]))


class OtherRules(RuleTest):
    def test_balanced(self):
        """alpha* of paper-gh200 is 4900/5350 = 0.916: after a step read wholly from HBM nothing is promoted."""
        profile = step_time.Profile.named("paper-gh200")
        self.assertAlmostEqual(profile.best_hbm_share, 4900 / 5350)
        high, low = (view(0, {1, 2}, {1, 2}), view(1, {1, 2}, set())), (view(0, {1}, {1, 2}), view(1, {1}, set()))
        promoting = view(2, {1, 2}, {3}, promote_on_read=[3])
        self.accepts(policy_rules.BalancedRule(profile, 1), *low, promoting)
        self.rejects("balanced promotes nothing", policy_rules.BalancedRule(profile, 1), *high, promoting)
        self.accepts(policy_rules.BalancedRule(profile, 2), *high, promoting)

    def test_delay_and_prefetch(self):
        self.rejects("d >= 1", policy_rules.DelayRule(), view(0, {1}, {1}, evict=[1]))
        self.rejects("never prefetches", policy_rules.NoPrefetchRule(), view(0, {1}, {1}, prefetch=[2]))

    def test_online_start_by_hand(self):
        """Page 0 of both groups, then 9, 19, 8, 18, ...; one block per (sequence, group) stays free."""
        self.assertEqual(RUN.online_start(7), [0, 10, 9, 19, 8])
        self.assertEqual(RUN.online_start(2), [])
        self.assertEqual(len(RUN.online_start(100)), 20)

    def test_default_delays(self):
        found = {one: policy_rules.default_delay(one) for one in policy_rules.ONLINE + policy_rules.CLAIRVOYANT}
        self.assertEqual({one for one, delay in found.items() if delay}, {"lfu", "balanced", "shadow-price"})


if __name__ == "__main__":
    unittest.main()
