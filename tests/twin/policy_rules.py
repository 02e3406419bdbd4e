"""What cli.md pins about single policies, as invariants over PhaseViews (cli.md "Causality" and "Pinned baselines").

An observer sees each phase before its effects apply. Where the text leaves an order open (ties in recency, which of
too many misses is promoted, what a never-read block counts) every reading passes. Units: blocks, phases, steps.
"""

from collections import deque

import oracle_rules
from brute_simulator import LRU_TIES, fewest_dram_reads, lru_miss_share
from schedule_walk import short

CLAIRVOYANT = ("lookahead-1", "slack-oracle", "annealed-oracle", "belady")
ONLINE = ("static", "reactive-layer", "reactive-page", "lru", "lfu", "balanced", "shadow-price")
DELAY_0 = ("static", "reactive-layer", "reactive-page", "lru") + CLAIRVOYANT
NO_PREFETCH = ("static", "reactive-layer", "reactive-page", "lru", "lfu", "balanced", "lookahead-1", "annealed-oracle",
               "belady")
LRU_SHARE_TOLERANCE = 0.002
LFU_DECAY = 0.8
SCAN_BUDGET = 20_000_000  # block visits of the eviction-order rule; larger runs check every n-th phase


def default_delay(policy):
    """0 for static, reactive-*, lru and clairvoyant policies, 1 for the others."""
    return 0 if policy in DELAY_0 else 1


class StaticRule:
    """static: new blocks in DRAM, never moves. With the common start this fixes the whole schedule."""

    def observe(self, view, report):
        for key in ("promote", "prefetch", "evict", "new_hbm"):
            ids = getattr(view, key)
            report.expect(not ids, view.phase, f"static has no {key}", short(ids))


class DelayRule:
    """d >= 1: the execution passes over queue entries read in p, so no block is evicted in a phase that reads it."""

    def observe(self, view, report):
        wrong = view.evict & view.reads
        report.expect(not wrong, view.phase, "d >= 1 evicts nothing that is read in the phase", short(wrong))


class NoPrefetchRule:
    """The simple baselines, and all that know the future but slack-oracle, promote on read only."""

    def observe(self, view, report):
        report.expect(not view.prefetch, view.phase, "this policy never prefetches", short(view.prefetch))


