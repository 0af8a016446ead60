// A window of ten days slides over a series; four forecasts of the next day, and their mean squared errors.

const WINDOW = 10;
const MOST = 120;
const LIMITS = { intercept: [-50, 50], keep: [0, 1.2], usual: [-10, 40] };
const KEYS = ["days", "network", "weights", "intercept", "at", "keep", "usual"];
const MADE = ["persistence", "linear", "network", "yours"];
const WORDS = { persistence: "as today", linear: "AR", network: "network", yours: "yours" };

// ---- Arithmetic: no element is touched here.

const meanSquare = (made, targets) => made.reduce((sum, value, k) => sum + (value - targets[k]) ** 2, 0) / targets.length;

/** Targets, the four forecasts of each, and their mean squared errors over all and up to the day that is shown. */
function compute({ days, network, weights, intercept, at, keep, usual }) {
  const targets = days.slice(WINDOW);
  const today = days.slice(WINDOW - 1, -1);
  const linear = targets.map((_, k) => weights.reduce((sum, weight, lag) => sum + weight * days[k + WINDOW - 1 - lag], intercept));
  const forecasts = { persistence: today, linear, network, yours: today.map((value) => usual + keep * (value - usual)) };
  const each = (make) => Object.fromEntries(MADE.map((name) => [name, make(forecasts[name])]));
  return {
    targets,
    forecasts,
    errors: each((made) => meanSquare(made, targets)),
    so_far: each((made) => meanSquare(made.slice(0, at), targets.slice(0, at))),
  };
}

function needNumbers(state, key, least, most) {
  const value = state[key];
  if (!Array.isArray(value) || value.length < least || value.length > most || !value.every(Number.isFinite)) {
    throw new StateProblem(`${key} must be ${least} to ${most} finite numbers; set ${key} again.`);
  }
}

function check(state) {
  needNumbers(state, "days", WINDOW + 1, MOST);
  needVector(state, "network", state.days.length - WINDOW);
  needVector(state, "weights", WINDOW);
  for (const [key, [low, high]] of Object.entries(LIMITS)) {
    if (!Number.isFinite(state[key]) || state[key] < low || state[key] > high) {
      throw new StateProblem(`${key} must be a number from ${low} to ${high} but is ${shown(state[key])}; set ${key} again.`);
    }
  }
  needInteger(state, "at", 1, state.days.length - WINDOW);
}

// ---- Picture: the series with its window, and the forecasts of the next day.

const [WIDTH, HEIGHT] = [420, 250];
const BOX = { left: 36, right: 10, top: 12, bottom: 34 };
const word = (text, x, y, kind = "rnn-tick", anchor = "middle") => svg("text", { class: kind, x, y, "text-anchor": anchor }, text);

function marks(name, x, y) {
  const size = 5;
  if (name === "persistence") return svg("rect", { class: `rnn-made rnn-${name}`, x: x - size, y: y - size, width: 2 * size, height: 2 * size });
  if (name === "network") return svg("circle", { class: `rnn-made rnn-${name}`, cx: x, cy: y, r: size });
  const points = name === "linear" ? [[0, -6], [6, 5], [-6, 5]] : [[0, -6], [6, 0], [0, 6], [-6, 0]];
  return svg("polygon", { class: `rnn-made rnn-${name}`, points: points.map(([a, b]) => `${x + a},${y + b}`).join(" ") });
}

function picture({ days, at }, { forecasts }) {
  const all = [...days, ...MADE.flatMap((name) => forecasts[name])];
  const [low, high] = [Math.floor(Math.min(...all) / 5) * 5, Math.ceil(Math.max(...all) / 5) * 5 || 5];
  const across = (day) => BOX.left + (day / (days.length - 1)) * (WIDTH - BOX.left - BOX.right);
  const up = (value) => HEIGHT - BOX.bottom - ((value - low) / (high - low || 1)) * (HEIGHT - BOX.bottom - BOX.top);
  const path = (from, to, kind) => svg("polyline", { class: `rnn-days ${kind}`, points: days.slice(from, to).map((value, k) => `${across(from + k)},${up(value)}`).join(" ") });
  const levels = [];
  for (let level = low; level <= high; level += 5) levels.push(level);
  const target = at + WINDOW - 1;
  const [from, to] = [across(at - 1), across(target - 1)];
  return [
    svg("rect", { class: "rnn-window", x: from - 3, y: BOX.top, width: to - from + 6, height: HEIGHT - BOX.top - BOX.bottom }),
    ...levels.flatMap((level) => [svg("line", { class: "rnn-grid", x1: BOX.left, x2: WIDTH - BOX.right, y1: up(level), y2: up(level) }), word(integer(level), BOX.left - 5, up(level) + 4, "rnn-tick", "end")]),
    path(0, days.length, "rnn-later"),
    path(0, target, ""),
    ...MADE.map((name) => marks(name, across(target), up(forecasts[name][at - 1]))),
    svg("circle", { class: "rnn-target", cx: across(target), cy: up(days[target]), r: 7 }),
    word("day 1", BOX.left, HEIGHT - 10, "rnn-tick", "start"),
    word(`day ${days.length}`, WIDTH - BOX.right, HEIGHT - 10, "rnn-tick", "end"),
    word("grey: window; ring: target", (BOX.left + WIDTH - BOX.right) / 2, HEIGHT - 10),
  ];
}

