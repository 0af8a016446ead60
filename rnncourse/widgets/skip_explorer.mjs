// The update gate of a Skip RNN over forty steps: where it looks, and whether it meets the pulse.

const STEPS = 40;
const RANGES = { waiting: [0.01, 0.99], after: [0.01, 0.99] };
const KEYS = ["start", "lasts", "waiting", "after"];

// ---- Arithmetic: no element is touched here.

/** Probability before each step, the steps that update (from 0), the one that met the pulse (or null), and their share. */
function compute({ start, lasts, waiting, after }) {
  const [probability, looks] = [[], []];
  let [chance, met] = [1, null];
  for (let step = 0; step < STEPS; step += 1) {
    probability.push(chance);
    const update = chance >= 0.5;
    if (update) {
      looks.push(step);
      const into = step - (start - 1);
      if (met === null && into >= 0 && into < lasts) met = step;
    }
    const rise = met === null ? waiting : after;
    chance = update ? rise : Math.min(chance + rise, 1);
  }
  return { probability, looks, met, share: looks.length / STEPS };
}

function check(state) {
  needInteger(state, "start", 1, 32);
  needInteger(state, "lasts", 1, 8);
  for (const [key, [low, high]] of Object.entries(RANGES)) {
    if (!Number.isFinite(state[key]) || state[key] < low || state[key] > high) {
      throw new StateProblem(`${key} must be a number from ${low} to ${high} but is ${shown(state[key])}; set ${key} again.`);
    }
  }
}

// ---- Picture: one column per step; the probability as a bar, an update as a filled one, the pulse as a band behind.

const [WIDTH, HEIGHT] = [440, 210];
const EDGE = { left: 34, right: 8, top: 22, bottom: 34 };
const COLUMN = (WIDTH - EDGE.left - EDGE.right) / STEPS;

const write = (text, x, y, kind = "", anchor = "middle") => svg("text", { class: kind, x, y, "text-anchor": anchor }, text);
const across = (step) => EDGE.left + step * COLUMN;
const up = (value) => HEIGHT - EDGE.bottom - value * (HEIGHT - EDGE.bottom - EDGE.top);

function picture({ start, lasts }, { probability, looks, met }) {
  const seen = new Set(looks);
  const band = svg("rect", { class: "rnn-pulse", x: across(start - 1), y: EDGE.top, width: lasts * COLUMN, height: HEIGHT - EDGE.top - EDGE.bottom });
  const bars = probability.map((value, step) =>
    svg("rect", { class: seen.has(step) ? "rnn-look" : "rnn-skipped", x: across(step) + 1, y: up(value), width: COLUMN - 2, height: up(0) - up(value) }),
  );
  const levels = [0, 0.5, 1].flatMap((value) => [
    svg("line", { class: value === 0.5 ? "rnn-threshold" : "rnn-axis", x1: EDGE.left, x2: WIDTH - EDGE.right, y1: up(value), y2: up(value) }),
    write(value === 0.5 ? "½" : String(value), EDGE.left - 6, up(value) + 4, "rnn-tick", "end"),
  ]);
  const ticks = [1, 10, 20, 30, 40].map((step) => write(String(step), across(step - 0.5), HEIGHT - EDGE.bottom + 15, "rnn-tick"));
  const meeting = met === null ? [] : [write("met", across(met + 0.5), EDGE.top - 6, "rnn-name")];
  return [band, ...bars, ...levels, ...ticks, ...meeting, write("time step", (EDGE.left + WIDTH) / 2, HEIGHT - 4, "rnn-tick")];
}

function inWords({ start, lasts }, { looks, met, share }) {
  const fate = met === null ? "The pulse is missed." : `The pulse is met at step ${met + 1}.`;
  return (
    `Probability of an update at each of ${STEPS} steps; the ${looks.length} that update are dark. The pulse is at steps ` +
    `${start} to ${start + lasts - 1}. ${fate} ${fixed(100 * share, 1)} per cent of the steps update.`
  );
}

// ---- Controls and numbers.

