// What the last output of a stack of causal convolutions sees of its input, beside a recurrence whose past fades.

const SHARE = 0.95;
const LIMITS = { kernel_size: [1, 9], depth: [1, 10], growth: [1, 3], seq_len: [2, 128] };
const KEYS = [...Object.keys(LIMITS), "keep"];

// ---- Arithmetic: no element is touched here.

/** Dilation of each layer, the one next to the input first. */
const dilationsOf = ({ depth, growth }) => Array.from({ length: depth }, (_, layer) => growth ** layer);

/** The weights one layer further down: each goes to every input under its kernel. */
function spread(weights, kernel_size, dilation) {
  return weights.map((_, at) => {
    let total = 0;
    for (let tap = 0; tap < kernel_size; tap += 1) total += weights[at + tap * dilation] ?? 0;
    return total / kernel_size;
  });
}

/** How many last entries hold the share. */
function widthOf(weights) {
  let held = 0;
  let short = 0;
  for (const weight of [...weights].reverse()) {
    held += weight;
    if (held < SHARE - 1e-9) short += 1;
  }
  return short + 1;
}

function layersNeeded({ kernel_size, growth, seq_len }) {
  if (kernel_size === 1) return -1;
  let layers = 0;
  for (let seen = 1, dilation = 1; seen < seq_len; dilation *= growth) {
    seen += (kernel_size - 1) * dilation;
    layers += 1;
  }
  return layers;
}

const shares = (weights) => {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
};

/** Everything the widget shows. `levels` are the weights at the output, below each layer, and last at the input. */
function compute(state) {
  const { kernel_size, depth, seq_len, keep } = state;
  const dilations = dilationsOf(state);
  const levels = [Array.from({ length: seq_len }, (_, at) => (at === seq_len - 1 ? 1 : 0))];
  for (const dilation of [...dilations].reverse()) levels.push(spread(levels.at(-1), kernel_size, dilation));
  const paths = shares(levels.at(-1));
  const fading = shares(Array.from({ length: seq_len }, (_, at) => keep ** (seq_len - 1 - at)));
  return {
    dilations,
    levels,
    paths,
    fading,
    field: 1 + (kernel_size - 1) * dilations.reduce((sum, dilation) => sum + dilation, 0),
    reached: paths.filter((weight) => weight > 0).length,
    fading_reached: keep > 0 ? seq_len : 1,
    layers_needed: layersNeeded(state),
    width: widthOf(paths),
    fading_width: widthOf(fading),
    chain: depth,
    fading_chain: seq_len,
  };
}

function check(state) {
  for (const [key, [low, high]] of Object.entries(LIMITS)) needInteger(state, key, low, high);
  if (!(Number.isFinite(state.keep) && state.keep >= 0 && state.keep <= 1)) {
    throw new StateProblem(`keep must be a number from 0 to 1 but is ${shown(state.keep)}; set keep again.`);
  }
}

// ---- Picture: the stack with what it sees, the recurrence, and the weight of every input under each.

const [WIDTH, LEFT, RIGHT] = [360, 8, 352];
const STACK = [22, 128]; // from the output's row down to the inputs' row
const BARS = { paths: 182, fading: 278 }; // where the bars stand
const BAR_HEIGHT = 40;
const CHAIN = 222;
const MOST_EDGES = 700;

const word = (text, x, y, kind = "", anchor = "start") => svg("text", { class: kind, x, y, "text-anchor": anchor }, text);
const pitchOf = (seq_len) => (RIGHT - LEFT) / seq_len;
const center = (at, seq_len) => LEFT + pitchOf(seq_len) * (at + 0.5);

function dot(kind, x, y, pitch) {
  return svg("circle", { class: kind, cx: x, cy: y, r: Math.min(4, Math.max(pitch * 0.36, 1)) });
}

