// One step of an LSTM with two units, stage by stage: one picture, looked at from three distances.

const KEYS = ["x", "h_prev", "c_prev", "W_ih", "W_hh", "b", "at", "zoom", "unit"];
const GATE_ORDER = ["i", "f", "g", "o"];
const PARTS = ["network", "inputs", "f", "kept", "i", "g", "written", "c", "o", "h", "product"];
const ZOOMS = ["network", "cell", "product"];
const UNITS = ["first unit", "second unit"];
const LARGEST = 1e6;

// The cell in a frame of 300 by 250. The Python class draws the still picture from the same lines, so they are JSON.
// A wire: its part, its path, and the tip of its arrow with the turn of it. The rest: part, text and place.
const SCENE = {
  "wires": [
    ["inputs", "M-190 40 H20", 26, 40, 0], ["inputs", "M-190 225 H238", -140, 225, 0], ["inputs", "M8 380 V225"],
    ["f", "M40 225 V208", 40, 202, -90], ["f", "M40 168 V60", 40, 54, -90],
    ["kept", "M54 40 H145", 151, 40, 0],
    ["i", "M105 225 V208", 105, 202, -90], ["i", "M105 168 V110 H145", 151, 110, 0],
    ["g", "M165 225 V208", 165, 202, -90], ["g", "M165 168 V130", 165, 124, -90],
    ["written", "M165 96 V60", 165, 54, -90],
    ["c", "M179 40 H510", 516, 40, 0],
    ["o", "M238 225 V208", 238, 202, -90], ["o", "M238 168 V130 H258", 264, 130, 0],
    ["h", "M278 40 V61", 278, 67, 90], ["h", "M278 97 V110", 278, 116, 90], ["h", "M278 144 V225 H490", 350, 225, 0]
  ],
  "blocks": [
    ["f", "f σ", 40, 185, 46], ["i", "i σ", 105, 185, 46], ["g", "g tanh", 165, 185, 56], ["o", "o σ", 238, 185, 46],
    ["h", "tanh", 278, 82, 40]
  ],
  "signs": [["kept", "×", 40, 40], ["written", "×", 165, 110], ["c", "+", 165, 40], ["h", "×", 278, 130]],
  "letters": [
    ["inputs", "old c", -25, 30], ["inputs", "old h", -25, 215], ["inputs", "x", 22, 268], ["c", "new c", 325, 30],
    ["h", "new h", 325, 215]
  ],
  "values": [
    ["inputs", "c_prev", -25, 58, "middle"], ["inputs", "h_prev", -25, 245, "middle"], ["inputs", "x", 34, 268, "start"],
    ["f", "f", 46, 84, "start"], ["kept", "kept", 100, 14, "middle"], ["i", "i", 101, 138, "end"],
    ["g", "g", 171, 146, "start"], ["written", "written", 171, 72, "start"], ["o", "o", 233, 112, "end"],
    ["c", "c", 325, 58, "middle"], ["h", "h", 325, 245, "middle"]
  ]
};
const LINE = 16;
const SAMPLE = "g tanh 0.9241";
const SAMPLE_LENGTH = 102; // in Arial
const CARD = 0.12; // how small what is written inside a part is

// ---- Arithmetic: no element is touched here.

/** Every number of the step, each a list with one entry per unit. */
function lstmStep({ x, h_prev, c_prev, W_ih, W_hh, b }) {
  const step = { x, h_prev, c_prev };
  const sums = b.map((bias, row) => W_ih[row][0] * x[0] + (W_hh[row][0] * h_prev[0] + W_hh[row][1] * h_prev[1]) + bias);
  GATE_ORDER.forEach((name, block) => {
    step[`a_${name}`] = sums.slice(2 * block, 2 * block + 2);
    step[name] = step[`a_${name}`].map(name === "g" ? Math.tanh : sigmoid);
  });
  const both = (one, other, join) => step[one].map((value, unit) => join(value, step[other][unit]));
  step.kept = both("f", "c_prev", (a, b) => a * b);
  step.written = both("i", "g", (a, b) => a * b);
  step.c = both("kept", "written", (a, b) => a + b);
  step.tanh_c = step.c.map(Math.tanh);
  step.h = both("o", "tanh_c", (a, b) => a * b);
  return step;
}

