"""The arithmetic of each widget's module is the package's, for drawn states."""

import base64
import random
import sys
import unicodedata
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
import traitlets
from _widgets import WIDGETS, ask
from playwright.sync_api import Page
from sentence_network import network_of, probabilities, vocabulary_of

from rnncourse.cells import lstm_sequence, sigmoid
from rnncourse.data import order_sentences
from rnncourse.text import tokenise
from rnncourse.widgets import SentenceReader
from rnncourse.widgets.base import HERE, Numbers, PageWidget
from rnncourse.widgets.causality_explorer import CausalityExplorer
from rnncourse.widgets.cell_explorer import CellExplorer
from rnncourse.widgets.forecast_explorer import ForecastExplorer
from rnncourse.widgets.gate_explorer import GateExplorer
from rnncourse.widgets.gate_scrubber import GateScrubber
from rnncourse.widgets.gradient_explorer import GradientExplorer
from rnncourse.widgets.lstm_walk import STAGES, LSTMWalk
from rnncourse.widgets.padding_explorer import MOST_PADS, PLACES
from rnncourse.widgets.padding_explorer import NETWORKS as READERS
from rnncourse.widgets.parameter_calculator import ParameterCalculator
from rnncourse.widgets.receptive_field import ReceptiveField
from rnncourse.widgets.sentence_reader import layout
from rnncourse.widgets.skip_explorer import SkipExplorer
from rnncourse.widgets.state_path import StatePath
from rnncourse.widgets.training_loop import TrainingLoop

State = dict[str, Any]
MANY, SOME = 100, 20


class Arithmetic(NamedTuple):
    """How a widget's states are drawn, and what the module must find for one, as far as it is compared."""

    draw: Callable[[random.Random], State]
    wanted: Callable[[State], Any]
    states: int = MANY
    rel: float = 1e-12
    abs: float = 1e-13


def array(rng: random.Random, most: float, *shape: int) -> Any:
    return [array(rng, most, *shape[1:]) for _ in range(shape[0])] if shape else rng.uniform(-most, most)


def of(result: Any, *names: str) -> dict[str, Any]:
    return {name: getattr(result, name) for name in names}


def any_state(widget: type[PageWidget], rng: random.Random) -> State:
    """A state of a widget, each of its traits anywhere in its range, now and then at an end; texts as they are."""

    def drawn(trait: Any) -> Any:
        match trait:
            case traitlets.Int() | traitlets.Float():
                inside = rng.randint if isinstance(trait, traitlets.Int) else rng.uniform
                return rng.choice([trait.min, *[inside(trait.min, trait.max) for _ in range(8)], trait.max])
            case traitlets.Enum():
                return rng.choice(trait.values)
            case traitlets.Bool():
                return rng.random() < 0.5
            case Numbers() if None not in trait.shape:
                return array(rng, 4, *trait.shape)
            case _:
                return trait.default_value

    return {name: drawn(trait) for name, trait in widget.class_traits().items() if name in widget.state_names()}


def a_stack(rng: random.Random) -> State:
    state = any_state(ParameterCalculator, rng)
    return {**state, "proj_size": rng.randrange(state["hidden_size"]) if state["cell"] == "LSTM" else 0}


def counted(state: State) -> Any:
    counts = ParameterCalculator(**state).counts
    return {**of(counts, "pytorch", "keras", "macs"), "difference": counts.pytorch - counts.keras}


def one_step(state: State) -> Any:
    return of(CellExplorer(**state).step, "input_term", "recurrent_term", "z", "h")


def gate_steps(state: State) -> Any:
    names = ("i", "f", "g", "o", "c_prev", "kept", "written", "c", "tanh_c", "h")
    explorer = GateExplorer(**state)
    steps = [{name: float(getattr(step, name)[0]) for name in names} for step in explorer.run.steps]
    return {"steps": steps, "marks": [{"off": off} for off in explorer.off]}


def walked(state: State) -> Any:
    step, unit = LSTMWalk(**state).step, state["unit"] - 1
    stage = [*STAGES][state["at"] - 1]
    part = {"network": "f", "inputs": "f", "product": "kept"}.get(stage, stage)
    vectors = of(step, *(f"a_{gate}" for gate in "ifgo"), *"ifgo", "kept", "written", "c", "tanh_c", "h")
    inside = {"part": part, "value": float(getattr(step, part)[unit])}
    if part in "ifgo":
        row = 2 * "ifgo".index(part) + unit
        terms = [step.input_term[row], *step.W_hh[row] * step.h_prev, step.b[row]]
        return {"step": vectors, "inside": {**inside, "terms": np.array(terms), "sum": float(sum(terms))}}
    joined = {"kept": "f c_prev", "written": "i g", "c": "kept written", "h": "o tanh_c"}[part].split()
    return {"step": vectors, "inside": {**inside, "terms": np.array([getattr(step, one)[unit] for one in joined])}}


