// Parameters and multiply-accumulates of a recurrent stack, in the conventions of PyTorch and of Keras.

const GATES = { RNN: 1, GRU: 3, LSTM: 4 };
const KEYS = ["cell", "input_size", "hidden_size", "num_layers", "bidirectional", "bias", "proj_size", "seq_len"];
const LIMITS = { input_size: [1, 100000], hidden_size: [1, 8192], num_layers: [1, 8], proj_size: [0, 8191], seq_len: [1, 10000] };

// ---- Arithmetic: no element is touched here.

/** One layer: `width` features come in, and one direction hands on `out`. */
function layerCounts({ cell, hidden_size, bidirectional, bias, proj_size }, width) {
  const rows = GATES[cell] * hidden_size;
  const out = proj_size || hidden_size;
  const directions = bidirectional ? 2 : 1;
  const weights = directions * (rows * (width + out) + proj_size * hidden_size);
  const biases = bias ? directions * rows : 0;
  return {
    input_size: width,
    output_size: directions * out,
    weights,
    pytorch: weights + 2 * biases,
    keras: weights + (cell === "GRU" ? 2 : 1) * biases,
    macs_per_step: weights,
  };
}

/** Every layer, and the totals. `difference` is how many more PyTorch counts than Keras. */
function compute(state) {
  const layers = [];
  let width = state.input_size;
  for (let index = 0; index < state.num_layers; index += 1) {
    const layer = layerCounts(state, width);
    layers.push(layer);
    width = layer.output_size;
  }
  const total = (key) => layers.reduce((running, layer) => running + layer[key], 0);
  const [pytorch, keras, macs_per_step] = ["pytorch", "keras", "macs_per_step"].map(total);
  return { layers, pytorch, keras, difference: pytorch - keras, macs_per_step, macs: macs_per_step * state.seq_len };
}

function check(state) {
  needChoice(state, "cell", Object.keys(GATES));
  for (const [key, [low, high]] of Object.entries(LIMITS)) needInteger(state, key, low, high);
  needBoolean(state, "bidirectional");
  needBoolean(state, "bias");
  if (state.proj_size && state.cell !== "LSTM") {
    throw new StateProblem(`proj_size must be 0 for ${state.cell} but is ${state.proj_size}; only an LSTM projects its state.`);
  }
  if (state.proj_size >= state.hidden_size) {
    throw new StateProblem(
      `proj_size must be smaller than hidden_size ${state.hidden_size} but is ${state.proj_size}; lower it or set 0.`,
    );
  }
}

/** Why the two totals differ, or do not, in one line. */
function explain(state, counts) {
  const { cell, hidden_size, num_layers, bidirectional, bias, proj_size } = state;
  if (!bias) return "Without biases both count the same weights.";
  if (cell === "GRU") return "Both keep two biases per gate: Keras does so for its GRU, whose reset gate acts after the product.";
  const factors = [num_layers, bidirectional ? 2 : 1, GATES[cell], hidden_size];
  const words = [num_layers === 1 ? "layer" : "layers", bidirectional ? "directions" : "direction", GATES[cell] === 1 ? "gate" : "gates", "units"];
  const working = factors.map((factor, index) => `${integer(factor)} ${words[index]}`).join(" × ");
  const projection = proj_size ? " Keras has no projection: the number shown for it is that of this network with one bias per gate." : "";
  return `PyTorch adds a second bias to every unit of every gate: ${working} = ${integer(counts.difference)}.${projection}`;
}

// ---- Controls and numbers.

const STYLE = `
.rnn-totals { margin-bottom: 1rem; }
.rnn-totals output { font-weight: 700; }
.rnn-totals .rnn-pytorch output { color: var(--rnn-warm); }
.rnn-totals .rnn-keras output { color: var(--rnn-accent); }
.rnn-reason { margin-bottom: 1rem; }
.rnn-table-room { overflow-x: auto; }
`;

function numberControl(key, label, change) {
  const [min, max] = LIMITS[key];
  const field = integerField({ label, min, max, change: (value) => change({ [key]: value }) });
  return { ...field, key };
}

