// Puts the document on the page. Everything in it is text to this code: names
// and labels come from workers and are never read as markup.
//
// Rows and cards are kept and their texts changed in place, so that a reader's
// place, a selection and the focus stay.

import { LineChart, drawBar, niceCeiling } from "./charts.js";
import * as f from "./format.js";

const MOST_CARDS = 12;
const MOST_ROWS = 200;
const MOST_MOVES = 12;

const REASONS = {
  miss: "promoted because it was read from DRAM",
  prefetch: "promoted before it is read",
  capacity: "evicted to make room",
  rebalance: "evicted to use DRAM’s bandwidth",
};

const $ = (id) => document.getElementById(id);

function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

// Children of `parent` with these keys in this order; `create` makes one.
function syncChildren(parent, keys, create) {
  const old = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  const made = keys.map((key) => {
    const child = old.get(key) ?? create(key);
    child.dataset.key = key;
    old.delete(key);
    return child;
  });
  for (const gone of old.values()) gone.remove();
  made.forEach((child, i) => {
    if (parent.children[i] !== child) parent.insertBefore(child, parent.children[i] ?? null);
  });
  return made;
}

// A table with a hidden caption. `columns`: [head, class]; the first column
// heads its row. A cell is a text or a function that draws into the cell.
function drawTable(table, caption, columns, rows, most = MOST_ROWS) {
  if (!table.tHead) {
    table.append(element("caption", caption, "unseen"));
    const head = table.createTHead().insertRow();
    for (const [name, className] of columns) {
      const cell = element("th", name, className);
      cell.scope = "col";
      head.append(cell);
    }
    table.createTBody();
  }
  const shown = rows.slice(0, most);
  const create = () => {
    const row = document.createElement("tr");
    columns.forEach(([, className], i) => {
      const cell = element(i === 0 ? "th" : "td", "", className);
      if (i === 0) cell.scope = "row";
      row.append(cell);
    });
    return row;
  };
  syncChildren(table.tBodies[0], shown.map((r) => r.key), create).forEach((row, i) => {
    shown[i].cells.forEach((cell, j) => {
      if (typeof cell === "function") cell(row.cells[j]);
      else setText(row.cells[j], cell);
    });
  });
  sayMore(table.closest("section").querySelector(":scope > .more"), rows.length - shown.length, rows.length);
}

function sayMore(line, left, all) {
  line.hidden = left <= 0;
  setText(line, left > 0 ? `${f.count(left)} of ${f.count(all)} are not shown; the filter finds them.` : "");
}

const NUMBER = "number";

// --- parts of the page ---

function drawSummary(doc, devices) {
  const sum = (field) => devices.reduce((total, d) => total + (d[field] || 0), 0);
  // Weighted by time, as totals of the fleet would be; a last step alone may be
  // empty.
  const mean = (value) => {
    const known = devices.filter((d) => d.steps > 0 && typeof value(d) === "number");
    const weight = known.reduce((total, d) => total + d.total_seconds, 0);
    return weight > 0 ? known.reduce((total, d) => total + value(d) * d.total_seconds, 0) / weight : null;
  };
  const latencies = devices.filter((d) => d.plan_latency).map((d) => d.plan_latency.p99_seconds);
  const tiles = [
    ["Sessions", f.count(doc.sessions.length)],
    ["Nodes", f.count(doc.nodes.length)],
    ["Hindsight reached", f.percent(mean((d) => d.hindsight_ratio))],
    ["Roofline reached", f.percent(mean((d) => d.roofline_ratio))],
    ["Reads that miss HBM", f.percent(mean((d) => d.miss_share))],
    ["HBM filled", f.percent(sum("hbm_resident_bytes") / sum("hbm_capacity_bytes"))],
    ["Plan latency, p99", f.seconds(latencies.length > 0 ? Math.max(...latencies) : null)],
    ["Default policy", `${doc.server.default_policy.policy} (${doc.server.default_policy.mode})`],
  ];
  syncChildren($("summary"), tiles.map(([name]) => name), (name) => {
    const tile = element("div");
    tile.append(element("dt", name), element("dd"));
    return tile;
  }).forEach((tile, i) => setText(tile.lastChild, tiles[i][1]));
}

// The lower of the two ratios that is known.
const reached = (d) => d.hindsight_ratio ?? (d.steps > 0 ? d.roofline_ratio : 2);

let cardsMade = 0;

function createCard(device) {
  const card = element("article", undefined, "card");
  const head = element("h3", device.name);
  head.id = `card-${++cardsMade}`;
  card.setAttribute("aria-labelledby", head.id);
  card.append(head, element("p", "", "labels"));
  card.chart = new LineChart(card, {
    lines: ["hindsight", "utilization", "roofline"],
    title: `${device.name}: share of the bounds`,
  });
  card.append(element("p", "", "values"));
  return card;
}

