"""Walks a schedule line by line against an ExpectedRun: every placement and time rule of cli.md "Exact semantics".

Units: blocks and phases for placement, bytes for traffic, seconds for time. A rule that fails is reported with its
phase; the walk goes on with what the schedule says, so one fault may show up in later phases too.
"""

import json
import math
from dataclasses import dataclass, field

import step_time

ID_LISTS = ("read_hbm", "read_dram", "promote_on_read", "prefetch", "evict", "new_hbm", "new_dram", "freed")
MAX_MESSAGES = 20


@dataclass
class Settings:
    """How the run was made: the flags of `kvplacectl simulate` that the rules depend on."""

    profile: step_time.Profile
    mode: str = "inclusive"
    read_routing: bool = False
    fixed_bytes: int = 0
    capacity: str = "25%"
    policy: str = ""
    delay: int = None  # None: the policy's default


@dataclass
class Report:
    """Messages of broken rules and the counts that callers compare between runs (all in blocks)."""

    errors: list = field(default_factory=list)
    suppressed: int = 0
    counts: dict = field(default_factory=dict)
    capacity: int = 0
    seconds: float = 0.0
    roofline: tuple = (0.0, 0.0)
    new_kv_bytes: int = 0

    def fail(self, where, rule, text):
        """Notes a broken rule; `where` is a phase number or a word such as 'header'."""
        if len(self.errors) >= MAX_MESSAGES:
            self.suppressed += 1
            return
        place = f"phase {where}" if isinstance(where, int) else where
        self.errors.append(f"{place}: {rule}: {text}")

    def expect(self, condition, where, rule, text):
        if not condition:
            self.fail(where, rule, text)
        return condition

    @property
    def ok(self):
        return not self.errors


class PhaseView:
    """One checked line with its context, as the policy rules see it. `hbm` is the residency during the phase (new_hbm
    included); `size_after` the blocks in HBM after its end-of-phase effects."""

    def __init__(self, line, reads, hbm):
        self.phase, self.step, self.group = line["phase"], line["step"], line["group"]
        self.reads, self.hbm = reads, hbm
        self.read_hbm, self.read_dram = set(line["read_hbm"]), set(line["read_dram"])
        self.promote, self.prefetch = set(line["promote_on_read"]), set(line["prefetch"])
        self.evict, self.freed = set(line["evict"]), set(line["freed"])
        self.new_hbm, self.new_dram = set(line["new_hbm"]), set(line["new_dram"])
        self.misses = reads - hbm
        self.next_new_hbm = 0   # blocks that the next line starts in HBM
        self.next_births = 0    # blocks that begin in the next phase
        self.size_after = 0

    def kept(self):
        """Blocks that were in HBM during the phase and still are after it."""
        return self.hbm - self.evict - self.freed


def short(ids):
    """A set of ids as a short text."""
    listed = sorted(ids)
    return str(listed[:6])[:-1] + (f", ... {len(listed)} in all]" if len(listed) > 6 else "]")


def is_count(value):
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def line_shape_error(line):
    """Why a phase line cannot be walked at all, or None."""
    if not isinstance(line, dict):
        return "not a JSON object"
    for key in ID_LISTS:
        if not isinstance(line.get(key), list) or not all(is_count(one) for one in line[key]):
            return f"'{key}' is not a list of ids"
    for key in ("phase", "step", "group", "new_kv_bytes"):
        if not is_count(line.get(key)):
            return f"'{key}' is not a whole number"
    if isinstance(line.get("seconds"), bool) or not isinstance(line.get("seconds"), (int, float)):
        return "'seconds' is not a number"
    return None


