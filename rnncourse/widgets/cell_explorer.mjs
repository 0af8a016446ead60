// One step of a recurrent cell with two inputs and two hidden units: its numbers, and its picture in the plane.

const MOST_STEPS = 50;
const LARGEST = 1e100;
const KEYS = ["x", "h_prev", "W_xh", "W_hh", "b_h", "nonlinearity", "history"];
const SQUASH = { tanh: Math.tanh, relu: (value) => Math.max(value, 0) };

// ---- Arithmetic: no element is touched here.

const product = (matrix, vector) => matrix.map((row) => row[0] * vector[0] + row[1] * vector[1]);
const sum = (a, b) => a.map((value, index) => value + b[index]);

/** h = f(W_hh h_prev + W_xh x + b_h), every intermediate kept. */
function compute({ x, h_prev, W_xh, W_hh, b_h, nonlinearity }) {
  const recurrent_term = product(W_hh, h_prev);
  const input_term = product(W_xh, x);
  const z = sum(sum(input_term, recurrent_term), b_h);
  return { input_term, recurrent_term, z, h: z.map(SQUASH[nonlinearity]) };
}

function check(state) {
  for (const key of ["x", "h_prev", "b_h"]) needVector(state, key, 2);
  for (const key of ["W_xh", "W_hh"]) needMatrix(state, key, 2, 2);
  needChoice(state, "nonlinearity", ["tanh", "relu"]);
  const { history } = state;
  if (!Array.isArray(history) || history.length > MOST_STEPS) {
    throw new StateProblem(`history must be a list of at most ${MOST_STEPS} states; set history to [].`);
  }
  history.forEach((past, index) => needVector({ [`history[${index}]`]: past }, `history[${index}]`, 2));
  if (!Object.values(compute(state)).flat().every((value) => Math.abs(value) < LARGEST)) {
    throw new StateProblem("z is too large to draw; make the weights, x or h_prev smaller.");
  }
}

// ---- Picture: the plane of (h row 1, h row 2).

const SIDE = 320;
const MARGIN = 14;
const LIMITS = [1.5, 2, 3, 4, 6, 8, 10];

/** The smallest round limit that holds `size`, with some room. */
function roundLimit(size) {
  const wanted = size * 1.12;
  if (wanted <= 1.5) return 1.5;
  const power = 10 ** Math.floor(Math.log10(wanted));
  return (LIMITS.find((limit) => limit >= wanted / power) ?? 10) * power;
}

function arrow(from, to, kind) {
  const [dx, dy] = [to[0] - from[0], to[1] - from[1]];
  const length = Math.hypot(dx, dy);
  const marks = svg("g", { class: kind });
  if (length < 1) return marks;
  const head = Math.min(9, length);
  const [ux, uy] = [dx / length, dy / length];
  const neck = [to[0] - ux * head, to[1] - uy * head];
  const wing = 0.45 * head;
  marks.append(
    svg("line", { x1: from[0], y1: from[1], x2: neck[0], y2: neck[1] }),
    svg("polygon", { points: `${to} ${neck[0] - uy * wing},${neck[1] + ux * wing} ${neck[0] + uy * wing},${neck[1] - ux * wing}` }),
  );
  return marks;
}

const distance = (a, b) => Math.hypot(a[0] - b[0], a[1] - b[1]);

/** Places each label beside its mark, clear of the points, the arrows, the ticks and the labels before it. */
function placeLabels(labels, obstacles) {
  const taken = [...obstacles];
  return labels.map(({ text, kind, at }) => {
    const width = 6.6 * text.length;
    const spots = [];
    for (let turn = 0; turn < 32; turn += 1) {
      const angle = (turn * Math.PI) / 8;
      const gap = turn < 16 ? 13 : 20;
      const center = [at[0] + (gap + width / 2) * Math.cos(angle), at[1] + gap * Math.sin(angle)];
      const inside = [width / 2 + 3, 9].every((room, axis) => center[axis] > room && center[axis] < SIDE - room);
      if (!inside) continue;
      const ends = [-0.5, -0.17, 0.17, 0.5].map((part) => [center[0] + part * width, center[1]]);
      const clear = Math.min(...ends.flatMap((end) => taken.map((point) => distance(end, point))));
      spots.push({ center, ends, clear: Math.min(clear, 12) });
    }
    const best = spots.reduce((a, b) => (b.clear > a.clear + 0.5 ? b : a));
    taken.push(...best.ends);
    const { center } = best;
    return svg("text", { class: `rnn-label ${kind}`, x: center[0], y: center[1] + 4, "text-anchor": "middle" }, text);
  });
}

