// Small LSTMs read short reviews and go on over padding: their states, what they say, and what comes back.

const [HIDDEN, EMBEDDING] = [8, 4];
const NETWORKS = ["packed", "padded", "padded, keeps"];
const PLACES = ["behind", "in front", "masked"];
const [MOST_PADS, MOST_SENTENCES, MOST_WORDS] = [60, 6, 40];
const KEYS = ["sentences", "labels", "words", "embedding", "W_ih", "W_hh", "b", "W_hy", "b_y", "network", "place", "pads", "sentence"];

// ---- Arithmetic: no element is touched here.

const dot = (a, b) => a.reduce((sum, value, k) => sum + value * b[k], 0);
const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
const squared = (values) => dot(values, values);

/** Gates and states of every step, from a zero state: arrays of one number per unit. */
function readVectors(vectors, W_ih, W_hh, b) {
  let [h, c] = [Array(HIDDEN).fill(0), Array(HIDDEN).fill(0)];
  return vectors.map((x) => {
    const a = b.map((bias, row) => dot(W_ih[row], x) + dot(W_hh[row], h) + bias);
    const block = (k, bend) => a.slice(k * HIDDEN, (k + 1) * HIDDEN).map(bend);
    const [i, f, g, o] = [block(0, sigmoid), block(1, sigmoid), block(2, Math.tanh), block(3, sigmoid)];
    const c_prev = c;
    c = c_prev.map((old, unit) => f[unit] * old + i[unit] * g[unit]);
    const tanh_c = c.map(Math.tanh);
    h = tanh_c.map((level, unit) => o[unit] * level);
    return { i, f, g, o, c_prev, tanh_c, h };
  });
}

/** Decades of the gradient that come back over the steps to the state before them, from `weights` on the last h. */
function reaches(steps, W_hh, weights) {
  let [dh, dc] = [weights, Array(HIDDEN).fill(0)];
  for (const { i, f, g, o, c_prev, tanh_c } of [...steps].reverse()) {
    const dcStep = dc.map((value, k) => value + dh[k] * o[k] * (1 - tanh_c[k] ** 2));
    const da = [
      ...dcStep.map((value, k) => value * g[k] * i[k] * (1 - i[k])),
      ...dcStep.map((value, k) => value * c_prev[k] * f[k] * (1 - f[k])),
      ...dcStep.map((value, k) => value * i[k] * (1 - g[k] ** 2)),
      ...dh.map((value, k) => value * tanh_c[k] * o[k] * (1 - o[k])),
    ];
    dh = dh.map((_, unit) => da.reduce((sum, value, row) => sum + value * W_hh[row][unit], 0));
    dc = dcStep.map((value, k) => value * f[k]);
  }
  return 0.5 * Math.log10((squared(dh) + squared(dc)) / squared(weights));
}

/** One sentence with padding: states, probabilities, the last word's step, and what comes back to it. */
function readSentence(text, { words, embedding, W_ih, W_hh, b, W_hy, b_y, network, place, pads }) {
  const n = NETWORKS.indexOf(network);
  const vectors = text.split(" ").map((word) => embedding[words.indexOf(word)][n]);
  const padding = Array.from({ length: pads }, () => Array(EMBEDDING).fill(0));
  const parts = { behind: [...vectors, ...padding], "in front": [...padding, ...vectors], masked: vectors }[place];
  const steps = readVectors(parts, W_ih[n], W_hh[n], b[n]);
  const last = steps.at(-1);
  // Masked, a padding step hands the state on as it is.
  const h = [...steps.map((step) => step.h), ...Array.from({ length: place === "masked" ? pads : 0 }, () => last.h)];
  const last_word = vectors.length + (place === "in front" ? pads : 0);
  return {
    last_word,
    h,
    friendly: h.map((state) => sigmoid(dot(W_hy[n], state) + b_y[n])),
    forget: mean(last.f),
    written: mean(last.i),
    reaches: reaches(steps.slice(last_word), W_hh[n], W_hy[n]),
  };
}

