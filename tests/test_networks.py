"""The coursework's networks: exact counts, what each way of reading reads, what padding changes, what is refused."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from rnncourse.ablation import ablate
from rnncourse.counting import count
from rnncourse.gates import trace_gates
from rnncourse.networks import (
    CausalConvolutions,
    Forecaster,
    TextClassifier,
    class_logits,
    emotion_network,
    power_network,
    weather_network,
)
from rnncourse.text import PADDING, UNKNOWN, Encoded, TextBatches, pad
from rnncourse.training import fit, predict, set_seed
from tests.closeness import assert_close_ulp
from tests.refusals import refusing

GATES = {"rnn": 1, "lstm": 4, "gru": 3}
BLIND = ("packed", "max", "mean")  # reads that see no padding in any direction
READS = ("last", "true-last", *BLIND)
SENTENCES = Encoded.of([[2, 3, 4], [5], [6, 7, 8, 9, 2, 3], [4, 4, 5, 6], [7]])


def near(one: Tensor, other: Tensor) -> None:
    """Sums of fewer than thirty terms, over at most 17 steps, in another order."""
    assert_close_ulp(one, other, 64, scale=1.0)


# --- forecasters


@pytest.mark.parametrize(
    ("net", "shape", "keras", "torchs"),
    [
        *((power_network(k), (1, 60, 1), None, n) for k, n in {"rnn": 12_673, "lstm": 50_497, "gru": 37_889}.items()),
        (power_network("bilstm"), (1, 60, 1), None, 133_761),
        (weather_network("lstm"), (1, 10, 1), 71_051, 71_851),
        (weather_network("gru"), (1, 10, 1), 53_901, 53_901),
        (weather_network("rnn"), (1, 10, 1), 17_801, 18_001),
    ],
)
def test_the_networks_have_the_parameters_of_the_coursework(net: Any, shape: Any, keras: int, torchs: int) -> None:
    counted = count(net, input_size=shape)
    assert counted.parameters == torchs
    assert keras is None or counted.keras_parameters == keras


def test_instruments_attach_to_the_recurrent_layers() -> None:
    assert [type(Forecaster(kind).rnn) for kind in ("rnn", "lstm", "gru")] == [nn.RNN, nn.LSTM, nn.GRU]
    net, x = power_network("lstm"), torch.randn(3, 5, 1)
    assert trace_gates(net.rnn, x)["forget"].shape == (2, 1, 3, 5, 64)  # type: ignore[arg-type]
    full = net(x)
    net.rnn = ablate(net.rnn, "forget_only")  # type: ignore[arg-type, assignment]
    assert net(x).shape == full.shape
    assert not torch.allclose(net(x), full)
    assert (trace_gates(net.rnn, x)["input"] == 1).all()  # type: ignore[arg-type]
    text, (ids, _) = classifier("lstm", embedding_dropout=0.5), pad(SENTENCES)
    assert trace_gates(text.rnn, text.vectors(ids))["forget"].shape == (1, 1, 5, 6, 4)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", sorted(GATES))
@pytest.mark.parametrize("both", [False, True])
def test_a_forecaster_reads_the_last_step_the_ends_or_each(kind: Any, both: bool) -> None:
    net = Forecaster(kind, hidden_size=4, output_size=2, bidirectional=both).double()
    x = torch.randn(3, 6, 1).double()
    output, final = net.rnn(x)
    last = final[0] if kind == "lstm" else final
    near(net(x), net.head(output[:, -1]))
    net.read = "ends"
    near(net(x), net.head(torch.cat(list(last[-1 - both :]), dim=-1)))
    net.read = "each"
    near(net(x), net.head(output))
    assert net(x).shape == (3, 6, 2)


def test_dropout_stands_after_every_recurrent_layer() -> None:
    net = weather_network("lstm")
    assert (net.rnn.num_layers, net.rnn.hidden_size, net.rnn.dropout) == (4, 50, 0.2)
    assert net.dropout.p == 0.2
    single = Forecaster("gru", num_layers=1, dropout=0.5, hidden_size=200)
    seen: list[Tensor] = []
    single.head.register_forward_pre_hook(lambda module, args: seen.append(args[0]))
    single(torch.randn(50, 3, 1))
    assert (seen[0] == 0).float().mean() == pytest.approx(0.5, abs=0.03)  # 10,000 draws: 6 deviations
    single.eval()(torch.randn(50, 3, 1))
    assert not (seen[1] == 0).any()
    plain, before = power_network("gru").train(), torch.get_rng_state()
    plain(torch.ones(2, 3, 1))
    assert torch.equal(before, torch.get_rng_state())  # without dropout nothing is drawn


# --- text classifiers


def classifier(kind: Any = "gru", read: Any = "packed", **options: Any) -> TextClassifier:
    torch.manual_seed(0)
    sizes: dict[str, Any] = {"vocabulary_size": 12, "embedding_dim": 5, "hidden_size": 4, "classes": 3}
    return TextClassifier(kind, read=read, **(sizes | options)).double().eval()


def one_by_one(net: TextClassifier, encoded: Encoded) -> Tensor:
    """Each text alone, so that there is no padding."""
    return torch.cat([net(torch.from_numpy(ids.astype(np.int64))[None]) for ids in encoded])


@pytest.mark.parametrize("kind", sorted(GATES))
@pytest.mark.parametrize("both", [False, True])
def test_each_read_is_what_its_name_says(kind: Any, both: bool) -> None:
    ids, lengths = pad(SENTENCES, length=9)
    made = {read: classifier(kind, read, bidirectional=both, num_layers=2) for read in READS}
    heads = {read: net(ids, lengths) for read, net in made.items()}
    net = made["last"]
    whole = net.rnn(net.embedding(ids))[0]
    rows = [net.rnn(net.embedding(ids[row : row + 1, :last]))[0][0] for row, last in enumerate(lengths)]
    states = {
        "last": torch.cat([whole[:, -1, :4], whole[:, 0, 4:]], dim=-1),
        "true-last": torch.stack([torch.cat([whole[k, n - 1, :4], whole[k, 0, 4:]]) for k, n in enumerate(lengths)]),
        "packed": torch.stack([torch.cat([row[-1, :4], row[0, 4:]]) for row in rows]),
        "max": torch.stack([row.amax(0) for row in rows]),
        "mean": torch.stack([row.mean(0) for row in rows]),
    }
    for read, expected in states.items():
        near(heads[read], net.head(expected))
        same = torch.allclose(heads[read], one_by_one(made[read], SENTENCES), atol=1e-3)
        assert same == (read in BLIND or (read == "true-last" and not both))
    left, _ = pad(SENTENCES, layout="left", length=9)
    near(net(left, lengths), net(left))


@settings(max_examples=40)
@given(
    lengths=st.lists(st.integers(0, 6), min_size=1, max_size=7),
    wider=st.integers(0, 11),
    kind=st.sampled_from(sorted(GATES)),
    read=st.sampled_from(BLIND),
    both=st.booleans(),
    seed=st.integers(0, 99),
)
def test_padding_and_company_never_change_what_is_read(
    lengths: list[int], wider: int, kind: Any, read: Any, both: bool, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    encoded = Encoded.of([rng.integers(1, 12, size=length) for length in lengths])
    net = classifier(kind, read, bidirectional=both, num_layers=2)
    ids, counted = pad(encoded)
    wide, _ = pad(encoded, length=ids.shape[1] + wider)
    near(net(wide, counted), net(ids, counted))
    order = torch.from_numpy(rng.permutation(len(lengths)))
    near(net(wide[order], counted[order]), net(wide, counted)[order])
    filled = Encoded.of([list(row) or [UNKNOWN] for row in encoded])
    near(net(ids, counted), one_by_one(net, filled))


@pytest.mark.parametrize("read", READS)
def test_the_padding_row_stays_zero_and_gets_no_gradient(read: Any) -> None:
    net = classifier("gru", read, bidirectional=True).train()
    optimiser = torch.optim.AdamW(net.parameters(), lr=0.1, weight_decay=0.1)
    ids, lengths = pad(SENTENCES, length=9)
    for _ in range(3):
        optimiser.zero_grad()
        cross_entropy(net(ids, lengths), torch.tensor([0, 1, 2, 0, 1])).backward()
        gradient = net.embedding.weight.grad
        assert gradient is not None
        assert not gradient[PADDING].any()
        assert gradient[2:10].abs().sum(1).min() > 0
        assert not gradient[10:].any()  # words that no text holds
        optimiser.step()
    assert not net.embedding.weight[PADDING].any()


def test_the_network_of_the_emotion_task_is_that_of_the_coursework() -> None:
    counted = count(emotion_network(), input_size=(1, 79), dtype=torch.long)
    assert (counted.keras_parameters, counted.parameters) == (6_194_502, 6_193_990)
    shown = {layer.path: (layer.keras_parameters, layer.keras_non_trainable) for layer in counted.layers}
    wanted = {"embedding": (6_000_000, 0), "rnn": (176_640, 0), "head.0": (1_024, 512), "head.2": (16_448, 0)}
    assert shown.items() >= (wanted | {"head.5": (390, 0)}).items()
    torch.manual_seed(0)
    net = emotion_network(vocabulary_size=20, classes=2, read="packed").eval()
    kinds = [nn.BatchNorm1d, nn.Dropout, nn.Linear, nn.ReLU, nn.Dropout, nn.Linear]
    assert [type(layer) for layer in net.head] == kinds  # type: ignore[union-attr, arg-type]
    ids, lengths = pad(SENTENCES)
    near(net(ids, lengths), one_by_one(net, SENTENCES))


@pytest.mark.parametrize("read", READS)
@pytest.mark.parametrize(("kind", "gates"), sorted(GATES.items()))
def test_every_read_can_be_counted(read: Any, kind: Any, gates: int) -> None:
    counted = count(classifier(kind, read, bidirectional=True), input_size=(2, 7), dtype=torch.long)
    assert counted.parameters == 12 * 5 + 2 * gates * 4 * (5 + 4 + 2) + 8 * 3 + 3
    assert counted.macs == 2 * 7 * 2 * gates * 4 * (5 + 4) + 2 * 8 * 3


def test_dropout_acts_while_training_alone() -> None:
    ids, lengths = pad(SENTENCES)
    for options in ({"dropout": 0.5}, {"embedding_dropout": 0.5}, {"dropout": 0.5, "num_layers": 2}):
        net = classifier("gru", **options)
        assert torch.equal(net(ids, lengths), net(ids, lengths))
        net.train()
        assert not torch.allclose(net(ids, lengths), net(ids, lengths))
    assert classifier("gru", dropout=0.5, num_layers=2).rnn.dropout == 0.5
    assert classifier("gru", dropout=0.5).rnn.dropout == 0.0


def named_first(texts: int, seed: int) -> tuple[Encoded, Any]:
    """Texts of 1 to 12 tokens whose first one, 2 or 3, is the class; the rest says nothing."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, size=texts)
    return Encoded.of([[2 + label, *rng.integers(4, 12, size=rng.integers(0, 12))] for label in labels]), labels