// It is worked out now and then, over the steps before that moment.
function hindsightWords(d) {
  if (d.hindsight_ratio === null) return "hindsight not computed yet";
  const most = d.hindsight_gap_ratio > 0.001
    ? `at most ${f.percent(Math.min(1, d.hindsight_ratio * (1 + d.hindsight_gap_ratio)))}, ` : "";
  return `hindsight ${f.percent(d.hindsight_ratio)} (${most}${f.duration(d.hindsight_age_seconds)} ago)`;
}

function drawCards(devices, history, now) {
  const ordered = $("order").value === "worst"
    ? [...devices].sort((a, b) => reached(a) - reached(b))
    : devices;
  const shown = ordered.slice(0, MOST_CARDS);
  const byKey = new Map(shown.map((d) => [d.key, d]));
  const cards = syncChildren($("cards"), shown.map((d) => d.key), (key) => createCard(byKey.get(key)));
  cards.forEach((card, i) => {
    const d = shown[i];
    setText(card.querySelector(".labels"), [d.model, d.policy, d.mode].filter(Boolean).join(" · "));
    const words = d.steps === 0 ? "no step yet"
      : `${hindsightWords(d)}, roofline ${f.percent(d.roofline_ratio)}, utilization ${f.percent(d.utilization)}`;
    setText(card.querySelector(".values"), words);
    card.chart.draw({
      samples: history.device(d.key), now, span: history.span(now), most: 1,
      format: (v) => `${Math.round(100 * v)}%`,
      band: (s) => (s.hindsight > 0 && s.gap > 0.001 ? [s.hindsight, Math.min(1, s.hindsight * (1 + s.gap))] : null),
      description: `Now: ${words}.`,
    });
  });
  sayMore($("cards-more"), ordered.length - shown.length, ordered.length);
}

function drawTiers(nodes) {
  const rows = [];
  for (const node of nodes) {
    if (node.bare) {
      const state = node.draining ? "no session, drains" : "no session";
      rows.push({ key: node.node_id, cells: [node.node_id, state, ...Array(5).fill(f.NONE)] });
    }
    node.devices.forEach((d, i) => {
      const capacity = d.hbm_capacity_bytes;
      const share = (value) => (capacity > 0 ? value / capacity : 0);
      const promised = d.hbm_reserved_bytes + d.hbm_in_flight_bytes;
      const dram = node.dram_capacity_bytes;
      rows.push({
        key: d.key,
        cells: [
          d.name,
          (cell) => drawBar(cell, [["resident", share(d.hbm_resident_bytes)], ["promised", share(promised)]],
            `${f.percent(share(d.hbm_resident_bytes))} of ${f.bytes(capacity)}` +
            (promised > 0 ? `, ${f.bytes(promised)} promised to plans` : "")),
          (cell) => {
            if (i > 0) setText(cell, "as above");
            else if (dram === null) setText(cell, `${f.bytes(node.dram_used_bytes)}, capacity not declared`);
            else {
              drawBar(cell, [["resident", dram > 0 ? node.dram_used_bytes / dram : 0]],
                `${f.percent(dram > 0 ? node.dram_used_bytes / dram : null)} of ${f.bytes(dram)}`);
            }
          },
          f.bytes(d.live_bytes),
          f.count(d.live_blocks),
          f.count(d.sequences),
          f.percent(d.steps > 0 ? d.miss_share : null),
        ],
      });
    });
  }
  drawTable($("tiers"), "Fill of HBM and DRAM by device", [
    ["Device"], ["HBM", "fill"], ["DRAM of the node", "fill"], ["Live KV", NUMBER], ["Blocks", NUMBER],
    ["Sequences", NUMBER], ["Reads that miss HBM", NUMBER],
  ], rows);
}

function drawMoves(devices, history) {
  const moves = devices.flatMap((d) => d.moves.map((m) => ({ d, m, rate: history.moveRate(d.key, m.reason) })));
  moves.sort((a, b) => (b.rate ?? -1) - (a.rate ?? -1) || b.m.done_blocks - a.m.done_blocks);
  drawTable($("moves"), "Moves of blocks by device and reason, most frequent first", [
    ["Device"], ["Reason"], ["What it is"], ["Blocks/s", NUMBER], ["Done", NUMBER], ["Failed", NUMBER],
    ["Expired", NUMBER],
  ], moves.map(({ d, m, rate }) => ({
    key: `${d.key} ${m.reason}`,
    cells: [d.name, m.reason, REASONS[m.reason] ?? "", f.rate(rate), f.count(m.done_blocks), f.count(m.failed_blocks),
      f.count(m.expired_blocks)],
  })), MOST_MOVES);
}

let latencyChart;
let latencyWidth = 0;

// As wide as the window lets it be, so that its words keep their size.
function fitLatencyChart() {
  const parent = $("latency-chart");
  const width = Math.min(1160, Math.max(320, parent.clientWidth));
  if (Math.abs(width - latencyWidth) < 40) return;
  latencyWidth = width;
  parent.replaceChildren();
  latencyChart = new LineChart(parent, {
    lines: ["p99", "median"], title: "Plan latency of the slowest device", width, height: 170, left: 56,
  });
}