def a_scrubbed_series(rng: random.Random) -> State:
    steps = rng.randint(12, 60)
    weights = {"W_ih": array(rng, 2, 32, 1), "W_hh": array(rng, 0.6, 32, 8), "b": array(rng, 2, 32)}
    chosen = {"jump_at": rng.randint(1, steps), "size": rng.uniform(-3, 3), "at": steps, "unit": rng.choice([0, 3])}
    return GateScrubber(series=array(rng, 2, steps), **weights, **chosen).state()


def both_readings(state: State) -> Any:
    widget = GateScrubber(**state)
    pairs = {"load": widget.loads, **{gate: widget.gate(gate) for gate in ("f", "i", "o")}}
    jumped, plain = ({name: np.array(pair[k]) for name, pair in pairs.items()} for k in (0, 1))
    return {"jumped": jumped, "plain": plain}


def a_recurrence(rng: random.Random) -> State:
    chosen = {"radius": rng.uniform(0.5, 1.5), "input_scale": rng.uniform(0.05, 2), "seq_len": rng.randint(2, 200)}
    return GradientExplorer(nonlinearity=rng.choice(["tanh", "relu"]), **chosen).state()


def flow(state: State) -> Any:
    found = GradientExplorer(**state).flow
    below = np.flatnonzero(found.gradient[::-1] <= 0.5 * found.gradient[-1])
    return {
        **of(found, "state", "gradient"),
        "ratio": float(found.gradient[0] / found.gradient[-1]),
        "halved": int(below[0]) if below.size else -1,
        "log10_bound": pytest.approx(found.log10_bound, rel=1e-9, abs=1e-9),
    }


def path(state: State) -> Any:
    widget = StatePath(**state)
    both = of(widget.run, "c", "h")
    norms = {f"norm_{name}": np.linalg.norm(values, axis=1) for name, values in both.items()}
    return {**both, **norms, "limit": np.array(widget.limit, dtype=float)}


def field(state: State) -> Any:
    widget = ReceptiveField(**state)
    names = ("field", "reached", "layers_needed", "width", "fading_width", "paths", "fading")
    return {**of(widget.reach, *names), "dilations": list(widget.dilations)}


def skips(state: State) -> Any:
    way = SkipExplorer(**state).path
    return {"looks": list(way.looks), "met": way.met, "probability": np.array(way.probability), "share": way.share}


def causes(state: State) -> Any:
    widget = CausalityExplorer(**state)
    earlier, later = widget.moved
    after = widget.outputs(widget.pushed)
    return {**of(widget, "before", "influence"), "after": after, "earlier": earlier, "later": later}


def some_days(rng: random.Random) -> State:
    length = rng.randint(11, 120)
    series = {"days": length, "network": length - 10}
    drawn = {name: [rng.uniform(-5, 36) for _ in range(steps)] for name, steps in series.items()}
    chosen = {"weights": array(rng, 1, 10), "intercept": rng.uniform(-50, 50), "at": rng.randint(1, length - 10)}
    return {**drawn, **chosen, "keep": rng.uniform(0, 1.2), "usual": rng.uniform(-10, 40)}


def forecasts(state: State) -> Any:
    widget = ForecastExplorer(**state)
    at, made = state["at"], widget.forecasts
    so_far = {name: float(np.mean((each[:at] - widget.targets[:at]) ** 2)) for name, each in made.items()}
    return {**of(widget, "targets", "forecasts", "errors"), "so_far": so_far}


def padded_sentences(rng: random.Random) -> State:
    words, number = [f"w{k}" for k in range(5)], rng.randint(2, 5)
    sentences = [f"w{k} " + " ".join(rng.choices(words, k=rng.randint(1, 9) + k)) for k in range(number)]
    shapes = {"embedding": (5, 3, 4), "W_ih": (3, 32, 4), "W_hh": (3, 32, 8), "b": (3, 32), "W_hy": (3, 8), "b_y": (3,)}
    weights = {name: array(rng, 1.5, *shape) for name, shape in shapes.items()}
    chosen = {"network": rng.choice([*READERS]), "place": rng.choice([*PLACES]), "pads": rng.randint(0, MOST_PADS)}
    labels = [float(rng.randrange(2)) for _ in sentences]
    said = {"sentences": sentences, "labels": labels, "words": words, "sentence": rng.randint(1, number)}
    return {**said, **weights, **chosen}


