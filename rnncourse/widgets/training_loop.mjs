// A network of two to four units learns in the page which sign came first: the loop of forward, loss, backward and step.

const BATCH = 32;
const MOST = 1000; // updates
const RECENT = 20; // updates over which a training is judged
const GUESS = Math.log(2); // loss of a guess
const RATES = [0.001, 30];
const OPTIMISERS = ["Adam", "gradient descent"];
const CHOICES = ["hidden_size", "seq_len", "optimiser", "rate", "seed"];
const KEYS = [...CHOICES, "updates"];

// ---- Arithmetic: no element is touched here.

/** Where each array begins in the vector of all weights: W_xh, W_hh, b_h, W_hy, b_y; and how many weights there are. */
const places = (size) => [0, size, size + size ** 2, 2 * size + size ** 2, 3 * size + size ** 2, 3 * size + size ** 2 + 1];

/** Sequences as in the chapter: the first input is 1 or -1 and is the label, what follows means nothing. */
function drawBatch(next, seq_len) {
  const [x, y] = [new Float64Array(BATCH * seq_len), new Float64Array(BATCH)];
  for (let row = 0; row < BATCH; row += 1) {
    y[row] = next() < 0.5 ? 0 : 1;
    x[row * seq_len] = 2 * y[row] - 1;
    for (let t = 1; t < seq_len; t += 1) x[row * seq_len + t] = next() - 0.5;
  }
  return { x, y };
}

/** States of all sequences after each step, the zero state in front: (time + 1, batch, unit), row by row. */
function forwardPass(weights, size, x, batch) {
  const [W_xh, W_hh, b_h] = places(size);
  const [seq_len, width] = [x.length / batch, batch * size];
  const h = new Float64Array((seq_len + 1) * width);
  for (let t = 0; t < seq_len; t += 1) {
    for (let row = 0; row < batch; row += 1) {
      const from = t * width + row * size;
      for (let unit = 0; unit < size; unit += 1) {
        let z = weights[b_h + unit] + weights[W_xh + unit] * x[row * seq_len + t];
        for (let other = 0; other < size; other += 1) z += weights[W_hh + unit * size + other] * h[from + other];
        h[from + width + unit] = Math.tanh(z);
      }
    }
  }
  return h;
}

/** Mean cross-entropy, share of right answers, and the gradient of the loss by the head and by the last states. */
function readOut(weights, size, h, y, gradient) {
  const [, , , W_hy, b_y] = places(size);
  const last = h.length - y.length * size;
  const dh = new Float64Array(y.length * size);
  let [loss, right] = [0, 0];
  y.forEach((label, row) => {
    let logit = weights[b_y];
    for (let unit = 0; unit < size; unit += 1) logit += weights[W_hy + unit] * h[last + row * size + unit];
    loss += (Math.max(logit, 0) - logit * label + Math.log1p(Math.exp(-Math.abs(logit)))) / y.length;
    right += (logit > 0) === (label > 0) ? 1 / y.length : 0;
    // sigmoid(logit) - label, without losing the digits of a small difference.
    const error = (label > 0 ? -sigmoid(-logit) : sigmoid(logit)) / y.length;
    gradient[b_y] += error;
    for (let unit = 0; unit < size; unit += 1) {
      gradient[W_hy + unit] += error * h[last + row * size + unit];
      dh[row * size + unit] = error * weights[W_hy + unit];
    }
  });
  return { loss, right, dh };
}

/** One step back through all sequences: adds to the gradient of the weights, and gives dL/dh of the step before. */
function stepBack(weights, size, x, h, t, dh, gradient) {
  const [W_xh, W_hh, b_h] = places(size);
  const batch = dh.length / size;
  const seq_len = x.length / batch;
  const before = new Float64Array(dh.length);
  for (let k = 0; k < dh.length; k += 1) {
    const [row, unit] = [Math.floor(k / size), k % size];
    const dz = dh[k] * (1 - h[t * dh.length + k] ** 2);
    gradient[b_h + unit] += dz;
    gradient[W_xh + unit] += dz * x[row * seq_len + t - 1];
    for (let other = 0; other < size; other += 1) {
      gradient[W_hh + unit * size + other] += dz * h[(t - 1) * dh.length + row * size + other];
      before[row * size + other] += dz * weights[W_hh + unit * size + other];
    }
  }
  return before;
}