const INSIDE = { network: "f", inputs: "f", product: "kept" };
const FACTORS = { kept: ["f", "c_prev"], written: ["i", "g"], h: ["o", "tanh_c"] };

/** What the closest look shows of one unit: the products of a gate's row, one product, or the sum. */
function closest({ x, h_prev, W_ih, W_hh, b, at, unit }, step) {
  const part = INSIDE[PARTS[at - 1]] ?? PARTS[at - 1];
  const entry = (name) => step[name][unit - 1];
  if (!GATE_ORDER.includes(part)) return { part, terms: (FACTORS[part] ?? ["kept", "written"]).map(entry), value: entry(part) };
  const row = 2 * GATE_ORDER.indexOf(part) + unit - 1;
  const pairs = [[W_ih[row][0], x[0]], [W_hh[row][0], h_prev[0]], [W_hh[row][1], h_prev[1]]];
  return { part, pairs, terms: [...pairs.map(([w, v]) => w * v), b[row]], sum: entry(`a_${part}`), value: entry(part) };
}

function compute(state) {
  const step = lstmStep(state);
  return { step, inside: closest(state, step) };
}

function check(state) {
  for (const [key, length] of [["x", 1], ["h_prev", 2], ["c_prev", 2], ["b", 8]]) needVector(state, key, length);
  needMatrix(state, "W_ih", 8, 1);
  needMatrix(state, "W_hh", 8, 2);
  needInteger(state, "at", 1, PARTS.length);
  needChoice(state, "zoom", ZOOMS);
  needInteger(state, "unit", 1, 2);
  if (!Object.values(lstmStep(state)).flat().every((value) => Math.abs(value) < LARGEST)) {
    throw new StateProblem("a sum is too large to draw; make the weights, x, h_prev or c_prev smaller.");
  }
}

/** Short where the number is, else four decimals. */
function brief(value) {
  const short = Number(value.toFixed(2));
  return Math.abs(short - value) < 1e-12 ? String(short).replace("-", "−") : fixed(value);
}

// ---- The picture.

const NAMES = {
  x: "x", h_prev: "old h", c_prev: "old c", f: "forget gate f", kept: "kept, f × old c", i: "input gate i", g: "candidate g",
  written: "written, i × g", c: "new c", o: "output gate o", h: "new h", tanh_c: "tanh(c)",
};
const SHORT = { f: "f", i: "i", g: "g", o: "o", c_prev: "old c", tanh_c: "tanh(c)", kept: "kept", written: "written", c: "new c", h: "new h" };

const word = (text, x, y, kind = "", anchor = "middle") => svg("text", { class: kind, x, y, "text-anchor": anchor }, text);
const line = (kind, x1, y1, x2, y2) => svg("line", { class: kind, x1, y1, x2, y2 });

/** A number in the picture; tests read what it stands for. */
function numeral(name, value, x, y, kind, anchor) {
  const text = word(brief(value), x, y, kind, anchor);
  Object.assign(text.dataset, { name, value });
  return text;
}

/** Whether a part is still to come, is what the stage is about, or has been. */
function when(part, at) {
  const stage = PARTS[at - 1];
  if (part === ({ network: "inputs", product: "kept" }[stage] ?? stage)) return "rnn-now";
  return PARTS.indexOf(part) < at ? "rnn-past" : "rnn-edge";
}

