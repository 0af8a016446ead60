// The states of an LSTM with two units over a hundred steps: their paths in the plane, and their norms over time.

const STEPS = 100;
const INPUT_WEIGHTS = [1, 0.5];
const RANGES = {
  forget_bias: [-2, 8],
  output_bias: [-4, 4],
  input_strength: [0, 2],
  recurrent_scale: [0, 4],
  angle: [-180, 180],
};
const KEYS = [...Object.keys(RANGES), "inputs", "at"];

// ---- Arithmetic: no element is touched here.

/** Numbers between -1 and 1. */
function noise() {
  const next = draws(7);
  return Array.from({ length: STEPS }, () => 2 * next() - 1);
}

const INPUTS = {
  constant: Array(STEPS).fill(1),
  alternating: Array.from({ length: STEPS }, (_, t) => (t % 2 ? -1 : 1)),
  pulse: Array.from({ length: STEPS }, (_, t) => (t < 10 ? 1 : 0)),
  noise: noise(),
};

/** Both states after every step, their norms, the three gates, and the norm that c cannot pass. */
function compute({ forget_bias, output_bias, input_strength, recurrent_scale, angle, inputs }) {
  const [i, f, o] = [0.5, sigmoid(forget_bias), sigmoid(output_bias)];
  const turn = (angle * Math.PI) / 180;
  const [cosine, sine] = [recurrent_scale * Math.cos(turn), recurrent_scale * Math.sin(turn)];
  const [c, h] = [[], []];
  let [cell, hidden] = [[0, 0], [0, 0]];
  for (const x of INPUTS[inputs]) {
    const recurrent = [cosine * hidden[0] - sine * hidden[1], sine * hidden[0] + cosine * hidden[1]];
    cell = cell.map((value, unit) => f * value + i * Math.tanh(recurrent[unit] + input_strength * INPUT_WEIGHTS[unit] * x));
    hidden = cell.map((value) => o * Math.tanh(value));
    c.push(cell);
    h.push(hidden);
  }
  const [norm_c, norm_h] = [c, h].map((path) => path.map(([a, b]) => Math.hypot(a, b)));
  return { i, f, o, c, h, norm_c, norm_h, limit: (Math.SQRT2 * i) / sigmoid(-forget_bias) };
}

function check(state) {
  for (const [key, [low, high]] of Object.entries(RANGES)) {
    if (!Number.isFinite(state[key]) || state[key] < low || state[key] > high) {
      throw new StateProblem(`${key} must be a number from ${low} to ${high} but is ${shown(state[key])}; set ${key} again.`);
    }
  }
  needChoice(state, "inputs", Object.keys(INPUTS));
  needInteger(state, "at", 1, STEPS);
}

// ---- Picture: above, the plane of c and the plane of h; below, both norms over time.

const [WIDTH, HEIGHT] = [420, 404];
const SIDE = 186;
const TOP = 22;
const CHART = { left: 38, right: 28, top: 246, bottom: 32 };

const write = (text, x, y, kind = "", anchor = "middle") => svg("text", { class: kind, x, y, "text-anchor": anchor }, text);
const line = (points, kind) => svg("polyline", { class: kind, points: points.map((point) => point.join(",")).join(" ") });

/** The next round number, to end an axis on. */
function roundUp(value) {
  const size = 10 ** Math.floor(Math.log10(value));
  return [1, 1.5, 2, 3, 5, 7.5, 10].map((factor) => factor * size).find((limit) => limit >= value * 0.999);
}

/** How far a picture reaches: as far as the limit, unless that would make the path itself too small to see. */
const reachOf = (size, limit) => roundUp(limit <= 3 * size ? Math.max(limit, size) : size);

const tidy = (value) => String(Number(value.toPrecision(3)));

/** One plane: frame, axes, the region that holds the state, the whole path faintly and the path so far. */
function plane({ name, path, at, limit, left, region }) {
  const half = SIDE / 2;
  const scale = (half - 6) / limit;
  const place = ([a, b]) => [left + half + scale * a, TOP + half - scale * b];
  const points = [[0, 0], ...path].map(place);
  const [x, y] = points[at];
  return [
    svg("rect", { class: "rnn-frame", x: left, y: TOP, width: SIDE, height: SIDE }),
    line([[left, TOP + half], [left + SIDE, TOP + half]], "rnn-axis"),
    line([[left + half, TOP], [left + half, TOP + SIDE]], "rnn-axis"),
    ...region(scale, left + half, TOP + half),
    line(points, `rnn-course rnn-later rnn-${name}`),
    line(points.slice(0, at + 1), `rnn-course rnn-${name}`),
    svg("circle", { class: `rnn-here rnn-${name}`, cx: x, cy: y, r: 4.5 }),
    write(`path of ${name}`, left + 2, TOP - 7, `rnn-name rnn-${name}`, "start"),
    write(`unit one, −${tidy(limit)} to ${tidy(limit)}`, left + half, TOP + SIDE + 14, "rnn-tick"),
  ];
}

