#!/usr/bin/python3
"""Independent checker of `kvplacectl simulate --schedule-out`: recomputes a run from its source files and the spec.

    check_schedule.py --schedule F.jsonl --mass a.mass.zst b.mass.zst --select 64 --kv-bytes-per-token 4096 \\
        --hbm-capacity 25% --policy lru --result result.json

Give every flag as it was given to `trace import` and `simulate`. Files become sequences in the order given. With
--result (the `--format json` document) the totals are checked too and the profile is taken from it. The schedule of
--bound-schedule-out is checked with --policy hindsight: it may begin and move as it likes. Exit 0: all rules hold. Exit 1: some rule is broken, each named with its phase. Exit 2: wrong usage. Written from cli.md and model.md
alone, standard library only.
"""

import argparse
import json
import sys

import expected_run
import policy_rules
import step_time
from schedule_walk import Report, ScheduleWalk, Settings, is_count, parse_line

RESULT_KEYS = ("policy", "delay_steps", "total_seconds", "hbm_read_bytes", "dram_read_bytes", "promoted_on_read_bytes",
               "prefetched_bytes", "demoted_bytes", "new_kv_bytes", "miss_share", "roofline_ratio", "hindsight_ratio",
               "decide_microseconds", "clairvoyant")
HINDSIGHT = "hindsight"  # stands for a policy: the schedule behind hindsight_upper_seconds
BOUND_KEYS = ("roofline_seconds", "hindsight_seconds", "hindsight_upper_seconds", "iterations", "seconds_spent")


