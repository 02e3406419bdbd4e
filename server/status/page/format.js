// Numbers as people read them. What is not a finite number is a dash.

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
const whole = new Intl.NumberFormat("en");

export const NONE = "–";

const known = (value) => typeof value === "number" && Number.isFinite(value);

// Three digits.
function digits(value) {
  return value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0);
}

export function bytes(value) {
  if (!known(value)) return NONE;
  let unit = 0;
  while (value >= 1000 && unit + 1 < UNITS.length) {
    value /= 1024;
    ++unit;
  }
  return `${unit === 0 ? value.toFixed(0) : digits(value)} ${UNITS[unit]}`;
}

export function percent(value) {
  return known(value) ? `${(100 * value).toFixed(1)}%` : NONE;
}

export function count(value) {
  return known(value) ? whole.format(Math.round(value)) : NONE;
}

export function rate(value) {
  if (!known(value)) return NONE;
  return value === 0 || value >= 10 ? count(value) : value.toFixed(1);
}

export function seconds(value) {
  if (!known(value)) return NONE;
  if (value >= 90) return duration(value);
  if (value >= 1) return `${digits(value)} s`;
  if (value >= 1e-3) return `${digits(value * 1e3)} ms`;
  return `${digits(value * 1e6)} µs`;
}

// "3 d 4 h", "5 min".
export function duration(value) {
  if (!known(value)) return NONE;
  const minutes = Math.floor(value / 60);
  if (minutes < 1) return `${Math.max(0, Math.floor(value))} s`;
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

export function clock(time) {
  return time.toLocaleTimeString("en-GB");
}

export function plural(n, noun) {
  return `${count(n)} ${noun}${n === 1 ? "" : "s"}`;
}
