// What the document said in the last minutes, by device. The server keeps no
// past; a page that is open does.

// Seconds that are kept, and what charts show of them: the shortest that holds
// all, so that a page just opened is no empty frame.
const SPANS = [60, 150, 300];
const SPAN = SPANS.at(-1);
// Devices of a large fleet whose past is kept.
const MOST_DEVICES = 1024;
// Rates of moves are over so many seconds.
const RATE_SPAN = 10;

export class History {
  #devices = new Map();
  #fleet = [];

  // `time` in seconds, by this machine's clock, which goes on over a restart.
  add(time, devices) {
    for (const d of devices) {
      if (!this.#devices.has(d.key) && this.#devices.size >= MOST_DEVICES) continue;
      const past = this.#devices.get(d.key) ?? [];
      past.push({
        time,
        epoch: d.epoch,
        roofline: d.steps > 0 ? d.roofline_ratio : null,
        utilization: d.steps > 0 ? d.utilization : null,
        hindsight: d.hindsight_ratio,
        gap: d.hindsight_gap_ratio,
        moves: d.moves,
      });
      this.#devices.set(d.key, past);
    }
    const slowest = devices
      .filter((d) => d.plan_latency)
      .sort((a, b) => b.plan_latency.p99_seconds - a.plan_latency.p99_seconds)[0];
    this.#fleet.push({
      time,
      p99: slowest?.plan_latency.p99_seconds ?? null,
      median: slowest?.plan_latency.median_seconds ?? null,
    });
    this.#forget(time);
  }

  // No answer at this time: lines have a gap.
  addGap(time) {
    for (const past of this.#devices.values()) past.push({ time });
    this.#fleet.push({ time });
    this.#forget(time);
  }

  span(time) {
    const age = time - (this.#fleet[0]?.time ?? time);
    return SPANS.find((span) => age <= span) ?? SPAN;
  }

  device(key) {
    return this.#devices.get(key) ?? [];
  }

  fleet() {
    return this.#fleet;
  }

  // Blocks moved per second for this reason; null while there are no two
  // samples of one session.
  moveRate(key, reason) {
    const past = this.device(key).filter((s) => s.moves);
    const last = past.at(-1);
    if (!last) return null;
    const first = past.find((s) => s.epoch === last.epoch && last.time - s.time <= RATE_SPAN);
    if (!first || last.time - first.time < 0.5) return null;
    const done = (s) => s.moves.find((m) => m.reason === reason)?.done_blocks ?? 0;
    return Math.max(0, done(last) - done(first)) / (last.time - first.time);
  }

  #forget(time) {
    const trim = (past) => {
      while (past.length > 0 && time - past[0].time > SPAN) past.shift();
    };
    trim(this.#fleet);
    for (const [key, past] of this.#devices) {
      trim(past);
      if (!past.some((s) => s.epoch !== undefined)) this.#devices.delete(key);
    }
  }
}
