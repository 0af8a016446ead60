// What every widget shares. This text is put in front of each NAME.mjs, by the Python base class in Jupyter and by
// the bundler of the site; a module therefore calls these names without importing them.

class StateProblem extends Error {}

// ---- Elements. Text only ever enters the page as text nodes, so no state can inject markup.

const SVG_NAMESPACE = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (value === true) node.setAttribute(key, "");
    else if (value !== false && value != null) node.setAttribute(key, value);
  }
  node.append(...children);
  return node;
}

function tag(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

function svg(name, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG_NAMESPACE, name), attributes, children);
}

/** "W_hh h_prev" becomes italic letters with subscripts; other text stays as it is. */
function math(text) {
  const node = tag("span", { class: "rnn-math" });
  for (const word of text.split(" ")) {
    if (node.childNodes.length) node.append(" ");
    const [base, below] = word.split("_");
    node.append(tag("i", {}, base));
    if (below) node.append(tag("sub", {}, below));
  }
  return node;
}

let identifiers = 0;
// Two copies of one widget may stand on a page, so the ids carry a random part beside the counter.
const SCOPE = Math.random().toString(36).slice(2, 8);
const newId = () => `rnn-${SCOPE}-${(identifiers += 1)}`;

// ---- Numbers.

/** `digits` decimals with a true minus sign; large magnitudes in powers of ten. */
function fixed(value, digits = 4) {
  const size = Math.abs(value);
  const text = size >= 1e5 ? size.toExponential(Math.max(digits - 1, 1)) : size.toFixed(digits);
  return value < 0 && Number(text) !== 0 ? `−${text}` : text;
}

const grouped = (value) => String(Math.abs(value)).replace(/\B(?=(\d{3})+$)/g, ",");
const integer = (value) => (value < 0 ? `−${grouped(value)}` : grouped(value));

/** Numbers between 0 and 1 from a generator with exact integers, so that Python draws the same. */
function draws(seed) {
  let state = seed;
  return () => {
    state = (16807 * state) % 2147483647;
    return state / 2147483647;
  };
}

/** The logistic function, without overflow. */
function sigmoid(a) {
  const decay = Math.exp(-Math.abs(a));
  return (a >= 0 ? 1 : decay) / (1 + decay);
}

const RAISED = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };
const power = (exponent) => `10${[...String(exponent)].map((sign) => RAISED[sign]).join("")}`;

/** So many significant digits, or a whole number; a power of ten outside the numbers that read well without. */
function scientific(value, precision = 3) {
  const size = Math.abs(value);
  const sign = value < 0 ? "−" : "";
  if (value === 0 || (size >= 1e-3 && size < 1e5)) return sign + (size < 10 ** precision ? String(Number(size.toPrecision(precision))) : size.toFixed(0));
  const [digits, exponent] = size.toExponential(precision - 1).split("e");
  return `${sign}${digits}×${power(Number(exponent))}`;
}

// ---- Checks of a state. Each names the culprit and the remedy.

function shown(value) {
  return value === undefined ? "nothing" : JSON.stringify(value);
}

function needVector(state, key, length) {
  const value = state[key];
  if (!Array.isArray(value) || value.length !== length || !value.every(Number.isFinite)) {
    throw new StateProblem(`${key} must be ${length} finite numbers but is ${shown(value)}; set ${key} again.`);
  }
}

function needMatrix(state, key, rows, columns) {
  const value = state[key];
  const fits = (row) => Array.isArray(row) && row.length === columns && row.every(Number.isFinite);
  if (!Array.isArray(value) || value.length !== rows || !value.every(fits)) {
    throw new StateProblem(
      `${key} must be ${rows} rows of ${columns} finite numbers but is ${shown(value)}; set ${key} again.`,
    );
  }
}

function needInteger(state, key, low, high) {
  const value = state[key];
  if (!Number.isInteger(value) || value < low || value > high) {
    throw new StateProblem(
      `${key} must be a whole number from ${low} to ${high} but is ${shown(value)}; set ${key} again.`,
    );
  }
}

function needChoice(state, key, choices) {
  if (!choices.includes(state[key])) {
    throw new StateProblem(`${key} must be ${choices.join(" or ")} but is ${shown(state[key])}; set ${key} again.`);
  }
}