def check_header(header, run, settings, result, report):
    """Header numbers against the recomputed run. Returns (C, initial_hbm) to walk with, or None."""
    expected = {"schema": "kvplace.schedule/1", "sequences": len(run.sequences), "groups": run.groups,
                "pages_max": run.pages_max, "page_tokens": run.page_tokens,
                "kv_bytes_per_token": run.kv_bytes_per_token, "blocks": run.blocks, "phases": run.phases,
                "block_bytes": run.block_bytes}
    for key, value in expected.items():
        report.expect(header.get(key) == value, "header", key, f"{header.get(key)!r}, expected {value!r}")
    peaks = run.peaks_live()
    reported = result.get("peak_kv_bytes") if result else None
    if reported in [peak * run.block_bytes for peak in peaks]:
        peaks = {reported // run.block_bytes}
    allowed = {expected_run.capacity_blocks(settings.capacity, peak, run.block_bytes) for peak in peaks}
    capacity, start = header.get("hbm_capacity_blocks"), header.get("initial_hbm")
    report.expect(capacity in allowed, "header", "hbm_capacity_blocks", f"{capacity!r}, expected {sorted(allowed)}")
    if not is_count(capacity) or not isinstance(start, list) or not all(is_count(one) for one in start):
        report.fail("header", "hbm_capacity_blocks and initial_hbm", "not usable, the walk is skipped")
        return None
    policy_rules.check_start(run, settings, capacity, start, report)
    return capacity, start


def check_document(result, run, settings, report):
    """Fields of the simulate document that do not depend on the policy."""
    expected = {"schema": "kvplace.simulate/1", "mode": settings.mode, "read_routing": settings.read_routing,
                "steps": run.steps, "phases": run.phases, "blocks": run.blocks,
                "read_bytes": run.read_blocks * run.block_bytes, "fixed_bytes_per_phase": settings.fixed_bytes,
                "hbm_capacity_bytes": report.capacity * run.block_bytes}
    for key, value in expected.items():
        report.expect(result.get(key) == value, "result", key, f"{result.get(key)!r}, expected {value!r}")
    peaks = sorted(peak * run.block_bytes for peak in run.peaks_live())
    report.expect(result.get("peak_kv_bytes") in peaks, "result", "peak_kv_bytes",
                  f"{result.get('peak_kv_bytes')!r}, expected {peaks}")
    traces = result.get("traces")
    report.expect(isinstance(traces, list) and len(traces) == len(run.sequences), "result", "traces as given",
                  f"{traces!r} for {len(run.sequences)} files")
    bounds = result.get("bounds") or {}
    for key in BOUND_KEYS:
        report.expect(key in bounds, "result", "bounds keys stay", f"'{key}' is missing")
    roofline = bounds.get("roofline_seconds")
    if roofline is not None:
        low, high = report.roofline
        slack = sum_tolerance(run.phases)
        report.expect(low * (1 - slack) <= roofline <= high * (1 + slack), "result", "roofline_seconds",
                      f"{roofline!r}, expected {low!r}" + (f" .. {high!r}" if low != high else ""))
    return roofline


def sum_tolerance(terms):
    """Relative tolerance of a plain left-to-right sum of so many doubles."""
    return max(step_time.TOLERANCE, terms * 2.0 ** -52)


def pick_result(result, policy):
    """The entry of `results` for the policy (the only one if none is named), or None."""
    entries = result.get("results") or []
    chosen = [one for one in entries if one.get("policy") == policy] if policy else entries
    return chosen[0] if len(chosen) == 1 else None


def check_entry(entry, roofline, run, report, delay):
    """Totals of one policy against the walk. hbm + dram reads = read_bytes; demoted = evict in both modes."""
    for key in RESULT_KEYS:
        report.expect(key in entry, "result", "keys stay", f"'{key}' is missing")
    counts, block = report.counts, run.block_bytes
    expected = {"delay_steps": delay, "hbm_read_bytes": counts["read_hbm"] * block,
                "dram_read_bytes": counts["read_dram"] * block, "promoted_on_read_bytes": counts["promoted"] * block,
                "prefetched_bytes": counts["prefetched"] * block, "demoted_bytes": counts["evicted"] * block,
                "new_kv_bytes": report.new_kv_bytes, "clairvoyant": entry.get("policy") in policy_rules.CLAIRVOYANT}
    for key, value in expected.items():
        report.expect(entry.get(key) == value, "result", key, f"{entry.get(key)!r}, expected {value!r}")
    floats = {"total_seconds": (report.seconds, sum_tolerance(run.phases))}
    if counts["read"]:
        floats["miss_share"] = (counts["read_dram"] / counts["read"], step_time.TOLERANCE)
    if roofline is not None and report.seconds:
        floats["roofline_ratio"] = (roofline / report.seconds, sum_tolerance(run.phases))
    for key, (value, tolerance) in floats.items():
        found = entry.get(key)
        good = isinstance(found, (int, float)) and step_time.close(found, value, tolerance)
        report.expect(good, "result", key, f"{found!r}, expected {value!r}")
    micros = entry.get("decide_microseconds") or {}
    p50, p99 = micros.get("p50"), micros.get("p99")
    if p50 is not None and p99 is not None:
        report.expect(0 <= p50 <= p99, "result", "decide_microseconds", f"p50 {p50}, p99 {p99}")


def check_profile(result, settings, report):
    """A profile known by name has the numbers of model.md's table."""
    given = step_time.Profile.from_json(result)
    pairs = [(step_time.PROFILE_KEYS[index], getattr(given, key), getattr(settings.profile, key))
             for index, key in enumerate(("hbm", "link_read", "link_write", "dram"))]
    if given.name in step_time.NAMED_PROFILES:
        table = step_time.Profile.named(given.name)
        pairs += [(f"{key} of profile {given.name}", getattr(given, key), getattr(table, key))
                  for key in ("hbm", "link_read", "link_write", "dram")]
    for key, found, expected in pairs:
        report.expect(found == expected, "result", key, f"{found!r}, expected {expected!r}")


def check_schedule(run, schedule_path, settings, result=None):
    """Checks one schedule file (and its result document when given) against `run`; returns the Report."""
    report = Report()
    delay = settings.delay if settings.delay is not None else policy_rules.default_delay(settings.policy)
    with open(schedule_path, encoding="utf-8") as lines:
        header, problem = parse_line(next(lines, ""))
        if problem or not isinstance(header, dict):
            report.fail("header", "first line is a JSON object", problem or repr(header))
            return report
        usable = check_header(header, run, settings, result, report)
        if usable is None:
            return report
        report.capacity, start = usable
        observers = policy_rules.make_observers(run, settings, report.capacity, delay, start)
        ScheduleWalk(run, settings, report, report.capacity, start, observers).walk(lines)
    if report.counts:
        policy_rules.check_miss_counts(run, settings, report.capacity, delay, report)
        if result is not None:
            check_result(result, run, settings, report, delay)
    return report


def check_result(result, run, settings, report, delay):
    """The whole simulate document."""
    check_profile(result, settings, report)
    roofline = check_document(result, run, settings, report)
    if settings.policy == HINDSIGHT:
        check_hindsight(result, roofline, report, sum_tolerance(run.phases))
        return
    entry = pick_result(result, settings.policy)
    if report.expect(entry is not None, "result", "results", f"no single entry for policy '{settings.policy}'"):
        check_entry(entry, roofline, run, report, delay)
        check_bounds(result.get("bounds") or {}, entry, report, sum_tolerance(run.phases))


def check_bounds(bounds, entry, report, tolerance):
    """Lower bounds are below the time of this feasible schedule; hindsight_ratio = L / T. Nulls are not computed."""
    total, hindsight = report.seconds, bounds.get("hindsight_seconds")
    for key in ("roofline_seconds", "hindsight_seconds"):
        value = bounds.get(key)
        good = value is None or value <= total * (1 + tolerance)
        report.expect(good, "result", f"{key} is a lower bound", f"{value!r} above total_seconds {total!r}")
    if hindsight is not None:
        upper, ratio = bounds.get("hindsight_upper_seconds"), entry.get("hindsight_ratio")
        good = upper is None or hindsight <= upper * (1 + tolerance)
        report.expect(good, "result", "hindsight_seconds <= hindsight_upper_seconds", f"{hindsight!r}, {upper!r}")
        good = isinstance(ratio, (int, float)) and step_time.close(ratio, hindsight / total, tolerance)
        report.expect(good, "result", "hindsight_ratio", f"{ratio!r}, expected {hindsight / total!r}")


def check_hindsight(result, roofline, report, tolerance):
    """roofline <= hindsight <= upper = the time of this schedule, and no policy is below hindsight."""
    bounds = result.get("bounds") or {}
    lower, upper = bounds.get("hindsight_seconds"), bounds.get("hindsight_upper_seconds")
    for key in ("hindsight_seconds", "hindsight_upper_seconds", "iterations", "seconds_spent"):
        value = bounds.get(key)
        good = isinstance(value, (int, float)) and value >= 0
        if not report.expect(good, "result", f"bounds.{key} is a number", repr(value)):
            return
    report.expect(step_time.close(upper, report.seconds, tolerance), "result", "hindsight_upper_seconds",
                  f"{upper!r}, expected {report.seconds!r}")
    report.expect(lower <= upper * (1 + tolerance), "result", "hindsight_seconds <= hindsight_upper_seconds",
                  f"{lower!r}, {upper!r}")
    if roofline is not None:
        report.expect(roofline <= lower * (1 + tolerance), "result", "roofline_seconds <= hindsight_seconds",
                      f"{roofline!r}, {lower!r}")
    for entry in result.get("results") or []:
        total, ratio = entry.get("total_seconds"), entry.get("hindsight_ratio")
        report.expect(lower <= total * (1 + tolerance), "result", "no policy is below hindsight_seconds",
                      f"{entry.get('policy')}: {total!r}, certified {lower!r}")
        good = ratio is None if not total else step_time.close(ratio, lower / total, tolerance)
        report.expect(good, "result", "hindsight_ratio", f"{ratio!r} of {entry.get('policy')}")


def load_run(files, select=None, page_tokens=None, kv_bytes_per_token=None, window=None):
    """`files` is [('mass'|'csv', path), ...] in sequence order."""
    sequences = []
    for kind, path in files:
        if kind == "mass":
            sequences.append(expected_run.read_mass(path, select or expected_run.DEFAULT_SELECT, window,
                                                    kv_bytes_per_token))
        else:
            sequences.append(expected_run.read_csv(path, page_tokens, window, kv_bytes_per_token))
    return expected_run.ExpectedRun(sequences)


class AddFiles(argparse.Action):
    """Keeps --mass and --csv files in one list, in the order given."""

    def __call__(self, parser, namespace, values, option_string=None):
        known = getattr(namespace, "files", None) or []
        namespace.files = known + [(option_string.strip("-"), one) for one in values]


def parse_window(text):
    """'A:B' as (A, B)."""
    first, last = text.split(":")
    return int(first), int(last)


def parse_arguments(argv):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
                                     allow_abbrev=False)
    parser.add_argument("--schedule", required=True, metavar="FILE.jsonl")
    parser.add_argument("--mass", nargs="+", action=AddFiles, metavar="FILE", help="attention-mass files, raw or zstd")
    parser.add_argument("--csv", nargs="+", action=AddFiles, metavar="FILE", help="authors-csv files")
    parser.add_argument("--select", type=lambda text: int(text.split(":")[-1]), help="K of top:K (default 64)")
    parser.add_argument("--near-misses", type=int, help="accepted and unused: masses do not change a schedule's rules")
    parser.add_argument("--steps", type=parse_window, metavar="A:B")
    parser.add_argument("--mode", choices=("inclusive", "exclusive"), default="inclusive")
    parser.add_argument("--read-routing", choices=("off", "on"), default="off")
    parser.add_argument("--fixed-bytes-per-phase", type=expected_run.parse_size, default=0)
    parser.add_argument("--hbm-capacity", default="25%", help="N%% or a size such as '64 MiB'")
    parser.add_argument("--kv-bytes-per-token", type=int)
    parser.add_argument("--page-tokens", type=int, help="of authors-csv files (default 16)")
    parser.add_argument("--profile-json", metavar="FILE", help="the result document's profile block")
    parser.add_argument("--result", metavar="FILE.json", help="the simulate --format json document")
    parser.add_argument("--policy", default="")
    parser.add_argument("--delay", type=int, help="as given to --delay-steps; leave out for the policy's default")
    arguments = parser.parse_args(argv)
    if not getattr(arguments, "files", None):
        parser.error("at least one --mass or --csv file is needed")
    if not arguments.result and not arguments.profile_json:
        parser.error("the bandwidths are needed: --result or --profile-json")
    return arguments


