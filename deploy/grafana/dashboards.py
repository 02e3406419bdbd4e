#!/usr/bin/env python3
"""Writes fleet.json and node.json, the dashboards of kvplace for Grafana.

Usage: dashboards.py [--check]

--check writes nothing and fails if a file differs from what would be written.
"""

import json
import pathlib
import sys

from dashboard_parts import (DEVICE, SERVER, bars, chosen, dashboard, heat_map, lines, of, panel, query, rate, stat,
                             steps)

FOLDER = pathlib.Path(__file__).resolve().parent
RATIO_COLORS = steps(("red", None), ("orange", 0.5), ("yellow", 0.7), ("green", 0.85))
ROOFLINE = of("device:kvplace_roofline_ratio:rate5m")
BEST_KNOWN = of("device:kvplace_best_known_ratio")
WHO = "{{node}}/{{device}}"


def share(part, whole):
    return f"{part} / ({whole} > 0)"


def total(metric):
    return f"sum({chosen(of(metric))})"


# --- fleet ---

def fleet_now():
    saved = f"sum({chosen(rate('kvplace_step_seconds_sum') + f' * (1 - {BEST_KNOWN})')})"
    return [
        (3, 5, stat("Sessions", f"sum(kvplace_sessions{{{SERVER}}})", what="Live sessions, one per worker device.")),
        (4, 5, stat("Utilization", share(total("kvplace_achieved_bytes_per_second"), total("kvplace_peak_bytes_per_second")),
                    "percentunit", "Bytes read per second over HBM's and DRAM's bandwidth together.", min=0, max=1)),
        (4, 5, stat("Roofline ratio", share(f"sum({chosen(rate('kvplace_roofline_seconds_total'))})",
                                            f"sum({chosen(rate('kvplace_step_seconds_sum'))})"),
                    "percentunit", "Time at the roofline over time as it ran: what no placement can beat, with HBM as large as "
                    "the reads of a phase.", min=0, max=1, thresholds=RATIO_COLORS)),
        (4, 5, stat("Best known ratio", f"avg({chosen(BEST_KNOWN)})", "percentunit",
                    "Time of the best schedule known, future known, over time as it ran. 100%: nobody knows a better one.",
                    min=0, max=1, thresholds=RATIO_COLORS)),
        (4, 5, stat("Could be saved", saved, "s", "Seconds of step time per second, all devices together, that the best "
                    "schedules known would have saved.", min=0)),
        (5, 5, stat("Alerts", 'count(ALERTS{alertname=~"Kvplace.+", alertstate="firing", ' + SERVER + '}) or vector(0)',
                    what="Alerts that fire now; docs/operations.md says what to do.",
                    thresholds=steps(("green", None), ("red", 1)))),
    ]


def fleet_bound():
    peak = total("kvplace_peak_bytes_per_second")
    return [
        (12, 9, lines("Bandwidth against the bound", [
            query(peak, "peak, HBM and DRAM together"),
            query(total("kvplace_roofline_bytes_per_second"), "at the roofline"),
            query(total("kvplace_achieved_bytes_per_second"), "achieved"),
        ], "Bps", "The roofline is what the reads of the last steps allow; peak what the machines have.")),
        (12, 9, lines("Utilization and ratios", [
            query(share(total("kvplace_achieved_bytes_per_second"), peak), "utilization"),
            query(share(total("kvplace_roofline_bytes_per_second"), peak), "utilization at the roofline"),
            query(f"avg({chosen(of('kvplace_roofline_ratio'))})", "roofline ratio"),
            query(f"avg({chosen(of('kvplace_hindsight_ratio'))})", "hindsight ratio, certified"),
            query(f"avg({chosen(BEST_KNOWN)})", "best known ratio"),
        ], "percentunit", "Between certified and best known lies what is possible for who knows the future.", max=1)),
    ]


