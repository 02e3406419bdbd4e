"""What scripts/bench measures of kvplaced alone: the core's cost per id, memory, overload."""

import json
import subprocess

from bench_servers import NOTHING_LEFT_OUT, RunFailed, cores, pinned

CORE = {"ns_per_id_32k": "hear/{}/32768", "ns_per_id_1m": "hear/{}/1048576", "ns_per_id_64x1m": "hear/{}/64x1048576"}
# Beside the figures that are promised.
CORE_MORE = {"ns_per_id_64x1m_sparse": "hear/{}/64x1048576/sparse"}
CORE_DECODE = {f"decode_{name}_ns_per_id": f"decode/{name}" for name in ("delta", "bitmap", "all")}


def core(bench, policies, quick):
    """Figures by policy, of core_cost."""
    names = {**CORE, **CORE_MORE}
    if quick:
        names = {"ns_per_id_32k": CORE["ns_per_id_32k"]}
    wanted = [pattern.format(policy) for pattern in names.values() for policy in policies] + list(CORE_DECODE.values())
    command = (str(bench.bin / "core_cost"), "--benchmark_format=json", f"--benchmark_min_time={0.02 if quick else 0.5}",
               "--benchmark_filter=^(" + "|".join(wanted) + ")/(iterations:[0-9]+/)?manual_time$")
    done = subprocess.run(command, capture_output=True, text=True, check=False, preexec_fn=pinned(cores()[0]))
    if done.returncode != 0:
        raise RunFailed(f"core_cost: {done.stderr.strip()}")
    ran = {}
    for run in json.loads(done.stdout)["benchmarks"]:
        ran[run["name"].removesuffix("/manual_time").split("/iterations")[0]] = run
    figures = {}
    for policy in policies:
        of = figures.setdefault(policy, {})
        for key, pattern in names.items():
            run = ran[pattern.format(policy)]
            of[key] = run["ns_per_id"]
            of[key.replace("ns_per_id", "plan_us")] = run["plan_us"]
            of[key.replace("ns_per_id", "background_us")] = run["background_us"]
        of.update({key: ran[name]["ns_per_id"] for key, name in CORE_DECODE.items()})
    return figures


def memory(bench, policy):
    """Resident bytes with 64 workers of a million blocks each, that have been through some steps."""
    with bench.kvplaced(policy) as server:
        most = 0

        def sample():
            nonlocal most
            most = max(most, server.resident_bytes())

        bench.load(server, "--workers", 64, "--blocks", 1 << 20, "--message-ids", 16000, "--rate", "1/s", "--seconds", 4,
                   "--warm-up", 0, sample=sample)
        return {"rss_64x1m_bytes": most}


def uncounted(phases, counters):
    """Steps and plans that neither arrived nor were counted as left out."""
    def total(key):
        return sum(phase[key] for phase in phases)

    steps = counters.get("kvplace_steps_total", 0)
    dropped = {reason: counters.get(("kvplace_dropped_messages_total", reason), 0)
               for reason in ("overload", "not_learned", "plan_replaced", "awaiting_inventory")}
    # Each session has had a plan for its inventory.
    plans = counters.get("kvplace_plans_total", 0) - counters.get("sessions", 0)
    answered = steps + dropped["not_learned"]
    lost_steps = total("sent") - answered - dropped["awaiting_inventory"]
    lost_samples = total("left_out") - dropped["overload"]
    lost_plans = answered - plans - dropped["plan_replaced"]
    return int(abs(lost_steps) + abs(lost_samples) + abs(lost_plans))


def overload(bench, policy, seconds):
    """Quiet, twice what the server can do, quiet again: 64 workers, 16,000 ids a step. What it can do is what it
    answers and hears in a closed loop when it leaves nothing out."""
    common = ("--workers", 64, "--message-ids", 16000)
    with bench.kvplaced(policy, flags=NOTHING_LEFT_OUT) as server:
        able = bench.load(server, *common, "--rate", "max", "--seconds", 1.5)["phases"][0]["answered_per_second"]
    with bench.kvplaced(policy) as server:
        quiet, twice = 0.25 * able / 64, 2 * able / 64
        last = {}

        def sample():
            counters = server.counters()
            if counters.get("kvplace_steps_total", 0) > 0:
                last.update(counters)

        phases = f"{quiet:.3f}/s:2,{twice:.3f}/s:{seconds},{quiet:.3f}/s:{seconds}"
        document = bench.load(server, *common, "--phases", phases, "--warm-up", 0, "--linger", 1, sample=_seldom(sample))
    last["sessions"] = document["sessions"]
    before, during, after = document["phases"]
    return {"overload_plan_p99_ms": during["latency_us"]["p99"] / 1e3,
            "overload_recovery_s": after["settled_after_seconds"],
            "overload_uncounted": uncounted(document["phases"], last),
            "overload_capacity_per_s": able,
            "overload_left_out_share": during["left_out"] / max(1, during["offered"]),
            "overload_quiet_p99_ms": before["latency_us"]["p99"] / 1e3,
            "overload_unanswered": sum(phase["unanswered"] for phase in document["phases"])}


def _seldom(sample):
    """Every tenth call only, about twice a second."""
    calls = 0

    def counted():
        nonlocal calls
        calls += 1
        if calls % 10 == 0:
            sample()

    return counted