/** The cell without its numbers. */
function cellDrawing(at, stageOf = (part) => when(part, at)) {
  const look = (part) => `rnn-in-${part} ${stageOf(part)}`;
  return svg("g", {},
    svg("rect", { class: "rnn-ground", x: 0, y: 0, width: 300, height: 250, rx: 10 }),
    ...SCENE.wires.flatMap(([part, d, x, y, turn]) => [
      svg("path", { class: look(part), d }),
      ...(x === undefined ? [] : [svg("polygon", { class: look(part), points: "0,0 -8,-4.5 -8,4.5", transform: `translate(${x} ${y}) rotate(${turn})` })]),
    ]),
    ...SCENE.signs.map(([part, text, cx, cy]) => svg("g", { class: look(part), "data-part": part }, svg("circle", { class: stageOf(part), cx, cy, r: 14 }), word(text, cx, cy + 5.5, "rnn-sign"))),
    ...SCENE.blocks.map(([part, text, x, y, width]) => svg("g", { class: look(part), "data-part": part }, svg("rect", { class: `rnn-block ${stageOf(part)}`, x: x - width / 2, y: y - 17 + 2 * (text === "tanh"), width, height: 34 - 4 * (text === "tanh"), rx: 4 }), word(text, x, y + 5, "rnn-sign"))),
  );
}

/** The numbers beside the wires, of both units, as far as the walk has come. */
function besideWires(step, at) {
  const known = ([part]) => when(part, at) !== "rnn-edge";
  return [
    ...SCENE.letters.filter(known).map(([part, text, x, y]) => word(text, x, y, `rnn-letter rnn-in-${part} ${when(part, at)}`)),
    ...SCENE.values.filter(known).flatMap(([part, name, x, y, anchor]) =>
      step[name].map((value, unit) => numeral(`${name}_${unit + 1}`, value, x, y + LINE * unit, `rnn-in-${part} ${when(part, at)}`, anchor))),
  ];
}

/** The same numbers on the way between steps, written large enough to be read from far away. */
function betweenSteps(step, at) {
  const far = (name, x, y, reached) => (at < reached ? [] : [
    word(NAMES[name], x, y, "rnn-letter"),
    ...step[name].map((value, unit) => numeral(`${name}_${unit + 1}`, value, x, y + 42 * (unit + 1), "", "middle")),
  ]);
  return svg("g", { class: "rnn-far" },
    ...[[-250, "step before"], [150, "this step"], [550, "step after"]].map(([x, text]) => word(text, x, -165, "rnn-letter")),
    ...far("c_prev", -95, -76, 1), ...far("h_prev", -95, 275, 1), ...far("c", 395, -76, 8), ...far("h", 395, 275, 10),
    word("x", 8, 425, "rnn-letter"), numeral("x_1", step.x[0], 8, 467, "", "middle"));
}

const across = (value, limit) => 200 + 165 * (value / limit);

/** A bar from one number to another, above an axis that has its zero in the middle. */
function bar(text, from, to, limit, y, kind) {
  const [x1, x2] = [from, to].map((value) => across(value, limit));
  return [
    word(text, 12, y - 6, "rnn-letter", "start"),
    svg("rect", { class: `rnn-bar ${kind}`, x: Math.min(x1, x2), y, width: Math.abs(x2 - x1), height: 26 }),
    line("rnn-guide", x2, y, x2, Math.min(y + 80, 290)),
  ];
}

function productCard({ part, terms, value }) {
  const [names, sign] = [FACTORS[part] ?? ["kept", "written"], FACTORS[part] ? "×" : "+"];
  const limit = Math.max(1, ...[...terms, value].map(Math.abs));
  const bars = sign === "×"
    ? [...bar(SHORT[names[1]], 0, terms[1], limit, 135, "rnn-in-inputs"), ...bar(SHORT[part], 0, value, limit, 215, `rnn-in-${part}`)]
    : [...bar("kept", 0, terms[0], limit, 116, "rnn-in-kept"), ...bar("written", terms[0], value, limit, 174, "rnn-in-written"), ...bar("new c", 0, value, limit, 232, "rnn-in-c")];
  const numbers = [terms[0], sign, terms[1], "=", value];
  return [
    ...numbers.map((one, k) => (typeof one === "string" ? word(one, 46 + 77 * k, 80, "rnn-large") : numeral(`inside_${["left", "", "right", "", "value"][k]}`, one, 46 + 77 * k, 80, "rnn-large"))),
    ...[names[0], names[1], part].map((name, k) => word(SHORT[name], 46 + 154 * k, 54, "rnn-small")),
    ...bars,
    line("rnn-axis", 200, 104, 200, 290),
    ...[-limit, 0, limit].map((tick) => word(brief(tick), across(tick, limit), 308, "rnn-small")),
  ];
}

