// One input of ten is pushed: which outputs move? A layer read forwards, both ways, on past windows, and an average.

const INPUTS = [0.3, -0.5, 0.8, 0.1, -0.7, 0.4, 0.6, -0.2, -0.4, 0.5];
const STEPS = INPUTS.length;
const WINDOW = 4;
const FORWARD = { W_xh: [0.9, -0.6], W_hh: [[0.5, 0.3], [-0.2, 0.6]], readout: [1, 0.7] };
const BACKWARD = { W_xh: [0.7, 0.8], W_hh: [[0.4, -0.3], [0.5, 0.3]], readout: [0.8, -0.6] };
const KEYS = ["network", "step", "push"];

// ---- Arithmetic: no element is touched here.

/** One direction over a series: the readout of its two tanh units at each step. */
function direction({ W_xh, W_hh, readout }, x) {
  let h = [0, 0];
  return x.map((value) => {
    h = W_hh.map((row, unit) => Math.tanh(W_xh[unit] * value + (row[0] * h[0] + row[1] * h[1])));
    return h[0] * readout[0] + h[1] * readout[1];
  });
}

const forwards = (x) => direction(FORWARD, x);
const backwards = (x) => direction(BACKWARD, [...x].reverse()).reverse();

/** Each direction read where it has finished its window. */
function forecast(window) {
  return forwards(window).at(-1) + backwards(window)[0];
}

const NETWORKS = {
  forwards,
  "both ways": (x) => {
    const back = backwards(x);
    return forwards(x).map((value, t) => value + back[t]);
  },
  "past windows": (x) => x.map((_, t) => (t < WINDOW ? null : forecast(x.slice(t - WINDOW, t)))),
  "centred average": (x) => x.map((_, t) => x.slice(Math.max(t - 2, 0), t + 3).reduce((sum, value) => sum + value, 0) / 5),
};

const pushed = (step, push) => INPUTS.map((value, t) => (t === step - 1 ? value + push : value));

/** Outputs before and after, how far each output moves for each input, and how many move on either side. */
function compute({ network, step, push }) {
  const run = NETWORKS[network];
  const before = run(INPUTS);
  const columns = INPUTS.map((_, s) => run(pushed(s + 1, push)));
  const influence = before.map((value, t) => columns.map((column) => (value === null ? 0 : Math.abs(column[t] - value))));
  const column = influence.map((row) => row[step - 1]);
  const count = (values) => values.filter((value) => value > 0).length;
  return {
    before,
    after: columns[step - 1],
    influence,
    earlier: count(column.slice(0, step - 1)),
    later: count(column.slice(step - 1)),
    furthest: Math.max(...column),
    ahead: influence.reduce((sum, row, t) => sum + count(row.slice(t + 1)), 0),
  };
}

function check(state) {
  needChoice(state, "network", Object.keys(NETWORKS));
  needInteger(state, "step", 1, STEPS);
  if (!Number.isFinite(state.push) || Math.abs(state.push) > 2) {
    throw new StateProblem(`push must be a number from −2 to 2 but is ${shown(state.push)}; set push again.`);
  }
}

// ---- Pictures: the series above its outputs, and the matrix of all pushes.

const [WIDTH, HEIGHT] = [420, 344];
const LEFT = 62;
const PITCH = (WIDTH - LEFT - 12) / STEPS;
const across = (t) => LEFT + PITCH * (t + 0.5);
const write = (text, x, y, kind = "", anchor = "middle") => svg("text", { class: kind, x, y, "text-anchor": anchor }, text);
const stroke = (x1, y1, x2, y2, kind) => svg("line", { class: kind, x1, y1, x2, y2 });

const place = (t, step) => (t < step - 1 ? "rnn-earlier" : "rnn-later");

