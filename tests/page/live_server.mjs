// Real programs for the tests of the page: on free ports of this machine, all
// ended by stopAll().

import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, openSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const BIN = "build/release/bin";
const TRACE = "tests/data/bible-sample.kvtrace";

export const pause = (ms) => new Promise((done) => setTimeout(done, ms));

// Waits for condition() to be true.
export async function until(condition, what, patience = 60000) {
  const end = Date.now() + patience;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`not within ${patience / 1000} s: ${what}`);
    await pause(50);
  }
}

export class LiveServer {
  #folder = mkdtempSync(join(tmpdir(), "kvplace-page-"));
  #running = [];
  #daemon = null;
  // host:port, kept over a restart.
  listen = "127.0.0.1:0";
  status = "127.0.0.1:0";

  #start(program, args) {
    const log = openSync(join(this.#folder, `${program}.log`), "a");
    const child = spawn(`${BIN}/${program}`, args, { stdio: ["ignore", log, log] });
    child.ended = new Promise((done) => child.on("exit", done));
    this.#running.push(child);
    return child;
  }

  async start() {
    const file = join(this.#folder, "ports.json");
    rmSync(file, { force: true });
    // A short window: bounds are worked out only where a processor has nothing
    // else to do.
    const daemon = this.#start("kvplaced", ["--listen", this.listen, "--metrics-listen", "off",
      "--status-listen", this.status, "--port-file", file, "--hindsight-cpu-share", "1",
      "--hindsight-window-steps", "4", "--drain-deadline", "0s"]);
    let ports;
    await until(() => {
      if (daemon.exitCode !== null) throw new Error(`kvplaced ended: ${this.log("kvplaced")}`);
      try {
        ports = JSON.parse(readFileSync(file, "utf8"));
      } catch {
        return false;
      }
      return true;
    }, "kvplaced serves");
    this.#daemon = daemon;
    this.listen = ports.listen;
    this.status = ports.status;
  }

  // Replays the sample trace until it is stopped.
  startWorker(node, share, labels = {}) {
    const flags = Object.entries(labels).flatMap(([name, value]) => [`--${name}`, value]);
    return this.#start("kvplace-worker", [TRACE, "--server", this.listen, "--node", node, "--hbm-capacity", share,
      "--steps", "0:400", "--loop", "1000", "--steps-per-second", "50", "--backoff-max", "1", ...flags]);
  }

  async stop(child) {
    child.kill("SIGTERM");
    await child.ended;
  }
  stopDaemon() {
    return this.stop(this.#daemon);
  }
  async stopAll() {
    for (const child of this.#running) child.kill("SIGKILL");
    await Promise.all(this.#running.map((child) => child.ended));
    rmSync(this.#folder, { recursive: true });
  }

  log(program) {
    return readFileSync(join(this.#folder, `${program}.log`), "utf8");
  }
  get url() {
    return `http://${this.status}/`;
  }
  async document() {
    return (await fetch(`${this.url}api/v1/status`)).json();
  }
}