function gateCard({ part, pairs, terms, sum, value }) {
  const [bend, low] = part === "g" ? [Math.tanh, -1] : [sigmoid, 0];
  const names = ["input x", "h, first unit", "h, second unit", "bias"];
  const limit = Math.max(6, Math.abs(sum));
  const up = (y) => 306 - (86 * (y - low)) / (1 - low);
  const curve = Array.from({ length: 61 }, (_, k) => limit * (k / 30 - 1)).map((a) => `${across(a, limit)},${up(bend(a))}`);
  return [
    ...names.flatMap((name, k) => [
      word(name, 20, 58 + 25 * k, "", "start"),
      ...(pairs[k] ? [word(`${brief(pairs[k][0])} × ${brief(pairs[k][1])}`, 292, 58 + 25 * k, "", "end")] : []),
      numeral(`inside_term_${k + 1}`, terms[k], 382, 58 + 25 * k, "", "end"),
    ]),
    line("rnn-axis", 20, 142, 382, 142),
    word("sum", 20, 162, "", "start"), numeral("inside_sum", sum, 382, 162, "", "end"),
    word(`${part} = ${part === "g" ? "tanh" : "σ"}(${brief(sum)})`, 20, 192, "rnn-letter", "start"), numeral("inside_value", value, 382, 192, "rnn-letter", "end"),
    line("rnn-axis", 35, up(0), 365, up(0)), line("rnn-axis", 200, up(1), 200, up(low)),
    word("1", 210, up(1) + 12, "rnn-small", "start"),
    svg("polyline", { class: `rnn-in-${part}`, points: curve.join(" ") }),
    line("rnn-guide", across(sum, limit), up(0), across(sum, limit), up(value)),
    svg("circle", { class: `rnn-dot rnn-in-${part}`, cx: across(sum, limit), cy: up(value), r: 6 }),
  ];
}

const centre = (part) => [...SCENE.signs, ...SCENE.blocks].find(([name]) => name === part).slice(2, 4);

/** What stands inside the part that the stage is about. */
function card(inside, unit) {
  const [x, y] = centre(inside.part);
  return svg("g", { class: "rnn-inside", transform: `translate(${x - 200 * CARD} ${y - 160 * CARD}) scale(${CARD})` },
    svg("rect", { class: "rnn-ground rnn-paper", x: -20, y: -20, width: 440, height: 360 }),
    word(`${NAMES[inside.part]}, ${UNITS[unit - 1]}`, 200, 26, "rnn-letter"),
    ...(inside.pairs ? gateCard(inside) : productCard(inside)));
}

function picture({ at, zoom, unit }, { step, inside }) {
  const copies = [-490, 490].map((shift) => svg("g", { transform: `translate(${shift} 0)` }, cellDrawing(at, () => "rnn-edge")));
  const near = { network: () => [betweenSteps(step, at)], cell: () => besideWires(step, at), product: () => [...besideWires(step, at), card(inside, unit)] };
  return [...copies, cellDrawing(at), ...near[zoom]()];
}

/** What of the plane is looked at: left, top, width and height. */
function sight(zoom, part) {
  if (zoom === "network") return [-380, -284, 1060, 848];
  if (zoom === "cell") return [-50, -30, 400, 320];
  const [x, y] = centre(part);
  return [x - 200 * CARD, y - 160 * CARD, 400 * CARD, 320 * CARD];
}

/**
 * The picture is laid out for Arial's letters. Wider ones are written smaller, once they have been measured; null where
 * nothing is drawn yet.
 */
function lettersOf(drawing) {
  const sample = word(SAMPLE, 0, 0, "rnn-sign");
  drawing.append(sample);
  const long = sample.getComputedTextLength();
  sample.remove();
  return long ? Math.min(1, SAMPLE_LENGTH / long).toFixed(3) : null;
}