function spread(states) {
  const middle = states[0].map((_, unit) => mean(states.map((state) => state[unit])));
  return Math.sqrt(mean(states.map((state) => squared(state.map((value, unit) => value - middle[unit])))));
}

/** Every sentence read, and how far their states lie apart after the last word and where they are read. */
function compute(state) {
  const readings = state.sentences.map((text) => readSentence(text, state));
  return {
    readings,
    apart_word: spread(readings.map(({ h, last_word }) => h[last_word - 1])),
    apart_read: spread(readings.map(({ h }) => h.at(-1))),
  };
}

function needTextList(state, key, least, most) {
  const value = state[key];
  const fits = Array.isArray(value) && value.length >= least && value.length <= most;
  if (!fits || !value.every((text) => typeof text === "string" && text) || new Set(value).size !== value.length) {
    throw new StateProblem(`${key} must be ${least} to ${most} different texts but is ${shown(value)}; set ${key} again.`);
  }
}

/** `inner` is the shape below the first axis. */
function needStack(state, key, count, inner) {
  const fits = (value, [length, ...rest]) =>
    length === undefined ? Number.isFinite(value) : Array.isArray(value) && value.length === length && value.every((part) => fits(part, rest));
  if (!fits(state[key], [count, ...inner])) {
    throw new StateProblem(`${key} must be finite numbers of shape ${[count, ...inner].join(" × ")}; set ${key} again.`);
  }
}

function check(state) {
  needTextList(state, "sentences", 2, MOST_SENTENCES);
  needTextList(state, "words", 1, MOST_WORDS);
  needVector(state, "labels", state.sentences.length);
  needStack(state, "embedding", state.words.length, [NETWORKS.length, EMBEDDING]);
  needStack(state, "W_ih", NETWORKS.length, [4 * HIDDEN, EMBEDDING]);
  needStack(state, "W_hh", NETWORKS.length, [4 * HIDDEN, HIDDEN]);
  needStack(state, "b", NETWORKS.length, [4 * HIDDEN]);
  needStack(state, "W_hy", NETWORKS.length, [HIDDEN]);
  needStack(state, "b_y", NETWORKS.length, []);
  needChoice(state, "network", NETWORKS);
  needChoice(state, "place", PLACES);
  needInteger(state, "pads", 0, MOST_PADS);
  needInteger(state, "sentence", 1, state.sentences.length);
  const unknown = state.sentences.flatMap((text) => text.split(" ")).find((word) => !state.words.includes(word));
  if (unknown !== undefined) throw new StateProblem(`sentences holds ${shown(unknown)}, which is not in words; set sentences again.`);
}

// ---- Picture: above, the probability after each step of every sentence; below, the units of the chosen one.

const [WIDTH, HEIGHT] = [420, 330];
const BOX = { left: 34, right: 10 };
const UPPER = { top: 24, bottom: 142 };
const LOWER = { top: 178, bottom: 296 };
const word = (text, x, y, kind = "rnn-tick", anchor = "middle") => svg("text", { class: kind, x, y, "text-anchor": anchor }, text);