/** Loss, share of right answers, dL/dw for every weight, and the norms of dL/dh_t for t = 1 to T. */
function learn({ weights, hidden_size, x, y }) {
  const gradient = new Float64Array(weights.length);
  const h = forwardPass(weights, hidden_size, x, y.length);
  const { loss, right, dh: last } = readOut(weights, hidden_size, h, y, gradient);
  const norms = new Float64Array(x.length / y.length);
  let dh = last;
  for (let t = norms.length; t > 0; t -= 1) {
    norms[t - 1] = Math.sqrt(dh.reduce((sum, value) => sum + value * value, 0));
    dh = stepBack(weights, hidden_size, x, h, t, dh, gradient);
  }
  return { loss, right, gradient, norms };
}

/** What the optimiser takes off each weight, and what Adam remembers of the gradients; `count` is 1 at the first update. */
function stepOf({ optimiser, rate, moments }, gradient, count) {
  if (optimiser !== "Adam") return { step: gradient.map((value) => rate * value), moments };
  const mean = gradient.map((value, k) => 0.9 * (moments?.mean[k] ?? 0) + 0.1 * value);
  const square = gradient.map((value, k) => 0.999 * (moments?.square[k] ?? 0) + 0.001 * value * value);
  const [first, second] = [1 - 0.9 ** count, 1 - 0.999 ** count];
  const step = mean.map((value, k) => (rate * (value / first)) / (Math.sqrt(square[k] / second) + 1e-8));
  return { step, moments: { mean, square } };
}

/** What the weights give on the next batch, and the step that comes next; null where a number would be beyond all others. */
function look(run, weights) {
  const seen = learn({ weights, hidden_size: run.hidden_size, ...drawBatch(run.next, run.seq_len) });
  const planned = stepOf(run, seen.gradient, run.losses.length + 1);
  const numbers = [seen.loss, ...seen.gradient, ...seen.norms, ...planned.step];
  return numbers.every(Number.isFinite) ? { ...seen, ...planned, weights } : null;
}

/** A training before its first update. */
function begin({ hidden_size, seq_len, optimiser, rate, seed }) {
  const next = draws(48271 * seed + 11);
  for (let k = 0; k < 8; k += 1) next(); // small seeds begin alike
  const bound = 1 / Math.sqrt(hidden_size);
  const weights = Float64Array.from({ length: places(hidden_size)[5] }, () => bound * (2 * next() - 1));
  const run = { hidden_size, seq_len, optimiser, rate, seed, next, losses: [], rights: [], done: 0, worst: [0, 0], stopped: false };
  return accept(run, look(run, weights));
}

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

function accept(run, seen) {
  Object.assign(run, seen);
  run.first ??= seen.norms;
  run.losses.push(seen.loss);
  run.rights.push(seen.right);
  run.done = run.losses.length - 1;
  run.recent = mean(run.losses.slice(-RECENT));
  if (run.done >= 5 && run.recent > run.worst[0]) run.worst = [run.recent, run.done];
  return run;
}

/** Updates until there are so many, or until the clock says so; a training whose numbers overflow stops before they do. */
function advance(run, updates, deadline = Infinity) {
  while (run.done < updates && !run.stopped) {
    const seen = look(run, run.weights.map((weight, k) => weight - run.step[k]));
    if (seen) accept(run, seen);
    else run.stopped = true;
    if (performance.now() >= deadline) break;
  }
  return run;
}

/** The training after its updates; all that is said of it is about the batch that comes next. */
const compute = (state) => advance(begin(state), state.updates);

function check(state) {
  needInteger(state, "hidden_size", 2, 4);
  needInteger(state, "seq_len", 2, 40);
  needChoice(state, "optimiser", OPTIMISERS);
  if (!Number.isFinite(state.rate) || state.rate < RATES[0] || state.rate > RATES[1]) {
    throw new StateProblem(`rate must be a number from ${RATES.join(" to ")} but is ${shown(state.rate)}; set rate again.`);
  }
  needInteger(state, "seed", 0, 9999);
  needInteger(state, "updates", 0, MOST);
}

// ---- What is said of a training.

const ratioOf = ({ norms }) => (norms.at(-1) ? norms[0] / norms.at(-1) : 0);