def fleet_headroom():
    room = of("kvplace_hbm_capacity_bytes")
    return [
        (8, 9, lines("HBM: capacity and use", [
            query(total("kvplace_hbm_capacity_bytes"), "capacity"), query(total("kvplace_hbm_resident_bytes"), "resident"),
            query(f"{total('kvplace_hbm_reserved_bytes')} + {total('kvplace_hbm_in_flight_bytes')}", "reserved and in flight"),
        ], "bytes", "Near capacity is as it should be.")),
        (8, 9, lines("Roofline ratio: spread over devices", [
            query(f"quantile({q}, {chosen(ROOFLINE)})", name)
            for q, name in ((1, "best"), (0.5, "median"), (0.1, "worst tenth"), (0, "worst"))
        ], "percentunit", max=1)),
        (8, 9, lines("Devices by policy", [query(f"count by (policy, mode) (kvplace_policy_info{{{DEVICE}, policy=~\"$policy\"}})",
                                                 "{{policy}}, {{mode}}"),
                                           query(f"count({chosen(room)})", "all")], what="Who plans, and whether plans are executed.")),
    ]


def worst_table():
    columns = [
        ("Roofline ratio", ROOFLINE, "percentunit"),
        ("Best known ratio", BEST_KNOWN, "percentunit"),
        ("Gap", of("kvplace_hindsight_gap_ratio"), "percentunit"),
        ("Step", of("kvplace_last_step_seconds"), "s"),
        ("HBM used", of("device:kvplace_hbm_used_ratio"), "percentunit"),
        ("DRAM share of reads", of("device:kvplace_dram_read_share:rate5m"), "percentunit"),
        ("Reads per move", of("device:kvplace_hbm_reads_per_move:rate5m"), "short"),
    ]
    queries = [query(f"max by (cluster, node, device) ({chosen(expr)})", instant=True, table=True) for _, expr, _ in columns]
    letters = "ABCDEFG"
    renamed = {f"Value #{letter}": name for letter, (name, _, _) in zip(letters, columns)}
    overrides = [{"matcher": {"id": "byName", "options": name}, "properties": [{"id": "unit", "value": unit}]}
                 for name, _, unit in columns]
    return panel("table", "All devices, farthest from the roofline first", queries, overrides=overrides,
                 what="Reads per move: bytes read from HBM per byte moved into it; below 1 a device thrashes.",
                 transformations=[{"id": "merge", "options": {}},
                                  {"id": "organize", "options": {"excludeByName": {"Time": True}, "renameByName": renamed}}],
                 options={"showHeader": True, "sortBy": [{"displayName": "Roofline ratio", "desc": False}]}, decimals=2)


def fleet_worst():
    lost = f"topk(10, sum by (node, device) {chosen(rate('kvplace_step_seconds_sum') + f' * (1 - {BEST_KNOWN})')})"
    return [
        (6, 10, bars("Worst roofline ratio", f"bottomk(10, {chosen(ROOFLINE)})", WHO, "percentunit", min=0, max=1,
                     thresholds=RATIO_COLORS)),
        (6, 10, bars("Most to win", lost, WHO, "s", "Step time per second that the best schedule known would save.", min=0)),
        (12, 10, worst_table()),
    ]


def fleet_moves():
    def moved(*by):
        return f"sum by ({', '.join(by)}) {chosen(rate('kvplace_moved_blocks_total'))}"
    return [
        (8, 9, lines("Bytes moved", [query(f"sum by (move) {chosen(rate('kvplace_moved_bytes_total'))}", "{{move}}")], "Bps",
                     "promoted and prefetched into HBM, demoted to DRAM.")),
        (8, 9, lines("Moves by reason", [query(moved("reason"), "{{reason}}"),
                                         query(f"sum by (order) {chosen(rate('kvplace_left_in_dram_blocks_total'))}",
                                               "left in DRAM, order: {{order}}")], "blocks/s")),
        (8, 9, lines("Moves by outcome", [query(moved("outcome"), "{{outcome}}")], "blocks/s",
                     "failed or expired above a few per cent: plans are late, or the worker's room is not what it declared.")),
    ]