/** Steps count from the last word, which is step 0: padding behind it lies to the right. */
function picture({ labels, sentence }, { readings }) {
  const from = Math.min(...readings.map(({ last_word }) => 1 - last_word));
  const to = Math.max(...readings.map(({ h, last_word }) => h.length - last_word));
  const across = (step) => BOX.left + ((step - from) / Math.max(to - from, 1)) * (WIDTH - BOX.left - BOX.right);
  const scale = (value, least, most, { top, bottom }) => bottom - ((value - least) / (most - least)) * (bottom - top);
  const says = (value) => scale(value, 0, 1, UPPER);
  const holds = (value) => scale(value, -1, 1, LOWER);
  const line = (values, last_word, up, kind) =>
    svg("polyline", { class: `rnn-track ${kind}`, points: values.map((value, t) => `${across(t + 1 - last_word).toFixed(1)},${up(value).toFixed(1)}`).join(" ") });
  const level = (value, up, digits) => [
    svg("line", { class: "rnn-grid", x1: BOX.left, x2: WIDTH - BOX.right, y1: up(value), y2: up(value) }),
    word(fixed(value, digits), BOX.left - 5, up(value) + 4, "rnn-tick", "end"),
  ];
  const side = (index) => (labels[index] ? "rnn-friendly" : "rnn-unfriendly");
  const here = readings[sentence - 1];
  const order = [...readings.keys()].filter((index) => index !== sentence - 1);
  const every = to - from > 40 ? 20 : to - from > 20 ? 10 : 5;
  const ticks = Array.from({ length: to - from + 1 }, (_, k) => from + k).filter((step) => step % every === 0);
  return [
    ...[0, 0.5, 1].flatMap((value) => level(value, says, 1)),
    ...[-1, 0, 1].flatMap((value) => level(value, holds, 0)),
    svg("line", { class: "rnn-cursor", x1: across(0), x2: across(0), y1: UPPER.top, y2: LOWER.bottom }),
    ...order.map((index) => line(readings[index].friendly, readings[index].last_word, says, `${side(index)} rnn-others`)),
    line(here.friendly, here.last_word, says, side(sentence - 1)),
    svg("circle", { class: `rnn-dot ${side(sentence - 1)}`, cx: across(here.h.length - here.last_word), cy: says(here.friendly.at(-1)), r: 4.5 }),
    ...Array.from({ length: HIDDEN }, (_, unit) => line(here.h.map((state) => state[unit]), here.last_word, holds, "rnn-unit")),
    word("probability of friendly", BOX.left, 14, "rnn-tick", "start"),
    word("eight units of h", BOX.left, 168, "rnn-tick", "start"),
    ...ticks.map((step) => word(integer(step), across(step), HEIGHT - 18)),
    word("steps from the last word", (BOX.left + WIDTH - BOX.right) / 2, HEIGHT - 3),
  ];
}

function inWords({ sentences, sentence, pads, place }, { readings, apart_word, apart_read }) {
  const { friendly, last_word } = readings[sentence - 1];
  return (
    `"${sentences[sentence - 1]}" with ${pads} padding steps ${PLACE_WORDS[place]}: probability of friendly ${fixed(friendly[last_word - 1], 3)} after the last word, ` +
    `${fixed(friendly.at(-1), 3)} where it is read. The states of all sentences lie ${fixed(apart_word, 3)} apart after the last word, ${fixed(apart_read, 3)} where they are read.`
  );
}

// ---- Controls and numbers.

const STYLE = `
.rnn-pad-picture { display: block; width: 100%; max-width: 34rem; margin: 0 auto .8rem; }
.rnn-track { fill: none; stroke: currentColor; stroke-width: 2.2; stroke-linejoin: round; }
.rnn-track.rnn-others { stroke-width: 1.2; stroke-opacity: .8; }
.rnn-track.rnn-unit { color: var(--rnn-green); stroke-width: 1.2; }
.rnn-dot { fill: currentColor; stroke: var(--rnn-surface); stroke-width: 1; }
.rnn-grid { stroke: var(--rnn-line); stroke-width: .7; }
.rnn-cursor { stroke: var(--rnn-muted); stroke-width: 1.2; stroke-dasharray: 4 3; }
.rnn-tick { font-size: 13px; fill: var(--rnn-muted); }
.rnn-friendly { color: var(--rnn-accent); } .rnn-unfriendly { color: var(--rnn-warm); }
.rnn-pad-text { margin-bottom: .9rem; overflow-wrap: anywhere; }
.rnn-pad-text .rnn-pad { color: var(--rnn-muted); }
.rnn-pad-table, .rnn-pad-field { margin-bottom: .9rem; }
.rnn-pad-table th[scope="row"] { color: inherit; text-align: left; }
`;