def decades(h: Any, c: Any, steps: int, *weights: Any) -> float:
    """Decades of gradient from ``W_hy`` at the last h, after steps on which nothing comes in, back to h and c."""
    W_hh, b, W_hy = map(torch.from_numpy, weights)
    start = [torch.tensor(part, requires_grad=True) for part in (h, c)]
    h, c = start
    for _ in range(steps):
        i, f, g, o = (W_hh @ h + b).chunk(4)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
    back = torch.autograd.grad(h @ W_hy, start, materialize_grads=True)
    return float(torch.log10(torch.cat(back).norm() / W_hy.norm()))


def padded(state: State) -> Any:
    n, pads, place = READERS.index(state["network"]), state["pads"], state["place"]
    W_ih, W_hh, b, W_hy, b_y = (np.array(state[name])[n] for name in ("W_ih", "W_hh", "b", "W_hy", "b_y"))
    zero = np.zeros(8)

    def read(sentence: str) -> Any:
        rows = [state["words"].index(word) for word in sentence.split(" ")]
        vectors, nothing = np.array(state["embedding"])[rows, n], np.zeros((pads, 4))
        parts = {"behind": [vectors, nothing], "in front": [nothing, vectors], "masked": [vectors]}[place]
        run = lstm_sequence(np.concatenate(parts), zero, zero, W_ih, W_hh, b)
        h = np.concatenate([run.h, np.repeat(run.h[-1:], pads if place == "masked" else 0, axis=0)])
        last_word = len(rows) + (pads if place == "in front" else 0)
        reaches = decades(run.h[last_word - 1], run.c[last_word - 1], len(run.h) - last_word, W_hh, b, W_hy)
        gates = {"forget": float(run.f[-1].mean()), "written": float(run.i[-1].mean())}
        shown = {"last_word": last_word, "h": h, "friendly": sigmoid(h @ W_hy + b_y), **gates}
        return {**shown, "reaches": pytest.approx(reaches, rel=1e-4, abs=1e-4)}

    readings = [read(sentence) for sentence in state["sentences"]]
    places = {"apart_word": [each["last_word"] - 1 for each in readings], "apart_read": [-1] * len(readings)}
    states = {name: [each["h"][k] for each, k in zip(readings, at, strict=True)] for name, at in places.items()}
    return {"readings": readings, **{name: float(np.linalg.norm(np.std(h, axis=0))) for name, h in states.items()}}


def a_text(rng: random.Random) -> State:
    words = rng.choices(["I", "am", "NOT", "sad,", "afraid", "blicket", "don't"], k=rng.randint(1, 70))
    sizes = {"embedding_dim": 4, "hidden_size": 3}
    stored = np.zeros((), layout(words=5, classes=6, **sizes))
    for name in stored.dtype.names or ():
        drawn = np.array(array(rng, 120, *stored[name].shape))
        stored[name][...] = (
            1 / 64 if name.endswith(".scale") else drawn.round() / (1 if stored[name].dtype == np.int8 else 64)
        )
    weights = base64.b64encode(stored.tobytes()).decode()
    return SentenceReader(text=" ".join(words), at=rng.randint(0, 64), weights=weights, **sizes).state()


def reading(state: State) -> Any:
    widget = SentenceReader(**state)
    seen = widget.reading
    slopes, held = looked_back(widget, seen.words)
    return {"count": len(seen.words), **of(seen, "forward", "backward", "beliefs"), "slopes": slopes, "held": held}