def fleet_health():
    def by(label, metric, selector):
        return query(f"sum by ({label}) (rate({metric}{{{selector}}}[$__rate_interval]))", f"{{{{{label}}}}}")
    plan = "sum by (le) " + chosen(rate("kvplace_plan_latency_seconds_bucket"))
    decide = "sum by (le) " + chosen(rate("kvplace_plan_decide_seconds_bucket"))
    return [[
        (6, 8, lines("Plans: latency", [query(f"histogram_quantile({q}, {of_})", f"{name}, p{round(100 * q)}")
                                        for of_, name in ((plan, "arrival to hand-over"), (decide, "decision")) for q in (0.5, 0.99)], "s")),
        (6, 8, lines("Resyncs by cause", [by("cause", "kvplace_resyncs_total", DEVICE)], "ops")),
        (6, 8, lines("Refused, by reason", [by("reason", "kvplace_rejected_messages_total", SERVER)], "ops")),
        (6, 8, lines("Dropped messages, by reason", [by("reason", "kvplace_dropped_messages_total", DEVICE)], "ops")),
    ], [
        (6, 7, lines("Servers", [query(f"count(kvplace_build_info{{{SERVER}}})", "up"),
                                 query(f"sum(kvplace_draining{{{SERVER}}})", "draining"),
                                 query(f"sum(1 - kvplace_config_last_reload_successful{{{SERVER}}})", "bad configuration on disk")])),
        (6, 7, stat("Certificate expires", f"min(kvplace_tls_certificate_expiry_timestamp_seconds{{{SERVER}}} > 0) * 1000",
                    "dateTimeFromNow", "The first of all servers; nothing without TLS.")),
        (6, 7, lines("Scrapes", [query(f"max(scrape_duration_seconds{{job=\"kvplaced\", {SERVER}}})", "longest")], "s")),
        (6, 7, lines("CPU for hindsight bounds", [query(f"sum {chosen(rate('kvplace_hindsight_cpu_seconds_total'))}", "CPU")],
                     "percentunit", "Of one processor; stays below --hindsight-cpu-share per server.")),
    ]]


def fleet(links):
    sections = [("How far from the bound", [fleet_now(), fleet_bound()]), ("Headroom", [fleet_headroom()]),
                ("Worst nodes", [fleet_worst()]), ("Moves", [fleet_moves()]), ("Health", fleet_health())]
    return dashboard("kvplace-fleet", "kvplace: fleet", "Where the KV caches of a fleet live, and how far its steps are from the bound.",
                     sections, True, links)


# --- node ---

def node_steps():
    count = rate("kvplace_step_seconds_count")
    mean = f"{rate('kvplace_step_seconds_sum')} / ({count} > 0)"
    measured = share(rate("kvplace_measured_step_seconds_sum"), rate("kvplace_measured_step_seconds_count"))
    bucket = rate("kvplace_step_seconds_bucket")
    return [
        (14, 10, lines("Step time against roofline and hindsight", [
            query(chosen(mean), WHO + " modelled"),
            query(chosen(measured), WHO + " measured"),
            query(chosen(f"{mean} * {BEST_KNOWN}"), WHO + " best schedule known"),
            query(chosen(f"{mean} * {of('kvplace_hindsight_ratio')}"), WHO + " certified bound"),
            query(chosen(share(rate("kvplace_roofline_seconds_total"), count)), WHO + " roofline"),
        ], "s", "Mean memory time of a decode step. Nothing gets below the certified bound, whatever it knows; the roofline does "
            "not know how little fits into HBM.")),
        (10, 10, lines("Step time: quantiles", [query(f"histogram_quantile({q}, {chosen(bucket)})", f"{WHO} p{round(100 * q)}")
                                                for q in (0.5, 0.9, 0.99)], "s")),
    ]