function circle(radius) {
  return (scale, cx, cy) => (radius * scale < SIDE / 2 ? [svg("circle", { class: "rnn-limit", cx, cy, r: radius * scale })] : []);
}

function square(reach) {
  return (scale, cx, cy) => [svg("rect", { class: "rnn-limit", x: cx - reach * scale, y: cy - reach * scale, width: 2 * reach * scale, height: 2 * reach * scale })];
}

function chart({ norm_c, norm_h, limit }, at) {
  const { left, right, top, bottom } = CHART;
  const most = reachOf(Math.max(...norm_c, ...norm_h, 1), limit);
  const across = (t) => left + (t / STEPS) * (WIDTH - left - right);
  const up = (value) => HEIGHT - bottom - (value / most) * (HEIGHT - bottom - top);
  const points = (norms) => [0, ...norms].map((value, t) => [across(t), up(value)]);
  const grid = [0, most / 2, most].flatMap((value) => [
    line([[left, up(value)], [WIDTH - right, up(value)]], value ? "rnn-grid" : "rnn-axis"),
    write(tidy(value), left - 5, up(value) + 4, "rnn-tick", "end"),
  ]);
  const ticks = [0, 25, 50, 75, 100].map((t) => write(String(t), across(t), HEIGHT - bottom + 14, "rnn-tick"));
  const ceiling = limit <= most ? [line([[left, up(limit)], [WIDTH - right, up(limit)]], "rnn-limit")] : [];
  const curves = [["c", norm_c], ["h", norm_h]].flatMap(([name, norms]) => [
    line(points(norms), `rnn-course rnn-later rnn-${name}`),
    line(points(norms).slice(0, at + 1), `rnn-course rnn-${name}`),
    svg("circle", { class: `rnn-here rnn-${name}`, cx: across(at), cy: up(norms[at - 1]), r: 4 }),
  ]);
  const [endC, endH] = [up(norm_c.at(-1)), up(norm_h.at(-1))];
  const apart = Math.abs(endC - endH) < 13 ? 7 : 0;
  return [
    ...grid, ...ticks, ...ceiling, ...curves,
    write("‖c‖", WIDTH - right + 4, endC + 4 - apart, "rnn-name rnn-c", "start"),
    write("‖h‖", WIDTH - right + 4, endH + 4 + apart, "rnn-name rnn-h", "start"),
    write("time step", (left + WIDTH - right) / 2, HEIGHT - 4, "rnn-tick"),
  ];
}

function picture({ at }, result) {
  const size = Math.max(...result.c.flat().map(Math.abs), 0.1);
  return [
    ...plane({ name: "c", path: result.c, at, limit: reachOf(size, result.limit), left: 10, region: circle(result.limit) }),
    ...plane({ name: "h", path: result.h, at, limit: 1, left: WIDTH - SIDE - 10, region: square(result.o) }),
    ...chart(result, at),
  ];
}

const pointText = ([a, b]) => `(${fixed(a, 2)}, ${fixed(b, 2)})`;

function inWords({ at, inputs }, result) {
  return (
    `Paths of the two states in the plane of the two units, and their norms over ${STEPS} steps, for ${inputs} input. ` +
    `At step ${at} c is ${pointText(result.c[at - 1])} with norm ${fixed(result.norm_c[at - 1], 2)}, and h is ` +
    `${pointText(result.h[at - 1])} with norm ${fixed(result.norm_h[at - 1], 2)}. The norm of c cannot pass ${fixed(result.limit, 2)}.`
  );
}

// ---- Controls and numbers.

const STYLE = `
.rnn-paths { display: block; width: 100%; max-width: 30rem; margin: 0 auto .8rem; }
.rnn-paths .rnn-frame { fill: none; stroke: var(--rnn-line); stroke-width: 1; }
.rnn-paths .rnn-axis { stroke: var(--rnn-muted); stroke-width: .8; }
.rnn-paths .rnn-grid { stroke: var(--rnn-line); stroke-width: .7; }
.rnn-paths .rnn-limit { fill: none; stroke: var(--rnn-green); stroke-width: 1.4; stroke-dasharray: 4 4; }
.rnn-paths .rnn-course { fill: none; stroke: currentColor; stroke-width: 1.8; stroke-linejoin: round; }
.rnn-paths .rnn-later { stroke-opacity: .75; stroke-width: .9; }
.rnn-paths .rnn-here { fill: currentColor; stroke: var(--rnn-surface); stroke-width: 1.2; }
.rnn-paths .rnn-tick { font-size: 13px; fill: var(--rnn-muted); }
.rnn-paths .rnn-name { font-size: 14px; font-weight: 700; fill: currentColor; }
.rnn-c { color: var(--rnn-accent); } .rnn-h { color: var(--rnn-violet); } .rnn-bounded { color: var(--rnn-green); }
.rnn-path-buttons, .rnn-path-time, .rnn-path-readings { margin-bottom: .9rem; }
`;

