// One unit of an LSTM over eight steps: its gates as valves, and the level of its cell.

const STEPS = 8;
const LARGEST = 1e6;
const KEYS = ["sequence", "c_0", "at", "task"];
const GATE_ORDER = ["i", "f", "g", "o"];

// ---- Arithmetic: no element is touched here.

/** c = f c_prev + i g and h = o tanh(c), every intermediate kept. */
function cellStep([a_i, a_f, a_g, a_o], c_prev) {
  const [i, f, g, o] = [sigmoid(a_i), sigmoid(a_f), Math.tanh(a_g), sigmoid(a_o)];
  const [kept, written] = [f * c_prev, i * g];
  const c = kept + written;
  const tanh_c = Math.tanh(c);
  return { a_i, a_f, a_g, a_o, i, f, g, o, c_prev, kept, written, c, tanh_c, h: o * tanh_c };
}

// Each task is a state to reach: what must have which value after which step.
const TASKS = {
  none: [],
  overwrite: [["c", 4, 0.76], ["c", 5, -0.76], ["c", 8, -0.76]],
  count: [["c", 3, 3], ["c", 4, 0], ["c", 8, 1]],
  hide: [["c", 4, 0.76], ["h", 4, 0], ["h", 7, 0], ["h", 8, 0.64]],
};
const CLOSE = 0.05;

/** The marks of a task, each with its distance from what is there. */
const marksOf = (task, steps) => TASKS[task].map(([name, at, target]) => ({ name, at, target, off: Math.abs(steps[at - 1][name] - target) }));

/** Every step of the sequence, each cell state handed to the next, and the marks of the task. */
function compute({ sequence, c_0, task }) {
  const steps = [];
  let c = c_0[0];
  for (const preactivations of sequence) {
    steps.push(cellStep(preactivations, c));
    c = steps.at(-1).c;
  }
  return { steps, marks: marksOf(task, steps) };
}

function check(state) {
  needMatrix(state, "sequence", STEPS, 4);
  needVector(state, "c_0", 1);
  needInteger(state, "at", 1, STEPS);
  needChoice(state, "task", Object.keys(TASKS));
  if (Math.abs(state.c_0[0]) > LARGEST) {
    throw new StateProblem(`c_0 is ${state.c_0[0]}, too large to draw; set c_0 nearer to 0.`);
  }
}

// ---- Sequences to start from.

const WRITE = [8, 8, 1, 8];
const KEEP = [-8, 8, 1, 8];
const FADE = [-8, 0, 1, 8];
const CLEAR = [-8, -8, 1, 8];
const COUNT = [8, 8, 0.5, 8];
const [WRITE_HIDDEN, KEEP_HIDDEN] = [[8, 8, 1, -8], [-8, 8, 1, -8]];
const times = (count, step) => Array.from({ length: count }, () => [...step]);

const SEQUENCES = {
  hold: [WRITE, ...times(7, KEEP)],
  fade: [WRITE, ...times(7, FADE)],
  clear: [WRITE, ...times(3, KEEP), CLEAR, ...times(3, KEEP)],
  count: times(8, COUNT),
  "read once": [WRITE_HIDDEN, ...times(4, KEEP_HIDDEN), KEEP, ...times(2, KEEP_HIDDEN)],
};
const CHOICES = [
  ["hold", "hold: write once, then keep"],
  ["fade", "fade: forget gate at one half"],
  ["clear", "clear: empty the cell at step 5"],
  ["count", "count: add a little at each step"],
  ["read once", "read once: show the cell at step 6"],
  ["own", "your own"],
];
const TASK_CHOICES = [
  ["none", "none"],
  ["overwrite", "overwrite: 0.76 at step 4, −0.76 from step 5"],
  ["count", "count, clear, count: 3 at step 3, 0 at 4, 1 at 8"],
  ["hide", "hide: hold 0.76, show it at step 8 alone"],
];

/** The name of the sequence, or "own". */
function nameOf(sequence) {
  const text = JSON.stringify(sequence);
  return Object.keys(SEQUENCES).find((name) => JSON.stringify(SEQUENCES[name]) === text) ?? "own";
}

// ---- Picture: above, the present step as pipes and valves; below, the cell's level after every step.

const WIDTH = 360;
const HEIGHT = 318;
const PIPE = 26;
const MIDDLE = 62;
const TANK = 84;