const needBoolean = (state, key) => needChoice(state, key, [true, false]);

// ---- Controls. Each returns {root, show(value)}; a person's change arrives at `change(value)`.

/**
 * A range with its number beside it. `hidden` is said before the label, for those who do not see the group. With `log` the
 * range is of exponents of ten, and the number has one digit.
 */
function sliderField({ label, hidden = "", name, min, max, step, digits = 2, log = false, change }) {
  const id = newId();
  const input = tag("input", { type: "range", id, min, max, step });
  const output = tag("output", { for: id, "data-name": name, "aria-live": "off" });
  const heading = tag("label", { for: id }, ...(hidden ? [tag("span", { class: "rnn-unseen" }, `${hidden} `)] : []), label);
  const chosen = () => (log ? Number((10 ** Number(input.value)).toPrecision(1)) : Number(input.value));
  input.addEventListener("input", () => change(chosen()));
  keepKeys(input);
  const show = (value) => {
    if (chosen() !== value) input.value = log ? Math.log10(value) : value;
    const short = Math.abs(value - Number(value.toFixed(digits))) < 1e-9;
    const text = log ? String(value) : fixed(value, short ? digits : 4);
    showText(output, text, value);
    input.setAttribute("aria-valuetext", text);
  };
  return { root: tag("div", { class: "rnn-field rnn-slider" }, heading, output, input), input, show };
}

/** A whole number to type. What does not fit is explained under the field and goes no further. */
function integerField({ label, min, max, change }) {
  const id = newId();
  const input = tag("input", { type: "number", id, min, max, step: 1, inputmode: "numeric", "aria-describedby": `${id}-why` });
  const why = tag("p", { class: "rnn-why", id: `${id}-why`, "aria-live": "polite" });
  const complain = (text) => {
    why.textContent = text;
    input.toggleAttribute("aria-invalid", Boolean(text));
    if (text) input.setAttribute("aria-invalid", "true");
  };
  input.addEventListener("input", () => {
    const value = input.value.trim() === "" ? NaN : Number(input.value);
    const [low, high] = [Number(input.min), Number(input.max)];
    const fits = Number.isInteger(value) && value >= low && value <= high;
    complain(fits ? "" : `Type a whole number from ${integer(low)} to ${integer(high)}.`);
    if (fits) change(value);
  });
  keepKeys(input);
  const show = (value) => {
    if (Number(input.value) !== value || input.value === "") input.value = value;
    complain("");
  };
  return { root: tag("div", { class: "rnn-field" }, tag("label", { for: id }, label), input, why), input, show };
}

/** `choices` pairs each value with the text a reader sees. */
function selectField({ label, choices, change }) {
  const id = newId();
  const options = choices.map(([value, text]) => tag("option", { value }, text));
  const select = tag("select", { id }, ...options);
  select.addEventListener("change", () => change(select.value));
  keepKeys(select);
  const show = (value) => {
    select.value = value;
  };
  return { root: tag("div", { class: "rnn-field" }, tag("label", { for: id }, label), select), input: select, show };
}

function checkField({ label, change }) {
  const id = newId();
  const input = tag("input", { type: "checkbox", id });
  input.addEventListener("change", () => change(input.checked));
  const show = (value) => {
    input.checked = value;
  };
  return { root: tag("div", { class: "rnn-field rnn-check" }, input, tag("label", { for: id }, label)), input, show };
}

function button(label, press) {
  const node = tag("button", { type: "button" }, label);
  node.addEventListener("click", press);
  return node;
}

/**
 * A number that changes. Tests read the full precision in data-value, people read the text. It is silent: at each move
 * of a slider many change, and the widget says in one sentence what came of it.
 */
function output(name) {
  return tag("output", { "data-name": name, "aria-live": "off" });
}

/** Texts, numbers and styles are written where they change: the page then has little to draw again at a keystroke. */
function showText(node, text, value) {
  if (node.value !== text) node.value = text;
  if (node.dataset.value !== String(value)) node.dataset.value = value;
}

function group(legend, ...fields) {
  return tag("fieldset", {}, tag("legend", {}, legend), ...fields);
}

