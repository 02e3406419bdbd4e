"""What docs/policies.md says about lookahead-1, annealed-oracle and slack-oracle, as invariants over PhaseViews.

Units: blocks and phases; bytes for slack. "Uses" of a block are its reads in the window, phases (p, p + window].
"""

from collections import Counter

from schedule_walk import short

SLACK_WINDOW_STEPS = 5


class Window:
    """Reads in the phases (p, p + length], kept up to date as p rises."""

    def __init__(self, run, steps):
        self.run, self.length = run, steps * run.groups
        self.counts, self.phase = Counter(), -1
        for phase in range(min(self.length, run.phases)):
            self.counts.update(run.reads(phase))

    def enter(self, phase):
        while self.phase < phase:
            self.phase += 1
            self.counts.subtract(self.run.reads(self.phase))
            last = self.phase + self.length
            if last < self.run.phases:
                self.counts.update(self.run.reads(last))

    def uses(self, block):
        return self.counts[block]


class LookaheadRule:
    """lookahead-1: promotes and begins in HBM what the next step reads, evicts what it does not read, and leaves out
    nothing that would fit."""

    def __init__(self, run, capacity):
        self.window, self.capacity = Window(run, 1), capacity

    def observe(self, view, report):
        if view.phase > 0:  # the window is still that of the phase before, which decided; phase 0 is the start's
            wrong = {one for one in view.new_hbm if not self.window.uses(one)}
            report.expect(not wrong, view.phase, "lookahead-1 begins in HBM only what is read next", short(wrong))
        self.window.enter(view.phase)
        wrong = {one for one in view.promote if not self.window.uses(one)}
        report.expect(not wrong, view.phase, "lookahead-1 promotes only what the next step reads", short(wrong))
        wrong = {one for one in view.evict if self.window.uses(one)}
        report.expect(not wrong, view.phase, "lookahead-1 evicts nothing that the next step reads", short(wrong))
        left = {one for one in view.misses - view.promote - view.freed if self.window.uses(one)}
        idle = {one for one in view.kept() if not self.window.uses(one)}
        full = view.size_after + view.next_new_hbm >= self.capacity
        report.expect(not left or (full and not idle), view.phase, "lookahead-1 promotes what fits",
                      f"left {short(left)}, kept {short(idle)}")
        report.expect(not view.evict or full, view.phase, "lookahead-1 evicts only to make room", short(view.evict))


class SlackRule:
    """slack-oracle: moves no more bytes than B_H * (T_D - T_H) of the phase's own traffic; brings in only what the
    window reads, and for it evicts only what the window reads less often."""

    def __init__(self, run, settings, capacity):
        self.run, self.settings, self.capacity = run, settings, capacity
        self.window = Window(run, SLACK_WINDOW_STEPS)

    def slack(self, view):
        """In bytes, of the phase before any move and before routing."""
        run, profile = self.run, self.settings.profile
        new = run.new_kv_bytes(view.phase)
        in_hbm, written = new, new
        if self.settings.mode == "exclusive":
            in_hbm = sum(one in view.hbm for one in run.written_blocks(view.phase)) * run.kv_bytes_per_token
            written = new - in_hbm
        read = len(view.misses) * run.block_bytes
        hbm = self.settings.fixed_bytes + len(view.reads & view.hbm) * run.block_bytes + in_hbm
        dram_seconds = max(read / profile.link_read, written / profile.link_write, (read + written) / profile.dram)
        return profile.hbm * dram_seconds - hbm

    def observe(self, view, report):
        self.window.enter(view.phase)
        moved = len(view.promote) + len(view.prefetch)
        moved += len(view.evict) if self.settings.mode == "exclusive" else 0
        slack = max(self.slack(view), 0)
        report.expect(moved * self.run.block_bytes <= slack + 0.01, view.phase, "slack-oracle moves within the slack",
                      f"{moved} blocks of {self.run.block_bytes} bytes, slack {slack:g}")
        coming = view.promote | view.prefetch
        wrong = {one for one in coming if not self.window.uses(one)}
        report.expect(not wrong, view.phase, "slack-oracle brings in only what the window reads", short(wrong))
        lost = max((self.window.uses(one) for one in view.evict), default=-1)
        births = self.run.births(view.phase + 1) if view.phase + 1 < self.run.phases else set()
        worth = [self.window.uses(one) for one in view.promote | births]
        worth += [self.window.uses(one) / 2 for one in view.prefetch]
        report.expect(lost < max(worth, default=0), view.phase, "slack-oracle evicts what is worth less",
                      f"evicted {lost} uses for at most {max(worth, default=0):g}")
        full = view.size_after + view.next_new_hbm >= self.capacity
        report.expect(not view.evict or full, view.phase, "slack-oracle evicts only to make room", short(view.evict))


def make_observers(run, settings, capacity):
    """The rules of a clairvoyant policy; they hold at any delay."""
    if settings.policy == "lookahead-1":
        return [LookaheadRule(run, capacity)]
    return [SlackRule(run, settings, capacity)] if settings.policy == "slack-oracle" else []
