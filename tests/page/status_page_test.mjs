// The status page in Chromium, against real servers and workers. Started by
// scripts/deploy-checks/status-page from the repository's root.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { LiveServer, until } from "./live_server.mjs";

const { chromium } = createRequire(resolve("tools/package.json"))("playwright-core");

const EVIL = "<img src=x onerror=alert(1)>";
const screenshots = process.argv[2];
if (screenshots) mkdirSync(screenshots, { recursive: true });

const server = new LiveServer();
let page;
// What the browser complains of. That nobody answers while kvplaced is down is
// the browser's own line about a request that we know to fail.
let complaints = [];
let down = false;
const requests = [];

async function openPage(browser) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  page = await context.newPage();
  page.setDefaultTimeout(60000);
  page.on("console", (message) => {
    if (!["error", "warning"].includes(message.type())) return;
    if (down && message.text().includes("net::ERR_")) return;
    complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("dialog", async (dialog) => {
    complaints.push(`a dialog: ${dialog.message()}`);
    await dialog.dismiss();
  });
  page.on("request", (request) => requests.push(request.url()));
}

const text = (selector) => page.locator(selector).innerText();
const row = (table, name) => page.locator(`#${table} tbody tr`, { hasText: name });
const cells = async (table, name) => (await row(table, name).first().locator("th, td").allInnerTexts());
const shoot = (name) => screenshots && page.screenshot({ path: join(screenshots, `${name}.png`), fullPage: true });

const checks = {
  async "an empty server says what to do next"() {
    await page.goto(server.url);
    await page.locator("#empty").waitFor({ state: "visible" });
    assert.match(await text("#empty"), /No worker is connected/);
    const command = await text("#empty-command");
    assert.ok(command.includes(`--server ${server.listen}`), command);
    assert.ok(!(await page.locator("#data").isVisible()));
    assert.equal(await text("#state"), "Live");
    await shoot("empty");
  },

  async "workers appear by themselves"() {
    server.startWorker("node-a", "15%", { model: "SmolLM2-135M", tenant: EVIL, pod: `"'><b>${EVIL}</b>` });
    server.startWorker("node-b", "40%", { model: "other" });
    await page.locator("#data").waitFor({ state: "visible" });
    await row("sessions", "node-b").waitFor();
    assert.ok(!(await page.locator("#empty").isVisible()));
    assert.equal(await page.locator(".card").count(), 2);
  },

  async "numbers are those of the server, and move"() {
    const step = async () => Number((await cells("sessions", "node-a"))[7].replaceAll(",", ""));
    await until(async () => (await step()) > 0, "a first step");
    const first = await step();
    await until(async () => (await step()) > first + 20, "the steps go on");
    const device = (await server.document()).nodes[0].devices[0];
    const [, hbm, dram, , blocks] = await cells("tiers", "node-a");
    assert.match(hbm, /^\s*\d+\.\d% of [\d.]+ MiB/);
    assert.match(dram, /capacity not declared/);
    assert.ok(Number(blocks.replaceAll(",", "")) > 1000 && device.live_blocks > 1000, blocks);
    assert.match(await text("#summary"), /Roofline reached\s+\d+\.\d%\s+Reads that miss HBM\s+\d+\.\d%/);
  },

  async "both bounds are drawn as live lines"() {
    const card = page.locator(".card", { hasText: "node-a" });
    const points = async (line) => ((await card.locator(`path.${line}`).getAttribute("d")) ?? "").split("L").length;
    await until(async () => (await points("roofline")) > 4 && (await points("hindsight")) > 3,
      "lines of both bounds", 180000);
    const before = await points("roofline");
    await until(async () => (await points("roofline")) > before + 1, "the line goes on");
    const described = await card.locator("svg.chart desc").textContent();
    assert.match(described, /hindsight \d+\.\d% .*roofline \d+\.\d%, utilization \d+\.\d%/);
  },

  async "moves have reasons, plans a latency"() {
    await until(async () => Number((await cells("moves", "node-a"))[3].replaceAll(",", "")) > 0, "a rate of moves");
    const moves = await page.locator("#moves tbody").innerText();
    assert.match(moves, /node-a \/ 0\s+miss\s+promoted because it was read from DRAM/);
    assert.match(moves, /node-a \/ 0\s+capacity\s+evicted to make room/);
    assert.match((await cells("latency", "node-a"))[1], /^[\d.]+ (µs|ms|s)$/);
    assert.ok((await page.locator("#latency-chart path.p99").getAttribute("d")).length > 20);
  },

  async "names from workers are text"() {
    const labels = await cells("sessions", "node-a");
    assert.equal(labels[4], EVIL);
    assert.equal(labels[5], `"'><b>${EVIL}</b>`);
    assert.equal(await page.locator("main img, main b").count(), 0);
    // A node may not be called so; the server says why.
    const refused = server.startWorker(EVIL, "40%");
    await until(() => server.log("kvplace-worker").includes("node_id"), "the refusal");
    await server.stop(refused);
    assert.ok(!(await page.content()).includes("<img"));
  },

  async "names from a server are text, whatever they are"() {
    const document = await server.document();
    await page.route("**/api/v1/status", (route) => {
      const node = structuredClone(document.nodes[0]);
      node.node_id = EVIL;
      Object.assign(node.devices[0], { model: EVIL, policy: EVIL, mode: EVIL });
      node.devices[0].moves = [{ reason: EVIL, done_blocks: 1, failed_blocks: 0, expired_blocks: 0 }];
      const session = { ...document.sessions[0], node_id: EVIL, peer: EVIL };
      const facts = { ...document.server, version: EVIL };
      return route.fulfill({ json: { ...document, server: facts, nodes: [node], sessions: [session] } });
    });
    try {
      await until(async () => (await text("#cards")).startsWith(`${EVIL} / 0`), "the name");
      assert.equal(await page.locator(".card h3").innerText(), `${EVIL} / 0`);
      assert.equal((await cells("moves", EVIL))[1], EVIL);
      assert.equal((await cells("sessions", EVIL))[0], `${EVIL} / 0`);
      assert.ok((await text("#server")).includes(EVIL));
      assert.equal(await page.locator("main img").count(), 0);
      assert.deepEqual(await page.evaluate(accessibilityProblems), []);
    } finally {
      await page.unroute("**/api/v1/status");
    }
    await row("sessions", "node-b").waitFor();
  },

  async "light, dark and narrow"() {
    const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const light = await background();
    await shoot("light");
    await page.emulateMedia({ colorScheme: "dark" });
    assert.notEqual(await background(), light);
    await shoot("dark");
    await page.emulateMedia({ colorScheme: "light" });
    await page.setViewportSize({ width: 360, height: 740 });
    const widths = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
    assert.ok(widths[0] <= widths[1], `the page is ${widths[0]} wide in a window of ${widths[1]}`);
    await shoot("narrow");
    await page.setViewportSize({ width: 1280, height: 900 });
  },

  async "text has contrast in light and dark"() {
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme });
      const worst = await page.evaluate(worstContrast);
      assert.ok(worst.ratio >= 4.5, `${colorScheme}: ${worst.ratio.toFixed(2)} in "${worst.text}"`);
    }
    await page.emulateMedia({ colorScheme: "light" });
  },

  async "the keyboard reaches everything"() {
    await page.locator("h1").click();
    const reached = new Set();
    for (let i = 0; i < 14; ++i) {
      await page.keyboard.press("Tab");
      reached.add(await page.evaluate(() => {
        const e = document.activeElement;
        return e.id || e.className || e.tagName;
      }));
    }
    for (const wanted of ["skip", "filter", "pause", "order", "scroll"]) assert.ok(reached.has(wanted), wanted);
    await page.locator("#pause").focus();
    await page.keyboard.press("Enter");
    assert.equal(await text("#state"), "Paused");
    assert.equal(await page.locator("#pause").getAttribute("aria-pressed"), "true");
    await page.keyboard.press("Enter");
    await until(async () => (await text("#state")) === "Live", "live again");
    // Drawing anew takes no focus away.
    assert.equal(await page.evaluate(() => document.activeElement.id), "pause");
  },

  async "a screen reader finds its way"() {
    const problems = await page.evaluate(accessibilityProblems);
    assert.deepEqual(problems, []);
    const tree = await page.locator("body").ariaSnapshot();
    for (const part of [/heading "Sessions"/, /table "Live sessions and their state"/, /status: Live/,
      /searchbox "Filter"/, /img "node-a \/ 0: share of the bounds/]) {
      assert.match(tree, part);
    }
  },

  async "the filter finds a node"() {
    await page.locator("#filter").fill("NODE-B");
    assert.equal(await page.locator(".card").count(), 1);
    assert.equal(await row("sessions", "node-a").count(), 0);
    await page.locator("#filter").fill("");
    assert.equal(await page.locator(".card").count(), 2);
  },

  async "a restart of kvplaced is survived"() {
    down = true;
    await server.stopDaemon();
    await until(async () => (await text("#state")).startsWith("No answer from kvplaced"), "the page says so");
    assert.ok(await page.locator("#data").isVisible(), "the last numbers stay");
    await shoot("lost");
    await server.start();
    await until(async () => (await text("#state")) === "Live", "the page comes back");
    down = false;
    assert.match(await text("#notes"), /kvplaced was restarted at \d\d:\d\d:\d\d/);
    await row("sessions", "node-a").waitFor();
    await until(async () => (await cells("sessions", "node-a"))[1] === "ready", "the worker is back");
  },

  async "nothing is asked of anyone else"() {
    assert.deepEqual(requests.filter((url) => !url.startsWith(server.url)), []);
  },

  async "the console is empty"() {
    assert.deepEqual(complaints, []);
  },
};

