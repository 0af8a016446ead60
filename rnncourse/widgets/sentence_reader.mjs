// A small bidirectional GRU reads what is typed, word by word. Nothing leaves the page: the weights came with it.

const MOST_WORDS = 64;
const MOST_CHARACTERS = 10000;
const VIEWS = { moves: "how each word moves the states", depends: "what the answer depends on" };
const KEYS = ["text", "at", "view", "examples", "words", "classes", "weights", "embedding_dim", "hidden_size", "held_out"];
const DIRECTIONS = ["forward", "backward"];

// ---- Arithmetic: no element is touched here.

/** Lower case, runs of letters and digits with apostrophes inside: the rule of the training texts. */
const tokenise = (text) => text.toLowerCase().replaceAll("’", "'").match(/[\p{L}\p{N}]+(?:'[\p{L}\p{N}]+)*/gu) ?? [];

/** Name and shape of each array in `weights`. A matrix is one float32 per row and then int8; a vector is float32. */
function layout({ words, classes, embedding_dim, hidden_size }) {
  const gates = 3 * hidden_size;
  const way = (name) => [[`${name}.W_ih`, gates, embedding_dim], [`${name}.W_hh`, gates, hidden_size], [`${name}.b_ih`, gates], [`${name}.b_hh`, gates]];
  return [["embedding", words.length + 1, embedding_dim], ...DIRECTIONS.flatMap(way), ["W_hy", classes.length, 2 * hidden_size], ["b_y", classes.length]];
}

const sizeOf = ([, rows, columns = 0]) => 4 * rows + rows * columns;

function takeArray(view, at, [, rows, columns]) {
  const scales = Float64Array.from({ length: rows }, (_, row) => view.getFloat32(at + 4 * row, true));
  if (columns === undefined) return scales;
  const start = at + 4 * rows;
  return Float64Array.from({ length: rows * columns }, (_, k) => scales[Math.floor(k / columns)] * view.getInt8(start + k));
}

function unpack(state) {
  let bytes;
  try {
    bytes = Uint8Array.from(atob(state.weights), (letter) => letter.charCodeAt(0));
  } catch {
    throw new StateProblem("weights must be base64 but is not; set weights again.");
  }
  const arrays = layout(state);
  const wanted = arrays.reduce((sum, array) => sum + sizeOf(array), 0);
  if (bytes.length !== wanted) {
    throw new StateProblem(`weights must hold ${integer(wanted)} bytes for these words and sizes but holds ${integer(bytes.length)}; set weights again.`);
  }
  const view = new DataView(bytes.buffer);
  const network = { row: new Map(state.words.map((word, k) => [word, k + 1])), last: { ids: [], logits: [] } };
  let at = 0;
  for (const array of arrays) {
    network[array[0]] = takeArray(view, at, array);
    if (!network[array[0]].every(Number.isFinite)) throw new StateProblem(`weights must be finite but ${array[0]} is not; set weights again.`);
    at += sizeOf(array);
  }
  // What each word gives to each direction, computed when the word is first met.
  for (const name of DIRECTIONS) network[`${name}.given`] = new Map();
  return network;
}

const PARTS = ["weights", "words", "classes", "embedding_dim", "hidden_size"];
let kept = {};

/** The arrays of a state. The last ones are kept: typing does not unpack them again. */
function networkOf(state) {
  if (!PARTS.every((key) => kept[key] === state[key])) {
    kept = { network: unpack(state), ...Object.fromEntries(PARTS.map((key) => [key, state[key]])) };
  }
  return kept.network;
}

/** matrix · vector + bias; `from` is where the vector begins in its array. */
function affine(matrix, vector, bias, from, width) {
  const made = new Float64Array(bias);
  for (let row = 0, k = 0; row < made.length; row += 1) {
    let sum = 0;
    for (let column = 0; column < width; column += 1, k += 1) sum += matrix[k] * vector[from + column];
    made[row] += sum;
  }
  return made;
}

function inputTerm(network, name, id, width) {
  const known = network[`${name}.given`];
  if (!known.has(id)) known.set(id, affine(network[`${name}.W_ih`], network.embedding, network[`${name}.b_ih`], id * width, width));
  return known.get(id);
}

/** One step of a GRU in torch's convention: gates r, z and candidate n. A tape keeps what the way back needs. */
function gruStep(weights, bias, given, h, tape) {
  const size = h.length;
  const recurrent = affine(weights, h, bias, 0, size);
  const next = new Float64Array(size);
  const kept = tape && { before: h, r: new Float64Array(size), z: new Float64Array(size), n: new Float64Array(size), q: recurrent.subarray(2 * size) };
  for (let unit = 0; unit < size; unit += 1) {
    const r = sigmoid(given[unit] + recurrent[unit]);
    const z = sigmoid(given[size + unit] + recurrent[size + unit]);
    const n = Math.tanh(given[2 * size + unit] + r * recurrent[2 * size + unit]); // the reset gate comes after the product
    next[unit] = (1 - z) * n + z * h[unit];
    if (kept) [kept.r[unit], kept.z[unit], kept.n[unit]] = [r, z, n];
  }
  if (kept) tape.push(kept);
  return next;
}

/** States after each of the ids, the zero state in front. */
function statesOf(network, name, ids, { embedding_dim, hidden_size }, tape) {
  const [weights, bias] = [network[`${name}.W_hh`], network[`${name}.b_hh`]];
  const states = [new Float64Array(hidden_size)];
  for (const id of ids) states.push(gruStep(weights, bias, inputTerm(network, name, id, embedding_dim), states.at(-1), tape));
  return states;
}

/** vector · matrix, added to `made`. */
function addBack(made, matrix, vector) {
  vector.forEach((value, row) => {
    for (let column = 0; column < made.length; column += 1) made[column] += value * matrix[row * made.length + column];
  });
}

/** One step back: from dL/dh after it to dL/dh before it, and what it adds to dL/dx. */
function gruStepBack({ before, r, z, n, q }, dh, W_ih, W_hh, dx) {
  const size = dh.length;
  const [given, recurrent] = [new Float64Array(3 * size), new Float64Array(3 * size)];
  for (let unit = 0; unit < size; unit += 1) {
    const candidate = dh[unit] * (1 - z[unit]) * (1 - n[unit] ** 2);
    given[unit] = candidate * q[unit] * r[unit] * (1 - r[unit]);
    given[size + unit] = dh[unit] * (before[unit] - n[unit]) * z[unit] * (1 - z[unit]);
    given[2 * size + unit] = candidate;
  }
  recurrent.set(given);
  for (let unit = 0; unit < size; unit += 1) recurrent[2 * size + unit] *= r[unit];
  addBack(dx, W_ih, given);
  const earlier = dh.map((value, unit) => value * z[unit]);
  addBack(earlier, W_hh, recurrent);
  return earlier;
}

/** For each word of a tape, unit by unit, the product of the update gates of the words read after it. */
function heldBy(tape, size) {
  const held = [];
  let product = new Float64Array(size).fill(1);
  for (let k = tape.length - 1; k >= 0; k -= 1) {
    held[k] = product;
    product = product.map((value, unit) => value * tape[k].z[unit]);
  }
  return held;
}

/**
 * What the lead of the named class over the next one depends on: the norm of its gradient by the vector of each word. And
 * of each word, how much of the state after it the update gates of either direction have kept to the end.
 */
function lookBack(network, tapes, logits, { embedding_dim, hidden_size }) {
  if (!logits.length) return { slopes: [], held: { forward: [], backward: [] } };
  const [best, next] = logits.map((_, k) => k).sort((a, b) => logits[b] - logits[a]);
  const lead = Float64Array.from({ length: 2 * hidden_size }, (_, k) => network.W_hy[best * 2 * hidden_size + k] - network.W_hy[next * 2 * hidden_size + k]);
  const slopes = tapes[0].map(() => new Float64Array(embedding_dim));
  DIRECTIONS.forEach((name, way) => {
    let dh = lead.slice(way * hidden_size, (way + 1) * hidden_size);
    for (let k = slopes.length - 1; k >= 0; k -= 1) {
      const dx = slopes[way ? slopes.length - 1 - k : k];
      dh = gruStepBack(tapes[way][k], dh, network[`${name}.W_ih`], network[`${name}.W_hh`], dx);
    }
  });
  const [ahead, back] = tapes.map((tape) => heldBy(tape, hidden_size));
  return { slopes: slopes.map((dx) => Math.hypot(...dx)), held: { forward: ahead, backward: back.reverse() } };
}

function softmax(logits) {
  const top = Math.max(...logits);
  const raised = Array.from(logits, (logit) => Math.exp(logit - top));
  const sum = raised.reduce((total, value) => total + value, 0);
  return raised.map((value) => value / sum);
}

const distance = (a, b) => Math.sqrt(a.reduce((sum, value, k) => sum + (value - b[k]) ** 2, 0));
const moves = (states) => states.slice(1).map((state, k) => distance(state, states[k]));

/** All words of the text, how many of them are read; of those the changes of state and the belief after each. */
function readText(state) {
  const network = networkOf(state);
  const every = tokenise(state.text);
  const words = every.slice(0, MOST_WORDS);
  const known = words.map((word) => network.row.has(word));
  const count = Math.min(state.at || words.length, words.length);
  const ids = words.slice(0, count).map((word) => network.row.get(word) ?? 0);
  const tapes = [[], []];
  const forward = statesOf(network, "forward", ids, state, tapes[0]);
  const backward = statesOf(network, "backward", [...ids].reverse(), state, tapes[1]);
  // After t words the other direction starts at word t: each beginning is a sentence of its own. Those that the last
  // reading began with are not read again, so that a word at the end costs one pass, not one per word.
  const { last } = network;
  const fresh = ids.findIndex((id, k) => id !== last.ids[k]);
  const again = fresh < 0 ? ids.length : fresh;
  const logits = ids.map((_, k) => {
    if (k < again) return last.logits[k];
    const end = k === ids.length - 1 ? backward : statesOf(network, "backward", ids.slice(0, k + 1).reverse(), state);
    const ends = [...forward[k + 1], ...end.at(-1)];
    return [...affine(network.W_hy, ends, network.b_y, 0, ends.length)];
  });
  network.last = { ids, logits };
  const beliefs = logits.map(softmax);
  return { words, known, count, left_out: every.length - words.length, forward: moves(forward), backward: moves(backward).reverse(), logits, beliefs, tapes };
}

/** What a reading tells, and what its answer rests on: a way back through all words, which is walked where it is shown. */
function compute(state) {
  const { tapes, ...reading } = readText(state);
  return { ...reading, ...lookBack(networkOf(state), tapes, reading.logits.at(-1) ?? [], state) };
}

function needTexts(state, key, least, most, longest) {
  const value = state[key];
  const fits = (text) => typeof text === "string" && text.length > 0 && text.length <= 2 * longest;
  if (!Array.isArray(value) || value.length < least || value.length > most || !value.every(fits) || new Set(value).size < value.length) {
    throw new StateProblem(`${key} must be ${least} to ${integer(most)} different texts; set ${key} again.`);
  }
}

function check(state) {
  const { text, weights } = state;
  if (typeof text !== "string" || (text.length > MOST_CHARACTERS && [...text].length > MOST_CHARACTERS)) {
    throw new StateProblem(`text must be a text of at most ${integer(MOST_CHARACTERS)} characters; set text again.`);
  }
  needInteger(state, "at", 0, MOST_WORDS);
  needChoice(state, "view", Object.keys(VIEWS));
  needTexts(state, "examples", 0, 8, 200);
  needTexts(state, "words", 1, 5000, 40);
  needTexts(state, "classes", 2, 12, 20);
  needInteger(state, "embedding_dim", 1, 128);
  needInteger(state, "hidden_size", 1, 128);
  needVector(state, "held_out", 3);
  if (typeof weights !== "string") throw new StateProblem(`weights must be base64 but is ${shown(weights)}; set weights again.`);
  networkOf(state);
}

// ---- What is said of a reading.

const percent = (probability, digits = 1) => `${fixed(100 * probability, digits)} %`;
const plural = (count, word) => `${integer(count)} ${word}${count === 1 ? "" : "s"}`;
const bestOf = (belief) => belief.indexOf(Math.max(...belief));

/** Where the reading stands, in a few words. */
function stand({ words, known, count }) {
  if (!words.length) return "Type a sentence.";
  const read = count < words.length ? `after ${count} of ${plural(words.length, "word")}` : `after ${words.length === 1 ? "the only word" : `all ${integer(count)} words`}`;
  const unknown = known.slice(0, count).filter((is) => !is).length;
  if (!unknown) return read;
  return unknown < count ? `${read}, ${integer(unknown)} of them unknown` : `${read}: it knows none of them, and this is what it believes of unknown words`;
}

/** What a reader should know of the words themselves. */
function remarks({ words, known, left_out }) {
  const unknown = [...new Set(words.filter((_, k) => !known[k]))];
  const listed = unknown.slice(0, 5).map((word) => `“${word}”`).join(", ");
  const parts = [];
  if (unknown.length) parts.push(`Not known, and all read as one and the same unknown word: ${listed}${unknown.length > 5 ? ` and ${unknown.length - 5} more` : ""}.`);
  if (left_out) parts.push(`Only the first ${MOST_WORDS} words are read; ${plural(left_out, "word")} at the end ${left_out === 1 ? "is" : "are"} left out.`);
  return parts.join(" ");
}

function provenance({ words, held_out }) {
  const [sentences, before, after] = held_out;
  const origin = sentences ? `Trained on generated sentences; it knows ${plural(words.length, "word")} and nothing else of the language.` : `A made-up network of ${plural(words.length, "word")}, not trained.`;
  const score = sentences ? ` On ${integer(sentences)} generated sentences held out it is right in ${fixed(after, 2)} %; in ${fixed(before, 2)} % before its weights were rounded to bytes.` : "";
  return `${origin}${score} It is computed here: nothing you type leaves the page.`;
}

// ---- Controls and numbers.

const STYLE = `
.rnn-read-text { margin-bottom: .6rem; }
textarea { display: block; width: 100%; min-height: 4.2rem; margin: 0; padding: .45rem .6rem; resize: vertical;
  font: inherit; font-size: 1.1em; color: inherit; background: var(--rnn-surface);
  border: 1px solid var(--rnn-muted); border-radius: .3rem; }
textarea:focus-visible, .rnn-read-scroll:focus-visible { outline: 3px solid var(--rnn-accent); outline-offset: 2px; }
.rnn-read-examples { display: flex; flex-wrap: wrap; gap: .4rem; margin-bottom: .6rem; }
.rnn-read-examples button { text-align: left; line-height: 1.3; border-style: dashed; }
.rnn-read-buttons { margin-bottom: .9rem; }
.rnn-read-verdict { margin-bottom: .7rem; padding: .5rem .8rem; border-left: .3rem solid var(--rnn-violet); }
.rnn-read-verdict output { display: block; font-size: 1.5em; font-weight: 600; line-height: 1.25; white-space: normal; }
.rnn-read-classes { display: grid; grid-template-columns: auto minmax(0, 1fr) 4.2em; gap: .3rem .6rem; align-items: center; margin-bottom: .9rem; }
.rnn-read-classes output { text-align: right; }
.rnn-read-classes .rnn-best { font-weight: 700; }
.rnn-read-track { height: .95rem; border-radius: .2rem; background: color-mix(in srgb, var(--rnn-line) 45%, transparent); overflow: hidden; }
.rnn-read-track span { display: block; height: 100%; background: var(--rnn-violet); transform-origin: left; }
.rnn-read-slider { margin-bottom: .4rem; } .rnn-field:has(> select) { margin-bottom: .7rem; }
.rnn-read-scroll { max-height: 29rem; overflow-y: auto; margin-bottom: .7rem; }
.rnn-read-words { table-layout: fixed; }
.rnn-read-words thead { position: sticky; top: 0; z-index: 1; background: var(--rnn-surface); }
.rnn-read-words :is(th, td) { padding: 0 .12rem; height: 1.75rem; vertical-align: middle; border-top: 0; }
.rnn-read-words tbody tr + tr :is(.rnn-word, .rnn-forward, .rnn-backward) { border-top: 1px solid color-mix(in srgb, var(--rnn-line) 50%, transparent); }
.rnn-read-words thead th { vertical-align: bottom; padding-bottom: .3rem; text-align: center; font-size: .88em; line-height: 1.2; }
.rnn-read-words thead .rnn-over { height: auto; font-weight: 600; color: var(--rnn-text); }
.rnn-read-words thead th:first-child { text-align: left; padding-left: .45rem; }
.rnn-read-words thead .rnn-forward { text-align: left; } .rnn-read-words thead .rnn-backward { text-align: right; }
.rnn-upright { display: inline-block; writing-mode: vertical-rl; transform: rotate(180deg); line-height: 1.15; }
.rnn-forward { color: var(--rnn-accent); } .rnn-backward { color: var(--rnn-warm); }
.rnn-read-words tbody .rnn-forward { border-left: 1px solid var(--rnn-muted); padding-left: 0; padding-right: .35rem; }
.rnn-read-words tbody .rnn-backward { padding-right: 0; }
.rnn-read-words .rnn-word { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; text-align: left; padding-left: .45rem; }
.rnn-read-words tr.rnn-later .rnn-word { color: var(--rnn-muted); font-style: italic; }
.rnn-read-words tr.rnn-now .rnn-word { font-weight: 700; box-shadow: inset .2rem 0 0 var(--rnn-violet); }
.rnn-strange { text-decoration: underline dotted var(--rnn-alarm) 2px; text-underline-offset: .2em; }
.rnn-strange::after { content: " ?"; color: var(--rnn-alarm); font-weight: 700; }
.rnn-bar { display: block; height: .85rem; background: currentColor; transform-origin: left; }
.rnn-forward .rnn-bar { border-radius: 0 .15rem .15rem 0; } .rnn-backward .rnn-bar { border-radius: .15rem 0 0 .15rem; transform-origin: right; }
.rnn-heat { box-shadow: inset 0 0 0 1px color-mix(in srgb, var(--rnn-line) 50%, transparent); }
.rnn-read-words .rnn-heat { padding: 0; } .rnn-heat > span:first-child { display: block; height: 1.75rem; background: var(--rnn-violet); }
.rnn-depends { color: var(--rnn-violet); }
.rnn-read-words td.rnn-share { padding-right: .3rem; color: var(--rnn-text); font-size: .9em; }
.rnn-read-words tbody .rnn-held { padding: .15rem .35rem; border-left: 1px solid var(--rnn-line); }
.rnn-read-words thead .rnn-held { text-align: center; }
.rnn-held svg { display: block; width: 100%; height: 1.3rem; fill: currentColor; }
.rnn-read-steps { margin-bottom: .7rem; }
.rnn-read-steps output { white-space: normal; }
.rnn-read-steps th { font-weight: 600; }
.rnn-read-remarks { color: var(--rnn-alarm); margin-bottom: .5rem; font-size: .93em; overflow-wrap: anywhere; }
.rnn-read-remarks:empty { display: none; }
@media (prefers-reduced-motion: no-preference) { .rnn-bar, .rnn-read-track span { transition: scale .15s; } .rnn-heat > span:first-child { transition: opacity .15s; } }
[data-typed] :is(.rnn-bar, .rnn-read-track span, .rnn-heat > span:first-child) { transition: none; } /* so many bars in motion hold up the next key */
@container (min-width: 34rem) { .rnn-columns { grid-template-columns: minmax(0, 4fr) minmax(0, 5fr); } }
`;

/** The text field. A letter is on the page before what has been typed is read, all of it, and once for quick letters. */
function textField(change) {
  const id = newId();
  const input = tag("textarea", { id, rows: 2, maxlength: MOST_CHARACTERS, spellcheck: "false", autocomplete: "off", "aria-describedby": `${id}-why` });
  const why = tag("p", { id: `${id}-why`, class: "rnn-read-remarks" });
  let unread = false;
  const hand = () => {
    unread = false;
    change({ text: input.value, at: 0 });
  };
  input.addEventListener("input", () => {
    if (!unread) requestAnimationFrame(() => setTimeout(hand));
    unread = true;
  });
  keepKeys(input);
  const show = (text, remark) => {
    if (input.value !== text && !unread) input.value = text;
    writeText(why, remark);
  };
  return { root: tag("div", { class: "rnn-field rnn-read-text" }, tag("label", { for: id }, "Your sentence"), input), why, show };
}

/** An order of the words, drawn by chance, that is another one if there is another. */
function shuffled(words, draw) {
  const order = [...words];
  for (let tries = 0; tries < 100; tries += 1) {
    for (let k = order.length - 1; k > 0; k -= 1) {
      const other = Math.floor(draw() * (k + 1));
      [order[k], order[other]] = [order[other], order[k]];
    }
    if (order.some((word, k) => word !== words[k])) break;
  }
  return order;
}

/** Another order of the words, examples, and the ways back. An example that is there already is read once more. */
function textButtons(change, read, again) {
  const first = structuredClone(read());
  const draw = draws(7); // the same orders for each reader of the page
  let before = null; // the text that was shuffled
  const examples = (Array.isArray(first.examples) ? first.examples : []).map((text) => button(text, () => (text === read().text ? again() : change({ text, at: 0 }))));
  const shuffle = button("Shuffle the words", () => {
    const { text } = read();
    before = before?.made === text ? before : { text };
    before.made = shuffled(tokenise(text), draw).join(" ");
    change({ text: before.made, at: 0 });
  });
  const undo = button("Undo the shuffle", () => change({ text: before.text, at: 0 }));
  const reset = button("Reset", () => change({ text: first.text, at: first.at }));
  const row = tag("div", { class: "rnn-buttons rnn-read-buttons" }, shuffle, undo);
  const list = tag("div", { class: "rnn-read-examples", role: "group", "aria-label": "Examples" }, ...examples);
  const root = tag("div", {}, row, list, tag("div", { class: "rnn-buttons rnn-read-buttons" }, reset));
  const show = ({ text }, { words }) => {
    shuffle.disabled = new Set(words).size < 2;
    undo.disabled = before?.made !== text;
  };
  return { root, show };
}

/** How much of its width a bar fills. It is scaled, not laid out: a page would be laid out anew for each step of the way. */
const writeShare = (bar, share) => writeStyle(bar, "scale", `${Number(share.toFixed(3))} 1`);

/** The verdict. Who cannot see it hears what `show` returns, once the typing has paused. */
function verdict(classes) {
  const answer = output("predicted");
  const where = tag("p", { class: "rnn-note" });
  const rows = classes.map((name) => {
    const number = output(`probability_${name}`);
    const bar = tag("span");
    return { number, bar, name: tag("span", {}, name), nodes: [tag("div", { class: "rnn-read-track", "aria-hidden": "true" }, bar), number] };
  });
  const list = tag("div", { class: "rnn-read-classes", role: "group", "aria-label": "Probability of each class" }, ...rows.flatMap((row) => [row.name, ...row.nodes]));
  const root = tag("div", {}, tag("div", { class: "rnn-read-verdict" }, answer, where), list);
  const show = (reading) => {
    const belief = reading.beliefs.at(-1);
    const best = belief ? bestOf(belief) : -1;
    showText(answer, belief ? `${classes[best]}, ${percent(belief[best])}` : "–", belief ? belief[best] : "");
    answer.dataset.class = belief ? classes[best] : "";
    writeText(where, stand(reading));
    rows.forEach(({ number, bar, name }, k) => {
      showText(number, belief ? percent(belief[k]) : "–", belief ? belief[k] : "");
      writeShare(bar, belief ? belief[k] : 0);
      for (const node of [name, number]) node.classList.toggle("rnn-best", k === best);
    });
    return belief ? `${answer.textContent} ${where.textContent}` : where.textContent;
  };
  return { root, show };
}

const said = () => tag("span", { class: "rnn-unseen" });

/** One row of the table, made once and written again at each reading. */
function wordRow(classes) {
  const [text, unknown] = [tag("span"), said()];
  const word = tag("th", { scope: "row", class: "rnn-word" }, text, unknown);
  const bars = ["backward", "forward"].map((name) => ({ bar: tag("span", { class: "rnn-bar" }), number: said(), name }));
  const heats = classes.map(() => ({ shade: tag("span"), number: said() }));
  const cells = [...bars.map(({ bar, number, name }) => tag("td", { class: `rnn-${name}` }, bar, number)), ...heats.map(({ shade, number }) => tag("td", { class: "rnn-heat" }, shade, number))];
  const root = tag("tr", {}, word, ...cells);
  const show = (k, reading, longest) => {
    const { words, known, count, beliefs } = reading;
    const kind = k === count - 1 ? "rnn-now" : k >= count ? "rnn-later" : "";
    if (root.className !== kind) root.className = kind;
    writeText(text, words[k]);
    writeText(unknown, known[k] ? "" : " (unknown)");
    text.classList.toggle("rnn-strange", !known[k]);
    for (const { bar, number, name } of bars) {
      const length = reading[name][k];
      writeShare(bar, (length ?? 0) / longest);
      writeText(number, length === undefined ? "" : fixed(length, 2));
    }
    heats.forEach(({ shade, number }, c) => {
      const probability = beliefs[k]?.[c];
      writeStyle(shade, "opacity", String(Number((probability ?? 0).toFixed(3))));
      writeText(number, probability === undefined ? "" : percent(probability, 0));
    });
  };
  return { root, show };
}

/** One row per word: its two changes of state, and the belief after it as shades. */
function wordsTable(classes) {
  const upright = (text, kind = "") => tag("th", { scope: "col", class: kind }, tag("span", { class: "rnn-upright" }, text));
  const over = (text, colspan) => tag("th", { scope: "colgroup", colspan, class: "rnn-over" }, text);
  const groups = tag("tr", {}, tag("td"), over("moves the state", 2), over("belief after it", classes.length));
  const head = tag("tr", {}, tag("th", { scope: "col" }, "word"), upright("backward", "rnn-backward"), upright("forward", "rnn-forward"), ...classes.map((name) => upright(name)));
  const widths = [tag("col"), ...Array.from({ length: 2 }, () => tag("col", { style: "width: 17%" })), ...classes.map(() => tag("col", { style: `width: ${38 / classes.length}%` }))];
  const body = tag("tbody");
  const caption = tag("caption", { class: "rnn-unseen" }, "Each word read, how far it moves the state of either direction, and what the network believes after it");
  const table = tag("table", { class: "rnn-read-words" }, caption, tag("colgroup", {}, ...widths), tag("thead", {}, groups, head), body);
  const root = tag("div", { class: "rnn-read-scroll", tabindex: 0, role: "region", "aria-label": "Table of the words" }, table);
  const rows = [];
  const show = (reading) => {
    const { words, count, forward, backward } = reading;
    const longest = Math.max(...forward, ...backward, 1e-9);
    while (rows.length < words.length) rows.push(wordRow(classes));
    words.forEach((_, k) => rows[k].show(k, reading, longest));
    if (body.childElementCount !== words.length) body.replaceChildren(...rows.slice(0, words.length).map((row) => row.root));
    root.hidden = !words.length;
    follow(root, rows[count - 1]?.root);
  };
  return { root, show };
}

// What a unit must have kept of a word to hold it.
const HELD = 0.5;
const holding = (kept) => [...kept.keys()].filter((unit) => kept[unit] >= HELD);
const shares = ({ slopes }) => {
  const sum = slopes.reduce((total, slope) => total + slope, 0);
  return slopes.map((slope) => (sum ? slope / sum : 0));
};
/** A bar for each unit, as high as what it has kept. */
const strip = (kept) => [...kept].map((value, unit) => (value < 0.02 ? "" : `M${unit} 1V${(1 - value).toFixed(2)}h.8V1z`)).join("");

/** One row of the other table. */
function dependsRow(size) {
  const [text, share, bar] = [tag("th", { scope: "row", class: "rnn-word" }), tag("td", { class: "rnn-share" }), tag("span", { class: "rnn-bar" })];
  const strips = ["backward", "forward"].map((name) => {
    const path = svg("path");
    return { name, path, drawing: svg("svg", { viewBox: `0 0 ${size} 1`, preserveAspectRatio: "none", "aria-hidden": "true" }, path), number: said(), last: "" };
  });
  const cells = strips.map(({ name, drawing, number }) => tag("td", { class: `rnn-${name} rnn-held` }, drawing, number));
  const root = tag("tr", {}, text, share, tag("td", { class: "rnn-depends" }, bar), ...cells);
  const show = (k, { words, count, held }, part, largest) => {
    const kind = k === count - 1 ? "rnn-now" : k >= count ? "rnn-later" : "";
    if (root.className !== kind) root.className = kind;
    writeText(text, words[k]);
    writeText(share, part === undefined ? "" : percent(part, 0));
    writeShare(bar, (part ?? 0) / largest);
    for (const each of strips) {
      const kept = held[each.name][k];
      const drawn = kept ? strip(kept) : "";
      if (drawn !== each.last) each.path.setAttribute("d", (each.last = drawn));
      writeText(each.number, kept ? `${holding(kept).length} of ${size} units hold it` : "");
    }
  };
  return { root, show };
}

/** One row per word: how much the answer depends on it, and which units of either direction still hold what they read there. */
function dependsTable(size) {
  const head = (text, kind = "") => tag("th", { scope: "col", class: kind }, text);
  const heads = [tag("th", { scope: "col" }, "word"), tag("th", { scope: "colgroup", colspan: 2, class: "rnn-depends" }, "depends on it"), head("← held by", "rnn-backward rnn-held"), head("→ held by", "rnn-forward rnn-held")];
  const widths = ["26%", "12%", "22%", "20%", "20%"].map((width) => tag("col", { style: `width: ${width}` }));
  const body = tag("tbody");
  const caption = tag("caption", { class: "rnn-unseen" }, "Each word read, how much the answer depends on it, and how many units of either direction hold it");
  const table = tag("table", { class: "rnn-read-words" }, caption, tag("colgroup", {}, ...widths), tag("thead", {}, tag("tr", {}, ...heads)), body);
  const frame = tag("div", { class: "rnn-read-scroll", tabindex: 0, role: "region", "aria-label": "Table of what the answer depends on" }, table);
  const names = ["depends_on", "held_backward", "held_forward"];
  const cells = names.map(output);
  const row = (text, kind, cell) => tag("tr", {}, tag("th", { scope: "row", class: kind }, text), tag("td", {}, cell));
  const steps = tag("table", { class: "rnn-read-steps" }, tag("tbody", {}, row("depends most on", "rnn-depends", cells[0]), row("← units that hold it", "rnn-backward", cells[1]), row("→ units that hold it", "rnn-forward", cells[2])));
  const note = tag("p", { class: "rnn-note" }, "Share of each word in the gradient of the lead of this answer over the next one. A bar for each unit: the product of its update gates over the words that it reads later, which is how much of its state after this word is still there. A unit holds the word if this is at least a half.");
  const root = tag("div", {}, frame, steps, note);
  const rows = [];
  const listed = (kept) => {
    const units = holding(kept);
    const some = units.slice(0, 6).map((unit) => unit + 1).join(", ");
    return units.length ? `${units.length} of ${size}: ${some}${units.length > 6 ? " …" : ""}` : `none of ${size}`;
  };
  /** Draws the table if it is in sight, and returns what is said of it. */
  const show = (reading, inSight) => {
    root.hidden = !inSight;
    reachable(frame, inSight);
    const { words, count, held } = reading;
    if (!inSight || !count) {
      cells.forEach((cell) => showText(cell, "–", 0));
      if (inSight) body.replaceChildren();
      return "";
    }
    const parts = shares(reading);
    const largest = Math.max(...parts, 1e-9);
    const top = parts.indexOf(Math.max(...parts));
    while (rows.length < words.length) rows.push(dependsRow(size));
    words.forEach((_, k) => rows[k].show(k, reading, parts[k], largest));
    if (body.childElementCount !== words.length) body.replaceChildren(...rows.slice(0, words.length).map((each) => each.root));
    follow(frame, rows[count - 1].root);
    const name = `${words[top]} (${top + 1}), ${percent(parts[top], 0)}`;
    showText(cells[0], name, parts[top]);
    showText(cells[1], listed(held.backward[top]), holding(held.backward[top]).length);
    showText(cells[2], listed(held.forward[top]), holding(held.forward[top]).length);
    return ` It depends most on word ${name}.`;
  };
  return { root, show };
}

/** Only a frame that is in sight can be reached by keys, to scroll it. */
function reachable(frame, inSight) {
  if (inSight) frame.setAttribute("tabindex", "0");
  else frame.removeAttribute("tabindex");
}

/** Keep a row in sight inside its scrolling frame, once all is written; the page itself stays where it is. */
function follow(frame, row) {
  requestAnimationFrame(() => {
    if (!row || frame.scrollHeight <= frame.clientHeight) return;
    const [top, bottom] = [row.offsetTop, row.offsetTop + row.offsetHeight];
    const beyond = bottom > frame.scrollTop + frame.clientHeight || top - 90 < frame.scrollTop;
    if (beyond) frame.scrollTop = Math.max(bottom - frame.clientHeight, 0); // with the words before it
  });
}

/** The two changes of the last word read, as numbers. */
function changesTable() {
  const [word, forward, backward] = ["last_word", "forward", "backward"].map((name) => output(name));
  const row = (head, kind, cell) => tag("tr", {}, tag("th", { scope: "row", class: kind }, head), tag("td", {}, cell));
  const rows = [row("last word read", "", word), row("← backward state moved by", "rnn-backward", backward), row("→ forward state moved by", "rnn-forward", forward)];
  const root = tag("table", { class: "rnn-read-steps" }, tag("tbody", {}, ...rows));
  const show = ({ words, count, forward: there, backward: back }) => {
    showText(word, count ? `${words[count - 1]} (${count})` : "–", count);
    showText(forward, count ? fixed(there[count - 1], 4) : "–", count ? there[count - 1] : "");
    showText(backward, count ? fixed(back[count - 1], 4) : "–", count ? back[count - 1] : "");
  };
  return { root, show };
}

/** Reading on word by word: a slider, and a button that moves it. Who asked for less motion gets the end at once. */
function readingOn(change) {
  let [timer, count, all] = [null, 0, 0];
  const stop = () => {
    clearInterval(timer);
    timer = null;
    play.textContent = "Read word by word";
  };
  const go = (at) => change({ at: at === all ? 0 : at });
  const slider = sliderField({ label: "Words read", name: "control_at", min: 1, max: 1, step: 1, digits: 0, change: (at) => (stop(), go(at)) });
  slider.root.classList.add("rnn-read-slider");
  const tick = () => {
    if (count >= all || !play.isConnected) stop();
    else go(count + 1);
  };
  const start = () => {
    const next = count < all ? count + 1 : 1;
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) return go(count < all ? all : 1);
    play.textContent = "Pause";
    timer = setInterval(tick, 450);
    return go(next);
  };
  const play = button("Read word by word", () => (timer === null ? start() : stop()));
  const again = () => {
    stop();
    count = all;
    start();
  };
  const show = (reading) => {
    [count, all] = [reading.count, reading.words.length];
    slider.input.max = Math.max(all, 1);
    slider.input.disabled = all < 2;
    play.disabled = all < 2;
    slider.show(count);
  };
  return { root: tag("div", {}, slider.root, tag("div", { class: "rnn-buttons rnn-read-buttons" }, play)), show, stop, again };
}

function build(change, read) {
  const { classes, hidden_size } = read();
  const named = Array.isArray(classes) ? classes.map(String) : [];
  const steps = readingOn(change);
  // A new text ends the reading of the old one.
  const rewrite = (patch) => {
    steps.stop();
    change(patch);
  };
  let typed = false;
  const field = textField((patch) => {
    typed = true;
    rewrite(patch);
    typed = false;
  });
  const buttons = textButtons(rewrite, read, steps.again);
  const answer = verdict(named);
  const table = wordsTable(named);
  const changes = changesTable();
  const depends = dependsTable(hidden_size);
  const views = selectField({ label: "Show", choices: Object.entries(VIEWS), change: (view) => change({ view }) });
  const moving = tag("div", {}, table.root, changes.root);
  const origin = tag("p", { class: "rnn-note" });
  const show = (state) => {
    const reading = state.view === "moves" ? readText(state) : compute(state);
    columns.toggleAttribute("data-typed", typed);
    field.show(state.text, remarks(reading));
    buttons.show(state, reading);
    const words = answer.show(reading);
    steps.show(reading);
    views.show(state.view);
    moving.hidden = state.view !== "moves";
    reachable(table.root, !moving.hidden);
    if (!moving.hidden) table.show(reading);
    changes.show(reading);
    const rests = depends.show(reading, moving.hidden);
    writeText(origin, provenance(state));
    return words + rests;
  };
  const left = tag("div", {}, field.root, answer.root, buttons.root);
  const right = tag("div", {}, steps.root, views.root, moving, depends.root, field.why);
  const columns = tag("div", { class: "rnn-columns" }, left, right);
  return { nodes: [columns, origin], show };
}

const render = widget({ name: "sentence_reader", label: "Sentence reader", style: STYLE, keys: KEYS, check, build });

export default { render, compute, tokenise };
