"""Text classifiers: what each way of reading reads, what padding changes and what it does not, exact counts."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.functional import cross_entropy

from rnncourse.classifiers import TEXT_READS, TextClassifier, class_logits, emotion_network
from rnncourse.counting import count
from rnncourse.gates import trace_gates
from rnncourse.text import PADDING, UNKNOWN, Encoded, TextBatches, Vocabulary, pad
from rnncourse.training import fit, predict, set_seed

KINDS = ("rnn", "lstm", "gru")
BLIND = ("packed", "max", "mean")  # reads that see no padding in any direction
SENTENCES = Encoded.of([[2, 3, 4], [5], [6, 7, 8, 9, 2, 3], [4, 4, 5, 6], [7]])


def network(kind: Any = "gru", read: Any = "packed", **options: Any) -> TextClassifier:
    torch.manual_seed(0)
    settings_: dict[str, Any] = {"vocabulary_size": 12, "embedding_dim": 5, "hidden_size": 4, "classes": 3}
    return TextClassifier(kind, read=read, **(settings_ | options)).double().eval()


def one_by_one(net: TextClassifier, encoded: Encoded) -> torch.Tensor:
    """Each text alone, so that there is no padding."""
    return torch.cat([net(torch.from_numpy(ids.astype(np.int64))[None]) for ids in encoded])


def near(one: torch.Tensor, other: torch.Tensor) -> None:
    torch.testing.assert_close(one, other, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_packed_is_the_output_at_the_true_last_token(kind: Any) -> None:
    ids, lengths = pad(SENTENCES, length=9)
    net, other = network(kind, num_layers=2), network(kind, "true-last", num_layers=2)
    near(net(ids, lengths), other(ids, lengths))
    output = net.rnn(net.embedding(ids))[0]
    near(net(ids, lengths), net.head(torch.stack([output[row, last - 1] for row, last in enumerate(lengths)])))
    single = network(kind).float()
    torch.testing.assert_close(
        single(ids, lengths), network(kind, "true-last").float()(ids, lengths), rtol=0, atol=1e-6
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("read", BLIND)
@pytest.mark.parametrize("both", [False, True])
def test_texts_in_a_batch_are_read_as_if_alone(kind: Any, read: Any, both: bool) -> None:
    net = network(kind, read, bidirectional=both, num_layers=2)
    alone = one_by_one(net, SENTENCES)
    for options in ({}, {"length": 17}):
        near(net(*pad(SENTENCES, **options)), alone)
    order = [2, 3, 0, 1, 4]  # the longest first, where packing has nothing to sort
    near(net(*pad(SENTENCES.take(order))), alone[order])


@settings(deadline=None, max_examples=40)
@given(
    lengths=st.lists(st.integers(0, 6), min_size=1, max_size=7),
    wider=st.integers(0, 5),
    read=st.sampled_from(BLIND),
    both=st.booleans(),
    seed=st.integers(0, 99),
)
def test_padding_never_changes_what_is_read(lengths: list[int], wider: int, read: Any, both: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    encoded = Encoded.of([rng.integers(1, 12, size=length) for length in lengths])
    net = network("lstm", read, bidirectional=both)
    ids, counted = pad(encoded)
    wide, _ = pad(encoded, length=ids.shape[1] + wider)
    near(net(wide, counted), net(ids, counted))
    order = torch.from_numpy(rng.permutation(len(lengths)))
    near(net(wide[order], counted[order]), net(wide, counted)[order])
    filled = Encoded.of([list(row) or [UNKNOWN] for row in encoded])
    near(net(ids, counted), one_by_one(net, filled))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("both", [False, True])
def test_last_reads_the_states_after_the_padding(kind: Any, both: bool) -> None:
    net = network(kind, "last", bidirectional=both)
    ids, lengths = pad(SENTENCES, length=9)
    output = net.rnn(net.embedding(ids))[0]
    ends = torch.cat([output[:, -1, :4], output[:, 0, 4:]], dim=-1)
    near(net(ids, lengths), net.head(ends))
    assert not torch.allclose(net(ids, lengths), one_by_one(net, SENTENCES), atol=1e-3)
    left, _ = pad(SENTENCES, layout="left", length=9)
    near(net(left, lengths), net(left))


def test_the_backward_direction_of_true_last_has_read_the_padding() -> None:
    net = network("gru", "true-last", bidirectional=True)
    ids, lengths = pad(SENTENCES, length=9)
    output = net.rnn(net.embedding(ids))[0]
    ends = torch.stack([torch.cat([output[row, last - 1, :4], output[row, 0, 4:]]) for row, last in enumerate(lengths)])
    near(net(ids, lengths), net.head(ends))
    assert not torch.allclose(net(ids, lengths), one_by_one(net, SENTENCES), atol=1e-3)


@pytest.mark.parametrize("read", sorted(TEXT_READS))
@pytest.mark.parametrize("both", [False, True])
def test_without_padding_lengths_change_nothing(read: Any, both: bool) -> None:
    net = network("lstm", read, bidirectional=both)
    ids = torch.randint(1, 12, (4, 6), generator=torch.Generator().manual_seed(0))
    near(net(ids), net(ids, torch.full((4,), 6)))
    near(net(ids.int(), torch.full((4,), 6, dtype=torch.int32)), net(ids))


def test_max_and_mean_are_over_the_tokens() -> None:
    ids, lengths = pad(SENTENCES)
    for read, reduce in (("max", lambda states: states.amax(0)), ("mean", lambda states: states.mean(0))):
        net = network("rnn", read)
        output = net.rnn(net.embedding(ids))[0]
        expected = torch.stack([reduce(output[row, :last]) for row, last in enumerate(lengths)])
        near(net(ids, lengths), net.head(expected))


@pytest.mark.parametrize("read", sorted(TEXT_READS))
def test_the_padding_row_stays_zero_and_gets_no_gradient(read: Any) -> None:
    net = network("gru", read, bidirectional=True).train()
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


@pytest.mark.parametrize("read", sorted(TEXT_READS))
def test_an_empty_text_reads_as_one_unknown_word(read: Any) -> None:
    vocabulary = Vocabulary.of(["a b c"])
    net = network("gru", read, vocabulary_size=len(vocabulary))
    logits = net(*pad(vocabulary.encode(["", "zzz", "?!", "a b c"])))
    assert logits.isfinite().all()
    near(logits[0], logits[1])
    near(logits[0], logits[2])
    nothing = net(*pad(vocabulary.encode(["", ""])))
    near(nothing[0], net(torch.tensor([[UNKNOWN]]))[0])
    near(nothing[0], nothing[1])


def test_the_network_of_the_emotion_task_has_the_parameters_of_the_coursework() -> None:
    counted = count(emotion_network(), input_size=(1, 79), dtype=torch.long)
    assert (counted.keras_parameters, counted.parameters) == (6_194_502, 6_193_990)
    shown = {layer.path: (layer.keras_parameters, layer.keras_non_trainable) for layer in counted.layers}
    assert shown["embedding"] == (6_000_000, 0)
    assert shown["rnn"] == (176_640, 0)
    assert shown["head.0"] == (1_024, 512)
    assert shown["head.2"] == (16_448, 0)
    assert shown["head.5"] == (390, 0)
    assert sum(p.numel() for p in emotion_network().parameters()) == 6_193_990


def test_the_network_of_the_emotion_task_is_built_as_described() -> None:
    torch.manual_seed(0)
    net = emotion_network(vocabulary_size=20, classes=2, read="packed").eval()
    assert [type(layer) for layer in net.head] == [  # type: ignore[union-attr]
        nn.BatchNorm1d,
        nn.Dropout,
        nn.Linear,
        nn.ReLU,
        nn.Dropout,
        nn.Linear,
    ]
    ids, lengths = pad(SENTENCES)
    torch.testing.assert_close(net(ids, lengths), one_by_one(net, SENTENCES))
    final = net.rnn(net.embedding(ids[2:3]))[1]
    torch.testing.assert_close(net(ids, lengths)[2:3], net.head(torch.cat([final[0], final[1]], dim=-1)))


@pytest.mark.parametrize("read", sorted(TEXT_READS))
@pytest.mark.parametrize(("kind", "gates"), [("rnn", 1), ("lstm", 4), ("gru", 3)])
def test_every_read_can_be_counted(read: Any, kind: Any, gates: int) -> None:
    net = network(kind, read, bidirectional=True)
    counted = count(net, input_size=(2, 7), dtype=torch.long)
    assert counted.parameters == 12 * 5 + 2 * gates * 4 * (5 + 4 + 2) + 8 * 3 + 3
    assert counted.macs == 2 * 7 * 2 * gates * 4 * (5 + 4) + 2 * 8 * 3


def test_instruments_attach_to_the_recurrent_layers() -> None:
    net = network("lstm", embedding_dropout=0.5)
    assert type(net.rnn) is nn.LSTM
    ids, _ = pad(SENTENCES)
    assert trace_gates(net.rnn, net.vectors(ids))["forget"].shape == (1, 1, 5, 6, 4)


def test_a_head_of_ones_own_sees_what_is_read() -> None:
    torch.manual_seed(0)
    head = nn.Sequential(nn.Linear(8, 6), nn.ReLU(), nn.Linear(6, 3)).double()
    net = network("gru", bidirectional=True, head=head)
    final = net.rnn(net.embedding(torch.tensor([[3, 4]])))[1]
    near(net(torch.tensor([[3, 4]])), head(torch.cat([final[0], final[1]], dim=-1)))


def test_dropout_acts_while_training_alone() -> None:
    ids, lengths = pad(SENTENCES)
    for options in ({"dropout": 0.5}, {"embedding_dropout": 0.5}, {"dropout": 0.5, "num_layers": 2}):
        net = network("gru", **options)
        near(net(ids, lengths), net(ids, lengths))
        net.train()
        assert not torch.allclose(net(ids, lengths), net(ids, lengths))
    assert network("gru", dropout=0.5, num_layers=2).rnn.dropout == 0.5
    assert network("gru", dropout=0.5).rnn.dropout == 0.0


def named_first(count_: int, seed: int) -> tuple[Encoded, np.ndarray]:
    """Texts of 1 to 12 tokens whose first one, 2 or 3, is the class; the rest says nothing."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, size=count_)
    rows = [[2 + label, *rng.integers(4, 12, size=rng.integers(0, 12))] for label in labels]
    return Encoded.of(rows), labels