def looked_back(widget: SentenceReader, words: tuple[str, ...]) -> tuple[Any, Any]:
    """Norms of the gradient of the lead by each word's vector, by autograd; products of later gates, by torch."""
    net = network_of(widget)
    ids = torch.from_numpy(vocabulary_of(widget).encode([" ".join(words)])[0].astype(np.int64))[None]
    vectors = net.vectors(ids).detach().requires_grad_()
    output, ends = net.rnn(vectors)
    first, second = net.head(torch.cat((ends[0, 0], ends[1, 0])))[None][0].topk(2).values
    (slopes,) = torch.autograd.grad(first - second, vectors)
    held = {}
    for way, (name, suffix) in enumerate((("forward", ""), ("backward", "_reverse"))):
        size = widget.hidden_size
        states = output[0, :, way * size : (way + 1) * size].detach()
        steps, states = (vectors[0].detach(), states) if way == 0 else (vectors[0].detach().flip(0), states.flip(0))
        before = torch.cat((torch.zeros(1, size, dtype=torch.float64), states[:-1]))
        parts = [
            getattr(net.rnn, f"{kind}_l0{suffix}").chunk(3)[1]
            for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        ]
        gates = torch.sigmoid(steps @ parts[0].T + parts[2] + before @ parts[1].T + parts[3])
        later = torch.cat((gates[1:], torch.ones(1, size, dtype=torch.float64)))
        kept = later.flip(0).cumprod(0).flip(0)
        held[name] = [row.detach().numpy() for row in (kept if way == 0 else kept.flip(0))]
    return slopes[0].norm(dim=1).numpy(), held


def a_training(rng: random.Random) -> State:
    # At a high rate a difference in the last digit grows from update to update.
    return {**any_state(TrainingLoop, rng), "rate": 10 ** rng.uniform(-3, 1.4), "updates": rng.randint(0, 4)}


def trained(state: State) -> Any:
    training = TrainingLoop(**state).training
    return {**of(training, "losses", "weights", "step"), **of(training.look, "norms", "right")}


ARITHMETIC = {
    "cell_explorer": Arithmetic(partial(any_state, CellExplorer), one_step),
    "parameter_calculator": Arithmetic(a_stack, counted),
    "gate_explorer": Arithmetic(partial(any_state, GateExplorer), gate_steps),
    "lstm_walk": Arithmetic(partial(any_state, LSTMWalk), walked),
    "gate_scrubber": Arithmetic(a_scrubbed_series, both_readings, SOME, rel=1e-9, abs=1e-10),
    "gradient_explorer": Arithmetic(a_recurrence, flow, SOME, rel=1e-9, abs=0),
    # A path can double a last-digit difference of two machines' tanh at each of its first turns.
    "state_path": Arithmetic(partial(any_state, StatePath), path, SOME, rel=1e-9, abs=1e-9),
    "receptive_field": Arithmetic(partial(any_state, ReceptiveField), field, rel=1e-9, abs=1e-300),
    "skip_explorer": Arithmetic(partial(any_state, SkipExplorer), skips),
    "causality_explorer": Arithmetic(partial(any_state, CausalityExplorer), causes, SOME, rel=1e-9, abs=1e-12),
    "forecast_explorer": Arithmetic(some_days, forecasts, rel=1e-9, abs=1e-9),
    # A chaotic layer doubles rounding errors step by step, so the states agree to fewer digits than a step does.
    "padding_explorer": Arithmetic(padded_sentences, padded, SOME, rel=1e-6, abs=1e-6),
    "training_loop": Arithmetic(a_training, trained, SOME, rel=1e-8, abs=1e-11),
    "sentence_reader": Arithmetic(a_text, reading, rel=1e-9, abs=1e-10),
}


def agree(found: Any, wanted: Any, arithmetic: Arithmetic) -> bool:
    """Whether all that is wanted is found: numbers closely, whole ones, words and lengths exactly."""
    match wanted:
        case Mapping():
            return all(agree(found[key], value, arithmetic) for key, value in wanted.items())
        case list() | tuple():
            return len(found) == len(wanted) and all(map(agree, found, wanted, [arithmetic] * len(wanted)))
        case np.ndarray() | float():
            close = pytest.approx(wanted, rel=arithmetic.rel, abs=arithmetic.abs, nan_ok=True)
            return bool(np.array(found, dtype=float) == close)
        case _:
            return bool(found == wanted)


def test_every_module_has_a_widget_and_its_arithmetic() -> None:
    assert (
        {path.stem for path in HERE.glob("*.mjs") if not path.stem.startswith("_")} == set(WIDGETS) == set(ARITHMETIC)
    )


@pytest.mark.parametrize("module", ARITHMETIC)
def test_a_modules_arithmetic_is_that_of_the_package(tab: Page, module: str) -> None:
    arithmetic, rng = ARITHMETIC[module], random.Random(1)
    states = [arithmetic.draw(rng) for _ in range(arithmetic.states)]
    for state, found in zip(states, ask(tab, module, states), strict=True):
        wanted = arithmetic.wanted(state)
        assert agree(found, wanted, arithmetic), (state, found, wanted)


