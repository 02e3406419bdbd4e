#!/usr/bin/python3
"""Runs kvplacectl on small random traces and checks every schedule with the independent checker.

    run_twin.py --kvplacectl build/release/bin/kvplacectl [--cases 40] [--seed 1] [--only 17]

Each case imports random files, draws settings, simulates several policies and hands the schedules, the result
documents and the SOURCE files (never the imported trace) to check_schedule. Some cases run two files that agree up to a
step and require equal schedules up to it (causality). Prints the seed; a failing case keeps its files and prints the
exact commands. The last line is `N passed, M failed`; exit 1 on any failure.
"""

import argparse
import json
import os
import random
import shlex
import shutil
import subprocess
import sys
import tempfile
import time

import check_schedule
import expected_run
import policy_rules
import random_traces
import step_time
from schedule_walk import Settings

POLICIES = ("static", "reactive-layer", "reactive-page", "lru", "lfu", "lookahead-1", "balanced", "slack-oracle",
            "annealed-oracle", "belady")
PROFILES = ("paper-gh200", "h100-pcie5")
CAPACITIES = ("0%", "5%", "10%", "25%", "50%", "100%", "12.5%")
COMMAND_SECONDS = 120
BOUND_TIME = "50ms"  # small runs are done with it by then, or as good as


class TwinFailure(Exception):
    """One broken expectation; the text says which."""


class Tool:
    """Runs kvplacectl and remembers the commands of the current case."""

    def __init__(self, path):
        self.path, self.commands = path, []

    def run(self, *arguments, expect=(0,)):
        """Standard output of a command; any other exit status than expected is a failure."""
        command = [self.path] + [str(one) for one in arguments]
        self.commands.append(shlex.join(command))
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=COMMAND_SECONDS)
        except subprocess.TimeoutExpired:
            raise TwinFailure(f"no end after {COMMAND_SECONDS} s: {self.commands[-1]}") from None
        if done.returncode not in expect:
            raise TwinFailure(f"exit {done.returncode}, expected {expect}: {self.commands[-1]}\n{done.stderr[-2000:]}")
        return done.stdout


def import_files(tool, rng, files, select, kv_bytes, window):
    """Imports every file and returns the trace paths in order."""
    traces = []
    for one in files:
        trace = one.path + ".kvtrace"
        flags = ["--kv-bytes-per-token", kv_bytes]
        if one.kind == "mass":
            flags += ["--select", f"top:{select}"] + rng.choice(([], ["--near-misses", 0], ["--near-misses", 3]))
            flags += ["--steps", f"{window[0]}:{window[1]}"] if window else []
        else:
            flags += ["--page-tokens", one.page_tokens]
        source = "attention-mass" if one.kind == "mass" else "authors-csv"
        tool.run("trace", "import", "--from", source, one.path, *flags, "--out", trace)
        traces.append(trace)
    return traces


def draw_window(rng, files):
    """((A, B) or None, whether it is given to `import`). B stays within the files it is given for."""
    kind = rng.choice(("none", "none", "import", "simulate"))
    if kind == "none" or (kind == "import" and any(one.kind == "csv" for one in files)):
        return None, False
    lengths = [one.steps for one in files]
    first = rng.randrange(min(lengths))
    last = rng.randrange(first + 1, (min(lengths) if kind == "import" else max(lengths)) + 1)
    return (first, last), kind == "import"


def draw_settings(rng, run):
    """Settings of a group of runs; fixed bytes on the scale of a phase's reads so that either tier may bind."""
    mode = rng.choice(("inclusive", "inclusive", "exclusive"))
    routing = mode == "inclusive" and rng.random() < 0.5
    capacity = rng.choice(CAPACITIES)
    if rng.random() < 0.25:
        size = rng.randrange(run.blocks * run.block_bytes + 1)
        capacity = rng.choice((f"{size}B", f"{size // 1024 + 1}KiB"))
    per_phase = run.read_blocks * run.block_bytes // run.phases
    fixed = rng.choice((0, 0, per_phase, 10 * per_phase + 1))
    profile = step_time.Profile.named(rng.choice(PROFILES))
    return Settings(profile, mode, routing, fixed, capacity, "", rng.choice((None, None, 0, 1, 2)))


def simulate_flags(traces, settings, window):
    """Arguments of `simulate` without policy and schedule file."""
    flags = ["simulate", *traces, "--profile", settings.profile.name, "--hbm-capacity", settings.capacity, "--mode",
             settings.mode, "--read-routing", "on" if settings.read_routing else "off", "--format", "json"]
    flags += ["--fixed-bytes-per-phase", settings.fixed_bytes] if settings.fixed_bytes else []
    flags += ["--delay-steps", settings.delay] if settings.delay is not None else []
    flags += ["--steps", f"{window[0]}:{window[1]}"] if window else []
    return flags


