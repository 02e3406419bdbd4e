// Line charts and bars as SVG. Made once, then only paths and texts change.

const SVG = "http://www.w3.org/2000/svg";

function make(name, attributes = {}, text) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

let labels = 0;

export class LineChart {
  #size;
  #plot;
  #lines = new Map();
  #ticks = [];
  #band;
  #description;
  #start;

  // `lines`: class names, the first is drawn last, on top.
  constructor(parent, { lines, title, width = 360, height = 150, left: margin = 44 }) {
    this.#size = { width, height };
    this.#plot = { left: margin, right: width - 8, top: 10, bottom: height - 20 };
    const { left, right, bottom } = this.#plot;
    const id = `chart-${++labels}`;
    const svg = make("svg", {
      viewBox: `0 0 ${width} ${height}`, role: "img", class: "chart",
      "aria-labelledby": `${id}-title ${id}-text`,
    });
    svg.append(make("title", { id: `${id}-title` }, title));
    this.#description = make("desc", { id: `${id}-text` });
    svg.append(this.#description);
    for (let i = 0; i <= 4; ++i) {
      const y = this.#y(i / 4);
      svg.append(make("path", { class: i === 4 ? "grid top" : "grid", d: `M${left} ${y}H${right}` }));
      if (i % 2 === 1) continue;
      const tick = make("text", { class: "tick", x: left - 5, y: y + 4, "text-anchor": "end" });
      this.#ticks.push(tick);
      svg.append(tick);
    }
    this.#start = make("text", { class: "tick", x: left, y: bottom + 15 });
    svg.append(this.#start);
    svg.append(make("text", { class: "tick", x: right, y: bottom + 15, "text-anchor": "end" }, "now"));
    this.#band = make("path", { class: "band" });
    svg.append(this.#band);
    for (const name of [...lines].reverse()) {
      const path = make("path", { class: `line ${name}` });
      this.#lines.set(name, path);
      svg.append(path);
    }
    parent.append(svg);
  }

  #y(share) {
    const { top, bottom } = this.#plot;
    return bottom - Math.min(1, Math.max(0, share)) * (bottom - top);
  }

  // `samples` have a time and values by the lines' names; what is missing is a
  // gap. `band`: [low, high] of a sample, or null.
  draw({ samples, now, span, most, format, band, description }) {
    const { left, right } = this.#plot;
    const x = (time) => right - ((now - time) / span) * (right - left);
    const known = (value) => typeof value === "number" && Number.isFinite(value);
    for (const [name, path] of this.#lines) {
      let d = "";
      let pen = "M";
      for (const s of samples) {
        if (!known(s[name])) {
          pen = "M";
          continue;
        }
        const at = `${x(s.time).toFixed(1)} ${this.#y(s[name] / most).toFixed(1)}`;
        // A point alone is seen too.
        d += pen === "M" ? `M${at}h.1` : `L${at}`;
        pen = "L";
      }
      path.setAttribute("d", d);
    }
    this.#band.setAttribute("d", band ? this.#bandPath(samples, x, most, band) : "");
    this.#ticks.forEach((tick, i) => {
      tick.textContent = format((most * i) / 2);
    });
    this.#start.textContent = `${span < 120 ? `${span} s` : `${span / 60} min`} ago`;
    this.#description.textContent = description;
  }

  #bandPath(samples, x, most, band) {
    let d = "";
    let run = [];
    const close = () => {
      if (run.length > 1) {
        const point = (at, y) => `${at.toFixed(1)} ${this.#y(y / most).toFixed(1)}`;
        const high = run.map((p) => point(p.x, p.high));
        const low = run.map((p) => point(p.x, p.low)).reverse();
        d += `M${[...high, ...low].join("L")}Z`;
      }
      run = [];
    };
    for (const s of samples) {
      const limits = band(s);
      if (limits) run.push({ x: x(s.time), low: limits[0], high: limits[1] });
      else close();
    }
    close();
    return d;
  }
}

// A number that a chart may end at: 1, 2 or 5 times a power of ten, at least
// `value`.
export function niceCeiling(value, least) {
  const wanted = Math.max(value, least);
  const power = 10 ** Math.floor(Math.log10(wanted));
  return [1, 2, 5, 10].map((n) => n * power).find((n) => n >= wanted * (1 - 1e-9));
}

// Parts of a whole, side by side, with words beside them: the picture says
// nothing that the words do not. `parts`: [class, share 0..1].
export function drawBar(cell, parts, words) {
  let svg = cell.querySelector("svg");
  if (!svg) {
    svg = make("svg", { class: "bar", viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" });
    svg.append(make("rect", { class: "room", width: 100, height: 10 }));
    for (const [name] of parts) svg.append(make("rect", { class: name, height: 10 }));
    cell.replaceChildren(svg, document.createElement("span"));
  }
  cell.lastChild.textContent = words;
  let x = 0;
  parts.forEach(([, share], i) => {
    const width = Math.min(100 - x, Math.max(0, 100 * (share || 0)));
    const rect = svg.children[i + 1];
    rect.setAttribute("x", x.toFixed(2));
    rect.setAttribute("width", width.toFixed(2));
    x += width;
  });
}