/** Moves the picture's frame from one sight to the next, at once for who asked for less motion. */
function camera(drawing) {
  let [now, frame] = [null, 0];
  const set = (box) => {
    now = box;
    drawing.setAttribute("viewBox", box.join(" "));
  };
  return (target) => {
    cancelAnimationFrame(frame);
    const from = now;
    if (!from || !drawing.isConnected || matchMedia("(prefers-reduced-motion: reduce)").matches) return set(target);
    const start = performance.now();
    const move = (time) => {
      const share = Math.min(Math.max((time - start) / 600, 0), 1);
      const part = share * share * (3 - 2 * share);
      const width = from[2] * (target[2] / from[2]) ** part; // each moment magnifies by the same factor
      const way = target[2] === from[2] ? part : (width - from[2]) / (target[2] - from[2]);
      set(share === 1 ? target : from.map((value, k) => value + way * (target[k] - value)));
      if (share < 1) frame = requestAnimationFrame(move);
    };
    frame = requestAnimationFrame(move);
  };
}

// ---- The steps of the walk. {f} is a vector, {f*} its entry for the unit that is chosen, {f?} how much of both remains.

const TALE = [
  ["One cell at three steps", "The same cell is drawn at three steps of time. At this step the number x = {x} comes in from below. The step before hands on the cell state c = {c_prev} and the hidden state h = {h_prev}, one number for each of two units."],
  ["Inside the cell", "The upper line carries c through the step. Two things happen to it: a product and a sum. The lower line takes x and h to four blocks, each with weights of its own."],
  ["Forget gate", "Each unit adds up what x, h and its bias contribute. The function σ takes the sum to a number between zero and one: f = {f}. The first unit will keep {f?1} of its cell state, the second {f?2}."],
  ["What is kept", "The gate multiplies the old cell state, entry by entry: {f} times {c_prev} gives {kept}."],
  ["Input gate", "The same sum with other weights gives i = {i}, the share of the candidate that is let in."],
  ["Candidate", "The candidate g = {g} is what there is to write. It goes through tanh instead of σ, so it may be negative."],
  ["What is written", "The input gate multiplies the candidate: {i} times {g} gives {written}."],
  ["New cell state", "Kept and written are added: c = {c}. No function bounds this sum, so over many steps it can grow past one."],
  ["Output gate", "A fourth sum gives o = {o}, the share of the cell state that is shown."],
  ["New hidden state", "The cell state goes through tanh, {tanh_c}, and the output gate multiplies the result: h = {h}. The step after receives c and h, and a layer above receives h."],
  ["One multiplication", "Look into the circle in which f meets c: one unit keeps its memory by one product, {f*} times {c_prev*}, which is {kept*}. A gradient that comes back along this line is multiplied by the same {f*}."],
];
const SHARES = [[0.1, "almost nothing"], [0.4, "a small part"], [0.6, "about half"], [0.9, "most"], [1.1, "nearly all"]];

function paragraphs() {
  const filled = [];
  const placeFor = (part, code) => {
    const [, name, sort, which] = code.match(/^(\w+?)([*?]?)(\d?)$/);
    const place = sort === "?" ? tag("span") : output(`${part}_${name}_${which || "chosen"}`);
    place.classList.add(`rnn-in-${name}`); // a number has the colour of its wire
    filled.push({ place, name, sort, which: Number(which) });
    return place;
  };
  const vector = (part, name) => [tag("span", { class: "rnn-vector" }, "(", placeFor(part, `${name}1`), ", ", placeFor(part, `${name}2`), ")")];
  const pieces = (part, text) => text.split(/[{}]/).flatMap((piece, k) => {
    if (k % 2 === 0) return [piece];
    if (piece === "x") return [placeFor(part, "x1")];
    return /[*?]/.test(piece) ? [placeFor(part, piece)] : vector(part, piece);
  });
  const items = TALE.map(([title, text], k) => tag("li", {}, tag("b", {}, title), tag("p", {}, ...pieces(PARTS[k], text))));
  const show = ({ at, unit }, step) => {
    items.forEach((item, k) => (k === at - 1 ? item.setAttribute("aria-current", "step") : item.removeAttribute("aria-current")));
    for (const { place, name, sort, which } of filled) {
      const value = step[name][(which || unit) - 1];
      if (sort === "?") place.textContent = SHARES.find(([most]) => value < most)[1];
      else showText(place, brief(value), value);
    }
  };
  return { root: tag("ol", { class: "rnn-tale" }, ...items), items, show };
}

