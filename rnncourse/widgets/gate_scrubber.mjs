// A small LSTM reads a series twice, as it is and with a jump added; a slider scrubs along load and gates.

const HIDDEN = 8;
const [LEAST, MOST] = [12, 180];
const KEYS = ["series", "W_ih", "W_hh", "b", "jump_at", "size", "at", "unit"];
const GATES = ["f", "i", "o"];
const WORDS = { load: "load", f: "forget gate", i: "input gate", o: "output gate" };

// ---- Arithmetic: no element is touched here.

/** Gates and states of every step, from a zero state: arrays of one number per unit. */
function readSeries(load, { W_ih, W_hh, b }) {
  let [h, c] = [Array(HIDDEN).fill(0), Array(HIDDEN).fill(0)];
  return load.map((x) => {
    const a = b.map((bias, row) => W_hh[row].reduce((sum, weight, unit) => sum + weight * h[unit], W_ih[row][0] * x) + bias);
    const block = (k, bend) => a.slice(k * HIDDEN, (k + 1) * HIDDEN).map(bend);
    const [i, f, g, o] = [block(0, sigmoid), block(1, sigmoid), block(2, Math.tanh), block(3, sigmoid)];
    c = c.map((old, unit) => f[unit] * old + i[unit] * g[unit]);
    h = c.map((level, unit) => o[unit] * Math.tanh(level));
    return { i, f, g, o, c, h };
  });
}

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** Load and gates along the series, of one unit or the mean over units, with the jump and without it. */
function compute(state) {
  const { series, jump_at, size, unit } = state;
  const along = (load) => {
    const steps = readSeries(load, state);
    const track = (name) => steps.map((step) => (unit ? step[name][unit - 1] : mean(step[name])));
    return { load, steps, ...Object.fromEntries(GATES.map((name) => [name, track(name)])) };
  };
  return { jumped: along(series.map((value, t) => (t >= jump_at - 1 ? value + size : value))), plain: along(series) };
}

function check(state) {
  const { series, size } = state;
  if (!Array.isArray(series) || series.length < LEAST || series.length > MOST || !series.every(Number.isFinite)) {
    throw new StateProblem(`series must be ${LEAST} to ${MOST} finite numbers; set series again.`);
  }
  needMatrix(state, "W_ih", 4 * HIDDEN, 1);
  needMatrix(state, "W_hh", 4 * HIDDEN, HIDDEN);
  needVector(state, "b", 4 * HIDDEN);
  needInteger(state, "jump_at", 1, series.length);
  needInteger(state, "at", 1, series.length);
  needInteger(state, "unit", 0, HIDDEN);
  if (!Number.isFinite(size) || Math.abs(size) > 3) {
    throw new StateProblem(`size must be a number from -3 to 3 but is ${shown(size)}; set size again.`);
  }
}

// ---- Picture: the load above, the gates below, both with the jump (full) and without it (faint).

const [WIDTH, HEIGHT] = [420, 330];
const BOX = { left: 34, right: 10 };
const UPPER = { top: 22, bottom: 124 };
const LOWER = { top: 158, bottom: 298 };
const word = (text, x, y, kind = "rnn-tick", anchor = "middle") => svg("text", { class: kind, x, y, "text-anchor": anchor }, text);

