// Answer boxes under the exercises and radio buttons in the quizzes. What a reader answers is judged here, by the programs
// that book/_ext/answer_programs.py makes of the exercises, as rnncourse.exercises.check does, word for word; it is kept in
// this browser alone and never sent. The programs are trees of names, carried out without `eval`.

// ---- Numbers and arrays. An array is a list of equal lists; a Tuple compares as a whole, as in Python.

class Tuple extends Array {}
const depth = (x) => (Array.isArray(x) ? 1 + depth(x[0] ?? 0) : 0);
const shape = (x) => (Array.isArray(x) ? [x.length, ...shape(x[0] ?? 0)] : []);
const flat = (x) => (Array.isArray(x) ? x.flat(Infinity) : [x]);
const truth = (x) => (Array.isArray(x) && !(x instanceof Tuple) ? Boolean(single(x)) : Boolean(x));
const areLists = (...all) => all.every(Array.isArray);
const same = (a, b) => (areLists(a, b) ? a.length === b.length && a.every((x, k) => same(x, b[k])) : a === b);
const isRegular = (x) => !Array.isArray(x) || (x.every(isRegular) && x.every((row) => same(shape(row), shape(x[0]))));

function single(x) {
  const all = flat(x);
  if (all.length !== 1) throw new TypeError("one value is needed");
  return all[0];
}

/** A function of numbers, entry by entry, with NumPy's broadcasting. */
function each(f, ...xs) {
  const deep = Math.max(...xs.map(depth));
  if (!deep) return f(...xs);
  const lists = xs.filter((x) => depth(x) === deep);
  const length = lists.find((x) => x.length !== 1)?.length ?? 1;
  if (lists.some((x) => x.length !== length && x.length !== 1)) throw new RangeError("shapes do not fit");
  const part = (x, k) => (depth(x) < deep ? x : x[x.length === 1 ? 0 : k]);
  return Array.from({ length }, (_, k) => each(f, ...xs.map((x) => part(x, k))));
}

/** A function of a list, along an axis or over all entries. */
function along(f, x, axis) {
  if (axis === undefined || axis === null) return f(flat(x));
  if (axis < 0) return along(f, x, depth(x) + axis);
  if (axis > 0) return x.map((row) => along(f, row, axis - 1));
  return depth(x) === 1 ? f(x) : x[0].map((_, k) => along(f, x.map((row) => row[k]), 0));
}

function reshape(x, wanted) {
  if (!isRegular(x)) throw new TypeError("lists of unequal lengths");
  const all = flat(x);
  const known = [wanted].flat();
  const rest = known.filter((size) => size !== -1).reduce((product, size) => product * size, 1);
  const sizes = known.map((size) => (size === -1 ? all.length / rest : size));
  if (sizes.reduce((product, size) => product * size, 1) !== all.length) throw new RangeError("another number of entries");
  const cut = (rows, size) => Array.from({ length: rows.length / size }, (_, k) => rows.slice(k * size, (k + 1) * size));
  const rows = sizes.slice(1).reduceRight(cut, all);
  return sizes.length ? rows : rows[0];
}

function at(x, index) {
  if (index instanceof Tuple) {
    const [first, ...more] = index;
    const part = at(x, first);
    if (!more.length) return part;
    return first?.slice ? part.map((row) => at(row, Tuple.from(more))) : at(part, Tuple.from(more));
  }
  if (!Array.isArray(x)) throw new TypeError("a number has no entries");
  if (index?.slice) return x.slice(...index.slice);
  const k = index < 0 ? x.length + index : index;
  if (!Number.isInteger(k) || k < 0 || k >= x.length) throw new RangeError("no such entry");
  return x[k];
}

const joinLists = (parts, axis = 0) =>
  axis ? parts[0].map((_, k) => joinLists(parts.map((part) => part[k]), axis - 1)) : [].concat(...parts);