/** The rows of the stack from output to input, with the connections that matter while they are few. */
function stack({ kernel_size, seq_len }, { levels, dilations }) {
  const pitch = pitchOf(seq_len);
  const row = (level) => STACK[0] + ((STACK[1] - STACK[0]) * level) / (levels.length - 1);
  const edges = [];
  levels.slice(0, -1).forEach((weights, level) => {
    const dilation = dilations[dilations.length - 1 - level];
    weights.forEach((weight, at) => {
      for (let tap = 0; weight > 0 && tap < kernel_size; tap += 1) {
        const below = at - tap * dilation;
        if (below >= 0) edges.push([center(at, seq_len), row(level), center(below, seq_len), row(level + 1)]);
      }
    });
  });
  const lines = edges.length > MOST_EDGES ? [] : edges.map(([x1, y1, x2, y2]) => svg("line", { class: "rnn-edge", x1, y1, x2, y2 }));
  const dots = levels.flatMap((weights, level) =>
    weights.map((weight, at) => dot(weight > 0 ? "rnn-seen" : "rnn-unseen-step", center(at, seq_len), row(level), pitch)),
  );
  return [...lines, ...dots];
}

/** One row of states, each handed to the next. */
function chain({ seq_len, keep }) {
  const pitch = pitchOf(seq_len);
  const [first, last] = [center(0, seq_len), center(seq_len - 1, seq_len)];
  const states = Array.from({ length: seq_len }, (_, at) => {
    const seen = keep > 0 || at === seq_len - 1;
    return dot(seen ? "rnn-state" : "rnn-unseen-step", center(at, seq_len), CHAIN, pitch);
  });
  return [svg("line", { class: "rnn-chain", x1: first, y1: CHAIN, x2: last, y2: CHAIN }), ...states];
}

function bars(kind, weights, base) {
  const largest = Math.max(...weights);
  const pitch = pitchOf(weights.length);
  const one = (weight, at) => {
    const height = (BAR_HEIGHT * weight) / largest;
    return svg("rect", { class: kind, x: LEFT + pitch * at + pitch * 0.12, y: base - height, width: pitch * 0.76, height });
  };
  return [...weights.map(one), svg("line", { class: "rnn-ground", x1: LEFT, y1: base, x2: RIGHT, y2: base })];
}

function picture(state, result) {
  return [
    word("convolutions: the last output", LEFT, 12, "rnn-seen-word"),
    ...stack(state, result),
    word("share of the paths", LEFT, 142),
    ...bars("rnn-seen", result.paths, BARS.paths),
    word("recurrence: the last state", LEFT, 210, "rnn-state-word"),
    ...chain(state),
    word("weight of each input", LEFT, 240),
    ...bars("rnn-state", result.fading, BARS.fading),
    word("step 1", LEFT, 294),
    word(`step ${state.seq_len}`, RIGHT, 294, "", "end"),
  ];
}

function inWords(state, result) {
  return (
    `${state.depth} convolutions with kernel ${state.kernel_size} and dilations ${result.dilations.join(", ")}. The last output ` +
    `sees ${result.reached} of ${state.seq_len} inputs, and the last ${result.width} of them hold 95 percent of the paths. ` +
    `A recurrence that keeps ${fixed(state.keep, 2)} of its state sees ${result.fading_reached}, and the last ` +
    `${result.fading_width} hold 95 percent of the weight.`
  );
}

// ---- Controls and numbers.

const STYLE = `
.rnn-field-picture { display: block; width: 100%; max-width: 30rem; margin: 0 auto .8rem; }
.rnn-field-picture text { font-size: 11px; fill: var(--rnn-muted); }
.rnn-field-picture .rnn-seen-word { fill: var(--rnn-accent); font-weight: 700; }
.rnn-field-picture .rnn-state-word { fill: var(--rnn-warm); font-weight: 700; }
.rnn-seen { fill: var(--rnn-accent); } .rnn-state { fill: var(--rnn-warm); }
.rnn-unseen-step { fill: var(--rnn-surface); stroke: var(--rnn-muted); stroke-width: .7; }
.rnn-edge { stroke: var(--rnn-accent); stroke-opacity: .35; stroke-width: .8; }
.rnn-chain { stroke: var(--rnn-warm); stroke-opacity: .8; stroke-width: 1.2; }
.rnn-ground { stroke: var(--rnn-line); stroke-width: 1; }
.rnn-field-table thead th:nth-child(2) { color: var(--rnn-accent); }
.rnn-field-table thead th:nth-child(3) { color: var(--rnn-warm); }
.rnn-field-table { margin-bottom: .6rem; }
.rnn-field-dilations, .rnn-field-reset { margin-bottom: .9rem; }
`;