/** Where the loss stands. */
function stage(run) {
  const { done, recent, worst, rights } = run;
  const times = (loss) => `${scientific(loss / GUESS, 2)} times that of a guess`;
  if (run.stopped) return `Stopped after update ${done}: the next step would lead to numbers that are too large to compute with. The rate is too high.`;
  if (!done) return `Not trained yet: ${run.optimiser}, rate ${run.rate}, ${run.hidden_size} units, ${run.seq_len} steps, seed ${run.seed}.`;
  if (done >= 5 && recent > 1.5 * GUESS) return `Update ${done}: the training diverges. The loss is ${times(recent)}, because each step goes too far. The rate is too high.`;
  const right = rights.slice(-RECENT);
  if (right.length === RECENT && right.every((share) => share > 1 - 1e-9)) return `Update ${done}: learned. The last ${RECENT} batches were all right.`;
  const since = worst[0] > 1.5 * GUESS ? ` It had diverged: at update ${worst[1]} it was ${times(worst[0])}.` : "";
  if (recent > 0.9 * GUESS) return `Update ${done}: the loss is near that of a guess.${since}`;
  return `Update ${done}: the loss is falling.${since}`;
}

/** What arrives at the first step. */
function reach(run) {
  const ratio = ratioOf(run);
  if (!run.norms.at(-1)) return "No gradient is left at the last step: it is smaller than the smallest number.";
  if (!ratio) return "The gradient vanishes: at the first step it is smaller than the smallest number.";
  const words = `At the first step the gradient is ${scientific(ratio, 2)} times that at the last step`;
  if (ratio < 1e-3) return `${words}: it vanishes on the way back.`;
  return ratio > 10 ? `${words}: it explodes on the way back.` : `${words}.`;
}

// ---- Pictures: the loss over updates, the gradient over time steps.

const FRAMES = [62, 14].map((right) => ({ wide: 400, high: 230, left: 50, right, top: 12, bottom: 40 }));
const logs = (values) => Array.from(values, (value) => (value > 0 ? Math.max(Math.log10(value), -300) : null));
const within = (values, low, high) => values.filter((value) => value !== null && value >= low && value <= high);

function lossPicture(run, before) {
  const frame = FRAMES[0];
  const [now, then] = [logs(run.losses), logs(before?.losses ?? [])];
  const to = [50, 100, 200, 500, MOST].find((end) => end >= Math.max(now.length, then.length) - 1);
  const { marks, across, up, curve, window } = logPaper(frame, [-2, 0.9, ...within([...now, ...then], -6, 6)], [0, to], "updates");
  const guess = up(Math.log10(GUESS));
  return [
    ...marks,
    svg("line", { class: "rnn-guess", x1: frame.left, x2: frame.wide - frame.right, y1: guess, y2: guess }),
    svg("text", { class: "rnn-name rnn-muted", x: frame.wide - frame.right + 5, y: guess + 4 }, "a guess"),
    window(...curve("before", then), ...curve("loss", now), svg("circle", { class: "rnn-loss rnn-now", cx: across(run.done), cy: up(now.at(-1) ?? -300), r: 3.5 })),
  ];
}

function gradientPicture({ norms, first, seq_len }) {
  const [now, then] = [logs(norms), logs(first)];
  const { marks, across, up, curve, window } = logPaper(FRAMES[1], [-6, 0, ...within([...now, ...then], -20, 20)], [1, seq_len], "time step");
  const dots = now.map((value, k) => (value === null ? [] : [svg("circle", { class: "rnn-gradient rnn-now", cx: across(k + 1), cy: up(value), r: 2.5 })]));
  return [...marks, window(...curve("before", then), ...curve("gradient", now), ...dots.flat())];
}

// ---- Controls and numbers.

const STYLE = `
.rnn-log .rnn-curve { stroke-width: 1.8; }
.rnn-log .rnn-curve.rnn-before { color: var(--rnn-muted); stroke-width: 1.2; stroke-dasharray: 5 3; }
.rnn-log .rnn-tick { font-size: 13px; }
.rnn-now { fill: currentColor; }
.rnn-guess { stroke: var(--rnn-muted); stroke-width: 1.4; stroke-dasharray: 1.5 3; }
.rnn-loss { color: var(--rnn-accent); } .rnn-gradient { color: var(--rnn-warm); } .rnn-muted { color: var(--rnn-muted); }
.rnn-train-title { font-weight: 600; }
.rnn-train-buttons { margin-bottom: .7rem; }
.rnn-train-said { min-height: 5.6em; margin-bottom: .9rem; padding: .5rem .8rem; border-left: .3rem solid var(--rnn-accent); }
.rnn-train-said[data-alarm] { border-color: var(--rnn-alarm); }
.rnn-train-weights { table-layout: fixed; margin-bottom: .9rem; }
.rnn-train-weights :is(th, td) { padding: .2rem .1rem; }
.rnn-train-weights th:first-child { width: 3.7em; font-size: .9em; white-space: nowrap; }
.rnn-train-weights td output { font-size: .88em; }
.rnn-train-bar { display: flex; height: .3rem; justify-content: flex-end; }
.rnn-train-bar span { background: var(--rnn-accent); } .rnn-train-bar .rnn-minus { background: var(--rnn-warm); }
`;