function picture({ jump_at, at, size }, { jumped, plain }) {
  const count = plain.load.length;
  const loads = [...plain.load, ...jumped.load];
  const [low, high] = [Math.floor(Math.min(...loads)), Math.ceil(Math.max(...loads)) || 1];
  const across = (minute) => BOX.left + ((minute - 1) / (count - 1)) * (WIDTH - BOX.left - BOX.right);
  const scale = (value, least, most, { top, bottom }) => bottom - ((value - least) / (most - least || 1)) * (bottom - top);
  const load = (value) => scale(value, low, high, UPPER);
  const gate = (value) => scale(value, 0, 1, LOWER);
  const line = (values, up, kind) => svg("polyline", { class: `rnn-track ${kind}`, points: values.map((value, t) => `${across(t + 1).toFixed(1)},${up(value).toFixed(1)}`).join(" ") });
  const level = (value, up, digits) => [
    svg("line", { class: "rnn-grid", x1: BOX.left, x2: WIDTH - BOX.right, y1: up(value), y2: up(value) }),
    word(fixed(value, digits), BOX.left - 5, up(value) + 4, "rnn-tick", "end"),
  ];
  const upright = (minute, kind) => svg("line", { class: kind, x1: across(minute), x2: across(minute), y1: UPPER.top, y2: LOWER.bottom });
  const dot = (value, up, kind) => svg("circle", { class: `rnn-dot ${kind}`, cx: across(at), cy: up(value), r: 4.5 });
  const key = [["f", 34], ["i", 134], ["o", 224]];
  const minutes = Array.from({ length: Math.floor(count / 20) }, (_, k) => 20 * (k + 1));
  return [
    ...[low, high].flatMap((value) => level(value, load, 0)),
    ...[0, 0.5, 1].flatMap((value) => level(value, gate, 1)),
    ...(size ? [upright(jump_at, "rnn-jump")] : []),
    upright(at, "rnn-cursor"),
    line(plain.load, load, "rnn-load rnn-plain"),
    ...GATES.map((name) => line(plain[name], gate, `rnn-${name} rnn-plain`)),
    line(jumped.load, load, "rnn-load"),
    ...GATES.map((name) => line(jumped[name], gate, `rnn-${name}`)),
    dot(jumped.load[at - 1], load, "rnn-load"),
    ...GATES.map((name) => dot(jumped[name][at - 1], gate, `rnn-${name}`)),
    word("load, standard deviations", BOX.left, 13, "rnn-tick", "start"),
    ...key.map(([name, x]) => word(WORDS[name], x, 149, `rnn-key rnn-${name}`, "start")),
    ...minutes.map((minute) => {
      const x = across(minute);
      return word(integer(minute), x, HEIGHT - 15, "rnn-tick", x > WIDTH - 20 ? "end" : "middle");
    }),
    word("minute", BOX.left, HEIGHT - 15, "rnn-tick", "start"),
    word("thin: without the jump", WIDTH - BOX.right, 13, "rnn-tick", "end"),
  ];
}

const whose = (unit) => (unit ? `unit ${unit}` : `mean of ${HIDDEN} units`);

function inWords({ at, jump_at, size, unit }, { jumped, plain }) {
  const pairs = ["load", ...GATES].map((name) => `${WORDS[name]} ${fixed(jumped[name][at - 1], 3)}, without the jump ${fixed(plain[name][at - 1], 3)}`);
  return `A jump of ${fixed(size, 2)} standard deviations is added from minute ${jump_at}. At minute ${at}, ${whose(unit)}: ${pairs.join("; ")}.`;
}

// ---- Controls and numbers.

const STYLE = `
.rnn-scrub-picture { display: block; width: 100%; max-width: 34rem; margin: 0 auto .8rem; }
.rnn-track { fill: none; stroke: currentColor; stroke-width: 1.9; stroke-linejoin: round; }
.rnn-track.rnn-plain { stroke-width: 1; stroke-opacity: .75; }
.rnn-dot { fill: currentColor; stroke: var(--rnn-surface); stroke-width: 1; }
.rnn-grid { stroke: var(--rnn-line); stroke-width: .7; }
.rnn-cursor { stroke: var(--rnn-text); stroke-width: 1; }
.rnn-jump { stroke: var(--rnn-muted); stroke-width: 1.2; stroke-dasharray: 4 3; }
.rnn-tick { font-size: 13px; fill: var(--rnn-muted); }
.rnn-key { font-size: 13px; font-weight: 600; fill: currentColor; }
.rnn-load { color: var(--rnn-text); } .rnn-f { color: var(--rnn-accent); }
.rnn-i { color: var(--rnn-warm); } .rnn-o { color: var(--rnn-violet); }
.rnn-scrub-table th[scope="row"] { font-weight: 600; color: inherit; }
.rnn-scrub-table tr { color: inherit; }
.rnn-scrub-table, .rnn-scrub-minute, .rnn-scrub-buttons, .rnn-scrub-unit { margin-bottom: .9rem; }
`;