const running = (xs) => xs.map(((sum) => (x) => (sum += x))(0));
const sum = (xs) => xs.reduce((total, x) => total + x, 0);
const mean = (xs) => sum(xs) / xs.length;
const inOrder = (xs) => [...xs].sort((a, b) => a - b);
const median = (xs) => mean(inOrder(xs).slice(Math.ceil(xs.length / 2) - 1, Math.floor(xs.length / 2) + 1));
const modulo = (a, b) => a - b * Math.floor(a / b);
const isClose = (a, b) => a === b || Math.abs(a - b) <= 1e-8 + 1e-5 * Math.abs(b);
const equal = (a, b) => (a instanceof Tuple || b instanceof Tuple ? same(a, b) : each((x, y) => x === y, a, b));
const entries = (functions) => Object.entries(functions);
const STRICT = {
  Tuple: (...items) => Tuple.from(items), List: (...items) => items, at,
  slice: (...ends) => ({ slice: ends.map((end) => end ?? undefined) }),
  Eq: equal, NotEq: (a, b) => (a instanceof Tuple || b instanceof Tuple ? !same(a, b) : each((x) => !x, equal(a, b))),
  In: (item, items) => [...items].some((other) => truth(equal(item, other))), NotIn: (item, items) => !STRICT.In(item, items),
  Not: (x) => !truth(x), len: (x) => x.length, shape: (x) => Tuple.from(shape(x)), reshape, concatenate: joinLists,
  set: (items) => Tuple.from(new Set([...items].sort())), int: (x) => Math.trunc(single(x)),
  diff: (xs) => xs.slice(1).map((x, k) => x - xs[k]),
  round: (x, decimals) => Number(fixed(single(x), decimals)), softmax: (xs) => xs.map((x) => Math.exp(x) / sum(xs.map(Math.exp))),
  joined: (xs, by = ", ") => xs.map((x) => general(x, 6)).join(by), isclose: (a, b) => each(isClose, a, b),
  ...Object.fromEntries(entries({ // entry by entry
    Add: (a, b) => a + b, Sub: (a, b) => a - b, Mult: (a, b) => a * b, Div: (a, b) => a / b, Pow: (a, b) => a ** b,
    FloorDiv: (a, b) => Math.floor(a / b), Mod: modulo, USub: (x) => -x, Lt: (a, b) => a < b, LtE: (a, b) => a <= b,
    Gt: (a, b) => a > b, GtE: (a, b) => a >= b, abs: Math.abs, ceil: Math.ceil, floor: Math.floor, exp: Math.exp, log: Math.log,
    log10: Math.log10, sqrt: Math.sqrt, tanh: Math.tanh, isfinite: Number.isFinite, isnan: Number.isNaN,
    isinf: (x) => Math.abs(x) === Infinity, relu: (x) => Math.max(x, 0), sigmoid: (x) => 1 / (1 + Math.exp(-x)),
    maximum: Math.max, minimum: Math.min, clip: (x, low, high) => Math.min(Math.max(x, low), high),
  }).map(([name, f]) => [name, (...xs) => each(f, ...xs)])),
  ...Object.fromEntries(entries({ // along an axis
    sum, mean, cumsum: running, median, max: (xs) => Math.max(...xs), min: (xs) => Math.min(...xs),
    all: (xs) => xs.every(Boolean), any: (xs) => xs.some(Boolean), var: (xs) => mean(xs.map((x) => (x - mean(xs)) ** 2)),
  }).map(([name, f]) => [name, (x, axis) => along(f, x, axis)])),
};
export const names = Object.keys(STRICT);

// ---- Texts with values in them, written as Python writes them

/** So many decimals; what lies exactly between two is rounded to the even one. */
function fixed(x, decimals) {
  if (!Number.isFinite(x)) return Number.isNaN(x) ? "nan" : x < 0 ? "-inf" : "inf";
  const text = x.toFixed(decimals);
  if (text.includes("e")) return text;
  const exact = x.toFixed(Math.min(100, decimals + 40));
  const cut = exact.length - exact.split(".")[1].length + decimals - (decimals ? 0 : 1);
  const tie = /^\.?50*$/.test(exact.slice(cut)) && /[02468]\.?$/.test(exact.slice(0, cut));
  return tie ? exact.slice(0, cut) : text;
}