const READINGS = [
  ["updates", "updates made", ""],
  ["loss", "loss on the next batch", "rnn-loss"],
  ["right", `right of its ${BATCH} sequences`, ""],
  ["ratio", "gradient at the first step, relative to the last", "rnn-gradient"],
  ["step", "length of the next step of all weights", ""],
];

function readingsTable() {
  const cells = Object.fromEntries(READINGS.map(([name]) => [name, output(name)]));
  const rows = READINGS.map(([name, text, kind]) => tag("tr", {}, tag("th", { scope: "row", class: kind }, text), tag("td", {}, cells[name])));
  const show = (run) => {
    const [ratio, step, right] = [ratioOf(run), Math.hypot(...run.step), Math.round(BATCH * run.right)];
    showText(cells.updates, String(run.done), run.done);
    showText(cells.right, String(right), right);
    for (const [name, value] of Object.entries({ loss: run.loss, ratio, step })) showText(cells[name], scientific(value), value);
  };
  return { root: tag("table", {}, tag("tbody", {}, ...rows)), show };
}

/** The weights into each unit and out of it, each a number with a bar; made anew for another number of units. */
function weightsTable() {
  const root = tag("table", { class: "rnn-train-weights" });
  let cells = [];
  const make = (size) => {
    const [W_xh, W_hh, b_h, W_hy, b_y, count] = places(size);
    cells = Array.from({ length: count }, (_, k) => ({ number: output(`weight_${k + 1}`), bar: tag("span") }));
    const cell = (k) => tag("td", {}, cells[k].number, tag("div", { class: "rnn-train-bar", "aria-hidden": "true" }, cells[k].bar));
    const units = Array.from({ length: size }, (_, unit) => unit);
    const head = (...nodes) => tag("th", { scope: "col" }, ...nodes);
    const row = (name, ...parts) => tag("tr", {}, tag("th", { scope: "row" }, name), ...parts);
    const body = units.map((unit) => row(`unit ${unit + 1}`, cell(W_xh + unit), ...units.map((other) => cell(W_hh + unit * size + other)), cell(b_h + unit)));
    const last = row("answer", tag("td"), ...units.map((unit) => cell(W_hy + unit)), cell(b_y));
    root.replaceChildren(
      tag("caption", {}, "Weights: from each column to each row"),
      tag("thead", {}, tag("tr", {}, head("to"), head("input"), ...units.map((unit) => head(String(unit + 1))), head("bias"))),
      tag("tbody", {}, ...body, last),
    );
  };
  const show = ({ weights, hidden_size }) => {
    if (cells.length !== weights.length) make(hidden_size);
    const largest = Math.max(...weights.map(Math.abs), 1e-9);
    weights.forEach((weight, k) => {
      const { number, bar } = cells[k];
      showText(number, Math.abs(weight) < 100 ? fixed(weight, 2) : scientific(weight, 2), weight);
      writeStyle(bar, "width", `${((100 * Math.abs(weight)) / largest).toFixed(1)}%`);
      bar.classList.toggle("rnn-minus", weight < 0);
    });
  };
  return { root, show };
}

function controls(change) {
  const restart = (patch) => change({ ...patch, updates: 0 });
  const fields = {
    rate: sliderField({ label: "Learning rate", name: "control_rate", min: -3, max: 1.5, step: 0.5, log: true, change: (rate) => restart({ rate }) }),
    optimiser: selectField({ label: "Optimiser", choices: OPTIMISERS.map((name) => [name, name]), change: (optimiser) => restart({ optimiser }) }),
    seed: integerField({ label: "Seed", min: 0, max: 9999, change: (seed) => restart({ seed }) }),
    hidden_size: selectField({ label: "Units", choices: [2, 3, 4].map((size) => [size, String(size)]), change: (size) => restart({ hidden_size: Number(size) }) }),
    seq_len: sliderField({ label: "Time steps", name: "control_seq_len", min: 2, max: 40, step: 1, digits: 0, change: (seq_len) => restart({ seq_len }) }),
  };
  const root = group("A training: each change starts it again", ...Object.values(fields).map((field) => field.root));
  const show = (state) => Object.entries(fields).forEach(([key, field]) => field.show(state[key]));
  return { root, show };
}

