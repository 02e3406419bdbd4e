"""Slow, obvious simulators: the pinned static and lru baselines, and the fewest DRAM reads of any schedule.

Used as independent twins by policy_rules and to make valid schedules for the tests. Units: blocks, bytes, seconds.
"""

import heapq
import json
from collections import OrderedDict

import step_time


def order_reads(reads, hbm, tie):
    """The order in which one phase's reads touch the LRU list. The spec does not fix it, so callers try several."""
    listed = sorted(reads, reverse=tie.startswith("descending"))
    if "hits-first" in tie:
        listed = [one for one in listed if one in hbm] + [one for one in listed if one not in hbm]
    return listed


LRU_TIES = ("ascending", "ascending hits-first", "descending", "descending hits-first",
            "ascending keep-read", "descending keep-read",
            "ascending start-by-page", "ascending hits-first start-by-page")


def start_order(run, capacity, tie):
    """The initial blocks from oldest to newest; never read, so the spec leaves their order open. 'start-by-page': lower
    pages are older, page 0 (the attention sink) is the newest of all."""
    start = run.online_start(capacity)
    if "start-by-page" not in tie:
        return start
    page = {block: block % run.pages_max for block in start}
    return sorted(start, key=lambda block: (page[block] == 0, page[block], block))


def lru_moves(run, capacity, tie="ascending"):
    """Yields (phase, new_hbm, hits, misses, promoted, evicted) of LRU at delay 0.

    Promotes every miss on read; makes room for these and for the next phase's births, births first; evicts the least
    recently read, one read in this phase only if there is no other ('keep-read': never one read in this phase).
    """
    hbm = OrderedDict((block, None) for block in start_order(run, capacity, tie))
    for phase in range(run.phases):
        room = capacity - len(hbm)
        new_hbm = sorted(run.births(phase))[:max(0, room)]
        hbm.update((block, None) for block in new_hbm)
        reads = run.reads(phase)
        hits = reads & hbm.keys()
        misses = [one for one in order_reads(reads, hbm, tie) if one not in hits]
        for block in order_reads(reads, hbm, tie):
            if block in hits:
                hbm.move_to_end(block)
        freed = run.ended(phase)[0]
        births = len(run.births(phase + 1)) if phase + 1 < run.phases else 0
        stuck = len((hits if "keep-read" in tie else set()) - freed)
        promoted = [one for one in misses if one not in freed][:max(0, capacity - births - stuck)]
        stays = [one for one in hbm if one not in freed]
        surplus = len(stays) + len(promoted) + births - capacity
        evictable = [one for one in stays if not stuck or one not in hits]
        evicted = evictable[:max(0, surplus)]
        yield phase, new_hbm, hits, misses, promoted, evicted
        for block in list(evicted) + [one for one in freed if one in hbm]:
            del hbm[block]
        hbm.update((block, None) for block in promoted)
        if "hits-first" not in tie:  # one touch order for hits and promoted misses together
            for block in order_reads(reads, hbm, tie):
                if block in hbm:
                    hbm.move_to_end(block)


def static_moves(run, capacity):
    """Yields the same tuples for static: the common start, new blocks in DRAM, never moves."""
    hbm = set(run.online_start(capacity))
    for phase in range(run.phases):
        reads = run.reads(phase)
        yield phase, [], reads & hbm, sorted(reads - hbm), [], []
        hbm -= run.ended(phase)[0]


def lru_miss_share(run, capacity, tie):
    """Share of block reads that are not in HBM under lru_moves."""
    return sum(len(misses) for _, _, _, misses, _, _ in lru_moves(run, capacity, tie)) / max(1, run.read_blocks)


def fewest_dram_reads(run, capacity):
    """Fewest DRAM block reads (prefetches counted) of any schedule: MIN with bypass, all reads of a phase at once.

    At each boundary of two phases keep, among what is held, was just read or is about to begin, the C blocks with the
    nearest next read. Unit intervals on C tracks: dropping the farthest end is optimal.
    """
    uses = {}
    for phase in range(run.phases):
        for block in run.reads(phase):
            uses.setdefault(block, []).append(phase)
    for phases in uses.values():
        phases.reverse()
    held, heap, misses = {}, [], 0

    def hold(blocks):
        for block in blocks:
            if uses.get(block):
                held[block] = uses[block][-1]
                heapq.heappush(heap, (-held[block], block))
        while len(held) > capacity:
            farthest, block = heapq.heappop(heap)
            if held.get(block) == -farthest:
                del held[block]

    hold(run.initial_blocks() | run.births(0))
    for phase in range(run.phases):
        reads = run.reads(phase)
        misses += sum(block not in held for block in reads)
        for block in reads:
            uses[block].pop()
            held.pop(block, None)
        hold(reads | (run.births(phase + 1) if phase + 1 < run.phases else set()))
    return misses


def phase_line(run, settings, move, hbm, freed):
    """One schedule line of a moves tuple; `hbm` is the residency during the phase."""
    phase, new_hbm, hits, misses, promoted, evicted = move
    block, new = run.block_bytes, run.new_kv_bytes(phase)
    base, written = settings.fixed_bytes + len(promoted) * block + new, new
    if settings.mode == "exclusive":
        in_hbm = sum(one in hbm for one in run.written_blocks(phase)) * run.kv_bytes_per_token
        base += in_hbm - new + len(evicted) * block
        written = new - in_hbm + len(evicted) * block

    def seconds(routed):
        return step_time.phase_seconds(settings.profile, base + (len(hits) - routed) * block,
                                       (len(misses) + routed) * block, written)

    routing = settings.read_routing and settings.mode == "inclusive"
    routed = min(range(len(hits) + 1), key=seconds) if routing else 0
    ordered = sorted(hits)
    return {"phase": phase, "step": phase // run.groups, "group": phase % run.groups, "read_hbm": ordered[routed:],
            "read_dram": sorted(list(misses) + ordered[:routed]), "promote_on_read": sorted(promoted), "prefetch": [],
            "evict": sorted(evicted), "new_hbm": sorted(new_hbm),
            "new_dram": sorted(run.births(phase) - set(new_hbm)), "freed": sorted(freed), "new_kv_bytes": new,
            "seconds": seconds(routed)}


def make_schedule(run, settings, capacity, policy):
    """(header, lines) of a valid schedule of policy 'static' or 'lru' (delay 0)."""
    start = run.online_start(capacity)
    header = {"schema": "kvplace.schedule/1", "sequences": len(run.sequences), "groups": run.groups,
              "pages_max": run.pages_max, "page_tokens": run.page_tokens, "kv_bytes_per_token": run.kv_bytes_per_token,
              "blocks": run.blocks, "phases": run.phases, "hbm_capacity_blocks": capacity,
              "block_bytes": run.block_bytes, "initial_hbm": start}
    hbm, lines = set(start), []
    for move in (static_moves if policy == "static" else lru_moves)(run, capacity):
        freed = run.ended(move[0])[0]
        hbm |= set(move[1])
        lines.append(phase_line(run, settings, move, hbm, freed))
        hbm = (hbm - set(move[5])) | set(move[4])
        hbm -= freed
    return header, lines


def write_schedule(path, header, lines):
    with open(path, "w", encoding="utf-8") as handle:
        for line in [header] + lines:
            handle.write(json.dumps(line) + "\n")