def parse_document(text):
    """Standard output is exactly one JSON document."""
    try:
        return json.loads(text)
    except ValueError as error:
        raise TwinFailure(f"stdout is not one JSON document: {error}") from None


def check_one(tool, run, flags, settings, policy, path):
    """Simulates one policy, checks its schedule, returns (document, report)."""
    settings.policy = policy
    document = parse_document(tool.run(*flags, "--policy", policy, "--schedule-out", path))
    report = check_schedule.check_schedule(run, path, settings, document)
    if not report.ok:
        raise TwinFailure("\n".join([tool.commands[-1]] + report.errors))
    return document, report


def without_timing(entry):
    return {key: value for key, value in entry.items() if key != "decide_microseconds"}


def check_group(tool, rng, run, traces, window, folder):
    """Several policies with the same settings, alone and together; belady has the fewest DRAM reads of all."""
    settings = draw_settings(rng, run)
    flags = simulate_flags(traces, settings, window)
    policies = rng.sample(POLICIES, min(rng.choice((2, 3, 4)), len(POLICIES)))
    alone, moved = [], {}
    for policy in policies:
        document, report = check_one(tool, run, flags, settings, policy, f"{folder}/{policy}.jsonl")
        alone.append(without_timing(document["results"][0]))
        moved[policy] = report.counts["misses"] + report.counts["prefetched"]
    if "belady" in moved and not settings.delay and moved["belady"] > min(moved.values()):
        raise TwinFailure(f"an online policy has fewer DRAM reads than belady: {moved}\n{tool.commands[-1]}")
    together = parse_document(tool.run(*flags, "--policy", ",".join(policies)))
    if [without_timing(one) for one in together["results"]] != alone:
        raise TwinFailure(f"results of several policies differ from one at a time: {tool.commands[-1]}")
    check_bound(tool, run, flags, settings, policies, f"{folder}/bound.jsonl")
    return len(policies) + 1


def check_bound(tool, run, flags, settings, policies, path):
    """The clairvoyant schedule of the hindsight bound is one, and no policy is faster than the bound."""
    settings.policy = check_schedule.HINDSIGHT
    document = parse_document(tool.run(*flags, "--policy", ",".join(policies), "--bound", "hindsight",
                                       "--bound-time-limit", BOUND_TIME, "--bound-gap", 0,
                                       "--bound-schedule-out", path))
    report = check_schedule.check_schedule(run, path, settings, document)
    if not report.ok:
        raise TwinFailure("\n".join([tool.commands[-1]] + report.errors))


def random_case(tool, rng, folder):
    """Random sources, one import, two groups of settings. Returns the number of schedules checked."""
    files = random_traces.random_sources(rng, folder)
    select, kv_bytes = rng.randrange(3, 9), rng.choice((16, 100, 4096))
    window, at_import = draw_window(rng, files)
    traces = import_files(tool, rng, files, select, kv_bytes, window if at_import else None)
    sources = [(one.kind, one.path) for one in files]
    run = check_schedule.load_run(sources, select, files[0].page_tokens, kv_bytes, window)
    return sum(check_group(tool, rng, run, traces, None if at_import else window, folder) for _ in range(2))


def read_lines(path):
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def nested(left, right):
    return left <= right or right <= left


def compare_prefix(left, right, phases, policy, delay):
    """Two schedules whose inputs agree before phase `phases`: equal up to it. With d >= 1 the plan of that first
    differing phase is the same too: same tier of births, and per list a prefix of one common order."""
    for phase in range(phases):
        if left[1 + phase] != right[1 + phase]:
            raise TwinFailure(f"causality: phase {phase} of {policy} differs, the inputs agree before phase {phases}")
    if left[0] != right[0]:
        raise TwinFailure(f"causality: headers of {policy} differ")
    if delay == 0:
        return
    one, two = left[1 + phases], right[1 + phases]
    if set(one["new_hbm"]) != set(two["new_hbm"]):
        raise TwinFailure(f"causality: tier of births in phase {phases} of {policy} depends on later reads")
    reads = [set(line["read_hbm"]) | set(line["read_dram"]) for line in (one, two)]
    idle = [set(line["evict"]) - reads[0] - reads[1] for line in (one, two)]
    both = reads[0] & reads[1]
    promoted = [set(line["promote_on_read"]) & both for line in (one, two)]
    for rule, pair in (("evict", idle), ("promote_on_read", promoted)):
        if not nested(*pair):
            raise TwinFailure(f"causality: {rule} in phase {phases} of {policy} is not a prefix of one list: {pair}")