/** Goes on with a training frame by frame, in pieces of at most 8 ms, and only while it is in sight. */
function frames(root, more) {
  let [asked, inSight] = [null, true];
  const tick = () => {
    asked = null;
    if (root.isConnected && inSight) more(performance.now() + 8);
  };
  const ask = () => {
    asked ??= requestAnimationFrame(tick);
  };
  new IntersectionObserver((entries) => {
    const was = inSight;
    inSight = entries.at(-1).isIntersecting;
    if (inSight && !was) ask();
  }).observe(root);
  return ask;
}

/** `updates` says how far to train: the button for it sets it to the end, Pause to what is done. */
function build(change, read) {
  const pictures = ["loss", "gradient"].map((name) => svg("svg", { class: `rnn-log rnn-train-${name}`, viewBox: `0 0 ${FRAMES[0].wide} ${FRAMES[0].high}`, role: "img" }));
  const said = tag("p", { class: "rnn-train-said" });
  const [board, weights, readings] = [controls(change), weightsTable(), readingsTable()];
  let [run, before, target] = [null, null, 0];
  const busy = () => run.done < target && !run.stopped;
  const start = button("Start", () => change({ updates: busy() ? run.done : MOST }));
  const once = button("One update", () => change({ updates: run.done + 1 }));
  const reset = button("Reset", () => change({ updates: 0 }));

  const draw = () => {
    const words = `${stage(run)} ${reach(run)}`;
    writeText(start, busy() ? "Pause" : "Start");
    [start.disabled, once.disabled, reset.disabled] = [run.done === MOST || run.stopped, run.done === MOST || run.stopped, run.done === 0];
    writeText(said, busy() && calm() ? `${stage(run)} It goes on; the pictures are drawn when it pauses.` : words);
    said.toggleAttribute("data-alarm", run.stopped || (run.done >= 5 && run.recent > 1.5 * GUESS));
    readings.show(run);
    weights.show(run);
    pictures[0].setAttribute("aria-label", `Loss over ${run.done} updates on a log axis, now ${scientific(run.loss)}; a guess has 0.693.`);
    pictures[1].setAttribute("aria-label", `Norm of the gradient at each of ${run.seq_len} time steps on a log axis. ${reach(run)}`);
    pictures[0].replaceChildren(...lossPicture(run, before));
    pictures[1].replaceChildren(...gradientPicture(run));
    return words;
  };
  // Whoever asked for less motion gets the end of the training, as fast as it comes; everybody else can watch.
  const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
  const more = (deadline) => {
    if (!busy()) return;
    advance(run, calm() ? target : Math.min(target, run.done + 3), deadline);
    if (!busy()) change({ updates: run.done });
    else if (!calm()) draw();
    if (busy()) ask();
  };
  const title = (text) => tag("p", { class: "rnn-train-title" }, text);
  const figures = tag("div", { class: "rnn-columns" }, tag("div", {}, title("Loss; dashed: the training before"), pictures[0]), tag("div", {}, title("Gradient by time step; dashed: untrained"), pictures[1]));
  const ask = frames(figures, more);

  const show = (state) => {
    if (!run || CHOICES.some((key) => run[key] !== state[key]) || state.updates < run.done) {
      if (run?.done) before = run;
      run = begin(state);
    }
    if (state.updates !== target || !run.done) advance(run, Math.min(state.updates, run.done + 3), performance.now() + 8);
    target = state.updates;
    board.show(state);
    if (busy()) ask();
    return draw();
  };
  const left = tag("div", {}, tag("div", { class: "rnn-buttons rnn-train-buttons" }, start, once, reset), said, board.root);
  return { nodes: [figures, tag("div", { class: "rnn-columns" }, left, tag("div", {}, weights.root, readings.root))], show };
}

const render = widget({ name: "training_loop", label: "Training loop", style: STYLE, keys: KEYS, check, build });

export default { render, compute, learn, stepOf };