/** Values as stems from a line of nought. Both series share the scale, whatever the push. */
function stems(values, base, scale, kindOf) {
  return values.flatMap((value, t) => {
    if (value === null) return [];
    const y = base - scale * value;
    return [stroke(across(t), base, across(t), y, `rnn-stem ${kindOf(t)}`), svg("circle", { class: `rnn-dot ${kindOf(t)}`, cx: across(t), cy: y, r: 4.5 })];
  });
}

function strip({ step, push }, result) {
  const [top, bottom, scale] = [100, 238, 32];
  const moved = (t) => result.influence[t][step - 1] > 0;
  const ghosts = result.before.flatMap((value, t) =>
    value === null ? [] : [svg("circle", { class: "rnn-ghost", cx: across(t), cy: bottom - scale * value, r: 4.5 })],
  );
  return [
    svg("rect", { class: "rnn-column", x: across(step - 1) - PITCH / 2, y: 6, width: PITCH, height: HEIGHT - 34 }),
    stroke(LEFT, top, WIDTH - 12, top, "rnn-zero"),
    stroke(LEFT, bottom, WIDTH - 12, bottom, "rnn-zero"),
    write("inputs", LEFT - 8, top + 4, "rnn-tick", "end"),
    write("outputs", LEFT - 8, bottom + 4, "rnn-tick", "end"),
    ...stems(pushed(step, push), top, scale, (t) => (t === step - 1 ? "rnn-pushed" : "rnn-still")),
    ...ghosts,
    ...stems(result.after, bottom, scale, (t) => (moved(t) ? place(t, step) : "rnn-still")),
    ...INPUTS.map((_, t) => write(String(t + 1), across(t), HEIGHT - 14, "rnn-tick")),
    write("step", LEFT - 8, HEIGHT - 14, "rnn-tick", "end"),
  ];
}

const [SIDE, EDGE] = [250, 26];
const CELL = (SIDE - EDGE - 4) / STEPS;

function matrix({ step }, { influence }) {
  const shade = (value) => 0.7 + 0.3 * Math.min(Math.max((Math.log10(value) + 3) / 3, 0), 1);
  const squares = influence.flatMap((row, t) =>
    row.flatMap((value, s) =>
      value > 0
        ? [svg("rect", { class: s > t ? "rnn-earlier" : "rnn-later", x: EDGE + s * CELL, y: EDGE + t * CELL, width: CELL, height: CELL, "fill-opacity": shade(value).toFixed(3) })]
        : [],
    ),
  );
  const ticks = [1, 4, 7, 10].flatMap((k) => [
    write(String(k), EDGE + (k - 0.5) * CELL, EDGE - 7, "rnn-tick"),
    write(String(k), EDGE - 6, EDGE + (k - 0.5) * CELL + 4, "rnn-tick", "end"),
  ]);
  return [
    ...squares,
    svg("rect", { class: "rnn-frame", x: EDGE, y: EDGE, width: STEPS * CELL, height: STEPS * CELL }),
    stroke(EDGE, EDGE, EDGE + STEPS * CELL, EDGE + STEPS * CELL, "rnn-diagonal"),
    svg("rect", { class: "rnn-chosen", x: EDGE + (step - 1) * CELL, y: EDGE, width: CELL, height: STEPS * CELL }),
    ...ticks,
  ];
}

function inWords({ network, step, push }, { earlier, later }) {
  return (
    `Ten inputs above ten outputs; network: ${network}. Input ${step} is pushed by ${fixed(push, 2)}. ` +
    `${earlier} outputs before that step move, and ${later} at it or after it.`
  );
}

// ---- Controls and numbers.