def read_json(path):
    with open(path, encoding="utf-8") as handle:
        return json.load(handle)


def main(argv=None):
    arguments = parse_arguments(argv)
    result = read_json(arguments.result) if arguments.result else None
    profile = step_time.Profile.from_json(read_json(arguments.profile_json) if arguments.profile_json else result)
    entry = pick_result(result, arguments.policy) if result else None
    policy, delay = arguments.policy, arguments.delay
    if not policy and entry:  # a document with one policy names it, and its delay
        policy, delay = entry.get("policy", ""), entry.get("delay_steps") if delay is None else delay
    settings = Settings(profile, arguments.mode, arguments.read_routing == "on", int(arguments.fixed_bytes_per_phase),
                        arguments.hbm_capacity, policy, delay)
    try:
        run = load_run(arguments.files, arguments.select, arguments.page_tokens, arguments.kv_bytes_per_token,
                       arguments.steps)
    except expected_run.SourceError as error:
        print(f"check_schedule: {error}", file=sys.stderr)
        return 2
    report = check_schedule(run, arguments.schedule, settings, result)
    for message in report.errors:
        print(message)
    if not report.ok:
        print(f"FAILED: {len(report.errors) + report.suppressed} broken rules")
        return 1
    counts = report.counts
    print(f"ok: {run.phases} phases, {run.blocks} blocks, capacity {report.capacity} blocks, {counts['read']} reads, "
          f"{counts['misses']} misses + {counts['prefetched']} prefetches (MIN {counts['fewest_dram_reads']}), "
          f"{report.seconds:.9g} s, roofline {report.roofline[1]:.9g} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