const between = (a, b, part) => [a[0] + part * (b[0] - a[0]), a[1] + part * (b[1] - a[1])];
const along = (a, b) => [0, 0.2, 0.4, 0.6, 0.8, 1].map((part) => between(a, b, part));

/** The lines of the grid, the numbers along the axes, and where those numbers stand. */
function grid(limit, place) {
  const parts = limit % 3 === 0 || limit === 1.5 ? 3 : 4;
  const [lines, ticks, spots] = [[], [], []];
  const [low, high, middle] = [MARGIN, SIDE - MARGIN, SIDE / 2];
  for (let part = -parts; part <= parts; part += 1) {
    const value = (part * limit) / parts;
    const kind = part === 0 ? "rnn-axis" : "rnn-grid";
    const [x, y] = place([value, value]);
    lines.push(svg("line", { class: kind, x1: x, y1: low, x2: x, y2: high }), svg("line", { class: kind, x1: low, y1: y, x2: high, y2: y }));
    if (part === 0) continue;
    const text = fixed(value, Number.isInteger(limit / parts) ? 0 : 1);
    ticks.push(svg("text", { class: "rnn-tick", x, y: middle + 12, "text-anchor": "middle" }, text));
    ticks.push(svg("text", { class: "rnn-tick", x: middle - 4, y: y + 3.5, "text-anchor": "end" }, text));
    spots.push([x, middle + 9], [middle - 12, y]);
  }
  return { marks: [...lines, ...ticks], spots };
}

/** Where h can be: inside the unit square for tanh, in the upper right quarter for ReLU. */
function reach(nonlinearity, limit, place) {
  const [from, to] = nonlinearity === "tanh" ? [[-1, 1], [1, -1]] : [[0, limit], [limit, 0]];
  const [[x, y], [right, bottom]] = [place(from), place(to)];
  return svg("rect", { class: "rnn-reach", x, y, width: right - x, height: bottom - y });
}

function picture(state, step) {
  const recurrentTip = step.recurrent_term;
  const inputTip = sum(recurrentTip, step.input_term);
  const states = [...state.history, state.h_prev, step.h];
  const limit = roundLimit(Math.max(...[recurrentTip, inputTip, step.z, ...states].flat().map(Math.abs)));
  const scale = (SIDE / 2 - MARGIN) / limit;
  const place = ([a, b]) => [SIDE / 2 + scale * a, SIDE / 2 - scale * b];
  const [origin, recurrent, input, z, before, after] = [[0, 0], recurrentTip, inputTip, step.z, state.h_prev, step.h].map(place);
  const dot = ([cx, cy], kind, r) => svg("circle", { class: kind, cx, cy, r });
  const labels = [
    { text: "h", kind: "rnn-h rnn-strong", at: after },
    { text: "z", kind: "rnn-z rnn-strong", at: z },
    { text: "h prev", kind: "rnn-before rnn-strong", at: before },
    { text: "recurrent", kind: "rnn-recurrent", at: between(origin, recurrent, 0.5) },
    { text: "input", kind: "rnn-input", at: between(recurrent, input, 0.5) },
    { text: "bias", kind: "rnn-bias", at: between(input, z, 0.5) },
  ];
  const paper = grid(limit, place);
  const obstacles = [...paper.spots, before, ...along(origin, recurrent), ...along(recurrent, input), ...along(input, z), ...along(z, after)];
  return [
    reach(state.nonlinearity, limit, place),
    ...paper.marks,
    svg("polyline", { class: "rnn-path", points: states.map(place).join(" ") }),
    ...state.history.map((past) => dot(place(past), "rnn-past", 2.5)),
    arrow(origin, recurrent, "rnn-arrow rnn-recurrent"),
    arrow(recurrent, input, "rnn-arrow rnn-input"),
    arrow(input, z, "rnn-arrow rnn-bias"),
    arrow(z, after, "rnn-arrow rnn-squash"),
    dot(before, "rnn-before", 5),
    dot(z, "rnn-z", 4),
    dot(after, "rnn-h", 5.5),
    ...placeLabels(labels, obstacles),
  ];
}

const pair = (vector) => `(${vector.map((value) => fixed(value, 2)).join(", ")})`;

function inWords(state, step) {
  return (
    `The state update in the plane. From h prev ${pair(state.h_prev)}: recurrent term ${pair(step.recurrent_term)}, ` +
    `plus input term ${pair(step.input_term)}, plus bias ${pair(state.b_h)}, gives z ${pair(step.z)}; ` +
    `${state.nonlinearity === "tanh" ? "tanh" : "ReLU"} takes it to h ${pair(step.h)}.`
  );
}