const NUMBERS = [
  ["steps it can see", ["field", null], integer],
  ["inputs reached here", ["reached", "fading_reached"], integer],
  ["last inputs with 95 % of the weight", ["width", "fading_width"], integer],
  ["weight of the first input, %", ["first", "fading_first"], (value) => fixed(100 * value, 3)],
  ["products one after the other", ["chain", "fading_chain"], integer],
  ["layers to see the whole sequence", ["layers_needed", null], (value) => (value < 0 ? "never" : integer(value))],
];

function numbersTable() {
  const cells = [];
  const rows = NUMBERS.map(([label, keys, write]) => {
    const columns = keys.map((key) => {
      if (!key) return tag("td", {}, keys[0] === "field" ? "all" : "–");
      const cell = output(key);
      cells.push([key, cell, write]);
      return tag("td", {}, cell);
    });
    return tag("tr", {}, tag("th", { scope: "row" }, label), ...columns);
  });
  const heads = ["the last output", "CNN", "RNN"].map((text) => tag("th", { scope: "col" }, text));
  const root = tag("table", { class: "rnn-field-table" }, tag("caption", {}, "What it sees, in numbers"), tag("thead", {}, tag("tr", {}, ...heads)), tag("tbody", {}, ...rows));
  const show = (result) => {
    const values = { ...result, first: result.paths[0], fading_first: result.fading[0] };
    for (const [key, cell, write] of cells) showText(cell, write(values[key]), values[key]);
  };
  return { root, show };
}

function wholeSlider(key, label, change) {
  const [min, max] = LIMITS[key];
  const field = sliderField({ label, name: `control_${key}`, min, max, step: 1, digits: 0, change: (value) => change({ [key]: value }) });
  return { ...field, key };
}

function controls(change, read) {
  const first = structuredClone(read());
  const fields = [
    wholeSlider("kernel_size", "Kernel size", change),
    wholeSlider("depth", "Depth (layers)", change),
    wholeSlider("growth", "Dilation, times per layer", change),
    wholeSlider("seq_len", "Time steps T", change),
    { key: "keep", ...sliderField({ label: "Kept per step", name: "control_keep", min: 0, max: 1, step: 0.01, change: (value) => change({ keep: value }) }) },
  ];
  const [kernel, depth, growth, steps, keep] = fields.map((field) => field.root);
  const dilations = tag("p", { class: "rnn-note rnn-field-dilations" });
  const reset = button("Reset", () => change(structuredClone(first)));
  const root = tag("div", {}, group("Convolutions", kernel, depth, growth), dilations, group("Sequence and recurrence", steps, keep), tag("div", { class: "rnn-buttons rnn-field-reset" }, reset));
  const show = (state, result) => {
    for (const field of fields) field.show(state[field.key]);
    dilations.textContent = `Dilations, from the input up: ${result.dilations.map(integer).join(", ")}`;
  };
  return { root, show };
}

function build(change, read) {
  const board = controls(change, read);
  const table = numbersTable();
  const drawing = svg("svg", { class: "rnn-field-picture", viewBox: `0 0 ${WIDTH} 300`, role: "img" });
  const hint = tag("p", { class: "rnn-note" }, "The share of the paths is an input's share in the last output when all weights are equal. The recurrence has one unit and no nonlinearity.");
  const show = (state) => {
    const result = compute(state);
    board.show(state, result);
    table.show(result);
    const words = inWords(state, result);
    drawing.setAttribute("aria-label", words);
    drawing.replaceChildren(...picture(state, result));
    return words;
  };
  return { nodes: [tag("div", { class: "rnn-columns" }, tag("div", {}, drawing, hint), tag("div", {}, board.root, table.root))], show };
}

const render = widget({ name: "receptive_field", label: "Receptive field explorer", style: STYLE, keys: KEYS, check, build });

export default { render, compute };