const STYLE = `
.rnn-gate-picture { display: block; width: 100%; max-width: 34rem; margin: 0 auto .8rem; }
.rnn-gate-picture .rnn-axis { stroke: var(--rnn-line); stroke-width: 1; }
.rnn-gate-picture .rnn-threshold { stroke: var(--rnn-warm); stroke-width: 1.2; stroke-dasharray: 5 4; }
.rnn-gate-picture .rnn-pulse { fill: var(--rnn-warm); fill-opacity: .22; stroke: var(--rnn-warm); stroke-width: 1; }
.rnn-gate-picture .rnn-look { fill: var(--rnn-accent); }
.rnn-gate-picture .rnn-skipped { fill: var(--rnn-accent); fill-opacity: .3; stroke: var(--rnn-accent); stroke-width: .8; }
.rnn-gate-picture .rnn-tick { font-size: 13px; fill: var(--rnn-muted); }
.rnn-gate-picture .rnn-name { font-size: 14px; font-weight: 700; fill: var(--rnn-accent); }
.rnn-gate-readings output { font-weight: 700; }
`;

const SLIDERS = [
  ["waiting", "Rise while waiting", 0.01, 0.99, 0.005, 3],
  ["after", "Rise after the pulse", 0.01, 0.99, 0.005, 3],
  ["start", "Pulse starts at step", 1, 32, 1, 0],
  ["lasts", "Pulse lasts, steps", 1, 8, 1, 0],
];

function controls(change) {
  const fields = SLIDERS.map(([key, label, min, max, step, digits]) => [
    key,
    sliderField({ label, name: `control_${key}`, min, max, step, digits, change: (value) => change({ [key]: value }) }),
  ]);
  const [waiting, after, start, lasts] = fields.map(([, field]) => field.root);
  const root = tag("div", {}, group("Gate", waiting, after), group("Pulse", start, lasts));
  return { root, show: (state) => fields.forEach(([key, field]) => field.show(state[key])) };
}

const READINGS = [
  ["pulse", "Pulse"],
  ["met", "The pulse is"],
  ["looks", "Number of updates"],
  ["share", "Share of updates, %"],
  ["logit_waiting", "Input of the sigmoid, waiting"],
  ["logit_after", "Input of the sigmoid, after the pulse"],
];

/** What the sigmoid must be given to answer with this rise. */
const logit = (rise) => Math.log(rise / (1 - rise));

function readings() {
  const cells = Object.fromEntries(READINGS.map(([key]) => [key, output(key)]));
  const rows = READINGS.map(([key, label]) => tag("tr", {}, tag("th", { scope: "row" }, label), tag("td", {}, cells[key])));
  const root = tag("table", { class: "rnn-gate-readings" }, tag("tbody", {}, ...rows));
  const show = ({ start, lasts, waiting, after }, { met, looks, share }) => {
    showText(cells.pulse, `steps ${start} to ${start + lasts - 1}`, start);
    showText(cells.logit_waiting, fixed(logit(waiting), 2), logit(waiting));
    showText(cells.logit_after, fixed(logit(after), 2), logit(after));
    showText(cells.met, met === null ? "missed" : `met at step ${met + 1}`, met === null ? 0 : met + 1);
    showText(cells.looks, integer(looks.length), looks.length);
    showText(cells.share, fixed(100 * share, 1), 100 * share);
  };
  return { root, show };
}

function build(change, read) {
  const board = controls(change);
  const table = readings();
  const drawing = svg("svg", { class: "rnn-gate-picture", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img" });
  const show = (state) => {
    const result = compute(state);
    board.show(state);
    table.show(state, result);
    drawing.replaceChildren(...picture(state, result));
    const words = inWords(state, result);
    drawing.setAttribute("aria-label", words);
    return words;
  };
  return { nodes: [drawing, tag("div", { class: "rnn-columns" }, board.root, table.root)], show };
}

const render = widget({ name: "skip_explorer", label: "Skip RNN gate explorer", style: STYLE, keys: KEYS, check, build });

export default { render, compute };