function inWords({ at }, { targets, forecasts, errors }) {
  const made = MADE.map((name) => `${WORDS[name]} ${fixed(forecasts[name][at - 1], 1)}`).join(", ");
  const scores = MADE.map((name) => `${WORDS[name]} ${fixed(errors[name], 2)}`).join(", ");
  return `Day ${at + WINDOW} came to ${fixed(targets[at - 1], 1)} degrees. Forecasts: ${made}. Mean squared errors over all days: ${scores}.`;
}

// ---- Controls and numbers.

const STYLE = `
.rnn-forecast-picture { display: block; width: 100%; max-width: 34rem; margin: 0 auto .8rem; }
.rnn-window { fill: var(--rnn-line); fill-opacity: .45; stroke: var(--rnn-muted); stroke-width: .8; }
.rnn-grid { stroke: var(--rnn-line); stroke-width: .7; }
.rnn-days { fill: none; stroke: var(--rnn-text); stroke-width: 1.6; stroke-linejoin: round; }
.rnn-days.rnn-later { stroke-opacity: .6; stroke-width: 1; }
.rnn-target { fill: none; stroke: var(--rnn-text); stroke-width: 2; }
.rnn-made { fill: currentColor; fill-opacity: .85; stroke: var(--rnn-surface); stroke-width: .8; }
.rnn-tick { font-size: 15px; fill: var(--rnn-muted); }
.rnn-persistence { color: var(--rnn-muted); } .rnn-linear { color: var(--rnn-green); }
.rnn-network { color: var(--rnn-accent); } .rnn-yours { color: var(--rnn-warm); }
.rnn-forecast-table th[scope="row"] { font-weight: 600; white-space: nowrap; }
.rnn-forecast-table, .rnn-forecast-day, .rnn-forecast-buttons { margin-bottom: .9rem; }
@container (max-width: 20rem) {
  .rnn-forecast-table { font-size: .82em; }
  .rnn-forecast-table :is(th, td, th[scope="row"]) { padding-inline: .15rem; white-space: normal; }
}
`;

const SIGNS = { persistence: "■", linear: "▲", network: "●", yours: "◆" };
const COLUMNS = [["forecast", 1], ["error", 1], ["so_far", 2], ["all", 2]];

function numbersTable() {
  const cells = {};
  const rows = MADE.map((name) => {
    const data = COLUMNS.map(([column]) => {
      cells[`${name}_${column}`] = output(`${name}_${column}`);
      return tag("td", {}, cells[`${name}_${column}`]);
    });
    const sign = tag("span", { class: `rnn-${name}`, "aria-hidden": "true" }, SIGNS[name]);
    return tag("tr", {}, tag("th", { scope: "row" }, sign, ` ${WORDS[name]}`), ...data);
  });
  const heads = ["forecast", "°C", "error", "MSE so far", "MSE, all"].map((text) => tag("th", { scope: "col" }, text));
  const root = tag("table", { class: "rnn-forecast-table" }, tag("thead", {}, tag("tr", {}, ...heads)), tag("tbody", {}, ...rows));
  const show = (at, { targets, forecasts, errors, so_far }) => {
    for (const name of MADE) {
      const made = forecasts[name][at - 1];
      const values = { forecast: made, error: made - targets[at - 1], so_far: so_far[name], all: errors[name] };
      for (const [column, digits] of COLUMNS) showText(cells[`${name}_${column}`], fixed(values[column], digits), values[column]);
    }
  };
  return { root, show };
}

function build(change, read) {
  const first = structuredClone(read());
  const last = Array.isArray(first.days) ? Math.max(first.days.length - WINDOW, 1) : 1;
  const slider = (key, label, min, max, step, digits) => sliderField({ label, name: `control_${key}`, min, max, step, digits, change: (value) => change({ [key]: value }) });
  const day = slider("at", "Forecast", 1, last, 1, 0);
  const keep = slider("keep", "Keep of today", ...LIMITS.keep, 0.05, 2);
  const usual = slider("usual", "Usual, °C", ...LIMITS.usual, 0.5, 1);
  day.root.classList.add("rnn-forecast-day");
  const next = button("Next day", () => change({ at: Math.min(read().at + 1, last) }));
  const reset = button("Reset", () => change(structuredClone(first)));
  const drawing = svg("svg", { class: "rnn-forecast-picture", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img" });
  const table = numbersTable();
  const hint = tag("p", { class: "rnn-note" }, "Your forecast goes from the usual value some way towards today: usual + keep · (today − usual).");
  const show = (state) => {
    const result = compute(state);
    day.show(state.at);
    keep.show(state.keep);
    usual.show(state.usual);
    next.disabled = state.at === last;
    table.show(state.at, result);
    const words = inWords(state, result);
    drawing.setAttribute("aria-label", words);
    drawing.replaceChildren(...picture(state, result));
    return words;
  };
  const left = tag("div", {}, drawing, day.root, tag("div", { class: "rnn-buttons rnn-forecast-buttons" }, next, reset));
  return { nodes: [tag("div", { class: "rnn-columns" }, left, tag("div", {}, group("Your forecast", keep.root, usual.root), table.root, hint))], show };
}

const render = widget({ name: "forecast_explorer", label: "Forecast explorer", style: STYLE, keys: KEYS, check, build });

export default { render, compute };
