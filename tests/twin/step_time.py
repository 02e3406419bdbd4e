"""Step time, best read routing and roofline of model.md, written down once more from its text.

Units: bytes, seconds, bytes per second. Byte counts are exact integers; one division each, so a term carries one
rounding error and every comparison can use a relative tolerance of 1e-12.
"""

from dataclasses import dataclass

TOLERANCE = 1e-12
GB = 1e9
# model.md "Nodes and tiers": B_H, B_r, B_w, B_int in GB/s.
NAMED_PROFILES = {
    "paper-gh200": (4900, 450, 450, 500),
    "gh200-measured": (3728, 378, 297, 500),
    "h100-pcie5": (3350, 55, 55, 300),
    "gb200": (8000, 450, 450, 500),
}
PROFILE_KEYS = ("hbm_bytes_per_second", "link_read_bytes_per_second", "link_write_bytes_per_second",
                "dram_bytes_per_second")


@dataclass(frozen=True)
class Profile:
    """Bandwidths of one device, bytes per second."""

    hbm: float
    link_read: float
    link_write: float
    dram: float
    name: str = ""

    @staticmethod
    def from_json(block):
        """From the `profile` block of a result document (or the whole document)."""
        block = block.get("profile", block)
        return Profile(*(float(block[key]) for key in PROFILE_KEYS), name=str(block.get("name", "")))

    @staticmethod
    def named(name):
        return Profile(*(value * GB for value in NAMED_PROFILES[name]), name=name)

    @property
    def best_hbm_share(self):
        """alpha* = B_H / (B_H + B_D), B_D = min(B_r, B_int)."""
        return self.hbm / (self.hbm + min(self.link_read, self.dram))


def close(left, right, tolerance=TOLERANCE):
    """Equal within a relative tolerance."""
    return abs(left - right) <= tolerance * max(abs(left), abs(right))


def phase_seconds(profile, hbm_bytes, dram_read, dram_written):
    """T(p) = max(T_H, r/B_r, w/B_w, (r+w)/B_int)."""
    return max(hbm_bytes / profile.hbm, dram_read / profile.link_read, dram_written / profile.link_write,
               (dram_read + dram_written) / profile.dram)


def best_routing_seconds(profile, hits, block_bytes, hbm_base, dram_read_base, dram_written):
    """Least T(p) over all whole numbers k = 0..hits of resident blocks that are read from DRAM instead.

    `hbm_base` and `dram_read_base` are the bytes without the hits (h0 and r0 of model.md). T is the maximum of a
    falling line (HBM) and rising lines (DRAM) in k, so it is least at the first k where DRAM is not below HBM, or
    just before; bisection finds that k exactly.
    """
    def falling(k):
        return (hbm_base + (hits - k) * block_bytes) / profile.hbm

    def rising(k):
        read = dram_read_base + k * block_bytes
        return max(read / profile.link_read, dram_written / profile.link_write, (read + dram_written) / profile.dram)

    low, high = 0, hits
    while low < high:
        middle = (low + high) // 2
        if rising(middle) >= falling(middle):
            high = middle
        else:
            low = middle + 1
    return min(max(falling(k), rising(k)) for k in {low, max(low - 1, 0)})


def roofline_phase(profile, demand, hits_limit, fixed, new_in_hbm, new_in_dram):
    """min over real H in [0, hits_limit] of T(p) with hits H, misses demand-H and no moves.

    T is convex and piecewise linear in H: its minimum is at an end or where the HBM line meets a DRAM line.
    """
    def seconds(hits):
        return phase_seconds(profile, fixed + hits + new_in_hbm, demand - hits, new_in_dram)

    base = fixed + new_in_hbm
    meets = [(demand * profile.hbm - base * profile.link_read) / (profile.hbm + profile.link_read),
             ((demand + new_in_dram) * profile.hbm - base * profile.dram) / (profile.hbm + profile.dram)]
    candidates = [0, hits_limit] + [min(max(hits, 0), hits_limit) for hits in meets]
    return min(seconds(hits) for hits in candidates)


def roofline_phase_range(profile, mode, demand, capacity_blocks, block_bytes, fixed, tokens, kv_bytes_per_token):
    """(lowest, highest) accepted roofline of one phase. Inclusive: one value. Exclusive: the text leaves open where
    new KV goes in the bound, so anything from 'new KV costs nothing' to the best whole placement is accepted."""
    limit = min(demand, capacity_blocks * block_bytes)
    new = tokens * kv_bytes_per_token
    if mode == "inclusive":
        value = roofline_phase(profile, demand, limit, fixed, new, new)
        return value, value
    highest = min(roofline_phase(profile, demand, limit, fixed, in_hbm * kv_bytes_per_token,
                                 new - in_hbm * kv_bytes_per_token)
                  for in_hbm in range(min(tokens, capacity_blocks) + 1))
    return roofline_phase(profile, demand, limit, fixed, 0, 0), highest
