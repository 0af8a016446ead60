// How the gradient and the state of a recurrent layer of eight units grow or shrink over time, on a log axis.

const UNITS = 8;
const LONGEST = 200;
const RANGES = { radius: [0.5, 1.5], input_scale: [0.05, 2] };
const KEYS = ["radius", "nonlinearity", "seq_len", "input_scale", "rotation", "W_xh", "x", "dh_last"];

// Each function with its slope, the slope written in terms of the result h.
const FUNCTIONS = {
  tanh: [Math.tanh, (h) => 1 - h * h],
  relu: [(z) => Math.max(z, 0), (h) => (h > 0 ? 1 : 0)],
  linear: [(z) => z, () => 1],
};

// ---- Arithmetic: no element is touched here.

const dot = (a, b) => a.reduce((total, value, index) => total + value * b[index], 0);
const length = (vector) => Math.hypot(...vector);
const transposed = (matrix) => matrix[0].map((_, column) => matrix.map((row) => row[column]));

/** Norms of h_t and of dL/dh_t, and log10 of the bound on the latter, for t = 1 to T; and what is read off them. */
function compute({ radius, nonlinearity, seq_len, input_scale, rotation, W_xh, x, dh_last }) {
  const [bend, slope] = FUNCTIONS[nonlinearity];
  const states = [];
  let h = Array(UNITS).fill(0);
  for (let t = 0; t < seq_len; t += 1) {
    const before = h;
    h = rotation.map((row, unit) => bend(radius * dot(row, before) + input_scale * W_xh[unit] * x[t]));
    states.push(h);
  }
  const columns = transposed(rotation);
  const [gradient, log10_bound] = [[length(dh_last)], [Math.log10(length(dh_last))]];
  let dh = dh_last;
  for (let t = seq_len - 1; t > 0; t -= 1) {
    const slopes = states[t].map(slope);
    const dz = dh.map((value, unit) => value * slopes[unit]);
    dh = columns.map((column) => radius * dot(column, dz));
    gradient.unshift(length(dh));
    log10_bound.unshift(log10_bound[0] + Math.log10(radius * Math.max(...slopes)));
  }
  const last = gradient.at(-1);
  const back = gradient.map((value) => value / last).reverse();
  const halved = back.findIndex((value) => value <= 0.5);
  const norms = states.map(length);
  return { state: norms, gradient, log10_bound, ratio: gradient[0] / last, halved, last_state: norms.at(-1) };
}

function check(state) {
  for (const [key, [low, high]] of Object.entries(RANGES)) {
    if (!Number.isFinite(state[key]) || state[key] < low || state[key] > high) {
      throw new StateProblem(`${key} must be a number from ${low} to ${high} but is ${shown(state[key])}; set ${key} again.`);
    }
  }
  needChoice(state, "nonlinearity", Object.keys(FUNCTIONS));
  needInteger(state, "seq_len", 2, LONGEST);
  needMatrix(state, "rotation", UNITS, UNITS);
  for (const key of ["W_xh", "dh_last"]) needVector(state, key, UNITS);
  needVector(state, "x", LONGEST);
  const { rotation, dh_last } = state;
  const gap = (row, a, b) => Math.abs(dot(row, rotation[b]) - (a === b ? 1 : 0));
  if (rotation.some((row, a) => rotation.some((_, b) => gap(row, a, b) > 1e-9))) {
    throw new StateProblem("rotation must be orthogonal; pass a matrix whose rows have length one and are at right angles.");
  }
  if (length(dh_last) === 0) throw new StateProblem("dh_last must not be all zeros; give one entry another value.");
}

// ---- Picture: time from left to right, powers of ten from bottom to top.

const [WIDE, HIGH] = [560, 300];
const FRAME = { left: 58, right: 84, top: 14, bottom: 42 };
const CURVES = [["bound", "bound"], ["state", "state"], ["gradient", "gradient"]];
const RAISED = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };
const power = (exponent) => `10${[...String(exponent)].map((sign) => RAISED[sign]).join("")}`;