/** Whether the text stands below the picture, for want of room beside it. */
const isBelow = (text, view) => text.getBoundingClientRect().left < view.getBoundingClientRect().right;

/** Calls `reach(k)` when the page scrolls item k to the line at which it is read: beside the picture, or below it. */
function followScroll(root, items, view, reach) {
  let observer;
  const watch = () => {
    observer?.disconnect();
    const below = isBelow(items[0], view) ? view.offsetHeight : 0;
    const height = Math.round(Math.min(below + (innerHeight - below) * 0.3, innerHeight - 80));
    root.style.setProperty("--rnn-reading", `${height - 20}px`);
    let asked = false; // an observer reports at once what nobody scrolled to
    observer = new IntersectionObserver((entries) => {
      const entered = entries.filter((entry) => entry.isIntersecting);
      if (asked && entered.length) reach(items.indexOf(entered.at(-1).target));
      asked = true;
    }, { rootMargin: `-${height}px 0px -${innerHeight - height - 40}px 0px` });
    for (const item of items) observer.observe(item);
  };
  new ResizeObserver(watch).observe(view);
}

// ---- The widget.

const STYLE = `
.rnn-walk { display: block; width: 100%; max-width: 32rem; margin: 0 auto .5rem; border: 1px solid var(--rnn-line); border-radius: .3rem; }
.rnn-walk text { font-size: calc(14px * var(--rnn-letters, 1)); fill: currentColor; }
.rnn-walk .rnn-letter { font-weight: 700; font-size: calc(15px * var(--rnn-letters, 1)); }
.rnn-walk .rnn-sign { font-size: calc(16px * var(--rnn-letters, 1)); font-weight: 600; }
.rnn-walk .rnn-far text { font-size: calc(39px * var(--rnn-letters, 1)); }
.rnn-walk :is(path, polyline) { fill: none; stroke: currentColor; stroke-width: 2; }
.rnn-walk polygon { fill: currentColor; }
.rnn-walk :is(path, .rnn-block, circle).rnn-now { stroke-width: 3.6; }
.rnn-walk :is(.rnn-block, circle) { fill: var(--rnn-surface); stroke: currentColor; stroke-width: 2; }
.rnn-walk :is(path, polygon, rect, circle).rnn-edge { color: var(--rnn-line); }
.rnn-walk g.rnn-edge { color: var(--rnn-muted); }
.rnn-walk text.rnn-now { font-weight: 700; }
.rnn-walk .rnn-ground { fill: color-mix(in srgb, var(--rnn-muted) 7%, var(--rnn-surface)); }
.rnn-walk [data-part] { cursor: pointer; }
.rnn-walk [data-name="x_1"] { cursor: ew-resize; touch-action: none; text-decoration: underline dotted; }
:is(.rnn-walk, .rnn-tale) :is(.rnn-in-f, .rnn-in-kept):not(.rnn-edge) { color: var(--rnn-accent); }
:is(.rnn-walk, .rnn-tale) :is(.rnn-in-i, .rnn-in-written):not(.rnn-edge) { color: var(--rnn-warm); }
:is(.rnn-walk, .rnn-tale) .rnn-in-g:not(.rnn-edge) { color: var(--rnn-green); }
:is(.rnn-walk, .rnn-tale) :is(.rnn-in-o, .rnn-in-h):not(.rnn-edge) { color: var(--rnn-violet); }
.rnn-walk .rnn-paper { fill: var(--rnn-surface); }
.rnn-walk .rnn-inside text { font-size: calc(17px * var(--rnn-letters, 1)); }
.rnn-walk .rnn-inside .rnn-large { font-size: calc(21px * var(--rnn-letters, 1)); font-weight: 600; }
.rnn-walk .rnn-inside .rnn-small { font-size: calc(15px * var(--rnn-letters, 1)); fill: var(--rnn-muted); }
.rnn-walk .rnn-bar { fill: currentColor; fill-opacity: .8; }
.rnn-walk .rnn-inside .rnn-dot { fill: currentColor; stroke: none; }
.rnn-walk .rnn-axis { stroke: var(--rnn-muted); stroke-width: 1; }
.rnn-walk .rnn-guide { stroke: var(--rnn-text); stroke-width: 1; stroke-dasharray: 4 4; }
.rnn-walk-view .rnn-buttons { margin: .3rem 0 .6rem; }
.rnn-walk-view button { padding-inline: .5rem; white-space: nowrap; }
.rnn-walk-zoom { flex-direction: row !important; align-items: center; margin-left: auto; }
@container (min-width: 17rem) { .rnn-walk-view .rnn-buttons { flex-wrap: nowrap; gap: .35rem; } .rnn-walk-zoom select { min-width: 0; } }
.rnn-walk-result { min-height: 1.5em; font-weight: 600; } .rnn-walk-result output { white-space: normal; }
.rnn-tale output { unicode-bidi: normal; } /* else a full stop may begin the next line */
.rnn-vector { white-space: nowrap; }
.rnn-tale { margin: 0; padding: 0; list-style: none; }
.rnn-tale li { margin: 0; padding: .4rem 0 1.6rem .8rem; border-left: 3px solid var(--rnn-line); color: var(--rnn-muted); scroll-margin-top: var(--rnn-reading, 30vh); }
.rnn-tale li[aria-current] { border-color: var(--rnn-accent); color: var(--rnn-text); }
.rnn-walk-layout { grid-template-columns: minmax(0, 1fr) !important; }
.rnn-walk-view { position: sticky; top: var(--pst-header-article-height, 0px); z-index: 1; align-self: start; padding-top: 1rem; background: var(--rnn-surface); }
@container (min-width: 34rem) {
  .rnn-walk-layout { grid-template-columns: minmax(0, 1.35fr) minmax(0, 1fr) !important; }
  .rnn-tale li { padding-bottom: 2.4rem; }
}
@media (max-height: 27rem) { .rnn-walk-view { position: static; } }
`;