const box = (kind, x, y, width, height) => svg("rect", { class: kind, x, y, width: Math.max(width, 0), height: Math.max(height, 0) });
const word = (text, x, y, kind = "", anchor = "middle") => svg("text", { class: kind, x, y, "text-anchor": anchor }, text);

/** A level around zero, in a tank that holds `limit` either way. */
function tank(label, value, limit, x) {
  const level = (TANK / 2) * (value / limit);
  const top = MIDDLE - TANK / 2;
  return [
    box("rnn-level", x, Math.min(MIDDLE, MIDDLE - level), 34, Math.abs(level)),
    box("rnn-wall", x, top, 34, TANK),
    svg("line", { class: "rnn-zero", x1: x, y1: MIDDLE, x2: x + 34, y2: MIDDLE }),
    word(label, x + 17, top - 8, "rnn-name"),
    word(fixed(value, 2), x + 17, top + TANK + 14),
  ];
}

/** A pipe from left to right: full before the valve, as open as the gate after it. */
function acrossPipe(kind, gate, from, to, at) {
  const open = PIPE * gate;
  const plate = (PIPE - open) / 2;
  return [
    box(`rnn-flow ${kind}`, from, MIDDLE - PIPE / 2, at - from, PIPE),
    box(`rnn-flow ${kind}`, at, MIDDLE - open / 2, to - at, open),
    box("rnn-wall", from, MIDDLE - PIPE / 2, to - from, PIPE),
    box("rnn-plate", at - 3, MIDDLE - PIPE / 2 - 5, 6, plate + 5),
    box("rnn-plate", at - 3, MIDDLE + open / 2, 6, plate + 5),
  ];
}

/** A pipe from below upwards, with its valve across. */
function upPipe(kind, gate, x, from, to, at) {
  const open = PIPE * gate;
  const plate = (PIPE - open) / 2;
  return [
    box(`rnn-flow ${kind}`, x - PIPE / 2, at, PIPE, from - at),
    box(`rnn-flow ${kind}`, x - open / 2, to, open, at - to),
    box("rnn-wall", x - PIPE / 2, to, PIPE, from - to),
    box("rnn-plate", x - PIPE / 2 - 5, at - 3, plate + 5, 6),
    box("rnn-plate", x + open / 2, at - 3, plate + 5, 6),
  ];
}

function valves(step, limit) {
  return [
    ...acrossPipe("rnn-kept", step.f, 44, 148, 92),
    ...upPipe("rnn-written", step.i, 165, 150, 79, 112),
    svg("circle", { class: "rnn-sum", cx: 165, cy: MIDDLE, r: 17 }),
    word("+", 165, MIDDLE + 6, "rnn-plus"),
    box("rnn-flow rnn-kept", 182, MIDDLE - PIPE / 2, 20, PIPE),
    box("rnn-wall", 182, MIDDLE - PIPE / 2, 20, PIPE),
    ...acrossPipe("rnn-shown", step.o, 236, 316, 282),
    ...tank("c before", step.c_prev, limit, 10),
    ...tank("c", step.c, limit, 202),
    word(`f ${fixed(step.f, 2)}`, 92, MIDDLE - 24, "rnn-kept rnn-name"),
    word(`kept ${fixed(step.kept, 2)}`, 92, MIDDLE + 34, "rnn-kept"),
    word(`i ${fixed(step.i, 2)}`, 188, 140, "rnn-written rnn-name", "start"),
    word(`written ${fixed(step.written, 2)}`, 142, 140, "rnn-written", "end"),
    word(`g ${fixed(step.g, 2)}`, 165, 165, "rnn-written rnn-name"),
    word("tanh", 256, MIDDLE + 4, "rnn-inside"),
    word(`o ${fixed(step.o, 2)}`, 282, MIDDLE - 24, "rnn-shown rnn-name"),
    word("h", 338, MIDDLE - 6, "rnn-shown rnn-name"),
    word(fixed(step.h, 2), 338, MIDDLE + 9, "rnn-shown"),
    ...[["f", 60, 20, 64, 84], ["i", 142, 96, 46, 34], ["g", 130, 150, 70, 24], ["o", 240, 20, 78, 84]].map(([gate, ...sides]) => {
      const handle = box("rnn-ground rnn-handle", ...sides);
      handle.dataset.gate = gate;
      return handle;
    }),
  ];
}