def test_a_classifier_learns_and_its_predictions_belong_to_their_texts() -> None:
    set_seed(0)
    net = TextClassifier("gru", vocabulary_size=12, embedding_dim=8, hidden_size=16, classes=2)
    train, validation = TextBatches(*named_first(512, 0), 32), TextBatches(*named_first(128, 1), 128)
    assert fit(net, train, validation, epochs=6, lr=1e-2, loss=cross_entropy, device="cpu").best_validation_loss < 0.1
    encoded, labels = named_first(301, 2)
    expected = one_by_one(net, encoded).detach()
    for size in (7, 64, 1_000):
        assert_close_ulp(predict(net, TextBatches(encoded, labels, size), device="cpu"), expected, 32)
        assert_close_ulp(class_logits(net, encoded, batch_size=size, device="cpu"), expected, 32)
    assert (expected.argmax(1).numpy() == labels).mean() > 0.97
    assert len(expected[:, 0].unique()) > 50  # a wrong order would show


@pytest.mark.parametrize("layout", ["left", "right"])
def test_logits_of_texts_come_in_each_layout(layout: Any) -> None:
    encoded, _ = named_first(50, 3)
    net = classifier("gru", "last")
    logits = class_logits(net, encoded, batch_size=8, layout=layout, length=14, device="cpu")
    assert_close_ulp(logits, net(*pad(encoded, layout=layout, length=14)), 64, scale=1.0)
    for wrong, options in ((encoded, {"length": 3}), (Encoded.of([]), {})):
        with pytest.raises(ValueError, match="length is 3|no text"):
            class_logits(net, wrong, **options)