def causality_case(tool, rng, folder):
    """Two files that agree on their first steps: online schedules agree on these too."""
    layers, page_tokens, steps = rng.randrange(1, 4), rng.choice((1, 2, 4)), rng.randrange(4, 20)
    source, common = rng.randrange(1 << 30), rng.randrange(1, steps)
    prefill = rng.randrange(page_tokens * 4, page_tokens * 14)
    policies = [one for one in POLICIES if one not in policy_rules.CLAIRVOYANT]
    settings, runs, flags = None, [], []
    for name in ("left", "right"):
        file = random_traces.write_mass(f"{folder}/{name}.mass", rng, layers, page_tokens, steps, prefill=prefill,
                                        common_steps=common, source=source)
        traces = import_files(tool, rng, [file], 5, 64, None)
        runs.append(check_schedule.load_run([("mass", file.path)], 5, kv_bytes_per_token=64))
        settings = settings or draw_settings(rng, runs[0])
        flags.append(simulate_flags(traces, settings, None))
    for policy in policies:
        delay = policy_rules.default_delay(policy) if settings.delay is None else settings.delay
        paths = [f"{folder}/{policy}-{side}.jsonl" for side in (0, 1)]
        for side in (0, 1):
            check_one(tool, runs[side], flags[side], settings, policy, paths[side])
        compare_prefix(*[read_lines(path) for path in paths], common * layers, policy, delay)
    return 2 * len(policies)


def refusal_case(tool, rng, folder):
    """Inputs that the spec calls errors: exit 1 for bad files, 2 for wrong usage, either for files that differ."""
    def mass(name, layers, page_tokens):
        return random_traces.write_mass(f"{folder}/{name}", rng, layers, page_tokens, 4, prefill=9)

    good, groups, sizes = mass("good", 2, 2), mass("groups", 3, 2), mass("sizes", 2, 4)
    broken = f"{folder}/broken"
    with open(good.path, "rb") as source, open(broken, "wb") as target:
        target.write(source.read()[:-1])
    start = ("trace", "import", "--from", "attention-mass")
    tool.run(*start, broken, "--out", f"{folder}/t", expect=(1,))
    tool.run(*start, good.path, "--select", "top:2", "--out", f"{folder}/t", expect=(2,))
    traces = import_files(tool, rng, [good, groups, sizes], 4, 64, None)
    for other in (1, 2):
        tool.run("simulate", traces[0], traces[other], "--policy", "static", expect=(1, 2))
    tool.run("simulate", traces[0], "--policy", "no-such-policy", expect=(2,))
    return 1


def run_case(tool, seed, index, root):
    """One case in its own folder; returns (schedules checked, failure text or None)."""
    rng = random.Random(f"{seed}/{index}")
    folder = os.path.join(root, f"case{index}")
    os.makedirs(folder)
    tool.commands.clear()
    kind = refusal_case if index == 0 else (causality_case if index % 4 == 3 else random_case)
    try:
        checked = kind(tool, rng, folder)
    except (TwinFailure, expected_run.SourceError, OSError, KeyError, TypeError, ValueError, LookupError) as error:
        return 0, f"{kind.__name__} {index}: {type(error).__name__}: {error}"
    shutil.rmtree(folder)
    return checked, None


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kvplacectl", required=True, metavar="PATH")
    parser.add_argument("--cases", type=int, default=40)
    parser.add_argument("--seed", type=int, default=None, help="default: drawn and printed")
    parser.add_argument("--only", type=int, default=None, help="run only the case of this number")
    arguments = parser.parse_args(argv)
    seed = arguments.seed if arguments.seed is not None else random.SystemRandom().randrange(1 << 31)
    root, began = tempfile.mkdtemp(prefix="kvplace-twin-"), time.monotonic()
    print(f"seed {seed}", flush=True)
    tool, passed, failed, schedules = Tool(os.path.abspath(arguments.kvplacectl)), 0, 0, 0
    for index in range(arguments.cases) if arguments.only is None else [arguments.only]:
        checked, failure = run_case(tool, seed, index, root)
        schedules += checked
        passed, failed = passed + (failure is None), failed + (failure is not None)
        if failure:
            commands = [one for one in tool.commands if " import " in one]
            print(f"FAILED (--seed {seed} --only {index})\n{failure}\nfiles: {root}/case{index}\nimports:\n  "
                  + "\n  ".join(commands) + f"\nlast command:\n  {tool.commands[-1] if tool.commands else '-'}",
                  flush=True)
    if not failed:
        shutil.rmtree(root)
    print(f"{schedules} schedules in {time.monotonic() - began:.1f} s, seed {seed}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