/** Three digits; a power of ten outside the numbers that read well without. */
function scientific(value) {
  const size = Math.abs(value);
  if (value === 0 || (size >= 1e-3 && size < 1e5)) return value === 0 ? "0" : String(Number(value.toPrecision(3)));
  const [digits, exponent] = value.toExponential(2).split("e");
  return `${digits}×${power(Number(exponent))}`;
}

/** log10 of every curve; what is zero or beyond drawing is left out. */
function heights(result) {
  const logs = { gradient: result.gradient.map(Math.log10), state: result.state.map(Math.log10), bound: result.log10_bound };
  return Object.fromEntries(Object.entries(logs).map(([name, values]) => [name, values.map((value) => (value > -300 ? value : null))]));
}

function limits(curves) {
  const all = Object.values(curves).flat().filter((value) => value !== null);
  const [low, high] = [Math.floor(Math.min(...all, -1)), Math.ceil(Math.max(...all, 1))];
  const step = [1, 2, 5, 10, 20, 50, 100].find((size) => (high - low) / size <= 7);
  return { low: step * Math.floor(low / step), high: step * Math.ceil(high / step), step };
}

/** Heights of the names at the right end, moved apart where two would meet. */
function apart(wanted) {
  const order = wanted.map((y, index) => [y, index]).sort((a, b) => a[0] - b[0]);
  const placed = Array(wanted.length);
  let above = -Infinity;
  for (const [y, index] of order) {
    above = Math.max(y, above + 19);
    placed[index] = above;
  }
  const over = Math.max(0, above - (HIGH - FRAME.bottom));
  return placed.map((y) => y - over);
}

function paper({ low, high, step }, seq_len, across, up) {
  const marks = [];
  for (let exponent = low; exponent <= high; exponent += step) {
    const y = up(exponent);
    marks.push(svg("line", { class: exponent === 0 ? "rnn-one" : "rnn-grid", x1: FRAME.left, x2: WIDE - FRAME.right, y1: y, y2: y }));
    marks.push(svg("text", { class: "rnn-tick", x: FRAME.left - 6, y: y + 4, "text-anchor": "end" }, power(exponent)));
  }
  const every = [1, 2, 5, 10, 20, 50].find((size) => seq_len / size <= 6);
  for (let t = every; t <= seq_len; t += every) {
    marks.push(svg("text", { class: "rnn-tick", x: across(t), y: HIGH - FRAME.bottom + 18, "text-anchor": "middle" }, String(t)));
  }
  const middle = (FRAME.left + WIDE - FRAME.right) / 2;
  marks.push(svg("text", { class: "rnn-tick", x: middle, y: HIGH - 4, "text-anchor": "middle" }, "time step"));
  return marks;
}

/** One line per unbroken stretch: a gradient that is exactly zero has no place on a log axis. */
function stretches(values, across, up) {
  const lines = [[]];
  values.forEach((value, index) => {
    if (value === null) lines.push([]);
    else lines.at(-1).push(`${across(index + 1)},${up(value)}`);
  });
  return lines.filter((line) => line.length > 1);
}

function picture(state, result) {
  const curves = heights(result);
  const span = limits(curves);
  const across = (t) => FRAME.left + ((t - 1) / (state.seq_len - 1)) * (WIDE - FRAME.left - FRAME.right);
  const up = (value) => HIGH - FRAME.bottom - ((value - span.low) / (span.high - span.low)) * (HIGH - FRAME.top - FRAME.bottom);
  const drawn = CURVES.flatMap(([name]) =>
    stretches(curves[name], across, up).map((points) => svg("polyline", { class: `rnn-curve rnn-${name}`, points: points.join(" ") })),
  );
  // Names stand at the right end; the gradient and its bound meet there, so they are moved apart.
  const ends = apart(CURVES.map(([name]) => up(curves[name].at(-1) ?? span.low)));
  const names = CURVES.map(([name, text], index) =>
    svg("text", { class: `rnn-name rnn-${name}`, x: WIDE - FRAME.right + 6, y: ends[index] + 4 }, text),
  );
  return [...paper(span, state.seq_len, across, up), ...drawn, ...names];
}