function writeText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function writeStyle(node, name, value) {
  if (node.style[name] !== value) node.style[name] = value;
}

/**
 * Lets a picture be dragged: `grab(mark)`, for the mark under the pointer, returns a function of the way since then in
 * pixels, or null. The picture may be drawn anew while it is dragged. Every drag needs a native control beside it.
 */
function dragged(drawing, grab) {
  let [move, from] = [null, null];
  drawing.addEventListener("pointerdown", (event) => {
    move = event.isPrimary && event.button === 0 ? grab(event.target) : null;
    if (!move) return;
    from = event;
    drawing.setPointerCapture(event.pointerId);
    event.preventDefault();
  });
  drawing.addEventListener("pointermove", (event) => move?.(event.clientX - from.clientX, event.clientY - from.clientY));
  for (const end of ["pointerup", "pointercancel"]) drawing.addEventListener(end, () => (move = null));
}

/** JupyterLab takes arrow keys for itself unless they stop here. */
function keepKeys(node) {
  node.addEventListener("keydown", (event) => event.stopPropagation());
}

// ---- Pictures whose height is a power of ten.

/**
 * Ticks and grid for values given as log10, over steps `from` to `to`, in a picture `wide` and `high` with margins.
 * Gives {marks, across, up, curve, window}: a null in a curve leaves a gap, and a window cuts off what is beyond the grid.
 */
function logPaper({ wide, high, left, right, top, bottom }, values, [from, to], label) {
  const [lowest, highest] = [Math.floor(Math.min(...values)), Math.ceil(Math.max(...values))];
  const step = [1, 2, 5, 10, 20, 50, 100].find((size) => (highest - lowest) / size <= 7);
  const [low, most] = [step * Math.floor(lowest / step), step * Math.ceil(highest / step)];
  const across = (t) => left + ((t - from) / (to - from)) * (wide - left - right);
  const up = (value) => high - bottom - ((value - low) / (most - low)) * (high - top - bottom);
  const tick = (text, x, y, anchor) => svg("text", { class: "rnn-tick", x, y, "text-anchor": anchor }, text);
  const marks = [];
  for (let exponent = low; exponent <= most; exponent += step) {
    const y = up(exponent);
    marks.push(svg("line", { class: exponent === 0 ? "rnn-one" : "rnn-grid", x1: left, x2: wide - right, y1: y, y2: y }));
    marks.push(tick(power(exponent), left - 6, y + 4, "end"));
  }
  const every = [1, 2, 5, 10, 20, 50, 100, 200].find((size) => (to - from) / size <= 6);
  for (let t = every * Math.ceil(from / every); t <= to; t += every) marks.push(tick(String(t), across(t), high - bottom + 18, "middle"));
  marks.push(tick(label, (left + wide - right) / 2, high - 4, "middle"));
  /** One line per unbroken stretch of values, the first of them at step `from`. */
  const curve = (name, heights) => {
    const lines = [[]];
    heights.forEach((value, index) => {
      if (value === null) lines.push([]);
      else lines.at(-1).push(`${across(from + index).toFixed(2)},${up(value).toFixed(2)}`);
    });
    return lines.filter((line) => line.length > 1).map((line) => svg("polyline", { class: `rnn-curve rnn-${name}`, points: line.join(" ") }));
  };
  const [x, y, width, height] = [left - 4, top - 4, wide - left - right + 8, high - top - bottom + 8];
  const window = (...nodes) => svg("svg", { x, y, width, height, viewBox: `${x} ${y} ${width} ${height}` }, ...nodes);
  return { marks, across, up, curve, window };
}

// ---- The frame of a widget.

