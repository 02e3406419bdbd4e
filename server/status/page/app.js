// Asks for the document about once a second and has it drawn; says when there
// is no answer, and goes on asking.

import * as f from "./format.js";
import { History } from "./history.js";
import { draw, prepare } from "./view.js";

const PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 5000;
const TIMEOUT_MS = 8000;

const $ = (id) => document.getElementById(id);
const history = new History();
let last = null;
let failures = 0;
let paused = false;
let timer = 0;

const now = () => performance.now() / 1000;

// Screen readers say it when it changes, so it only changes when it matters.
function setState(kind, text) {
  const state = $("state");
  if (state.textContent !== text) state.textContent = text;
  state.dataset.kind = kind;
  document.body.classList.toggle("stale", kind === "lost");
}

function showLive() {
  if (paused) setState("paused", "Paused");
  else if (last.server.draining) setState("draining", "Draining");
  else setState("live", "Live");
}

async function ask() {
  const answer = await fetch("api/v1/status", { cache: "no-store", signal: AbortSignal.timeout(TIMEOUT_MS) });
  if (!answer.ok) throw new Error(`kvplaced answered ${answer.status}`);
  const doc = await answer.json();
  if (doc.schema !== "kvplace.status/1") throw new Error("kvplaced is of another version; reload the page");
  return prepare(doc);
}

function take(doc) {
  if (last && doc.server.started_seconds !== last.server.started_seconds) {
    const when = f.clock(new Date(1000 * doc.server.started_seconds));
    $("notes").textContent = `kvplaced was restarted at ${when}; workers come back by themselves.`;
  }
  last = doc;
  failures = 0;
  history.add(now(), doc.nodes.flatMap((node) => node.devices));
  draw(doc, history, now());
  showLive();
}

function lose(error) {
  ++failures;
  history.addGap(now());
  // One lost answer may be chance.
  if (failures < 2 && last) return;
  const since = last ? `; the numbers are of ${f.clock(new Date(1000 * last.time_seconds))}` : "";
  const why = error.message.startsWith("kvplaced") ? error.message : "No answer from kvplaced";
  setState("lost", `${why}${since}. Asking again.`);
}

async function turn() {
  const begun = performance.now();
  try {
    take(await ask());
  } catch (error) {
    lose(error);
  }
  if (paused) return;
  // A large fleet's document takes longer, and is asked for less often.
  const took = performance.now() - begun;
  const pause = failures > 0 ? PAUSE_MS * 2 ** Math.min(failures - 1, 3) : Math.max(PAUSE_MS, 5 * took);
  timer = setTimeout(turn, Math.min(pause, LONGEST_PAUSE_MS));
}

function redraw() {
  if (last) draw(last, history, now());
}

$("pause").addEventListener("click", () => {
  paused = !paused;
  $("pause").setAttribute("aria-pressed", String(paused));
  clearTimeout(timer);
  if (paused) setState("paused", "Paused");
  else turn();
});
$("filter").addEventListener("input", redraw);
$("order").addEventListener("change", redraw);
addEventListener("resize", redraw);

turn();