function general(x, digits) {
  if (!Number.isFinite(x)) return fixed(x, 0);
  const power = x ? Number(x.toExponential(digits - 1).split("e")[1]) : 0;
  const bare = (text) => (text.includes(".") ? text.replace(/\.?0+$/, "") : text);
  if (power >= -4 && power < digits) return bare(fixed(x, digits - 1 - power));
  const sign = power < 0 ? "-" : "+";
  return `${bare(x.toExponential(digits - 1).split("e")[0])}e${sign}${String(Math.abs(power)).padStart(2, "0")}`;
}

function written(value, conversion, spec) {
  if (conversion === "r" && typeof value === "string") return value.includes("'") ? `"${value}"` : `'${value}'`;
  if (typeof value === "string") return value;
  const x = single(value);
  if (conversion === "r") return Number.isInteger(x) ? x.toFixed(1) : String(x);
  const [, grouped, , decimals, kind] = spec.match(/^(,)?(\.(\d+))?([fg%])?$/);
  const digits = Number(decimals ?? 6);
  const kinds = { f: () => fixed(x, digits), "%": () => `${fixed(100 * x, digits)}%`, g: () => general(x, digits || 1) };
  const text = kinds[kind]?.() ?? String(x);
  return grouped ? text.replace(/\B(?<!\.\d*)(?=(\d{3})+(?!\d))/g, ",") : text;
}

// ---- The judge

/** Right or not, and what is said of it, for an answer that has been read: a number, lists of numbers, or words. */
export function judge(exercise, problem, answer) {
  const known = new Map();
  let yours = answer;
  const lazy = {
    yours: () => yours,
    value: (value) => value,
    let: (name) => known.get(name) ?? known.set(name, run(problem.let[name])).get(name),
    And: (...parts) => parts.every((part) => truth(run(part))),
    Or: (...parts) => parts.some((part) => truth(run(part))),
    if: (test, chosen, other) => run(truth(run(test)) ? chosen : other),
  };
  const run = (node) => {
    if (!Array.isArray(node)) return node;
    const [name, ...parts] = node;
    return Object.hasOwn(lazy, name) ? lazy[name](...parts) : STRICT[name](...parts.map(run));
  };
  const say = (pieces) => pieces.map((piece) => (Array.isArray(piece) ? written(run(piece[0]), piece[1], piece[2]) : piece)).join("");
  const isWords = ["choice", "word"].includes(exercise.kind);
  const right = problem.answer === null ? null : run(problem.answer);
  const agrees = (value) => {
    if (isWords) return same(yours, value);
    if (!same(shape(yours), shape(value))) return false;
    const others = flat(value);
    return flat(yours).every((x, k) => {
      const size = Math.abs(others[k]);
      const unit = exercise.relative ? size || 1e-6 / exercise.tolerance : Math.max(1, size);
      return Number.isFinite(x) && Math.abs(x - others[k]) <= exercise.tolerance * unit;
    });
  };
  try {
    if (isWords) yours = Tuple.from(answer);
    else if (typeof answer === "number" && right !== null && same(shape(right), [1])) yours = [answer];
    if (!isWords && problem.read !== null) yours = run(problem.read);
    if (isWords ? yours.length !== right.length : !isRegular(yours)) throw new TypeError("another form");
  } catch {
    const type = Array.isArray(answer) ? "list" : "float";
    return { passed: false, message: exercise.form.replace("{type}", type) };
  }
  if (right !== null && agrees(right)) return { passed: true, message: say(problem.right) };
  const isComparable = isWords || right === null || same(shape(yours), shape(right));
  for (const { answer: wrong, when, hint } of problem.mistakes) {
    const isMade = when === undefined ? agrees(run(wrong)) : isComparable && truth(run(when));
    if (isMade) return { passed: false, message: say(hint) };
  }
  if (right === null && truth(run(problem.passes))) return { passed: true, message: say(problem.right) };
  const python = (sizes) => `(${sizes.join(", ")}${sizes.length === 1 ? "," : ""})`;
  const shapes = isComparable ? "" : `The answer has shape ${python(shape(right))}; yours has ${python(shape(yours))}. `;
  return { passed: false, message: shapes + say(problem.otherwise) };
}