const BASE_STYLE = `
.rnn-widget {
  --rnn-text: var(--jp-ui-font-color1, var(--pst-color-text-base, #1f2933));
  --rnn-muted: var(--jp-ui-font-color2, var(--pst-color-text-muted, #52606d));
  --rnn-surface: var(--jp-layout-color1, var(--pst-color-on-background, #ffffff));
  --rnn-line: var(--jp-border-color1, var(--pst-color-border, #c9ced6));
  --rnn-accent: #0b6aa8; --rnn-warm: #b54708; --rnn-violet: #8f3f7f; --rnn-green: #067a57; --rnn-alarm: #b42318;
  box-sizing: border-box; width: 100%; max-width: 60rem; margin: 1rem 0; padding: 1rem;
  color: var(--rnn-text); background: var(--rnn-surface); border: 1px solid var(--rnn-line); border-radius: .5rem;
  font-size: .9rem; line-height: 1.4; container-type: inline-size; font-variant-numeric: tabular-nums;
}
html[data-theme="dark"] .rnn-widget, body[data-jp-theme-light="false"] .rnn-widget {
  --rnn-accent: #62b8ec; --rnn-warm: #f2995a; --rnn-violet: #d9a0c8; --rnn-green: #46d0a2; --rnn-alarm: #ff9b8f;
}
.rnn-widget *, .rnn-widget *::before { box-sizing: border-box; }
.rnn-widget [hidden] { display: none !important; }
.rnn-widget fieldset { min-width: 0; margin: 0 0 .9rem; padding: 0; border: 0;
  display: grid; grid-template-columns: 1fr 1fr; gap: .35rem 1.1rem; }
.rnn-widget legend { float: none; width: auto; margin: 0 0 .15rem; padding: 0; font-size: 1em; font-weight: 600; line-height: 1.4; }
.rnn-widget label { margin: 0; font-size: .93em; color: var(--rnn-muted); }
.rnn-widget .rnn-field { display: flex; flex-direction: column; gap: .2rem; min-width: 0; }
.rnn-widget .rnn-slider { display: grid; grid-template-columns: 1fr auto; align-items: baseline; gap: 0 .4rem; }
.rnn-widget .rnn-slider input { grid-column: 1 / -1; width: 100%; min-width: 0; height: 1.5rem; margin: 0; }
.rnn-widget .rnn-check { flex-direction: row; align-items: center; gap: .5rem; min-height: 1.9rem; }
.rnn-widget .rnn-check label { color: var(--rnn-text); }
.rnn-widget input { accent-color: var(--rnn-accent); }
.rnn-widget .rnn-check input { width: 1.1rem; height: 1.1rem; margin: 0; }
.rnn-widget select, .rnn-widget input[type="number"], .rnn-widget button {
  font: inherit; color: inherit; background: var(--rnn-surface); border: 1px solid var(--rnn-muted); border-radius: .3rem;
  padding: .25rem .5rem; min-height: 2rem; max-width: 100%; width: auto; }
.rnn-widget input[type="number"], .rnn-widget select { width: 100%; }
.rnn-widget input[aria-invalid="true"] { border-color: var(--rnn-alarm); }
.rnn-widget button { cursor: pointer; padding: .25rem .8rem; }
.rnn-widget button:hover:not(:disabled) { border-color: var(--rnn-accent); color: var(--rnn-accent); }
.rnn-widget :disabled { opacity: .5; cursor: default; }
.rnn-widget :is(input, textarea, select, button, [tabindex]):focus-visible { outline: 3px solid var(--rnn-accent); outline-offset: 2px; }
.rnn-widget output { padding: 0; color: inherit; font-variant-numeric: tabular-nums; white-space: nowrap; }
.rnn-widget table { width: 100%; margin: 0; border-collapse: collapse; font-size: 1em; color: inherit; background: none; }
.rnn-widget caption { caption-side: top; padding: 0 0 .3rem; text-align: left; font-weight: 600; color: inherit; }
.rnn-widget :is(th, td) { padding: .22rem .4rem; text-align: right; border: 0; border-top: 1px solid var(--rnn-line);
  color: inherit; background: none; font-weight: 400; vertical-align: baseline; }
.rnn-widget thead :is(th, td) { border-top: 0; color: var(--rnn-muted); }
.rnn-widget th:first-child { text-align: left; padding-left: 0; }
.rnn-widget sub { font-size: .72em; line-height: 0; }
.rnn-widget p { margin: 0; }
.rnn-widget .rnn-buttons { display: flex; flex-wrap: wrap; gap: .5rem; align-items: center; }
.rnn-widget .rnn-note { color: var(--rnn-muted); font-size: .93em; }
.rnn-widget .rnn-why { color: var(--rnn-alarm); font-size: .88em; }
.rnn-widget .rnn-why:empty { display: none; }
.rnn-widget .rnn-error { color: var(--rnn-alarm); font-weight: 600; overflow-wrap: anywhere; }
.rnn-widget .rnn-unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.rnn-widget .rnn-log { display: block; width: 100%; margin: 0 auto .8rem; }
.rnn-widget .rnn-log .rnn-grid { stroke: var(--rnn-line); stroke-width: .7; }
.rnn-widget .rnn-log .rnn-one { stroke: var(--rnn-muted); stroke-width: 1; }
.rnn-widget .rnn-log .rnn-tick { font-size: 12px; fill: var(--rnn-muted); }
.rnn-widget .rnn-log .rnn-curve { fill: none; stroke: currentColor; stroke-width: 2.2; stroke-linejoin: round; }
.rnn-widget .rnn-log .rnn-name { font-size: 13px; font-weight: 600; fill: currentColor; }
.rnn-widget .rnn-columns { display: grid; gap: 1.2rem; }
.rnn-widget .rnn-columns > * { min-width: 0; }
@container (min-width: 34rem) { .rnn-widget .rnn-columns { grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); gap: 1.6rem; } }
@container (max-width: 33.99rem) { .rnn-widget label { font-size: .86em; } .rnn-widget fieldset { column-gap: .9rem; } }
@media (max-width: 30rem) { .rnn-widget { padding: .75rem; } }
@media (forced-colors: active) { .rnn-widget { border-color: CanvasText; } }
`;