function drawLatency(devices, history, now) {
  fitLatencyChart();
  const samples = history.fleet();
  const last = samples.at(-1);
  latencyChart.draw({
    samples, now, span: history.span(now),
    most: niceCeiling(Math.max(0, ...samples.map((s) => s.p99 ?? 0)), 1e-4),
    format: (v) => (v === 0 ? "0" : f.seconds(v)),
    description: `Now: 99th percentile ${f.seconds(last?.p99)}, median ${f.seconds(last?.median)}.`,
  });
  const slow = devices.filter((d) => d.plan_latency)
    .sort((a, b) => b.plan_latency.p99_seconds - a.plan_latency.p99_seconds);
  drawTable($("latency"), "Plan latency by device, slowest first", [
    ["Device"], ["Median", NUMBER], ["99th percentile", NUMBER], ["Longest", NUMBER], ["Making the last one", NUMBER],
    ["Modelled step", NUMBER],
  ], slow.map((d) => ({
    key: d.key,
    cells: [d.name, f.seconds(d.plan_latency.median_seconds), f.seconds(d.plan_latency.p99_seconds),
      f.seconds(d.plan_latency.longest_seconds), f.seconds(d.plan_latency.decide_seconds),
      f.seconds(d.steps > 0 ? d.step_seconds : null)],
  })));
}

function stateOf(session, device) {
  if (device?.draining) return "drains";
  if (!session.ready) return "sends its inventory";
  return session.silent_seconds > 3 ? `silent for ${f.seconds(session.silent_seconds)}` : "ready";
}

function drawSessions(sessions, byKey) {
  drawTable($("sessions"), "Live sessions and their state", [
    ["Device"], ["State"], ["Policy"], ["Model"], ["Tenant"], ["Pod"], ["Peer"], ["Last step", NUMBER],
    ["Messages", NUMBER], ["Plans", NUMBER], ["Resyncs", NUMBER], ["Dropped", NUMBER],
  ], sessions.map((s) => {
    const d = byKey.get(s.key);
    return {
      key: s.key,
      cells: [s.name, stateOf(s, d), d ? `${d.policy} (${d.mode})` : f.NONE, d?.model || f.NONE, d?.tenant || f.NONE,
        d?.pod || f.NONE, s.peer, d && d.last_step >= 0 ? f.count(d.last_step) : f.NONE, f.count(s.messages),
        f.count(s.plans), f.count(s.resyncs), f.count(s.rejected)],
    };
  }));
}

function drawEmpty(server) {
  const { listen, tls } = server;
  const port = listen.slice(listen.lastIndexOf(":") + 1);
  const any = /^(0\.0\.0\.0|\[::\]):/.test(listen);
  const address = any ? `${location.hostname}:${port}` : listen;
  setText($("empty-address"), address);
  setText($("empty-command"), "kvplace-worker tests/data/bible-sample.kvtrace --node node-0 --hbm-capacity 20% \\\n" +
    `    --steps-per-second 20 --loop 10 --server ${address}${tls === "off" ? "" : " --tls"}`);
}

// --- the whole ---

// Adds to each node, device and session its key, its name, and what belongs to
// it.
export function prepare(doc) {
  const name = (node, index) => `${node} / ${index}`;
  for (const node of doc.nodes) {
    node.bare = node.devices.length === 0;
    for (const d of node.devices) {
      Object.assign(d, { key: `${node.node_id}/${d.device_index}`, name: name(node.node_id, d.device_index) });
      d.draining = node.draining || doc.server.draining;
      d.searched = [node.node_id, d.model, d.tenant, d.pod, d.policy, d.mode].join("\n").toLowerCase();
    }
  }
  for (const s of doc.sessions) {
    Object.assign(s, { key: `${s.node_id}/${s.device_index}`, name: name(s.node_id, s.device_index) });
  }
  return doc;
}

export function draw(doc, history, now) {
  const empty = doc.sessions.length === 0;
  $("empty").hidden = !empty;
  $("data").hidden = empty;
  const up = f.duration(doc.time_seconds - doc.server.started_seconds);
  setText($("server"), `kvplaced ${doc.server.version} at ${doc.server.listen}, up ${up}`);
  if (empty) {
    drawEmpty(doc.server);
    return;
  }
  const wanted = $("filter").value.trim().toLowerCase();
  const nodes = doc.nodes
    .map((node) => ({ ...node, devices: node.devices.filter((d) => d.searched.includes(wanted)) }))
    .filter((node) => node.devices.length > 0 || (node.bare && node.node_id.toLowerCase().includes(wanted)));
  const devices = nodes.flatMap((node) => node.devices);
  const byKey = new Map(devices.map((d) => [d.key, d]));
  drawSummary(doc, devices);
  drawCards(devices, history, now);
  drawTiers(nodes);
  drawMoves(devices, history);
  drawLatency(devices, history, now);
  drawSessions(doc.sessions.filter((s) => byKey.has(s.key) || wanted === ""), byKey);
}