// ---- What a reader types

const WESTERN = (text) => text
  .replace(/[۰-۹]/g, (digit) => digit.charCodeAt(0) - 0x6f0).replace(/[٠-٩]/g, (digit) => digit.charCodeAt(0) - 0x660)
  .replace(/٫/g, ".").replace(/،/g, ", ").replace(/؛/g, ";").replace(/[−–]/g, "-").replace(/∞/g, "inf");
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/** A number as it is written: 0.25, −3, 1e-3, 1/3, inf; undefined for anything else. */
function readNumber(word) {
  const [above, below, ...more] = word.split("/");
  if (more.length || (below !== undefined && !NUMBER.test(below))) return undefined;
  if (/^[+-]?inf(inity)?$/i.test(above) && below === undefined) return above.startsWith("-") ? -Infinity : Infinity;
  return NUMBER.test(above) ? Number(above) / Number(below ?? 1) : undefined;
}

/** The answer in a text, as {value} for `judge`, or {hint} where it cannot be read. */
export function read(text, exercise) {
  const plain = WESTERN(text).trim();
  if (!plain) return { hint: exercise.kind === "choice" ? "Choose an answer first." : "Type your answer first." };
  if (["choice", "word"].includes(exercise.kind)) {
    const words = plain.split(plain.includes(",") ? "," : /\s+/).map((word) => word.replace(/^[\s("'“”]+|[\s)"'“”]+$/g, ""));
    return { value: words.map((word) => (exercise.choices?.includes(word) ? word : readNumber(word) ?? word)) };
  }
  const isOne = exercise.kind === "number";
  const isNested = /[([]/.test(plain) && !plain.includes(";"); // brackets nest, as in Python
  if (/\d,\d/.test(plain) && (isOne || (!/[.[(]/.test(plain) && /;|\s/.test(plain)))) {
    return { hint: "Write decimals with a point, such as 1.5, and no comma inside a number." };
  }
  // Without them a semicolon or a new line ends a row.
  const rows = plain.replace(/[()[\]]/g, "").split(/[;\n]/).filter((row) => row.trim());
  const lists = isNested ? plain : rows.length > 1 ? rows.map((row) => `[${row}]`).join(" ") : rows.join();
  const open = [[]];
  for (const word of lists.match(/[()[\]]|[^\s,;()[\]]+/g) ?? []) {
    if ("([".includes(word)) open.push([]);
    else if (")]".includes(word)) {
      if (open.length < 2) return { hint: "A bracket is closed that was not opened." };
      const closed = open.pop();
      open.at(-1).push(closed);
    } else {
      const number = readNumber(word);
      if (number === undefined) return { hint: `“${word}” is no number. Write it as 0.25, −3, 1/3 or 2e-4, without units.` };
      open.at(-1).push(number);
    }
  }
  if (open.length > 1) return { hint: "A bracket is not closed." };
  const [all] = open;
  if (!flat(all).length) return { hint: "Type your answer first." };
  const value = isNested && all.length === 1 && Array.isArray(all[0]) ? all[0] : all;
  if (!isOne) return { value: !isNested && rows.length < 2 && value.length === 1 ? value[0] : value };
  return flat(value).length === 1 ? { value: flat(value)[0] } : { hint: "One number is asked for." };
}

// ---- What is kept, in this browser alone

const KEY = "rnncourse.answers";

// Where the browser refuses to keep anything, answers last as long as the page.
const STORE = (() => {
  try {
    localStorage.setItem(`${KEY}.try`, "");
    localStorage.removeItem(`${KEY}.try`);
    return localStorage;
  } catch {
    let held = null;
    return { getItem: () => held, setItem: (_, text) => (held = text), removeItem: () => (held = null), isBrief: true };
  }
})();

function load() {
  let held = null;
  try {
    held = JSON.parse(STORE.getItem(KEY));
  } catch {} // it holds something else
  return { exercises: { ...held?.exercises }, quizzes: { ...held?.quizzes } };
}

/** Keep everything; whether there was room. */
function keepAll(all) {
  try {
    STORE.setItem(KEY, JSON.stringify(all));
    return true;
  } catch {
    return false; // it is full: the boxes work without
  } finally {
    document.dispatchEvent(new Event("answers-kept"));
  }
}

function keep(kind, name, entry) {
  const all = load();
  all[kind][name] = entry;
  keepAll(all);
}

const isRecord = (x, isEntry) => x !== null && typeof x === "object" && !Array.isArray(x) && Object.values(x).every(isEntry);
const isAnswer = (x) => Number.isInteger(x?.problem) && typeof x.typed === "string" && typeof x.right === "boolean";
const isChoice = (x) => Number.isInteger(x?.chosen) && typeof x.right === "boolean";
const isCopy = (x) => isRecord(x?.exercises, isAnswer) && isRecord(x.quizzes, (quiz) => isRecord(quiz, isChoice));

/** What is kept and what a saved copy holds, together, or null for another file. What was right once stays right. */
function joinCopy(kept, text) {
  let copy = null;
  try {
    copy = JSON.parse(text);
  } catch {} // no JSON
  if (!isCopy(copy)) return null;
  const both = structuredClone(kept);
  for (const [name, one] of Object.entries(copy.exercises)) {
    const mine = kept.exercises[name];
    both.exercises[name] = { ...(mine?.typed ? mine : one), right: one.right || Boolean(mine?.right) };
  }
  for (const [page, quiz] of Object.entries(copy.quizzes)) {
    both.quizzes[page] = { ...quiz, ...kept.quizzes[page] };
    for (const [question, one] of Object.entries(quiz)) if (one.right) both.quizzes[page][question] = one;
  }
  return both;
}

/** Book data in the light disguise of answers.py, which keeps answers out of sight and of no one's reach. */
export function decode(text) {
  const plain = text.replace(/[!-~]/g, (sign) => String.fromCharCode(33 + ((sign.charCodeAt(0) - 33 + 47) % 94)));
  const special = { "@inf": Infinity, "@-inf": -Infinity, "@nan": NaN };
  return JSON.parse(plain, (_, value) => (typeof value === "string" && Object.hasOwn(special, value) ? special[value] : value));
}

// ---- The boxes

function make(tag, properties = {}, ...inside) {
  const { attributes = {}, ...rest } = properties;
  const node = Object.assign(document.createElement(tag), rest);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...inside);
  return node;
}

/** A message, with the emphasis and the code of its Markdown. */
function tell(place, message, isRight) {
  place.className = `answer-said ${isRight === undefined ? "" : isRight ? "right" : "wrong"}`;
  const parts = message.split(/(\*\S(?:[^*]*\S)?\*|`[^`]+`)/);
  const shown = parts.map((part, k) => (k % 2 ? make(part[0] === "*" ? "em" : "code", { textContent: part.slice(1, -1) }) : part));
  place.replaceChildren(...(isRight === undefined ? [] : [make("b", { textContent: isRight ? "Right. " : "Not yet. " })]), ...shown);
}

const HOW = { number: "One number, such as 0.25 or 1/3.", word: "Words or letters, in their order.",
  vector: "Numbers, separated by spaces; a semicolon ends a row." };

/** Native controls for an answer: their nodes, and what stands in them as a text that can be put back. */
function controls(exercise, problem, id) {
  const how = make("small", { id: `${id}-how` });
  how.textContent = /^Give numbers;|[{]/.test(exercise.form) ? HOW[exercise.kind] : exercise.form;
  if (exercise.kind === "choice") {
    const count = problem.answer.length - 1;
    const selects = Array.from({ length: count }, (_, k) => make("select", { id: `${id}-${k}` },
      make("option", { value: "", textContent: "choose" }), ...exercise.choices.map((choice) => make("option", { textContent: choice }))));
    const named = selects.map((select, k) => make("label", {}, count > 1 ? `Answer ${k + 1} ` : "Your answer ", select));
    const get = () => (selects.every((select) => select.value) ? selects.map((select) => select.value).join(", ") : "");
    return { nodes: named, get, put: (text) => selects.forEach((select, k) => (select.value = text.split(", ")[k] ?? "")) };
  }
  const isTable = Array.isArray(problem.answer) && depth(problem.answer[1]) > 1;
  const field = make(isTable ? "textarea" : "input", { id, spellcheck: false, autocomplete: "off", autocapitalize: "none",
    ...(isTable ? { rows: problem.answer[1].length } : { type: "text" }), attributes: { "aria-describedby": how.id } });
  return { nodes: [make("label", { htmlFor: id, textContent: "Your answer" }), field, how], get: () => field.value,
    put: (text) => (field.value = text) };
}

function mountBox(box, exercise) {
  const name = box.dataset.exercise;
  let number = 0;
  const { nodes, get, put } = controls(exercise, exercise.problems[0], `answer-${name}`);
  const question = make("div", { className: "answer-question", tabIndex: -1 });
  const said = make("p", { attributes: { role: "status" } });
  const another = make("button", { type: "button", textContent: "Another one", hidden: exercise.problems.length < 2 });
  const first = make("button", { type: "button", textContent: "The chapter's numbers" });
  const form = make("form", { noValidate: true, attributes: { "aria-label": `Your answer: ${exercise.title}` } },
    ...nodes, make("div", { className: "answer-buttons" }, make("button", { textContent: "Check" }), another, first), said);

  const show = () => {
    const problem = exercise.problems[number];
    first.hidden = !number || Boolean(exercise.problems[0].question);
    question.hidden = !problem.question;
    question.innerHTML = problem.question; // written by the book
  };
  const answer = (typed) => {
    try {
      const { value, hint } = read(typed, exercise);
      if (hint) return tell(said, hint) ?? false;
      const { passed, message } = judge(exercise, exercise.problems[number], value);
      tell(said, message, passed);
      return passed;
    } catch {
      tell(said, "The page cannot judge this one; try it in the notebook.");
      return false;
    }
  };
  const ask = (next) => {
    number = next;
    put("");
    tell(said, "");
    show();
    window.measureBoxes?.(); // a long formula scrolls, and is reached by keyboard then
    const { right } = load().exercises[name] ?? {};
    keep("exercises", name, { problem: number, typed: "", right: Boolean(right) });
    (question.hidden ? form.querySelector("input, select, textarea") : question).focus();
  };
  const restore = () => {
    const kept = load().exercises[name] ?? {};
    if (get() && get() !== kept.typed) return; // it is being typed
    number = exercise.problems[kept.problem] ? kept.problem : 0;
    show();
    put(kept.typed ?? "");
    if (kept.typed) answer(kept.typed);
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const right = answer(get()) || Boolean(load().exercises[name]?.right);
    keep("exercises", name, { problem: number, typed: get(), right });
  });
  another.addEventListener("click", () => ask((number + 1) % exercise.problems.length || (exercise.problems[0].question ? 0 : 1)));
  first.addEventListener("click", () => ask(0));
  box.replaceChildren(question, form);
  restore();
  document.addEventListener("answers-read", restore);
}

// ---- The quizzes: folded options become radio buttons

function mountQuestion(section, page) {
  const heading = section.querySelector("h2").cloneNode(true);
  heading.querySelector(".headerlink")?.remove();
  const options = [...section.querySelectorAll(":scope > details")];
  const status = make("div", { className: "quiz-said", attributes: { role: "status" } });
  const boxes = options.map((option, k) => {
    const said = make("div", { hidden: true }, ...option.querySelector(".sd-summary-content").childNodes);
    const input = make("input", { type: "radio", name: section.id, value: k });
    status.append(said);
    return { input, said, label: make("label", {}, input, make("span", {}, ...option.querySelector(".sd-summary-text").childNodes)) };
  });
  const legend = make("legend", { className: "visually-hidden", textContent: heading.textContent });
  const form = make("form", { className: "quiz-question" },
    make("fieldset", {}, legend, ...boxes.map(({ label }) => label)), make("button", { textContent: "Check" }), status);
  const show = (chosen) => boxes.forEach(({ said, input }, k) => {
    said.hidden = k !== chosen;
    input.checked = k === chosen;
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const chosen = boxes.findIndex(({ input }) => input.checked);
    show(chosen);
    const right = boxes[chosen]?.said.textContent.trim().startsWith("Right.") ?? false;
    if (chosen >= 0) keep("quizzes", page, { ...load().quizzes[page], [section.id]: { chosen, right } });
  });
  options[0].before(form);
  for (const option of options) option.remove();
  const restore = () => show(load().quizzes[page]?.[section.id]?.chosen ?? -1);
  restore();
  document.addEventListener("answers-read", restore);
}

// ---- How far one is, and what to do with it

function mountKept(place, progress) {
  const list = make("ul");
  const save = make("button", { type: "button", textContent: "Save a copy" });
  const file = make("input", { type: "file", accept: ".json,application/json", hidden: true });
  const bring = make("button", { type: "button", textContent: "Read a copy" });
  const forget = make("button", { type: "button", textContent: "Delete all" });
  const said = make("p", { attributes: { role: "status" } });
  place.replaceChildren(make("h3", { textContent: "Your answers" }), list,
    make("p", { textContent: STORE.isBrief ? "This browser keeps nothing: they are gone when you leave the page. Nothing is sent."
      : "They are kept in this browser, on this device. Nothing is sent." }),
    make("div", { className: "answer-buttons" }, save, bring, forget, file), said);
  const count = () => {
    const all = load();
    list.replaceChildren(...progress.map(({ title, exercises = [], quiz, questions }) => {
      const right = exercises.filter((name) => all.exercises[name]?.right).length;
      const chosen = Object.values(all.quizzes[quiz] ?? {}).filter((one) => one.right).length;
      return make("li", { textContent: `${title}: ${quiz ? chosen : right} of ${quiz ? questions : exercises.length} right` });
    }));
  };
  save.addEventListener("click", () => {
    const href = URL.createObjectURL(new Blob([JSON.stringify(load(), null, 1)], { type: "application/json" }));
    make("a", { href, download: "answers.json" }).click();
    setTimeout(() => URL.revokeObjectURL(href), 1000);
  });
  bring.addEventListener("click", () => file.click());
  file.addEventListener("change", async () => {
    const text = await file.files[0]?.text();
    file.value = ""; // the same file may be chosen again
    if (text === undefined) return;
    const all = joinCopy(load(), text);
    said.textContent = !all ? "This file holds no answers. Choose one that “Save a copy” made, such as answers.json. Nothing has changed."
      : !keepAll(all) ? "This browser has no room for the copy. Nothing has changed."
      : "The copy has been read. Where you had typed an answer already, yours stays.";
    document.dispatchEvent(new Event("answers-read"));
  });
  forget.addEventListener("click", () => {
    if (!confirm("Delete all of your answers, on every page of this book?")) return;
    STORE.removeItem(KEY);
    location.reload();
  });
  document.addEventListener("answers-kept", count);
  addEventListener("storage", count); // another tab
  count();
}

/** One thing after another, with room for a click between them: all at once would hold up a slow processor. Paper has all. */
function inTurn(waiting) {
  const next = () => {
    waiting.shift()?.();
    if (waiting.length) setTimeout(next);
  };
  addEventListener("beforeprint", () => waiting.splice(0).forEach((one) => one()));
  next();
}

export default function start() {
  const { exercises, progress, page } = decode(window.ANSWERS);
  const all = (selector, mount) => [...document.querySelectorAll(selector)].map((place) => () => mount(place));
  inTurn([
    ...all(".answer-box[data-exercise]", (box) => {
      if (exercises[box.dataset.exercise]) mountBox(box, exercises[box.dataset.exercise]);
    }),
    ...all("section:has(> details.sd-dropdown)", (section) => mountQuestion(section, page)),
    ...all(".answers-kept", (place) => mountKept(place, progress)),
  ]);
}