# Packed batches have a kernel of their own on a device; without one there is nothing to compare.
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("read", READS)
def test_cuda_equals_cpu(read: Any) -> None:
    net = classifier("gru", read, bidirectional=True)
    on_cpu = class_logits(net, SENTENCES, batch_size=3, device="cpu")
    np.testing.assert_allclose(class_logits(net, SENTENCES, batch_size=3, device="cuda"), on_cpu, atol=1e-9)


# --- what is refused

IDS = torch.tensor([[2, 3], [4, 0]])
BAD_SIZES: tuple[Any, ...] = (("hidden_size", 0), ("num_layers", -1), ("input_size", 1.5), ("output_size", True))


def build(**options: Any) -> TextClassifier:
    return TextClassifier(**({"kind": "gru", "vocabulary_size": 9, "hidden_size": 4, "classes": 2} | options))


test_what_does_not_fit_is_named = refusing(
    *((lambda f=f: f("transformer"), "kind is") for f in (Forecaster, power_network, weather_network)),
    (lambda: Forecaster("lstm", read="first"), "read is"),  # type: ignore[arg-type]
    *((lambda n=n, v=v: Forecaster("lstm", **{n: v}), f"{n} is") for n, v in BAD_SIZES),  # type: ignore[arg-type]
    *((lambda n=n: build(**{n: 0}), f"{n} is 0") for n in ("vocabulary_size", "hidden_size", "embedding_dim")),
    *((lambda v=v: Forecaster("lstm", dropout=v), "dropout is") for v in (1.0, float("nan"))),
    *((lambda d=d: CausalConvolutions(2, 3, kernel_size=2, dilations=d), "dilations") for d in ((), (1, 0))),
    (lambda: CausalConvolutions(2, 3, kernel_size=2, dilations=(1,))(torch.zeros(4, 5, 3)), "x has shape"),
    *((lambda s=s: power_network("rnn")(torch.zeros(s)), "x has shape") for s in ((5, 1), (2, 5, 3), (2, 0, 1))),
    (lambda: power_network("rnn")(torch.zeros(2, 5, 1, dtype=torch.long)), "x has dtype"),
    *((lambda i=i: build()(i), "ids have shape") for i in (IDS[0], IDS.float(), IDS[:, :0])),
    *((lambda i=i: build()(i), "ids go from") for i in (IDS + 7, -IDS)),
    *((lambda n=n: build()(IDS, torch.tensor(n)), "lengths have shape") for n in ([2], [2.0, 1.0])),
    *((lambda n=n: build(read="mean")(IDS, torch.tensor(n)), "lengths go from") for n in ([2, 0], [3, 1])),
    (lambda: build()(IDS.flip(1), torch.tensor([2, 1])), "row 1 of ids begins with padding"),
)