function controls(change, read) {
  const cell = selectField({
    label: "Cell",
    choices: [["RNN", "RNN (tanh or ReLU)"], ["LSTM", "LSTM"], ["GRU", "GRU"]],
    // Only an LSTM projects; leaving it drops the projection.
    change: (value) => change(value === "LSTM" ? { cell: value } : { cell: value, proj_size: 0 }),
  });
  const layers = sliderField({
    label: "Layers", name: "control_num_layers", min: 1, max: 8, step: 1, digits: 0, change: (value) => change({ num_layers: value }),
  });
  const numbers = [
    numberControl("input_size", "Input size", change),
    numberControl("hidden_size", "Hidden size", change),
    numberControl("proj_size", "Projection (0: none)", change),
    numberControl("seq_len", "Time steps T", change),
  ];
  const [inputSize, hiddenSize, projection, steps] = numbers;
  const both = checkField({ label: "Bidirectional", change: (value) => change({ bidirectional: value }) });
  const biases = checkField({ label: "Biases", change: (value) => change({ bias: value }) });
  const root = tag("div", {},
    group("Network", cell.root, layers.root, inputSize.root, hiddenSize.root, both.root, biases.root, projection.root, steps.root));
  const show = (state) => {
    cell.show(state.cell);
    layers.show(state.num_layers);
    both.show(state.bidirectional);
    biases.show(state.bias);
    projection.input.disabled = state.cell !== "LSTM" || state.hidden_size === 1;
    projection.input.max = state.hidden_size - 1;
    hiddenSize.input.min = state.proj_size + 1;
    for (const field of numbers) field.show(state[field.key]);
  };
  return { root, show };
}

const TOTALS = [
  ["pytorch", "Parameters, PyTorch", "rnn-pytorch"],
  ["keras", "Parameters, Keras", "rnn-keras"],
  ["difference", "Difference", ""],
  ["macs_per_step", "MACs per time step", ""],
  ["macs", "MACs for T steps", ""],
];

function totalsTable() {
  const outputs = {};
  const rows = TOTALS.map(([key, label, kind]) => {
    outputs[key] = output(key);
    return tag("tr", { class: kind }, tag("th", { scope: "row" }, label), tag("td", {}, outputs[key]));
  });
  const root = tag("table", { class: "rnn-totals" }, tag("caption", {}, "Whole network, one sequence"), tag("tbody", {}, ...rows));
  const show = (counts) => TOTALS.forEach(([key]) => showText(outputs[key], integer(counts[key]), counts[key]));
  return { root, show };
}

function layersTable() {
  const body = tag("tbody");
  const heads = ["layer", "in", "out", "PyTorch", "Keras"].map((text) => tag("th", { scope: "col" }, text));
  const table = tag("table", {}, tag("caption", {}, "Parameters, layer by layer"), tag("thead", {}, tag("tr", {}, ...heads)), body);
  const show = ({ layers }) => {
    const rows = layers.map((layer, index) => {
      const values = [layer.input_size, layer.output_size, layer.pytorch, layer.keras];
      const cells = values.map((value) => tag("td", {}, integer(value)));
      return tag("tr", {}, tag("th", { scope: "row" }, String(index + 1)), ...cells);
    });
    body.replaceChildren(...rows);
  };
  return { root: tag("div", { class: "rnn-table-room" }, table), show };
}

function build(change, read) {
  const board = controls(change, read);
  const totals = totalsTable();
  const layers = layersTable();
  const reason = tag("p", { class: "rnn-reason rnn-note" });
  const hint = tag("p", { class: "rnn-note" }, "A MAC is one multiplication and one addition of a matrix product. Biases and activations are not counted.");
  const result = tag("div", {}, totals.root, reason, layers.root);
  const show = (state) => {
    const counts = compute(state);
    board.show(state);
    totals.show(counts);
    layers.show(counts);
    reason.textContent = explain(state, counts);
    return `${integer(counts.pytorch)} parameters in PyTorch, ${integer(counts.keras)} in Keras, ${integer(counts.macs)} multiply-accumulates.`;
  };
  board.root.append(hint);
  return { nodes: [tag("div", { class: "rnn-columns" }, board.root, result)], show };
}

const render = widget({ name: "parameter_calculator", label: "Parameter calculator", style: STYLE, keys: KEYS, check, build });

export default { render, compute };
