"""How kvplaced's cost per message grows: with blocks, ids, workers and idle sessions. One table each, for scripts/bench --growth."""

# All of what is asked for here; 10^7 blocks are more than a server takes unless it is told.
LIMITS = ("--max-blocks-per-session", 1 << 24, "--max-blocks-total", 1 << 28, "--max-sessions", 8192)

TABLES = {
    "blocks of a device": ("--blocks", (10_000, 100_000, 1_000_000, 10_000_000), ("--message-ids", 1000)),
    "ids of a message": ("--message-ids", (100, 1000, 4000, 16000), ()),
    "workers": ("--workers", (1, 4, 16, 64, 256), ("--message-ids", 1000, "--blocks", 8192)),
    "idle sessions": ("--idle-workers", (0, 100, 1000), ("--message-ids", 1000, "--blocks", 8192)),
}


def row(bench, policy, flags, seconds):
    with bench.kvplaced(policy, flags=LIMITS) as server:
        most = 0

        def sample():
            nonlocal most
            most = max(most, server.resident_bytes())

        document = bench.load(server, *flags, "--rate", "max", "--seconds", seconds, "--warm-up", 0.5, sample=sample)
        phase = document["phases"][0]
        rate = phase["answered_per_second"]
        return {"p50_us": phase["latency_us"]["p50"], "p99_us": phase["latency_us"]["p99"], "answers_per_s": rate,
                "cpu_us_per_message": 1e6 * document["cpu_share"] / rate if rate else None,
                "resident_mib": most / 2**20, "plan_bytes": phase["plan_bytes"]}


def measure(bench, policies, quick, say):
    """Rows by table, policy and size."""
    tables = {}
    for name, (flag, sizes, common) in TABLES.items():
        say(name)
        for policy in policies:
            rows = tables.setdefault(name, {}).setdefault(policy, {})
            for size in sizes[:2] if quick else sizes:
                rows[size] = row(bench, policy, (*common, flag, size), 0.3 if quick else 1.5)
    return tables


def markdown(tables):
    lines = []
    for name, policies in tables.items():
        heads = [f"{policy}: p50, us | CPU, us | MiB | plan, bytes" for policy in policies]
        lines += [f"| {name} | {' | '.join(heads)} |", "|" + " --- |" * (1 + 4 * len(policies))]
        for size in next(iter(policies.values())):
            cells = []
            for rows in policies.values():
                values = rows[size]
                cells += [f"{values['p50_us']:.0f}", f"{values['cpu_us_per_message']:.0f}", f"{values['resident_mib']:.0f}",
                          f"{values['plan_bytes']:.0f}"]
            lines.append(f"| {size:,} | {' | '.join(cells)} |")
        lines.append("")
    return "\n".join(lines)