function inWords(state, result) {
  return (
    `Norms over ${state.seq_len} steps on a log axis, for ${state.nonlinearity} and radius ${fixed(state.radius, 2)}. ` +
    `From the last step to the first the gradient is multiplied by ${scientific(result.ratio)}; the state ends at ${scientific(result.last_state)}.`
  );
}

// ---- Controls and numbers.

const STYLE = `
.rnn-time { display: block; width: 100%; max-width: 44rem; margin: 0 auto .8rem; }
.rnn-time .rnn-grid { stroke: var(--rnn-line); stroke-width: .7; }
.rnn-time .rnn-one { stroke: var(--rnn-muted); stroke-width: 1; }
.rnn-time .rnn-tick { font-size: 12px; fill: var(--rnn-muted); }
.rnn-time .rnn-curve { fill: none; stroke: currentColor; stroke-width: 2.2; stroke-linejoin: round; }
.rnn-time .rnn-curve.rnn-bound { stroke-width: 1.6; stroke-dasharray: 6 4; }
.rnn-time .rnn-name { font-size: 13px; font-weight: 600; fill: currentColor; }
.rnn-gradient { color: var(--rnn-warm); } .rnn-state { color: var(--rnn-accent); } .rnn-bound { color: var(--rnn-muted); }
.rnn-readings { margin-bottom: .9rem; }
@container (max-width: 33.99rem) { .rnn-time .rnn-tick, .rnn-time .rnn-name { font-size: 18px; } }
`;

const READINGS = [
  ["ratio", "gradient at the first step, relative to the last", "rnn-gradient"],
  ["bound_ratio", "bound on this ratio", "rnn-bound"],
  ["halved", "steps back until the gradient has halved", "rnn-gradient"],
  ["last_state", "norm of the last state", "rnn-state"],
];

function readingsTable() {
  const cells = Object.fromEntries(READINGS.map(([name]) => [name, output(name)]));
  const rows = READINGS.map(([name, text, kind]) =>
    tag("tr", {}, tag("th", { scope: "row", class: kind }, text), tag("td", {}, cells[name])),
  );
  const root = tag("table", { class: "rnn-readings" }, tag("tbody", {}, ...rows));
  const show = ({ ratio, halved, last_state, log10_bound }) => {
    const bound = 10 ** (log10_bound[0] - log10_bound.at(-1));
    showText(cells.ratio, scientific(ratio), ratio);
    showText(cells.bound_ratio, scientific(bound), bound);
    showText(cells.halved, halved < 0 ? "never" : String(halved), halved);
    showText(cells.last_state, scientific(last_state), last_state);
  };
  return { root, show };
}

function build(change) {
  const slider = (key, label, [min, max], step, digits) =>
    sliderField({ label, name: `control_${key}`, min, max, step, digits, change: (value) => change({ [key]: value }) });
  const fields = {
    radius: slider("radius", "Spectral radius", RANGES.radius, 0.01, 2),
    input_scale: slider("input_scale", "Input scale", RANGES.input_scale, 0.05, 2),
    seq_len: slider("seq_len", "Time steps", [2, LONGEST], 1, 0),
    nonlinearity: selectField({
      label: "Nonlinearity",
      choices: [["tanh", "tanh"], ["relu", "ReLU"], ["linear", "none (linear)"]],
      change: (nonlinearity) => change({ nonlinearity }),
    }),
  };
  const plot = svg("svg", { class: "rnn-time", viewBox: `0 0 ${WIDE} ${HIGH}`, role: "img" });
  const readings = readingsTable();
  const show = (state) => {
    const result = compute(state);
    for (const [key, field] of Object.entries(fields)) field.show(state[key]);
    readings.show(result);
    const words = inWords(state, result);
    plot.setAttribute("aria-label", words);
    plot.replaceChildren(...picture(state, result));
    return words;
  };
  const board = tag("fieldset", {}, tag("legend", {}, "The layer"), ...Object.values(fields).map((field) => field.root));
  return { nodes: [plot, tag("div", { class: "rnn-columns" }, tag("div", {}, board), readings.root)], show };
}

const render = widget({ name: "gradient_explorer", label: "Gradient explorer", style: STYLE, keys: KEYS, check, build });

export default { render, compute };