/** Bars for c after each step, dots for h, a frame around the step that is shown. */
function levels(steps, at, c_0, limit, task) {
  const [left, zero, half] = [44, 244, 52];
  const pitch = (WIDTH - left - 8) / (STEPS + 1);
  const center = (t) => left + pitch * (t + 0.5);
  const y = (value) => zero - half * (value / limit);
  const bar = (value, t, kind) => box(kind, center(t) - 0.31 * pitch, Math.min(y(0), y(value)), 0.62 * pitch, Math.abs(y(value) - y(0)));
  const ticks = [limit, 0, -limit].map((value) => word(fixed(value, 0), left - 6, y(value) + 3.5, "rnn-tick", "end"));
  const lines = [limit, 0, -limit].map((value) => svg("line", { class: value ? "rnn-grid" : "rnn-zero", x1: left, y1: y(value), x2: WIDTH - 8, y2: y(value) }));
  return [
    ...lines,
    ...ticks,
    box("rnn-frame", center(at) - pitch / 2, zero - half - 6, pitch, 2 * half + 12),
    bar(c_0, 0, "rnn-level rnn-start"),
    ...steps.map((step, index) => bar(step.c, index + 1, "rnn-level")),
    ...steps.map((step, index) => svg("circle", { class: "rnn-shown", cx: center(index + 1), cy: y(step.h), r: 4.2 })),
    ...TASKS[task].map(([name, t, target]) =>
      (name === "c"
        ? svg("line", { class: "rnn-target", x1: center(t) - 0.45 * pitch, x2: center(t) + 0.45 * pitch, y1: y(target), y2: y(target) })
        : svg("circle", { class: "rnn-target", cx: center(t), cy: y(target), r: 7 }))),
    ...steps.map((step, index) => {
      const column = box("rnn-column rnn-handle", center(index + 1) - pitch / 2, zero - half - 6, pitch, 2 * half + 30);
      column.dataset.at = index + 1;
      return column;
    }),
    ...(TASKS[task].length ? [word("thick lines and rings: the task", WIDTH - 8, 184, "rnn-tick", "end")] : []),
    word("step", left - 6, HEIGHT - 6, "rnn-tick", "end"),
    ...Array.from({ length: STEPS + 1 }, (_, t) => word(String(t), center(t), HEIGHT - 6, "rnn-tick")),
    word("bars: c", 44, 184, "rnn-strong-level", "start"),
    word("dots: h", 96, 184, "rnn-shown", "start"),
  ];
}

function picture(state, steps) {
  const size = Math.max(...steps.map((step) => Math.abs(step.c)), Math.abs(state.c_0[0]), ...TASKS[state.task].map(([, , target]) => Math.abs(target)));
  const limit = Math.max(Math.ceil(size), 1);
  return [...valves(steps[state.at - 1], limit), ...levels(steps, state.at, state.c_0[0], limit, state.task)];
}

/** What is said of the task; an empty text without one. */
function progress(marks) {
  const missed = marks.find(({ off }) => off > CLOSE);
  if (missed) return `Not yet: ${missed.name} after step ${missed.at} should be ${fixed(missed.target, 2)}.`;
  return marks.length ? `Reached: every mark is met to within ${fixed(CLOSE, 2)}.` : "";
}

function inWords({ at }, step, marks) {
  const [c_prev, f, kept, i, g, written, c, o, h] = ["c_prev", "f", "kept", "i", "g", "written", "c", "o", "h"].map((key) => fixed(step[key], 2));
  return (
    `Step ${at} of the cell as pipes with valves. The cell held ${c_prev}; the forget gate, open by ${f}, keeps ${kept}. ` +
    `The input gate, open by ${i}, lets ${written} of the candidate ${g} in. The cell now holds ${c}; ` +
    `the output gate, open by ${o}, shows ${h}. Below, the level of the cell after each of the eight steps. ${progress(marks)}`.trim()
  );
}

// ---- Controls and numbers.