const COLUMNS = ["jumped", "plain", "difference"];

function numbersTable() {
  const cells = {};
  const rows = ["load", ...GATES].map((name) => {
    const data = COLUMNS.map((column) => {
      cells[`${name}_${column}`] = output(`${name}_${column}`);
      return tag("td", {}, cells[`${name}_${column}`]);
    });
    return tag("tr", {}, tag("th", { scope: "row", class: `rnn-${name}` }, WORDS[name]), ...data);
  });
  const caption = tag("caption", {});
  const heads = ["quantity", "with the jump", "without", "difference"].map((text) => tag("th", { scope: "col" }, text));
  const root = tag("table", { class: "rnn-scrub-table" }, caption, tag("thead", {}, tag("tr", {}, ...heads)), tag("tbody", {}, ...rows));
  const show = ({ at, unit }, { jumped, plain }) => {
    caption.textContent = `Minute ${at}, ${whose(unit)}`;
    for (const name of ["load", ...GATES]) {
      const [a, b] = [jumped[name][at - 1], plain[name][at - 1]];
      const values = { jumped: a, plain: b, difference: a - b };
      for (const column of COLUMNS) showText(cells[`${name}_${column}`], fixed(values[column], 3), values[column]);
    }
  };
  return { root, show };
}

function build(change, read) {
  const first = structuredClone(read());
  const last = Array.isArray(first.series) ? Math.max(first.series.length, 1) : 1;
  const slider = (key, label, min, max, step, digits) => sliderField({ label, name: `control_${key}`, min, max, step, digits, change: (value) => change({ [key]: value }) });
  const minute = slider("at", "Minute shown", 1, last, 1, 0);
  const size = slider("size", "Size (sd)", -3, 3, 0.25, 2);
  const jump = slider("jump_at", "First minute", 1, last, 1, 0);
  const choices = [["0", `mean of all ${HIDDEN}`], ...Array.from({ length: HIDDEN }, (_, k) => [String(k + 1), `unit ${k + 1}`])];
  const unit = selectField({ label: "Gates of", choices, change: (value) => change({ unit: Number(value) }) });
  minute.root.classList.add("rnn-scrub-minute");
  unit.root.classList.add("rnn-scrub-unit");
  const next = button("Next minute", () => change({ at: Math.min(read().at + 1, last) }));
  const there = button("To the jump", () => change({ at: read().jump_at }));
  const reset = button("Reset", () => change(structuredClone(first)));
  const drawing = svg("svg", { class: "rnn-scrub-picture", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img" });
  const table = numbersTable();
  const hint = tag("p", { class: "rnn-note" }, "The page computes the network minute by minute, from a zero state. Before the jump both readings are the same.");
  const show = (state) => {
    const result = compute(state);
    minute.show(state.at);
    size.show(state.size);
    jump.show(state.jump_at);
    unit.show(String(state.unit));
    next.disabled = state.at === last;
    there.disabled = state.at === state.jump_at;
    table.show(state, result);
    const words = inWords(state, result);
    drawing.setAttribute("aria-label", words);
    drawing.replaceChildren(...picture(state, result));
    return words;
  };
  const left = tag("div", {}, drawing, minute.root, tag("div", { class: "rnn-buttons rnn-scrub-buttons" }, next, there));
  const right = tag("div", {}, group("The added jump", size.root, jump.root), unit.root, tag("div", { class: "rnn-buttons rnn-scrub-buttons" }, reset), table.root, hint);
  return { nodes: [tag("div", { class: "rnn-columns" }, left, right)], show };
}

const render = widget({ name: "gate_scrubber", label: "Gate scrubber", style: STYLE, keys: KEYS, check, build });

export default { render, compute };
