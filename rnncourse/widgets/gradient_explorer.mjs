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

const FRAME = { wide: 560, high: 300, left: 58, right: 100, top: 14, bottom: 42 };
const CURVES = [["bound", "bound"], ["state", "state"], ["gradient", "gradient"]];

/** log10 of every curve; what is zero or beyond drawing is left out. */
function heights(result) {
  const logs = { gradient: result.gradient.map(Math.log10), state: result.state.map(Math.log10), bound: result.log10_bound };
  return Object.fromEntries(Object.entries(logs).map(([name, values]) => [name, values.map((value) => (value > -300 ? value : null))]));
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
  const over = Math.max(0, above - (FRAME.high - FRAME.bottom));
  return placed.map((y) => y - over);
}

function picture(state, result) {
  const curves = heights(result);
  const values = Object.values(curves).flat().filter((value) => value !== null);
  const { marks, up, curve } = logPaper(FRAME, [-1, 1, ...values], [1, state.seq_len], "time step");
  const drawn = CURVES.flatMap(([name]) => curve(name, curves[name]));
  // Names stand at the right end; the gradient and its bound meet there, so they are moved apart.
  const ends = apart(CURVES.map(([name]) => up(curves[name].at(-1) ?? 0)));
  const names = CURVES.map(([name, text], index) =>
    svg("text", { class: `rnn-name rnn-${name}`, x: FRAME.wide - FRAME.right + 6, y: ends[index] + 4 }, text),
  );
  return [...marks, ...drawn, ...names];
}

function inWords(state, result) {
  return (
    `Norms over ${state.seq_len} steps on a log axis, for ${state.nonlinearity} and radius ${fixed(state.radius, 2)}. ` +
    `From the last step to the first the gradient is multiplied by ${scientific(result.ratio)}; the state ends at ${scientific(result.last_state)}.`
  );
}

// ---- Controls and numbers.

const STYLE = `
.rnn-time { max-width: 44rem; }
.rnn-time .rnn-curve.rnn-bound { stroke-width: 1.6; stroke-dasharray: 6 4; }
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
  const plot = svg("svg", { class: "rnn-log rnn-time", viewBox: `0 0 ${FRAME.wide} ${FRAME.high}`, role: "img" });
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