const STYLE = `
.rnn-valves { display: block; width: 100%; max-width: 27rem; margin: 0 auto .8rem; }
.rnn-valves text { font-size: 11px; fill: var(--rnn-muted); }
.rnn-valves .rnn-name { font-weight: 700; }
.rnn-valves .rnn-tick { font-size: 11px; }
.rnn-valves .rnn-plus { font-size: 18px; fill: var(--rnn-text); }
.rnn-valves .rnn-inside { fill: var(--rnn-text); paint-order: stroke; stroke: var(--rnn-surface); stroke-width: 3px; }
.rnn-valves text:is(.rnn-kept, .rnn-written, .rnn-shown) { fill: currentColor; }
.rnn-kept { color: var(--rnn-accent); } .rnn-written { color: var(--rnn-warm); } .rnn-shown { color: var(--rnn-violet); }
.rnn-valves .rnn-flow { fill: currentColor; fill-opacity: .75; }
.rnn-valves .rnn-wall { fill: none; stroke: var(--rnn-muted); stroke-width: 1.2; }
.rnn-valves .rnn-plate { fill: var(--rnn-text); }
.rnn-valves .rnn-level { fill: var(--rnn-green); fill-opacity: .8; }
.rnn-valves .rnn-start { fill-opacity: .3; stroke: var(--rnn-green); stroke-width: 1; }
.rnn-valves .rnn-strong-level { fill: var(--rnn-green); }
.rnn-valves .rnn-zero { stroke: var(--rnn-muted); stroke-width: 1; }
.rnn-valves .rnn-grid { stroke: var(--rnn-line); stroke-width: .7; stroke-dasharray: 2 3; }
.rnn-valves .rnn-frame { fill: none; stroke: var(--rnn-accent); stroke-width: 1.6; rx: 3px; }
.rnn-valves .rnn-sum { fill: var(--rnn-surface); stroke: var(--rnn-muted); stroke-width: 1.2; }
.rnn-valves circle.rnn-shown { fill: currentColor; stroke: var(--rnn-surface); stroke-width: 1.2; }
.rnn-gates tr.rnn-total > * { border-top: 2px solid var(--rnn-muted); font-weight: 700; }
.rnn-gates th .rnn-word { color: var(--rnn-muted); font-weight: 400; }
.rnn-valves .rnn-target { fill: none; stroke: var(--rnn-text); stroke-width: 3; }
.rnn-valves .rnn-handle { fill: transparent; }
.rnn-valves [data-gate] { cursor: ns-resize; touch-action: none; }
.rnn-valves [data-at] { cursor: pointer; }
.rnn-gate-steps, .rnn-gate-choice, .rnn-gate-task { margin-bottom: .9rem; }
.rnn-gate-task { padding: .5rem .7rem; border-left: 3px solid var(--rnn-muted); }
.rnn-gate-task.rnn-gate-done { border-color: var(--rnn-green); }
`;

const NUMBERS = [
  ["f", "f", "how far the cell is kept", "rnn-kept", ""],
  ["i", "i", "how far the candidate is written", "rnn-written", ""],
  ["g", "g", "the candidate", "rnn-written", ""],
  ["o", "o", "how far the cell is shown", "rnn-shown", ""],
  ["c_prev", "c before", "", "", "rnn-total"],
  ["kept", "kept", "f × c before", "rnn-kept", ""],
  ["written", "written", "i × g", "rnn-written", ""],
  ["c", "c", "kept + written", "", "rnn-total"],
  ["h", "h", "shown: o × tanh(c)", "rnn-shown", ""],
  ["last", "c at the end", `after step ${STEPS}`, "", "rnn-total"],
];

function numbersTable() {
  const cells = {};
  const rows = NUMBERS.map(([name, symbol, meaning, colour, kind]) => {
    cells[name] = output(name);
    const head = tag("th", { scope: "row" }, tag("b", { class: colour }, symbol), " ", tag("span", { class: "rnn-word" }, meaning));
    return tag("tr", { class: kind }, head, tag("td", {}, cells[name]));
  });
  const root = tag("table", { class: "rnn-gates" }, tag("caption", {}, "The step in numbers"), tag("tbody", {}, ...rows));
  const show = (step, last) => {
    const numbers = { ...step, last };
    for (const [name, cell] of Object.entries(cells)) showText(cell, fixed(numbers[name]), numbers[name]);
  };
  return { root, show };
}

const SLIDERS = [
  ["f", "a_f", "forget gate"],
  ["i", "a_i", "input gate"],
  ["g", "a_g", "candidate"],
  ["o", "a_o", "output gate"],
];

/** Sets one pre-activation of the step that is shown. */
function setter(letter, change, read) {
  return (value) => {
    const { sequence, at } = read();
    const next = structuredClone(sequence);
    next[at - 1][GATE_ORDER.indexOf(letter)] = value;
    change({ sequence: next });
  };
}

/** A valve follows the pointer up and down; a bar of the lower picture is the step to show. */
function followPointer(drawing, change, read) {
  dragged(drawing, ({ dataset }) => {
    if (dataset.at) change({ at: Number(dataset.at) });
    if (!dataset.gate) return null;
    const { sequence, at } = read();
    const start = sequence[at - 1][GATE_ORDER.indexOf(dataset.gate)];
    const write = setter(dataset.gate, change, read);
    return (across, down) => write(Math.min(Math.max(Math.round(4 * (start - down / 8)) / 4, -8), 8));
  });
}