/** Says the latest of the sentences it is handed, once they have paused; the first, which nobody asked for, never. */
function speaker(pause = 700) {
  const root = tag("p", { class: "rnn-unseen", role: "status", "aria-live": "polite" });
  let [last, timer] = [null, null];
  const say = (text) => {
    if (!text || text === last) return;
    clearTimeout(timer);
    if (last !== null) timer = setTimeout(() => root.replaceChildren(text), pause);
    last = text;
  };
  return { root, say };
}

/**
 * Makes `render` for a widget.
 *   name   the file's name; label is what a screen reader says
 *   style  CSS rules, nested in the widget
 *   keys   the traits it reads and writes
 *   check  (state) throws StateProblem for a state that does not fit
 *   build  (change, read) makes the controls once and returns {nodes, show(state)}; `change({key: value})` writes traits,
 *          and show returns the sentence that a screen reader hears once the changes pause
 */
function widget({ name, label, style, keys, check, build }) {
  return function render({ model, el }) {
    const body = tag("div");
    const problem = tag("p", { class: "rnn-error", role: "alert", hidden: true });
    // Nested, a widget's own rules reach no other widget and outrank the base of a later one.
    const rules = tag("style", {}, `${BASE_STYLE}.rnn-widget[data-module="${name}"] {${style}}`);
    const root = tag("div", { class: "rnn-widget", "data-module": name, role: "group", "aria-label": label }, rules, problem, body);
    el.append(root);

    const read = () => Object.fromEntries(keys.map((key) => [key, model.get(key)]));
    // A change of several traits is drawn once, after the last of them.
    let writing = false;
    const change = (patch) => {
      writing = true;
      for (const [key, value] of Object.entries(patch)) model.set(key, value);
      writing = false;
      model.save_changes();
      draw();
    };
    const view = build(change, read); // read() is the state as it stands
    const voice = speaker();
    body.append(...view.nodes, voice.root);

    const report = (text) => {
      problem.textContent = text;
      problem.hidden = !text;
      // A state that never fitted has nothing to show; one that stopped fitting keeps its controls, to mend it with.
      body.hidden = Boolean(text) && !root.dataset.ready;
      root.toggleAttribute("data-problem", Boolean(text));
    };
    const draw = () => {
      if (writing) return;
      const state = read();
      try {
        check(state);
        voice.say(view.show(state));
        root.dataset.ready = "1";
        report("");
      } catch (error) {
        if (!(error instanceof StateProblem)) throw error;
        report(error.message);
      }
    };
    for (const key of keys) model.on(`change:${key}`, draw);
    draw();
    return () => keys.forEach((key) => model.off(`change:${key}`, draw));
  };
}