@pytest.fixture(scope="module")
def learned() -> TextClassifier:
    set_seed(0)
    net = TextClassifier("gru", vocabulary_size=12, embedding_dim=8, hidden_size=16, classes=2)
    train, validation = TextBatches(*named_first(512, 0), 32), TextBatches(*named_first(128, 1), 128)
    history = fit(net, train, validation, epochs=6, lr=1e-2, loss=cross_entropy, device="cpu")
    assert history.best_validation_loss < 0.1
    return net


def test_predictions_belong_to_their_texts(learned: TextClassifier) -> None:
    encoded, labels = named_first(301, 2)
    expected = one_by_one(learned, encoded).detach().numpy()
    for size in (7, 64, 1_000):
        batches = TextBatches(encoded, labels, size)
        np.testing.assert_allclose(predict(learned, batches, device="cpu"), expected, atol=1e-6)
        np.testing.assert_allclose(class_logits(learned, encoded, batch_size=size, device="cpu"), expected, atol=1e-6)
    assert (expected.argmax(1) == labels).mean() > 0.97
    assert len(np.unique(expected[:, 0].round(4))) > 50  # a wrong order would show


def test_logits_of_texts_come_in_each_layout(learned: TextClassifier) -> None:
    encoded, _ = named_first(50, 3)
    net = network("gru", "last").eval()
    for layout in ("left", "right"):
        ids, lengths = pad(encoded, layout=layout, length=14)
        given_ = class_logits(net, encoded, batch_size=8, layout=layout, length=14, device="cpu")
        np.testing.assert_allclose(given_, net(ids, lengths).detach().numpy(), atol=1e-12)
        assert given_.dtype == np.float64
    with pytest.raises(ValueError, match="length is 3 but the longest text has 12 tokens"):
        class_logits(learned, encoded, length=3)
    with pytest.raises(ValueError, match="there is no text"):
        class_logits(learned, Encoded.of([]))