function gateSlider([letter, symbol, meaning], change, read) {
  const column = GATE_ORDER.indexOf(letter);
  const write = setter(letter, change, read);
  const label = tag("span", {}, math(symbol), `, ${meaning}`);
  const field = sliderField({ label, name: `control_${symbol}`, min: -8, max: 8, step: 0.25, change: write });
  return { root: field.root, show: ({ sequence, at }) => field.show(sequence[at - 1][column]) };
}

function controls(change, read) {
  const sliders = SLIDERS.map((spec) => gateSlider(spec, change, read));
  const start = sliderField({
    label: tag("span", {}, math("c_0"), ", before step 1"), name: "control_c_0", min: -3, max: 3, step: 0.25, change: (value) => change({ c_0: [value] }),
  });
  const legend = tag("span", {}, "Pre-activations at the step shown");
  const choice = selectField({
    label: "Sequence",
    choices: CHOICES,
    change: (name) => change({ sequence: structuredClone(SEQUENCES[name]) }),
  });
  // "your own" is where a moved slider leads, and nothing to choose.
  const own = choice.input.querySelector("option[value='own']");
  choice.root.classList.add("rnn-gate-choice");
  const root = tag("div", {}, choice.root, group(legend, ...sliders.map((slider) => slider.root)), group("Cell state", start.root));
  const show = (state) => {
    sliders.forEach((slider) => slider.show(state));
    start.show(state.c_0[0]);
    const name = nameOf(state.sequence);
    own.disabled = name !== "own";
    choice.show(name);
  };
  return { root, show };
}

function taskField(change) {
  const choice = selectField({ label: "Task: reach a state", choices: TASK_CHOICES, change: (task) => change({ task }) });
  choice.root.classList.add("rnn-gate-choice");
  const [off, said] = [output("off"), tag("span", {})];
  const result = tag("p", { class: "rnn-gate-task" }, said, " Largest distance: ", off, ".");
  const show = ({ task }, marks) => {
    const far = Math.max(0, ...marks.map(({ off: distance }) => distance));
    choice.show(task);
    said.textContent = progress(marks);
    showText(off, marks.length ? fixed(far, 2) : "–", far);
    result.hidden = !marks.length;
    result.classList.toggle("rnn-gate-done", far <= CLOSE);
  };
  return { nodes: [choice.root, result], show };
}

function stepButtons(change, read) {
  const first = structuredClone(read());
  const back = button("Previous step", () => change({ at: read().at - 1 }));
  const forward = button("Next step", () => change({ at: read().at + 1 }));
  const reset = button("Reset", () => change(structuredClone(first)));
  const present = output("at");
  const root = tag("div", { class: "rnn-buttons rnn-gate-steps" }, back, forward, reset, tag("span", { class: "rnn-note" }, "step ", present, ` of ${STEPS}`));
  const show = ({ at }) => {
    showText(present, String(at), at);
    back.disabled = at === 1;
    forward.disabled = at === STEPS;
  };
  return { root, show };
}

function build(change, read) {
  const board = controls(change, read);
  const buttons = stepButtons(change, read);
  const task = taskField(change);
  const table = numbersTable();
  const drawing = svg("svg", { class: "rnn-valves", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img" });
  const hint = tag("p", { class: "rnn-note" }, "In a trained cell weights compute the four pre-activations from x and h. Here you set them yourself, one step at a time: move a slider, or drag a valve up and down.");
  followPointer(drawing, change, read);
  const show = (state) => {
    const { steps, marks } = compute(state);
    const step = steps[state.at - 1];
    board.show(state);
    buttons.show(state);
    task.show(state, marks);
    table.show(step, steps.at(-1).c);
    const words = inWords(state, step, marks);
    drawing.setAttribute("aria-label", words);
    drawing.replaceChildren(...picture(state, steps));
    return words;
  };
  board.root.append(table.root);
  return { nodes: [tag("div", { class: "rnn-columns" }, tag("div", {}, drawing, buttons.root, ...task.nodes, hint), board.root)], show };
}

const render = widget({ name: "gate_explorer", label: "Gate explorer", style: STYLE, keys: KEYS, check, build });

export default { render, compute, sequences: SEQUENCES };