class ScheduleWalk:
    """State between phases: who is alive, who is in HBM; `observers` get a PhaseView before its effects apply."""

    def __init__(self, run, settings, report, capacity, initial_hbm, observers=()):
        self.run, self.settings, self.report, self.capacity = run, settings, report, capacity
        self.observers = list(observers)
        self.live = run.initial_blocks()
        self.hbm = set(initial_hbm)
        self.seconds, self.roofline_low, self.roofline_high = [], [], []
        self.counts = dict.fromkeys(("read", "read_hbm", "read_dram", "promoted", "prefetched", "evicted", "misses"), 0)
        self.new_kv_bytes = 0
        self.freed_at_end = None

    def walk(self, lines):
        """Checks every line; stops early only at a line that has no usable shape."""
        pending, number = None, 0
        for number, text in enumerate(lines):
            line, problem = parse_line(text)
            problem = problem or line_shape_error(line)
            if problem:
                self.report.fail(number, "line shape", problem)
                return
            if number < self.run.phases:
                if pending is not None:
                    self.check_phase(pending, number - 1, line)
                pending = line
        count = number + 1 if pending is not None else 0
        self.report.expect(count == self.run.phases, "file", "one line per phase",
                           f"{count} lines, expected {self.run.phases}")
        if pending is not None:
            self.check_phase(pending, min(count, self.run.phases) - 1, None)
        self.finish()

    def check_phase(self, line, phase, next_line):
        """All rules of one phase, then its effects."""
        self.check_numbers(line, phase)
        self.check_births(line, phase)
        reads = self.run.reads(phase)
        view = PhaseView(line, reads, self.hbm)
        view.next_births = len(self.run.births(phase + 1)) if phase + 1 < self.run.phases else 0
        view.next_new_hbm = len(next_line["new_hbm"]) if next_line else 0
        self.check_reads(view, phase)
        self.check_moves(view, phase)
        self.check_freed(view, phase)
        self.check_seconds(view, phase, line)
        self.add_roofline(phase, len(reads))
        leaving = (view.evict | view.freed) & self.hbm
        coming = (view.promote | view.prefetch) - view.freed - self.hbm
        view.size_after = len(self.hbm) - len(leaving) + len(coming)
        for observer in self.observers:
            observer.observe(view, self.report)
        self.hbm -= leaving
        self.hbm |= coming
        self.live -= view.freed
        self.report.expect(len(self.hbm) <= self.capacity, phase, "HBM capacity",
                           f"{len(self.hbm)} blocks after the phase's effects, capacity {self.capacity}")

    def check_numbers(self, line, phase):
        """p = step*groups + group, in order; new_kv_bytes; each id at most once per list."""
        step, group = divmod(phase, self.run.groups)
        found = (line["phase"], line["step"], line["group"])
        self.report.expect(found == (phase, step, group), phase, "phase order",
                           f"(phase, step, group) is {found}, expected {(phase, step, group)}")
        expected = self.run.new_kv_bytes(phase)
        self.report.expect(line["new_kv_bytes"] == expected, phase, "new_kv_bytes",
                           f"{line['new_kv_bytes']}, expected {expected}")
        self.new_kv_bytes += line["new_kv_bytes"]
        for key in ID_LISTS:
            self.report.expect(len(set(line[key])) == len(line[key]), phase, "each id at most once per list", key)

    def check_births(self, line, phase):
        """new_hbm and new_dram are exactly the blocks that begin; HBM with new_hbm holds at most C blocks."""
        births = self.run.births(phase)
        new_hbm, new_dram = set(line["new_hbm"]), set(line["new_dram"])
        both = new_hbm & new_dram
        self.report.expect(not both, phase, "new_hbm and new_dram are disjoint", short(both))
        wrong = (new_hbm | new_dram) ^ births
        self.report.expect(not wrong, phase, "new_hbm + new_dram are exactly the births", f"differs by {short(wrong)}")
        self.live |= births
        self.hbm |= new_hbm & births
        self.report.expect(len(self.hbm) <= self.capacity, phase, "HBM capacity",
                           f"{len(self.hbm)} blocks with new_hbm, capacity {self.capacity}")

    def check_reads(self, view, phase):
        """read_hbm and read_dram split the phase's reads and agree with residency and routing."""
        both = view.read_hbm & view.read_dram
        self.report.expect(not both, phase, "read_hbm and read_dram are disjoint", short(both))
        wrong = (view.read_hbm | view.read_dram) ^ view.reads
        self.report.expect(not wrong, phase, "read_hbm + read_dram are the phase's reads", f"differs by {short(wrong)}")
        absent = view.read_hbm - self.hbm
        self.report.expect(not absent, phase, "read_hbm is in HBM", short(absent))
        routed = view.read_dram & self.hbm
        if not (self.settings.read_routing and self.settings.mode == "inclusive"):
            self.report.expect(not routed, phase, "a block in HBM is read from HBM (no routing)", short(routed))
        for key, ids in (("read", view.reads), ("read_hbm", view.read_hbm), ("read_dram", view.read_dram),
                         ("promoted", view.promote), ("prefetched", view.prefetch), ("evicted", view.evict),
                         ("misses", view.misses)):
            self.counts[key] += len(ids)

    def check_moves(self, view, phase):
        """promote_on_read, prefetch and evict take only blocks that they may take."""
        rules = (("promote_on_read is a subset of read_dram", view.promote - view.read_dram),
                 ("promote_on_read is not in HBM", view.promote & self.hbm),
                 ("prefetch exists", view.prefetch - self.live),
                 ("prefetch is not in HBM", view.prefetch & self.hbm),
                 ("prefetch is not read in the phase", view.prefetch & view.reads),
                 ("evict is in HBM", view.evict - self.hbm))
        for rule, wrong in rules:
            self.report.expect(not wrong, phase, rule, short(wrong))

    def check_freed(self, view, phase):
        """freed: all blocks of the sequences that end, in their last phases. For sequences that end together with the
        run the text leaves open whether they are listed: both accepted, but the same for all of them."""
        must, may = self.run.ended(phase)
        missing, extra = must - view.freed, view.freed - must - may
        self.report.expect(not missing, phase, "freed holds the ended sequences' blocks", f"missing {short(missing)}")
        self.report.expect(not extra, phase, "freed holds only ended sequences' blocks", f"extra {short(extra)}")
        if may:
            listed = view.freed & may
            if self.freed_at_end is None:
                self.freed_at_end = bool(listed)
            expected = may if self.freed_at_end else set()
            self.report.expect(listed == expected, phase, "freed of sequences that end with the run: all or none",
                               f"{len(listed)} of {len(may)}")

    def check_seconds(self, view, phase, line):
        """seconds = T(p) of model.md; with routing on T(p) must be the best over whole numbers of routed blocks."""
        block, profile, settings = self.run.block_bytes, self.settings.profile, self.settings
        new = line["new_kv_bytes"]
        moves = (len(view.promote) + len(view.prefetch)) * block
        read = (len(view.read_dram) + len(view.prefetch)) * block
        hbm_new, written = new, new
        if settings.mode == "exclusive":
            tokens = sum(one in self.hbm for one in self.run.written_blocks(phase))
            demoted = len(view.evict) * block
            hbm_new = tokens * self.run.kv_bytes_per_token
            written = new - hbm_new + demoted
            hbm_new += demoted
        base = settings.fixed_bytes + moves + hbm_new
        expected = step_time.phase_seconds(profile, base + len(view.read_hbm) * block, read, written)
        self.report.expect(step_time.close(line["seconds"], expected), phase, "seconds = T(p)",
                           f"{line['seconds']!r}, expected {expected!r}")
        self.seconds.append(line["seconds"])
        if settings.read_routing and settings.mode == "inclusive":
            hits = view.reads & self.hbm
            unrouted = read - len(view.read_dram & self.hbm) * block
            best = step_time.best_routing_seconds(profile, len(hits), block, base, unrouted, written)
            good = expected <= best * (1 + step_time.TOLERANCE)
            self.report.expect(good, phase, "best whole number of routed blocks",
                               f"T = {expected!r} with {len(view.read_hbm)} from HBM, {best!r} is possible")

    def add_roofline(self, phase, reads):
        """Accumulates the instant bound of the phase."""
        run = self.run
        low, high = step_time.roofline_phase_range(
            self.settings.profile, self.settings.mode, reads * run.block_bytes, self.capacity, run.block_bytes,
            self.settings.fixed_bytes, len(run.live_sequences(phase // run.groups)), run.kv_bytes_per_token)
        self.roofline_low.append(low)
        self.roofline_high.append(high)

    def finish(self):
        """Moves the totals into the report."""
        self.report.counts = self.counts
        self.report.seconds = math.fsum(self.seconds)
        self.report.roofline = (math.fsum(self.roofline_low), math.fsum(self.roofline_high))
        self.report.new_kv_bytes = self.new_kv_bytes


def parse_line(text):
    """(object, None) or (None, why not)."""
    try:
        return json.loads(text), None
    except ValueError as error:
        return None, f"not JSON: {error}"
