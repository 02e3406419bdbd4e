#!/usr/bin/python3
"""A stand-in for kvplacectl with static and lru (delay 0) only, to test run_twin.py itself.

An imported "trace" is a JSON note of the source file and flags. KVPLACE_FAKE_FAULT names a fault to build in:
'seconds', 'peek' (evicts by looking at the next phase), 'usage' (accepts wrong usage), 'bound' (certifies more than its
schedule takes) or 'upper' (a schedule that takes more than it says). Its hindsight bound is the roofline, and static.
"""

import argparse
import json
import os
import sys

import brute_simulator
import check_schedule
import expected_run
import step_time
from schedule_walk import Settings
from test_check_schedule import document

FAULT = os.environ.get("KVPLACE_FAKE_FAULT", "")


def import_trace(arguments):
    if arguments.select and int(arguments.select.split(":")[1]) < 3 and FAULT != "usage":
        return 2
    note = {"kind": "csv" if arguments.source == "authors-csv" else "mass", "path": arguments.file,
            "select": int((arguments.select or "top:64").split(":")[1]), "page_tokens": arguments.page_tokens,
            "kv_bytes": arguments.kv_bytes_per_token, "steps": arguments.steps}
    load([note], None)
    with open(arguments.out, "w", encoding="utf-8") as handle:
        json.dump(note, handle)
    return 0


def load(notes, window):
    """The run of several notes."""
    sequences = []
    for note in notes:
        cut = check_schedule.parse_window(note["steps"]) if note["steps"] else window
        sequences += check_schedule.load_run([(note["kind"], note["path"])], note["select"], note["page_tokens"],
                                             note["kv_bytes"], cut).sequences
    return expected_run.ExpectedRun(sequences)


def simulate(arguments):
    notes = [check_schedule.read_json(path) for path in arguments.traces]
    run = load(notes, check_schedule.parse_window(arguments.steps) if arguments.steps else None)
    results, whole = [], None
    for policy in arguments.policy.split(","):
        if policy not in ("static", "lru"):
            return 2
        profile = step_time.Profile.named(arguments.profile)
        settings = Settings(profile, arguments.mode, arguments.read_routing == "on", arguments.fixed_bytes_per_phase,
                            arguments.hbm_capacity, policy)
        peak = min(run.peaks_live())
        capacity = expected_run.capacity_blocks(settings.capacity, peak, run.block_bytes)
        header, lines = brute_simulator.make_schedule(run, settings, capacity, policy)
        if FAULT == "seconds" and policy == "lru":
            lines[-1]["seconds"] *= 1.001
        if FAULT == "peek" and policy == "static" and run.reads(run.phases - 1) & set(header["initial_hbm"]):
            lines[0]["evict"] = sorted(run.reads(run.phases - 1) & set(header["initial_hbm"]))[:1]
        whole = document(run, settings, header, lines, peak)
        results += whole["results"]
        if arguments.schedule_out:
            brute_simulator.write_schedule(arguments.schedule_out, header, lines)
    whole["results"] = results
    if arguments.bound == "hindsight":
        add_bound(arguments, run, settings, capacity, whole)
    print(json.dumps(whole))
    return 0


def add_bound(arguments, run, settings, capacity, whole):
    """static's schedule, and the roofline as what is certified."""
    header, lines = brute_simulator.make_schedule(run, settings, capacity, "static")
    brute_simulator.write_schedule(arguments.bound_schedule_out, header, lines)
    upper, lower = sum(line["seconds"] for line in lines), whole["bounds"]["roofline_seconds"]
    lower = upper * 1.001 if FAULT == "bound" else lower
    upper *= 0.999 if FAULT == "upper" else 1
    whole["bounds"].update(hindsight_seconds=lower, hindsight_upper_seconds=upper, iterations=0, seconds_spent=0.0)
    for one in whole["results"]:
        one["hindsight_ratio"] = lower / one["total_seconds"]


def main():
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(required=True)
    trace = commands.add_parser("trace").add_subparsers(required=True).add_parser("import")
    trace.add_argument("--from", dest="source", required=True)
    trace.add_argument("file")
    for name in ("--select", "--steps", "--out"):
        trace.add_argument(name)
    for name in ("--near-misses", "--kv-bytes-per-token", "--page-tokens"):
        trace.add_argument(name, type=int)
    trace.set_defaults(action=import_trace)
    run = commands.add_parser("simulate")
    run.add_argument("traces", nargs="+")
    for name, default in (("--profile", "paper-gh200"), ("--hbm-capacity", "25%"), ("--policy", "lru"),
                          ("--mode", "inclusive"), ("--read-routing", "off"), ("--format", "json"), ("--steps", None),
                          ("--schedule-out", None), ("--bound", "roofline"), ("--bound-schedule-out", None),
                          ("--bound-time-limit", None), ("--bound-gap", None)):
        run.add_argument(name, default=default)
    for name in ("--fixed-bytes-per-phase", "--delay-steps"):
        run.add_argument(name, type=int, default=0)
    run.set_defaults(action=simulate)
    arguments = parser.parse_args()
    try:
        return arguments.action(arguments)
    except expected_run.SourceError as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