function inWords({ at, zoom, unit }, { step, inside }) {
  const part = PARTS[at - 1];
  const pair = (name) => `(${step[name].map(brief).join(", ")})`;
  const seen = { network: "three steps of the cell", cell: "the cell", product: `the inside of one part: ${NAMES[inside.part]} of the ${UNITS[unit - 1]}, ${brief(inside.value)}` };
  const of = { network: "x, c and h come in", inputs: "x, c and h enter" }[part] ?? `${NAMES[INSIDE[part] ?? part]} is ${pair(INSIDE[part] ?? part)}`;
  return `Stage ${at} of ${PARTS.length}, ${TALE[at - 1][0].toLowerCase()}: ${of}. The picture shows ${seen[zoom]}.`;
}

function resultOf({ at, zoom, unit }, { step, inside }) {
  if (zoom === "product") return `${NAMES[inside.part]}, ${UNITS[unit - 1]}: ${brief(inside.value)}`;
  const name = { network: "x", inputs: "c_prev", product: "kept" }[PARTS[at - 1]] ?? PARTS[at - 1];
  const far = zoom === "network";
  const said = name === "x" ? `input x: ${brief(step.x[0])}` : `${(far ? SHORT : NAMES)[name]}, ${UNITS[unit - 1]}: ${brief(step[name][unit - 1])}`;
  return `${far ? "network: " : ""}${said}`;
}

const distance = (at) => (at === 1 ? "network" : at === PARTS.length ? "product" : "cell");