// ---- Controls and numbers.

const STYLE = `
.rnn-plane { display: block; width: 100%; max-width: 24rem; margin: 0 auto .8rem; }
.rnn-plane .rnn-grid { stroke: var(--rnn-line); stroke-width: .6; opacity: .7; }
.rnn-plane .rnn-axis { stroke: var(--rnn-muted); stroke-width: 1; }
.rnn-plane .rnn-reach { fill: var(--rnn-green); fill-opacity: .09; stroke: var(--rnn-green); stroke-opacity: .9; stroke-dasharray: 2 3; }
.rnn-plane .rnn-tick { font-size: 10px; fill: var(--rnn-muted); }
.rnn-plane .rnn-path { fill: none; stroke: var(--rnn-muted); stroke-width: 1.2; stroke-dasharray: 1 3; stroke-linecap: round; }
.rnn-plane .rnn-past { fill: var(--rnn-muted); }
.rnn-plane .rnn-arrow line { stroke: currentColor; stroke-width: 2.4; }
.rnn-plane .rnn-arrow polygon { fill: currentColor; }
.rnn-plane .rnn-squash line { stroke-dasharray: 5 4; stroke-width: 1.8; }
.rnn-plane .rnn-label { font-size: 12px; fill: currentColor; paint-order: stroke; stroke: var(--rnn-surface); stroke-width: 3.5px; stroke-linejoin: round; }
.rnn-plane .rnn-strong { font-weight: 700; font-style: italic; font-size: 13.5px; }
.rnn-recurrent { color: var(--rnn-warm); } .rnn-input { color: var(--rnn-accent); }
.rnn-bias { color: var(--rnn-violet); } :is(.rnn-h, .rnn-squash) { color: var(--rnn-green); }
.rnn-plane :is(.rnn-before, .rnn-z, .rnn-h):not(text) { fill: currentColor; }
.rnn-plane circle.rnn-before { fill: var(--rnn-surface); stroke: currentColor; stroke-width: 2.2; }
.rnn-terms tr.rnn-total > * { border-top: 2px solid var(--rnn-muted); }
.rnn-terms tr.rnn-h > * { font-weight: 700; color: var(--rnn-green); }
.rnn-terms th .rnn-word { color: var(--rnn-muted); font-weight: 400; }
.rnn-swatch { display: inline-block; width: .7em; height: .7em; margin-right: .45em; border-radius: 2px; background: currentColor; }
.rnn-explorer .rnn-buttons { margin-bottom: .9rem; }
.rnn-explorer p.rnn-note { margin-top: .4rem; }
/* On a narrow page the picture stays in sight while the sliders under it move. */
@container (max-width: 33.99rem) {
  .rnn-explorer { display: block; }
  .rnn-explorer-result { display: contents; }
  .rnn-explorer-result > .rnn-note { margin: .4rem 0 1.2rem; }
  .rnn-plane { position: sticky; top: var(--pst-header-article-height, 0px); z-index: 1; max-width: none; height: 16rem; background: var(--rnn-surface); }
  :is(input, select) { scroll-margin-top: 21rem; }
}
.rnn-explorer-function { max-width: 12rem; margin-bottom: .9rem; }
`;

const TERMS = [
  ["recurrent_term", "W_hh h_prev", "recurrent", "rnn-recurrent"],
  ["input_term", "W_xh x", "input", "rnn-input"],
  ["b_h", "b_h", "bias", "rnn-bias"],
  ["z", "z", "sum", "rnn-total"],
  ["h", "h", "", "rnn-h"],
];

const BELOW_THE_LINE = ["rnn-total", "rnn-h"];

function termsTable() {
  const cells = {};
  const words = {};
  const rows = TERMS.map(([name, symbol, word, kind]) => {
    cells[name] = [1, 2].map((row) => output(`${name}_${row}`));
    words[name] = tag("span", { class: "rnn-word" }, word);
    const swatch = BELOW_THE_LINE.includes(kind) ? [] : [tag("span", { class: `rnn-swatch ${kind}`, "aria-hidden": "true" })];
    const head = tag("th", { scope: "row" }, ...swatch, math(symbol), " ", words[name]);
    return tag("tr", { class: BELOW_THE_LINE.includes(kind) ? kind : "" }, head, ...cells[name].map((cell) => tag("td", {}, cell)));
  });
  const heads = ["term", "row 1", "row 2"].map((text) => tag("th", { scope: "col" }, text));
  const root = tag("table", { class: "rnn-terms" }, tag("thead", {}, tag("tr", {}, ...heads)), tag("tbody", {}, ...rows));
  const show = (state, step) => {
    const numbers = { ...step, b_h: state.b_h };
    for (const [name, pairOfCells] of Object.entries(cells)) {
      pairOfCells.forEach((cell, row) => showText(cell, fixed(numbers[name][row]), numbers[name][row]));
    }
    words.h.textContent = state.nonlinearity === "tanh" ? "= tanh(z)" : "= max(z, 0)";
  };
  return { root, show };
}