const NETWORK_WORDS = {
  packed: "trained without padding",
  padded: "trained with padding, default start",
  "padded, keeps": "trained with padding, chrono start",
};
const PLACE_WORDS = { behind: "on the right, read like words", "in front": "on the left, read like words", masked: "on the right, masked" };
const ROWS = [
  ["word", "friendly, at the last word"],
  ["read", "friendly, where it is read"],
  ["apart_word", "distance of sentences, last word"],
  ["apart_read", "distance of sentences, where read"],
  ["reaches", "gradient back to last word, decades"],
  ["forget", "forget gate, last step"],
  ["written", "input gate, last step"],
  ["length", "steps"],
];

function numbersTable() {
  const cells = {};
  const rows = ROWS.map(([name, label]) => {
    cells[name] = output(name);
    return tag("tr", {}, tag("th", { scope: "row" }, label), tag("td", {}, cells[name]));
  });
  const root = tag("table", { class: "rnn-pad-table" }, tag("tbody", {}, ...rows));
  const show = ({ sentence }, { readings, apart_word, apart_read }) => {
    const { friendly, last_word, h, reaches, forget, written } = readings[sentence - 1];
    const values = { word: friendly[last_word - 1], read: friendly.at(-1), apart_word, apart_read, reaches, forget, written };
    for (const [name, value] of Object.entries(values)) showText(cells[name], fixed(value, name === "reaches" ? 1 : 3), value);
    showText(cells.length, integer(h.length), h.length);
  };
  return { root, show };
}

/** The sentence with its padding, a dot for each step; a screen reader hears their number. */
function laidOut({ sentences, sentence, pads, place }) {
  const dots = pads ? [tag("span", { class: "rnn-pad", "aria-hidden": "true" }, "·".repeat(pads)), tag("span", { class: "rnn-unseen" }, `${pads} padding steps`)] : [];
  const text = sentences[sentence - 1];
  return place === "in front" ? [...dots, ` ${text}`] : [`${text} `, ...dots];
}

function build(change, read) {
  const first = structuredClone(read());
  const texts = Array.isArray(first.sentences) ? first.sentences : [];
  const pads = sliderField({ label: "Padding steps", name: "control_pads", min: 0, max: MOST_PADS, step: 1, digits: 0, change: (value) => change({ pads: value }) });
  const sentence = selectField({ label: "Sentence", choices: texts.map((text, k) => [String(k + 1), text]), change: (value) => change({ sentence: Number(value) }) });
  const network = selectField({ label: "Network", choices: NETWORKS.map((name) => [name, NETWORK_WORDS[name]]), change: (value) => change({ network: value }) });
  const place = selectField({ label: "Padding", choices: PLACES.map((name) => [name, PLACE_WORDS[name]]), change: (value) => change({ place: value }) });
  for (const field of [pads, sentence, network, place]) field.root.classList.add("rnn-pad-field");
  const reset = button("Reset", () => change(structuredClone(first)));
  const drawing = svg("svg", { class: "rnn-pad-picture", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img" });
  const text = tag("p", { class: "rnn-pad-text" });
  const table = numbersTable();
  const hint = tag("p", { class: "rnn-note" }, "The dashed line marks the last word. The bold line is the chosen sentence, the thin lines are the others; the friendly ones are blue.");
  const show = (state) => {
    const result = compute(state);
    pads.show(state.pads);
    sentence.show(String(state.sentence));
    network.show(state.network);
    place.show(state.place);
    table.show(state, result);
    text.replaceChildren(...laidOut(state));
    const words = inWords(state, result);
    drawing.setAttribute("aria-label", words);
    drawing.replaceChildren(...picture(state, result));
    return words;
  };
  const left = tag("div", {}, drawing, pads.root, text);
  const right = tag("div", {}, sentence.root, network.root, place.root, tag("div", { class: "rnn-buttons rnn-pad-field" }, reset), table.root, hint);
  return { nodes: [tag("div", { class: "rnn-columns" }, left, right)], show };
}

const render = widget({ name: "padding_explorer", label: "Padding explorer", style: STYLE, keys: KEYS, check, build });

export default { render, compute };