/** The picture: a part that is pressed leads to its stage, and x can be dragged. */
function board(change, read, go) {
  const drawing = svg("svg", { class: "rnn-walk", role: "img" });
  drawing.addEventListener("click", ({ target }) => {
    const part = target.closest("[data-part]")?.dataset.part;
    if (part) go(PARTS.indexOf(part) + 1);
  });
  dragged(drawing, ({ dataset }) => {
    if (dataset.name !== "x_1") return null;
    const [start] = read().x;
    return (way) => change({ x: [Math.min(Math.max(Math.round(4 * (start + way / 40)) / 4, -2), 2)] });
  });
  const lookAt = camera(drawing);
  let letters = null;
  const show = (state, numbers, words) => {
    drawing.setAttribute("aria-label", words);
    drawing.replaceChildren(...picture(state, numbers));
    if (!letters && (letters = lettersOf(drawing))) drawing.style.setProperty("--rnn-letters", letters);
    lookAt(sight(state.zoom, numbers.inside.part));
  };
  return { root: drawing, show };
}

function controls(change, read, go) {
  const stage = sliderField({ label: "Stage", name: "control_at", min: 1, max: PARTS.length, step: 1, digits: 0, change: go });
  // Never disabled: scrolling would take a stop from under the reader who goes by keys.
  const back = button("Back", () => go(read().at - 1 || PARTS.length));
  const next = button("Next", () => go((read().at % PARTS.length) + 1));
  const zoom = selectField({ label: "Zoom", choices: [["network", "network"], ["cell", "cell"], ["product", "inside"]], change: (value) => change({ zoom: value }) });
  const unit = selectField({ label: "Unit looked into", choices: [["1", UNITS[0]], ["2", UNITS[1]]], change: (value) => change({ unit: Number(value) }) });
  const x = sliderField({ label: "Input x", name: "control_x", min: -2, max: 2, step: 0.25, change: (value) => change({ x: [value] }) });
  zoom.root.classList.add("rnn-walk-zoom");
  const show = (state) => {
    stage.show(state.at);
    zoom.show(state.zoom);
    unit.show(String(state.unit));
    x.show(state.x[0]);
    back.textContent = state.at === 1 ? "To the end" : "Back";
    next.textContent = state.at === PARTS.length ? "Start again" : "Next";
  };
  const along = [stage.root, tag("div", { class: "rnn-buttons" }, back, next, zoom.root)];
  return { along, step: group("Now change the step", x.root, unit.root), show };
}

function build(change, read) {
  const tale = paragraphs();
  const reach = (at) => read().at !== at && change({ at, zoom: distance(at) });
  const height = () => Math.round(tale.root.getBoundingClientRect().top);
  let resting; // where the text lay after the last move by a control: until it lies elsewhere nobody has scrolled
  const scrolledTo = (at) => height() !== resting && reach(at);
  /** A move by a control also brings its text in sight, which a move by scrolling has done. */
  const go = (at) => {
    reach(at);
    bringInSight(at);
    resting = height();
  };
  const bringInSight = (at) => {
    if (getComputedStyle(view).position !== "sticky") return; // the window is too low for both
    const { top, bottom } = tale.items[at - 1].getBoundingClientRect();
    const above = isBelow(tale.root, view) ? view.getBoundingClientRect().bottom : 0;
    if (top < above || bottom > innerHeight) tale.items[at - 1].scrollIntoView({ block: "start", behavior: "instant" });
  };
  const drawing = board(change, read, go);
  const fields = controls(change, read, go);
  const result = output("result");
  const view = tag("div", { class: "rnn-walk-view" }, drawing.root, tag("p", { class: "rnn-walk-result" }, result), ...fields.along);
  const layout = tag("div", { class: "rnn-columns rnn-walk-layout" }, view, tag("div", {}, tale.root, fields.step));
  const show = (state) => {
    const numbers = compute(state);
    const words = inWords(state, numbers);
    fields.show(state);
    tale.show(state, numbers.step);
    showText(result, resultOf(state, numbers), numbers.inside.value);
    drawing.show(state, numbers, words);
    return words;
  };
  followScroll(layout, tale.items, view, (k) => scrolledTo(k + 1));
  return { nodes: [layout], show };
}

const render = widget({ name: "lstm_walk", label: "Walk through one LSTM step", style: STYLE, keys: KEYS, check, build });

export default { render, compute };