def node_ratios():
    return [
        (6, 8, lines("Ratios", [query(chosen(ROOFLINE), WHO + " roofline"), query(chosen(BEST_KNOWN), WHO + " best known"),
                                query(chosen(of("kvplace_hindsight_ratio")), WHO + " certified")], "percentunit",
                     "1 is the bound. Between certified and best known lies what is possible.", max=1)),
        (6, 8, lines("Bandwidth", [query(chosen(of(f"kvplace_{name}_bytes_per_second")), f"{WHO} {name}")
                                   for name in ("peak", "roofline", "achieved")], "Bps")),
        (6, 8, lines("Age of the hindsight bound", [query(chosen(of("kvplace_hindsight_age_seconds")), WHO)], "s",
                     "Minutes: no new steps, or no processor to spare.")),
        (6, 8, lines("Gain if plans were executed", [query(chosen(of("kvplace_observed_gain_ratio") + " > 0"), WHO)], "short",
                     "Mode observe: time as it ran over time with plans. Empty in the other modes.")),
    ]


def node_memory():
    held = [query(chosen(of(f"kvplace_hbm_{name}_bytes")), f"{WHO} {name.replace('_', ' ')}")
            for name in ("resident", "reserved", "in_flight")]
    capacity = query(chosen(of("kvplace_hbm_capacity_bytes")), WHO + " capacity")
    alone = [{"matcher": {"id": "byRegexp", "options": ".* capacity"},
              "properties": [{"id": "custom.stacking", "value": {"mode": "none", "group": "B"}},
                             {"id": "custom.fillOpacity", "value": 0}, {"id": "custom.lineWidth", "value": 2}]}]
    return [
        (6, 9, lines("Bytes read, by tier", [query(chosen(rate("kvplace_read_bytes_total")), WHO + " {{tier}}")], "Bps",
                     "Best with about B_D / (B_H + B_D) from DRAM, not none.", stack=True)),
        (6, 9, lines("HBM", held + [capacity], "bytes", "resident, reserved for a plan, in flight; near capacity is as it should be.",
                     stack=True, overrides=alone)),
        (6, 9, lines("DRAM share of reads", [query(chosen(of("device:kvplace_dram_read_share:rate5m")), WHO)], "percentunit", max=1)),
        (6, 9, lines("New KV, by tier", [query(chosen(rate("kvplace_new_kv_bytes_total")), WHO + " {{tier}}")], "Bps")),
    ]


def node_groups():
    miss = share(f"sum by (group) {chosen(rate('kvplace_group_missed_blocks_total'))}",
                 f"sum by (group) {chosen(rate('kvplace_group_read_blocks_total'))}")
    theta = f"avg by (group) {chosen(of('kvplace_group_theta_ratio'))}"
    return [[
        (12, 11, heat_map("Miss share of each layer group", miss, "{{group}}", "percentunit",
                          "Of the blocks that the group read, the ones that were not in HBM. Rows are layer groups, or neighbours "
                          "counted together (--metrics-groups).")),
        (12, 11, heat_map("Price of HBM in each layer group (theta)", theta, "{{group}}", "percentunit",
                          "How often DRAM is what the group's phases wait for, as shadow-price sees it; empty with other policies.",
                          scheme="Blues")),
    ], [
        (12, 8, lines("Prices: spread over groups", [query(f"max by (node, device) {chosen(of('kvplace_group_theta_ratio'))}", WHO + " highest"),
                                                     query(f"avg by (node, device) {chosen(of('kvplace_group_theta_ratio'))}", WHO + " mean"),
                                                     query(f"min by (node, device) {chosen(of('kvplace_group_theta_ratio'))}", WHO + " lowest")],
                      "percentunit", "theta, 0 to 1: the closer together, the better room is shared out.", max=1)),
        (12, 8, panel("state-timeline", "Order followed", [query(chosen(of("kvplace_policy_leader")), WHO + " {{leader}}")], "short",
                      "Whose order shadow-price follows: its own values or a simple rule that does better; all off: another policy.",
                      options={"mergeValues": True, "showValue": "never", "rowHeight": 0.9, "alignValue": "left",
                               "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
                               "tooltip": {"mode": "single", "sort": "none"}},
                      fillOpacity=70, lineWidth=0, color={"mode": "thresholds"},
                      mappings=[{"type": "value", "options": {"0": {"text": "off", "index": 0}, "1": {"text": "followed", "index": 1}}}],
                      thresholds=steps(("transparent", None), ("green", 1)))),
    ]]