const STYLE = `
.rnn-strip { display: block; width: 100%; max-width: 30rem; margin: 0 auto .6rem; }
.rnn-matrix { display: block; width: 100%; max-width: 17rem; margin: 0 auto .4rem; }
.rnn-strip .rnn-column { fill: var(--rnn-warm); fill-opacity: .13; }
.rnn-strip .rnn-zero { stroke: var(--rnn-line); stroke-width: 1; }
.rnn-strip .rnn-stem { stroke: currentColor; stroke-width: 2; }
.rnn-strip .rnn-dot { fill: currentColor; stroke: var(--rnn-surface); stroke-width: 1; }
.rnn-strip .rnn-ghost { fill: none; stroke: var(--rnn-muted); stroke-width: 1.3; stroke-dasharray: 2 2; }
.rnn-strip .rnn-still { color: var(--rnn-muted); }
.rnn-strip .rnn-pushed { color: var(--rnn-warm); }
.rnn-earlier { color: var(--rnn-alarm); } .rnn-later { color: var(--rnn-accent); }
.rnn-matrix .rnn-earlier, .rnn-matrix .rnn-later { fill: currentColor; }
.rnn-matrix .rnn-frame { fill: none; stroke: var(--rnn-muted); stroke-width: 1; }
.rnn-matrix .rnn-diagonal { stroke: var(--rnn-muted); stroke-width: 1; stroke-dasharray: 3 3; }
.rnn-matrix .rnn-chosen { fill: none; stroke: var(--rnn-warm); stroke-width: 2; }
.rnn-tick { font-size: 13px; fill: var(--rnn-muted); }
.rnn-causal-readings { margin-bottom: .7rem; }
`;

const READINGS = [
  ["earlier", "outputs before that step that move", "rnn-earlier"],
  ["later", "outputs from that step on that move", "rnn-later"],
  ["furthest", "largest move of an output", ""],
  ["ahead", "entries of the matrix that look ahead, of 45", "rnn-earlier"],
];

function readingsTable() {
  const cells = Object.fromEntries(READINGS.map(([name]) => [name, output(name)]));
  const rows = READINGS.map(([name, text, kind]) => tag("tr", {}, tag("th", { scope: "row", class: kind }, text), tag("td", {}, cells[name])));
  const root = tag("table", { class: "rnn-causal-readings" }, tag("tbody", {}, ...rows));
  const show = (result) => {
    for (const [name] of READINGS) showText(cells[name], fixed(result[name], name === "furthest" ? 4 : 0), result[name]);
  };
  return { root, show };
}

function build(change) {
  const drawing = svg("svg", { class: "rnn-strip", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img" });
  const board = svg("svg", { class: "rnn-matrix", viewBox: `0 0 ${SIDE} ${SIDE}`, role: "img", "aria-label": "Which output, by row, moves with which input, by column." });
  const fields = {
    network: selectField({ label: "Network", choices: Object.keys(NETWORKS).map((name) => [name, name]), change: (network) => change({ network }) }),
    step: sliderField({ label: "Input that is pushed", name: "control_step", min: 1, max: STEPS, step: 1, digits: 0, change: (step) => change({ step }) }),
    push: sliderField({ label: "Push", name: "control_push", min: -2, max: 2, step: 0.1, digits: 1, change: (push) => change({ push }) }),
  };
  const readings = readingsTable();
  const note = tag("p", { class: "rnn-note" }, "In the matrix a row is an output and a column is the input that is pushed. Entries above the dashed line look ahead. The dashed circles are the outputs before the push.");
  const show = (state) => {
    const result = compute(state);
    for (const [key, field] of Object.entries(fields)) field.show(state[key]);
    readings.show(result);
    const words = inWords(state, result);
    drawing.setAttribute("aria-label", words);
    drawing.replaceChildren(...strip(state, result));
    board.replaceChildren(...matrix(state, result));
    return words;
  };
  const left = tag("div", {}, drawing, group("The push", ...Object.values(fields).map((field) => field.root)));
  return { nodes: [tag("div", { class: "rnn-columns" }, left, tag("div", {}, readings.root, board, note))], show };
}

const render = widget({ name: "causality_explorer", label: "Causality explorer", style: STYLE, keys: KEYS, check, build });

export default { render, compute };