def test_the_same_seed_gives_the_same_run() -> None:
    def losses(seed: int) -> list[float]:
        set_seed(0)
        net = TextClassifier("rnn", vocabulary_size=12, embedding_dim=4, hidden_size=4, classes=2, dropout=0.2)
        return fit(
            net, TextBatches(*named_first(96, 0), 16), epochs=2, loss=cross_entropy, seed=seed, device="cpu"
        ).train_loss

    assert losses(1) == losses(1)
    assert losses(1) != losses(2)


# Packed batches have a kernel of their own on a device; without one there is nothing to compare.
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("read", sorted(TEXT_READS))
def test_cuda_equals_cpu(read: Any) -> None:
    net = network("gru", read, bidirectional=True)
    on_cpu = class_logits(net, SENTENCES, batch_size=3, device="cpu")
    np.testing.assert_allclose(class_logits(net, SENTENCES, batch_size=3, device="cuda"), on_cpu, atol=1e-9)


IDS = torch.tensor([[2, 3], [4, 0]])


def build(**options: Any) -> TextClassifier:
    return TextClassifier(**({"kind": "gru", "vocabulary_size": 9, "hidden_size": 4, "classes": 2} | options))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: build(kind="tcn"), "kind is 'tcn'; expected one of 'rnn', 'lstm', 'gru'"),
        (lambda: build(read="first"), "read is 'first'; expected one of 'last', 'true-last', 'packed', 'max', 'mean'"),
        (lambda: build(vocabulary_size=0), "vocabulary_size is 0"),
        (lambda: build(hidden_size=2.0), "hidden_size is 2.0"),
        (lambda: build(classes=0), "classes is 0"),
        (lambda: build(embedding_dim=-1), "embedding_dim is -1"),
        (lambda: build(num_layers=True), "num_layers is True"),
        (lambda: build(dropout=1.0), "dropout is 1.0"),
        (lambda: build(embedding_dropout=-0.1), "embedding_dropout is -0.1"),
        (lambda: emotion_network(classes=0), "classes is 0"),
        (lambda: emotion_network(vocabulary_size=0), "vocabulary_size is 0"),
        (lambda: build()(IDS[0]), r"ids have shape \(2,\)"),
        (lambda: build()(IDS.float()), "ids have shape .* dtype torch.float32"),
        (lambda: build()(IDS[:, :0]), "at least one text and one step"),
        (lambda: build()(IDS + 7), "ids go from 7 to 11; expected 0 to 8"),
        (lambda: build()(-IDS), "ids go from -4 to 0"),
        (lambda: build()(IDS, torch.tensor([2])), r"lengths have shape \(1,\)"),
        (lambda: build()(IDS, torch.tensor([2.0, 1.0])), "lengths have shape .* dtype torch.float32"),
        (lambda: build()(IDS, torch.tensor([2, 0])), "lengths go from 0 to 2; .* one unknown token"),
        (lambda: build(read="true-last")(IDS, torch.tensor([3, 1])), "lengths go from 1 to 3; expected 1 to 2"),
        (lambda: build()(IDS.flip(1), torch.tensor([2, 1])), "row 1 of ids begins with padding"),
    ],
)
def test_bad_input_is_named(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