def node_decisions():
    made = rate("kvplace_moved_blocks_total", 'outcome="done"')
    not_made = rate("kvplace_moved_blocks_total", 'outcome!="done"')
    latency = of("device:kvplace_plan_latency_steps:p99_rate5m")
    return [[
        (12, 9, lines("Decisions by reason", [
            query(f"sum by (reason) {chosen(made)}", "{{reason}}, done"),
            query(f"sum by (outcome) {chosen(not_made)}", "not made: {{outcome}}"),
            query(f"sum by (order) {chosen(rate('kvplace_left_in_dram_blocks_total'))}", "left in DRAM, order: {{order}}"),
        ], "blocks/s", "miss: promoted while read; prefetch: promoted unread; capacity, rebalance: evicted. Left in DRAM: read there and "
            "not promoted, because a plan (or the worker's own policy) did not ask for it.")),
        (6, 9, lines("Bytes moved", [query(chosen(rate("kvplace_moved_bytes_total")), WHO + " {{move}}")], "Bps")),
        (6, 9, lines("Reads per move", [query(chosen(of("device:kvplace_hbm_reads_per_move:rate5m")), WHO)], "short",
                     "Bytes read from HBM per byte moved into it; below 1 it thrashes.")),
    ], [
        (6, 8, lines("Plan latency in steps, p99", [query(chosen(latency), WHO)], "short", "Above 1 plans come too late for the next step.")),
        (6, 8, lines("Steps and plans", [query(chosen(rate("kvplace_decode_steps_total")), WHO + " decode steps"),
                                         query(chosen(rate("kvplace_steps_total")), WHO + " Step messages"),
                                         query(chosen(rate("kvplace_plans_total")), WHO + " plans")], "ops")),
        (6, 8, lines("Resyncs and dropped messages", [query(f"sum by (cause) {chosen(rate('kvplace_resyncs_total'))}", "resync: {{cause}}"),
                                                      query(f"sum by (reason) {chosen(rate('kvplace_dropped_messages_total'))}", "dropped: {{reason}}")], "ops")),
        (6, 8, panel("table", "Policy in force", [query(f'kvplace_policy_info{{{DEVICE}, policy=~"$policy"}}', instant=True, table=True)],
                     transformations=[{"id": "organize", "options": {
                         "excludeByName": {n: True for n in ("Time", "Value", "__name__", "job", "instance")}, "renameByName": {}}}],
                     options={"showHeader": True})),
    ]]


def node(links):
    sections = [("Steps", [node_steps(), node_ratios()]), ("Bytes and room", [node_memory()]),
                ("Layer groups and prices", node_groups()), ("Decisions", node_decisions())]
    return dashboard("kvplace-node", "kvplace: node", "One node: its steps against the bounds, its memory, layer groups and decisions.",
                     sections, False, links)


def documents():
    def link(uid, title):
        return {"type": "link", "title": title, "url": f"/d/{uid}", "keepTime": True, "includeVars": True, "icon": "dashboard",
                "tags": [], "asDropdown": False, "targetBlank": False, "tooltip": ""}
    return {"fleet.json": fleet([link("kvplace-node", "Node")]), "node.json": node([link("kvplace-fleet", "Fleet")])}


def main():
    check, differ = sys.argv[1:] == ["--check"], False
    if sys.argv[1:] and not check:
        sys.exit(__doc__)
    for name, document in documents().items():
        text = json.dumps(document, indent=1) + "\n"
        path = FOLDER / name
        if not check:
            path.write_text(text, encoding="utf-8")
        elif not path.is_file() or path.read_text(encoding="utf-8") != text:
            differ = True
            print(f"deploy/grafana/{name} is not what deploy/grafana/dashboards.py writes; run that")
    sys.exit(1 if differ else 0)


if __name__ == "__main__":
    main()