const READINGS = [
  ["norm_c", "norm of c", "rnn-c"],
  ["growth", "growth of this norm at this step", "rnn-c"],
  ["limit", "limit of this norm, drawn dashed", "rnn-bounded"],
  ["norm_h", "norm of h", "rnn-h"],
  ["f", "forget gate", ""],
  ["o", "output gate", ""],
];

function readingsTable() {
  const cells = Object.fromEntries(READINGS.map(([name]) => [name, output(name)]));
  const rows = READINGS.map(([name, text, kind]) => tag("tr", {}, tag("th", { scope: "row", class: kind }, text), tag("td", {}, cells[name])));
  const root = tag("table", { class: "rnn-path-readings" }, tag("tbody", {}, ...rows));
  const show = (at, { norm_c, norm_h, limit, f, o }) => {
    const growth = norm_c[at - 1] - (at > 1 ? norm_c[at - 2] : 0);
    const values = { norm_c: norm_c[at - 1], norm_h: norm_h[at - 1], growth, limit, f, o };
    for (const [name, value] of Object.entries(values)) showText(cells[name], fixed(value, 4), value);
  };
  return { root, show };
}

/** Play moves the time on by itself. Who asked for less motion gets the end of the path at once. */
function playButtons(change, read) {
  const first = structuredClone(read());
  let timer = null;
  const stop = () => {
    clearInterval(timer);
    timer = null;
    play.textContent = "Play";
  };
  const tick = () => {
    const { at } = read();
    if (at + 1 >= STEPS || !play.isConnected) stop();
    if (at < STEPS && play.isConnected) change({ at: at + 1 });
  };
  const start = () => {
    if (read().at === STEPS) change({ at: 1 });
    else if (matchMedia("(prefers-reduced-motion: reduce)").matches) change({ at: STEPS });
    else {
      play.textContent = "Pause";
      timer = setInterval(tick, 120);
      tick();
    }
  };
  const play = button("Play", () => (timer === null ? start() : stop()));
  const step = button("Step", () => change({ at: read().at + 1 }));
  const reset = button("Reset", () => {
    stop();
    change(structuredClone(first));
  });
  const show = ({ at }) => {
    step.disabled = at === STEPS;
    if (timer === null) play.textContent = at === STEPS ? "Back to the start" : "Play";
  };
  return { root: tag("div", { class: "rnn-buttons rnn-path-buttons" }, play, step, reset), show };
}

function controls(change) {
  const slider = (key, label, step, digits = 2) =>
    sliderField({ label, name: `control_${key}`, min: RANGES[key][0], max: RANGES[key][1], step, digits, change: (value) => change({ [key]: value }) });
  const fields = {
    forget_bias: slider("forget_bias", "Forget bias", 0.25),
    output_bias: slider("output_bias", "Output bias", 0.25),
    input_strength: slider("input_strength", "Input strength", 0.05),
    recurrent_scale: slider("recurrent_scale", "Recurrent scale", 0.05),
    angle: slider("angle", "Recurrent angle, degrees", 5, 0),
    inputs: selectField({
      label: "Input",
      choices: [["constant", "constant"], ["alternating", "alternating"], ["pulse", "ten-step pulse"], ["noise", "noise"]],
      change: (inputs) => change({ inputs }),
    }),
  };
  const root = group("The cell", ...Object.values(fields).map((field) => field.root));
  const show = (state) => Object.entries(fields).forEach(([key, field]) => field.show(state[key]));
  return { root, show };
}

function build(change, read) {
  const drawing = svg("svg", { class: "rnn-paths", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img" });
  const time = sliderField({ label: "Time step", name: "control_at", min: 1, max: STEPS, step: 1, digits: 0, change: (at) => change({ at }) });
  time.root.classList.add("rnn-path-time");
  const buttons = playButtons(change, read);
  const board = controls(change);
  const readings = readingsTable();
  const hint = tag("p", { class: "rnn-note" }, "The input gate is half open at every step. The dashed circle is what c cannot leave, the dashed square what h cannot leave.");
  const show = (state) => {
    const result = compute(state);
    time.show(state.at);
    buttons.show(state);
    board.show(state);
    readings.show(state.at, result);
    const words = inWords(state, result);
    drawing.setAttribute("aria-label", words);
    drawing.replaceChildren(...picture(state, result));
    return words;
  };
  const left = tag("div", {}, drawing, time.root, buttons.root);
  return { nodes: [tag("div", { class: "rnn-columns" }, left, tag("div", {}, board.root, readings.root, hint))], show };
}

const render = widget({ name: "state_path", label: "State path", style: STYLE, keys: KEYS, check, build });

export default { render, compute };