class EvictionOrderRule:
    """lru, lfu, balanced: evicts from the low end of one list over all groups and traces.

    No evicted block may rank above one that stayed and could have gone. The rank is the last phase that read a block
    (lru, balanced) or its read count decayed per step by 0.8 (lfu), known up to step t-d. At d = 0 that includes the
    phase itself, so for lru 'one read in this phase only if there is no other' is the same rule (for lfu blocks read in
    the phase are left out). At d >= 1 blocks read in p are passed over, and blocks that entered HBM after step t-d need
    not be in the queue.
    """

    def __init__(self, run, capacity, policy, delay, initial_hbm):
        self.run, self.policy, self.delay = run, policy, delay
        self.entered = dict.fromkeys(initial_hbm, -1)  # phase in which a block came into HBM
        self.last_read, self.born = {}, {}
        self.counts, self.counts_since_entry = {}, {}  # block -> (count, step of the count)
        self.pending = deque()
        self.stride = max(1, capacity * run.phases // SCAN_BUDGET)

    def learn(self, phase, reads):
        """The statistics take in one phase's reads."""
        step = phase // self.run.groups
        for block in reads:
            self.last_read[block] = phase
            for table in (self.counts, self.counts_since_entry):
                count, at = table.get(block, (0.0, step))
                table[block] = (count * LFU_DECAY ** (step - at) + 1.0, step)

    def decayed(self, table, block, step):
        count, at = table.get(block, (0.0, step))
        return count * LFU_DECAY ** (step - at)

    def low_rank(self, block, step):
        """The least rank that any reading of the text gives the block."""
        if self.policy == "lfu":  # counted from its entry into HBM; mid-step decay may or may not have happened
            slack = LFU_DECAY if self.delay == 0 else 1 - 1e-9
            return self.decayed(self.counts_since_entry, block, step) * slack
        return self.last_read.get(block, -1)

    def high_rank(self, block, step):
        """The greatest rank: a birth in HBM may count as a use."""
        if self.policy == "lfu":
            return self.decayed(self.counts, block, step) + (1.0 if block in self.born else 0.0)
        return max(self.last_read.get(block, -1), self.born.get(block, -1))

    def observe(self, view, report):
        for block in view.new_hbm:
            self.entered[block] = self.born[block] = view.phase
        self.pending.append((view.phase, view.reads))
        while self.pending and self.is_known(self.pending[0][0], view.step):
            self.learn(*self.pending.popleft())
        if view.evict and view.phase % self.stride == 0:
            self.check(view, report)
        for block in view.evict | view.freed:
            self.entered.pop(block, None)
            self.counts_since_entry.pop(block, None)
        for block in (view.promote | view.prefetch) - view.freed:
            self.entered[block] = view.phase
            self.counts_since_entry.pop(block, None)

    def is_known(self, phase, step):
        return self.delay == 0 or phase // self.run.groups <= step - self.delay

    def check(self, view, report):
        known_before = (view.step - self.delay + 1) * self.run.groups if self.delay else view.phase + 1
        apart = view.reads if self.delay or self.policy == "lfu" else set()
        kept = [one for one in view.kept() if self.entered.get(one, -1) < known_before and one not in apart]
        evicted = view.evict - (apart if self.delay == 0 else set())
        if not kept or not evicted:
            return
        lowest = min(kept, key=lambda one: self.high_rank(one, view.step))
        highest = max(evicted, key=lambda one: self.low_rank(one, view.step))
        low, high = self.low_rank(highest, view.step), self.high_rank(lowest, view.step)
        report.expect(low <= high, view.phase, f"{self.policy} evicts from the low end",
                      f"evicted {highest} (rank {low:g}) and kept {lowest} (rank {high:g})")


class PromoteEveryMissRule:
    """lru, lfu: every miss is promoted, evictions are the shortest prefix that makes room, births start in HBM.

    In phases that free blocks a policy may count on that room or not, and promote blocks that are freed at once or not.
    """

    def __init__(self, capacity, delay):
        self.capacity, self.delay = capacity, delay
        self.before = None  # the phase before

    def observe(self, view, report):
        if view.new_dram:
            self.check_births(view, report)
        filled = view.size_after + view.next_new_hbm
        full = filled <= self.capacity <= filled + len((view.hbm | view.promote) & view.freed - view.evict)
        text = f"{filled} blocks with the next births, capacity {self.capacity}"
        report.expect(not view.evict or full, view.phase, "evicts only to make room", text)
        left = view.misses - view.promote - view.freed
        report.expect(not left or full, view.phase, "promotes every miss that fits", f"{text}, left {short(left)}")
        if left and self.delay == 0 and not view.freed:
            idle = view.kept() - view.reads - view.new_hbm
            report.expect(not idle, view.phase, "promotes every miss before keeping what is not read", short(idle))
        self.before = view

    def check_births(self, view, report):
        """New blocks start in HBM; without room in DRAM. Births have precedence over promotions."""
        report.expect(len(view.hbm) == self.capacity, view.phase, "new blocks start in HBM",
                      f"new_dram {short(view.new_dram)} with {len(view.hbm)} of {self.capacity} blocks")
        if self.delay == 0 and self.before is not None and not self.before.freed:
            report.expect(not self.before.promote, view.phase, "room for new blocks comes before promotions",
                          f"new_dram {short(view.new_dram)}, promoted before {short(self.before.promote)}")


class ReactiveRule:
    """reactive-layer and reactive-page at d = 0. What happens when misses fit but the next births then do not, and in
    phases that free blocks, is left open."""

    def __init__(self, run, capacity, by_page):
        self.run, self.capacity, self.by_page = run, capacity, by_page

    def observe(self, view, report):
        if view.freed:
            return
        room = self.capacity - len(view.hbm)
        if len(view.misses) + view.next_births <= room:
            report.expect(not view.evict, view.phase, "reactive evicts nothing when the misses fit", short(view.evict))
            left = view.misses - view.promote
            report.expect(not left, view.phase, "reactive promotes every miss", f"not promoted {short(left)}")
        elif len(view.misses) > room:
            group = {one for one in view.hbm if self.run.owner(one)[1] == view.group}
            foreign = view.evict - group
            report.expect(not foreign, view.phase, "reactive evicts blocks of the phase's group", short(foreign))
            (self.check_page if self.by_page else self.check_layer)(view, report, group)
            spare = self.capacity - view.size_after - view.next_births
            left = view.misses - view.promote
            report.expect(not left or spare <= 0, view.phase, "reactive promotes what fits",
                          f"room for {spare} more, not promoted {short(left)}")

    def check_layer(self, view, report, group):
        """First evicts all blocks of that group not read in the phase."""
        wrong = (group - view.reads) ^ view.evict
        report.expect(not wrong, view.phase, "reactive-layer evicts all of the group that is not read",
                      f"differs by {short(wrong)}")

    def check_page(self, view, report, group):
        """Evicts the lowest pages of the group first (read ones or not: both accepted), no more than needed."""
        page = {one: self.run.owner(one)[2] for one in group}
        evicted = view.evict & group
        if evicted:
            spare = self.capacity - view.size_after - view.next_births
            report.expect(spare <= 0, view.phase, "reactive-page evicts only to make room", f"{spare} blocks left free")
        idle = [page[one] for one in group - view.evict - view.reads]
        bounds = [(evicted, idle), (evicted & view.reads, [page[one] for one in group - view.evict])]
        for gone, stayed in bounds:
            highest = max((page[one] for one in gone), default=-1)
            lowest = min(stayed, default=highest)
            report.expect(highest <= lowest, view.phase, "reactive-page evicts the lowest page first",
                          f"evicted page {highest}, kept page {lowest}")
        if view.misses - view.promote:
            report.expect(not idle, view.phase, "reactive-page makes room for every miss", f"kept pages {idle[:6]}")


class BalancedRule:
    """balanced: promotes nothing while the previous step's HBM share of the bytes read was above alpha*.

    'Previous' is step t-max(d,1), the newest whole step that may be known; with routing both the share read from HBM
    and the share resident must be above alpha* before a promotion is an error.
    """

    def __init__(self, profile, delay):
        self.best_share, self.back = profile.best_hbm_share, max(delay, 1)
        self.totals = {}  # step -> [reads, read_hbm, resident]

    def observe(self, view, report):
        total = self.totals.setdefault(view.step, [0, 0, 0])
        for index, ids in enumerate((view.reads, view.read_hbm, view.reads - view.misses)):
            total[index] += len(ids)
        known = self.totals.get(view.step - self.back)
        if known and known[0] and min(known[1:]) / known[0] > self.best_share + 1e-9:
            report.expect(not view.promote, view.phase, "balanced promotes nothing above alpha*",
                          f"previous HBM share {min(known[1:]) / known[0]:.4f}, promoted {short(view.promote)}")


def make_observers(run, settings, capacity, delay, initial_hbm):
    """The rules that hold for the policy at this delay."""
    policy, rules = settings.policy, oracle_rules.make_observers(run, settings, capacity)
    if policy == "static":
        rules.append(StaticRule())
    if policy in ONLINE and delay >= 1:
        rules.append(DelayRule())
    if policy in NO_PREFETCH:
        rules.append(NoPrefetchRule())
    if policy in ("lru", "lfu", "balanced"):
        rules.append(EvictionOrderRule(run, capacity, policy, delay, initial_hbm))
    if policy in ("lru", "lfu"):
        rules.append(PromoteEveryMissRule(capacity, delay))
    if policy.startswith("reactive-") and delay == 0:
        rules.append(ReactiveRule(run, capacity, policy == "reactive-page"))
    if policy == "balanced":
        rules.append(BalancedRule(settings.profile, delay))
    return rules


def check_start(run, settings, capacity, initial_hbm, report):
    """Every online policy has the same start; any start holds initial blocks only and fits."""
    found = set(initial_hbm)
    report.expect(len(found) == len(initial_hbm), "header", "initial_hbm holds each id once", short(initial_hbm))
    wrong = found - run.initial_blocks()
    report.expect(not wrong, "header", "initial_hbm holds initial blocks only", short(wrong))
    report.expect(len(found) <= capacity, "header", "HBM capacity", f"{len(found)} initial blocks, capacity {capacity}")
    if settings.policy in ONLINE:
        differs = found ^ set(run.online_start(capacity))
        report.expect(not differs, "header", "same start for every online policy", f"differs by {short(differs)}")


def check_miss_counts(run, settings, capacity, delay, report):
    """No schedule beats MIN with bypass; belady attains it; lru at delay 0 agrees with an own LRU."""
    counts = report.counts
    moved = counts["misses"] + counts["prefetched"]
    fewest = fewest_dram_reads(run, capacity)
    counts["fewest_dram_reads"] = fewest
    report.expect(moved >= fewest, "totals", "no schedule has fewer DRAM reads than MIN", f"{moved} < {fewest}")
    if settings.policy == "belady" and delay == 0:
        report.expect(moved == fewest, "totals", "belady is MIN with bypass", f"{moved} DRAM reads, MIN has {fewest}")
    if settings.policy == "lru" and delay == 0:
        share = counts["misses"] / max(1, counts["read"])
        own = [lru_miss_share(run, capacity, LRU_TIES[0])]
        if abs(own[0] - share) > LRU_SHARE_TOLERANCE:
            own += [lru_miss_share(run, capacity, tie) for tie in LRU_TIES[1:]]
        low, high = min(own) - LRU_SHARE_TOLERANCE, max(own) + LRU_SHARE_TOLERANCE
        report.expect(low <= share <= high, "totals", "lru agrees with an own LRU",
                      f"miss share {share:.5f}, own {min(own):.5f} .. {max(own):.5f}")