def test_the_calculators_layers_add_up(tab: Page) -> None:
    rng = random.Random(2)
    for found in ask(tab, "parameter_calculator", [a_stack(rng) for _ in range(SOME)]):
        assert sum(layer["pytorch"] for layer in found["layers"]) == found["pytorch"]


def test_each_gate_sequence_does_what_its_name_says(tab: Page) -> None:
    sequences = ask(tab, "gate_explorer", None, "module.sequences")
    states = [{"sequence": steps, "c_0": [0.0], "at": 1, "task": "none"} for steps in sequences.values()]
    runs = dict(zip(sequences, (found["steps"] for found in ask(tab, "gate_explorer", states)), strict=True))
    cells = {name: np.array([step["c"] for step in run]).ravel() for name, run in runs.items()}
    assert list(cells) == ["hold", "fade", "clear", "count", "read once"]
    assert np.all(np.abs(cells["hold"] - cells["hold"][0]) < 0.02 * cells["hold"][0])
    assert cells["fade"][1:] / cells["fade"][:-1] == pytest.approx([0.5] * 7, abs=0.03)
    assert cells["clear"][3] > 0.7
    assert np.all(np.abs(cells["clear"][4:]) < 0.002)
    assert np.all(np.diff(cells["count"]) > 0.4)
    seen = np.array([step["h"] for step in runs["read once"]]).ravel()
    assert seen.argmax() == 5
    assert seen[5] > 50 * np.delete(seen, 5).max()


# --- the training loop: torch's numbers for the same weights


def a_lesson(rng: random.Random) -> State:
    """Weights, a batch, and the gradients of three updates in a row."""
    size, steps, batch = rng.randint(2, 4), rng.randint(2, 40), rng.randint(1, 32)
    weights = array(rng, rng.choice([0.3, 0.7, 1.2]), size**2 + 3 * size + 1)
    gradients = [array(rng, 10 ** rng.uniform(-8, 1), len(weights)) for _ in range(3)]
    learned = {
        "weights": weights,
        "hidden_size": size,
        "x": array(rng, 1, batch * steps),
        "rate": rng.choice([0.01, 3]),
    }
    return {**learned, "y": [float(rng.random() < 0.5) for _ in range(batch)], "gradients": gradients}


def torchs_lesson(lesson: State) -> Any:
    size, y = lesson["hidden_size"], torch.tensor(lesson["y"], dtype=torch.float64)
    weights = torch.tensor(lesson["weights"], dtype=torch.float64, requires_grad=True)
    W_xh, W_hh, b_h, W_hy, b_y = weights.split([size, size**2, size, size, 1])
    cell, nothing = torch.nn.RNNCell(1, size, dtype=torch.float64), torch.zeros(size, dtype=torch.float64)
    named = {"weight_ih": W_xh[:, None], "weight_hh": W_hh.reshape(size, size), "bias_ih": b_h, "bias_hh": nothing}
    states = [torch.zeros(len(y), size, dtype=torch.float64)]
    for column in torch.tensor(lesson["x"], dtype=torch.float64).reshape(len(y), -1).T:
        states.append(torch.func.functional_call(cell, named, (column[:, None], states[-1])))
    logits = states[-1] @ W_hy + b_y
    loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, y)
    gradient, *dh = torch.autograd.grad(loss, [weights, *states[1:]])
    norms = np.array([float(each.norm()) for each in dh])
    right = float(((logits > 0) == (y > 0)).double().mean())
    return {"loss": loss.item(), "right": right, "gradient": gradient.numpy(), "norms": norms}


def torchs_steps(lesson: State, optimiser: str) -> Any:
    weights = torch.zeros(len(lesson["weights"]), dtype=torch.float64, requires_grad=True)
    made = torch.optim.Adam if optimiser == "Adam" else torch.optim.SGD
    update, steps = made([weights], lr=lesson["rate"]), []
    for gradient in lesson["gradients"]:
        before = weights.detach().clone()
        weights.grad = torch.tensor(gradient, dtype=torch.float64)
        update.step()
        steps.append((before - weights.detach()).numpy())
    return steps