// Runs in the page: the text with the least contrast to what is behind it.
function worstContrast() {
  const rgb = (color) => (color.match(/[\d.]+/g) ?? []).map(Number);
  const luminance = (color) => {
    const linear = (v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    const [r, g, b] = rgb(color).map((v) => linear(v / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (e) => {
    for (let at = e; at; at = at.parentElement) {
      const color = getComputedStyle(at).backgroundColor;
      if (rgb(color)[3] !== 0) return color;
    }
    return getComputedStyle(document.body).backgroundColor;
  };
  let worst = { ratio: 99, text: "" };
  for (const e of document.querySelectorAll("body *")) {
    const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
    if (!own || !e.checkVisibility()) continue;
    const style = getComputedStyle(e);
    const ink = e instanceof SVGElement ? style.fill : style.color;
    const [a, b] = [luminance(ink), luminance(behind(e))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < worst.ratio) worst = { ratio, text: e.textContent.slice(0, 40) };
  }
  return worst;
}

// Runs in the page: what tools for the blind would stumble over.
function accessibilityProblems() {
  const found = [];
  const ids = [...document.querySelectorAll("[id]")].map((e) => e.id);
  for (const id of new Set(ids.filter((x, i) => ids.indexOf(x) !== i))) found.push(`id ${id} twice`);
  for (const e of document.querySelectorAll("[aria-labelledby]")) {
    for (const id of e.getAttribute("aria-labelledby").split(" ")) {
      if (!document.getElementById(id)) found.push(`no label ${id}`);
    }
  }
  for (const e of document.querySelectorAll("input, select, button")) {
    if (!e.labels?.length && !e.textContent.trim()) found.push(`${e.id} has no label`);
  }
  for (const e of document.querySelectorAll("svg")) {
    if (e.getAttribute("role") === "img" || e.getAttribute("aria-hidden") === "true") continue;
    found.push("an svg without a role");
  }
  for (const e of document.querySelectorAll("table")) {
    if (!e.caption || e.querySelector("th:not([scope])")) found.push(`table ${e.id}`);
  }
  let level = 0;
  for (const e of document.querySelectorAll("h1, h2, h3")) {
    if (e.closest("[hidden]")) continue;
    if (Number(e.tagName[1]) > level + 1) found.push(`heading ${e.textContent} skips a level`);
    level = Number(e.tagName[1]);
  }
  if (document.documentElement.lang !== "en") found.push("no language");
  return found;
}

let passed = 0;
let failed = 0;
let browser;
try {
  await server.start();
  browser = await chromium.launch({
    executablePath: process.env.KVPLACE_CHROMIUM,
    // Its sandbox wants rights that containers and root do not have; the page
    // is our own.
    args: ["--no-sandbox"],
  });
  await openPage(browser);
  for (const [name, check] of Object.entries(checks)) {
    try {
      await check();
      ++passed;
      console.log(`ok: ${name}`);
    } catch (error) {
      ++failed;
      console.log(`FAILED: ${name}: ${String(error.message).split("\n")[0]}`);
      console.error(error);
    }
  }
} catch (error) {
  ++failed;
  console.log(`FAILED: server and browser start: ${error.message.split("\n")[0]}`);
} finally {
  await browser?.close();
  await server.stopAll();
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