/** A slider for one entry of a vector (`path` [row]) or of a matrix (`path` [row, column]). */
function entrySlider(key, path, change, read) {
  const [row, column] = path;
  const place = column === undefined ? `row ${row + 1}` : `row ${row + 1} column ${column + 1}`;
  const name = `${key}_${path.map((index) => index + 1).join("_")}`;
  const write = (value) => {
    const next = structuredClone(read()[key]);
    if (column === undefined) next[row] = value;
    else next[row][column] = value;
    // A state set by hand starts a new path.
    change(key === "h_prev" ? { h_prev: next, history: [] } : { [key]: next });
  };
  const field = sliderField({ label: place, hidden: key, name: `control_${name}`, min: -2, max: 2, step: 0.05, change: write });
  return { root: field.root, show: (state) => field.show(path.reduce((value, index) => value[index], state[key])) };
}

const VECTOR = [[0], [1]];
const MATRIX = [[0, 0], [0, 1], [1, 0], [1, 1]];
const GROUPS = [
  ["x", "x", "input", VECTOR],
  ["h_prev", "h_prev", "previous state", VECTOR],
  ["W_xh", "W_xh", "input weights", MATRIX],
  ["W_hh", "W_hh", "recurrent weights", MATRIX],
  ["b_h", "b_h", "bias", VECTOR],
];

function controls(change, read) {
  const fields = [];
  const groups = GROUPS.map(([key, symbol, word, paths]) => {
    const sliders = paths.map((path) => entrySlider(key, path, change, read));
    fields.push(...sliders);
    return group(tag("span", {}, math(symbol), `, ${word}`), ...sliders.map((slider) => slider.root));
  });
  const choice = selectField({
    label: "Nonlinearity",
    choices: [["tanh", "tanh"], ["relu", "ReLU"]],
    change: (nonlinearity) => change({ nonlinearity }),
  });
  choice.root.classList.add("rnn-explorer-function");
  const show = (state) => {
    fields.forEach((field) => field.show(state));
    choice.show(state.nonlinearity);
  };
  return { root: tag("div", {}, ...groups, choice.root), show };
}

function stepButtons(change, read) {
  const first = structuredClone(read());
  const back = button("Previous step", () => {
    const { history } = read();
    change({ h_prev: history.at(-1), history: history.slice(0, -1) });
  });
  const forward = button("Next step", () => {
    const state = read();
    change({ h_prev: compute(state).h, history: [...state.history, state.h_prev] });
  });
  const reset = button("Reset", () => change(structuredClone(first)));
  const count = output("steps");
  const root = tag("div", { class: "rnn-buttons" }, back, forward, reset, tag("span", { class: "rnn-note" }, "steps taken: ", count));
  const show = (state) => {
    const steps = state.history.length;
    showText(count, String(steps), steps);
    back.disabled = steps === 0;
    forward.disabled = steps >= MOST_STEPS;
  };
  return { root, show };
}

function build(change, read) {
  const board = controls(change, read);
  const buttons = stepButtons(change, read);
  const table = termsTable();
  const plane = svg("svg", { class: "rnn-plane", viewBox: `0 0 ${SIDE} ${SIDE}`, role: "img" });
  const hint = tag("p", { class: "rnn-note" }, "Next step makes h the new ", math("h_prev"), " and keeps x, unless you move it. Shaded: where h can be.");
  const result = tag("div", { class: "rnn-explorer-result" }, plane, buttons.root, table.root, hint);
  const show = (state) => {
    const step = compute(state);
    board.show(state);
    buttons.show(state);
    table.show(state, step);
    const words = inWords(state, step);
    plane.setAttribute("aria-label", words);
    plane.replaceChildren(...picture(state, step));
    return words;
  };
  return { nodes: [tag("div", { class: "rnn-columns rnn-explorer" }, result, board.root)], show };
}

const render = widget({ name: "cell_explorer", label: "Cell explorer", style: STYLE, keys: KEYS, check, build });

export default { render, compute };