def test_the_training_loop_learns_as_torch_does(tab: Page) -> None:
    rng = random.Random(4)
    lessons, exact = [a_lesson(rng) for _ in range(2 * MANY)], Arithmetic(a_lesson, torchs_lesson, rel=1e-10, abs=1e-13)
    body = """given.map(lesson => {
      const steps = (optimiser) => {
        let moments;
        return lesson.gradients.map((gradient, k) => {
          const made = module.stepOf({ optimiser, rate: lesson.rate, moments }, gradient, k + 1);
          moments = made.moments;
          return made.step;
        });
      };
      const { loss, right, gradient, norms } = module.learn(lesson);
      const seen = { loss, right, gradient: [...gradient], norms: [...norms] };
      return { ...seen, Adam: steps("Adam"), SGD: steps("gradient descent") };
    })"""
    for lesson, found in zip(lessons, ask(tab, "training_loop", lessons, body), strict=True):
        wanted = torchs_lesson(lesson) | {name: torchs_steps(lesson, name) for name in ("Adam", "SGD")}
        assert agree(found, wanted, exact), (lesson, found, wanted)


def test_no_training_ever_shows_a_number_that_is_none(tab: Page) -> None:
    choices = [
        {"hidden_size": size, "seq_len": steps, "optimiser": optimiser, "rate": rate, "seed": seed, "updates": 60}
        for size, steps, seed in [(2, 2, 1), (3, 20, 2), (4, 40, 3), (4, 20, 4), (2, 40, 5)]
        for optimiser in ("Adam", "gradient descent")
        for rate in (0.001, 1, 10, 30)
    ]
    body = """given.map(choice => {
      const run = module.compute(choice);
      return [...run.losses, ...run.weights, ...run.norms, ...run.step].every(Number.isFinite) && run.losses.length;
    })"""
    assert all(ask(tab, "training_loop", choices, body))
    # A learning rate beyond the widget's overflows in some trainings: they stop with their last finite numbers.
    wild = [{**choice, "rate": 1e308, "optimiser": "gradient descent"} for choice in choices]
    lengths = ask(tab, "training_loop", wild, body)
    assert 0 < min(lengths) < 61


# --- the sentence reader: the same words, and on record the numbers of torch

ODD = [
    "",
    " \n\t ...!?",
    "Don't DON’T 'quoted' rock'n'roll ''' O'",
    "I'm 2 happy 4 words, x2y; snake_case and-hyphen",
    "happy😀sad 👩‍👩‍👧 ☀️",
    "من خیلی خوشحالم، نه غمگین! ۱۲۳ می‌خواهم",
    "Straße ΣΊΣΥΦΟΣ ΑΣ Σ İstanbul ﬁne Ⅷ ½ ² 漢字かな",
    "cafe\u0301 naïve \0\x7f",
    "word’s " * 1_400 + "end",
]


def test_the_page_and_the_package_find_the_same_words_and_letters(tab: Page) -> None:
    # Characters that this Python does not know yet are left out: a newer browser may know them.
    known = [chr(k) for k in range(sys.maxunicode + 1) if unicodedata.category(chr(k)) not in ("Cn", "Cs")]
    asked = [f"a{letter}b" for letter in known]
    # As one text each way: a million values would be carried one by one.
    body = "[...given].map(letter => module.tokenise(`a${letter}b`).join(' ')).join('\\n')"
    found = ask(tab, "sentence_reader", "".join(known), body).split("\n")
    found += [" ".join(words) for words in ask(tab, "sentence_reader", ODD, "given.map(module.tokenise)")]
    pairs = zip(asked + ODD, found, strict=True)
    assert [ascii(text) for text, words in pairs if words != " ".join(tokenise(text))] == []


def test_the_reader_on_record_reads_as_torch_does_and_in_less_than_a_frame(tab: Page, states: dict[str, State]) -> None:
    state, rng = states["sentence_reader"], random.Random(3)
    texts = [" ".join(state["words"][:64])]
    for number, text in enumerate(order_sentences(200, seed=8_001).texts):
        words = text.split()
        match number % 4:
            case 1:
                rng.shuffle(words)
            case 2:
                words = words[: rng.randint(1, len(words))]
            case 3:
                words[rng.randrange(len(words))] = "blicket"
        texts.append(" ".join(words))
    body = """given.texts.map(text => {
      const start = performance.now();
      const { beliefs } = module.compute({...given.state, text});
      return [performance.now() - start, beliefs.at(-1)];
    })"""
    took, found = zip(*ask(tab, "sentence_reader", {"state": state, "texts": texts}, body), strict=True)
    wanted = probabilities(SentenceReader(**state), texts)
    assert np.abs(np.array(found) - wanted).max() < 1e-3
    assert sorted(took)[100] < 16
