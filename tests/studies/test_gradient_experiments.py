"""What the experiments on gradients measure is what they say: written-out networks, cut streams and long texts."""

import copy

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from book.experiments import ch12_forget_gates as forget
from book.experiments import ch24_gradients as gradients
from book.experiments import ch24_review_gradients as reviews
from rnncourse.data.corpus import Corpus
from rnncourse.gates import trace_gates
from rnncourse.gradients import gradient_flow
from rnncourse.initialisation import forget_bias_
from rnncourse.networks import TextClassifier
from rnncourse.text import Vocabulary


@given(seed=st.integers(0, 2**31), steps=st.integers(1, 12), bias=st.sampled_from([-3.0, 0.0, 2.0]))
def test_the_written_out_lstm_has_the_gradient_of_torchs_and_its_cell_alone_the_forget_gates(
    seed: int, steps: int, bias: float
) -> None:
    torch.manual_seed(seed)
    lstm, x = forget_bias_(nn.LSTM(3, 4, batch_first=True), bias), torch.randn(2, steps, 3)

    def loss(output: Tensor) -> Tensor:
        return output[:, -1].square().sum()

    total = forget.cell_gradients(lstm, x, loss)
    flow = gradient_flow(lstm, x, loss)
    assert flow.dc is not None
    torch.testing.assert_close(total.norm(dim=(0, 2)), flow.dc, rtol=1e-7, atol=0)
    gates = trace_gates(copy.deepcopy(lstm).double(), x.double())["forget"][0, 0]
    alone = forget.cell_gradients(lstm, x, loss, through_gates=False)
    torch.testing.assert_close(alone[:, -1], total[:, -1])
    torch.testing.assert_close(alone[:, :-1], alone[:, 1:] * gates[:, 1:], rtol=1e-9, atol=0)
    found = forget.run_product(
        forget.ProductConfig(forget_bias=bias, seed=seed, features=3, units=4, steps=steps), "cpu"
    )
    assert found["total"][-1] == found["cell_alone"][-1] == found["product"][-1] == found["total_h"][-1] == 0


@given(seed=st.integers(0, 2**31), shown=st.integers(0, 60), waited=st.integers(0, 60))
def test_evidence_shifts_the_steps_shown_and_no_other(seed: int, shown: int, waited: int) -> None:
    def drawn(shown: int) -> tuple[Tensor, Tensor]:
        return gradients.evidence(5, torch.Generator().manual_seed(seed), shown=shown, steps=60 + waited)

    (noise, label), (x, same) = drawn(0), drawn(shown)
    assert torch.equal(label, same)
    torch.testing.assert_close((x - noise)[:, :shown, 0], gradients.SHIFT * (2 * label - 1)[:, None].expand(-1, shown))
    assert torch.equal(x[:, shown:], noise[:, shown:])


@given(seed=st.integers(0, 2**31))
def test_a_question_asks_for_the_marked_bit_ten_steps_before(seed: int) -> None:
    x, asked, answers = gradients.streams(6, torch.Generator().manual_seed(seed))
    for row in range(6):
        marked, questions = (np.flatnonzero(x[row, :, feature]) for feature in (1, 2))
        assert (questions - marked == gradients.GAP).all()
        assert asked[row].tolist() == questions.tolist()
        assert (x[row, marked, 0] > 0).float().tolist() == answers[row].tolist()
        assert (marked[1:] > questions[:-1]).all()  # one bit at a time
        assert len(questions) == gradients.STREAM // gradients.PERIOD - 1


@pytest.mark.parametrize("back", [5, 20, gradients.STREAM])
def test_a_cut_stream_has_the_same_states_and_no_gradient_beyond_the_cut(back: int) -> None:
    torch.manual_seed(0)
    layer, x = nn.RNN(3, 4, batch_first=True).double(), torch.randn(2, gradients.STREAM, 3, dtype=torch.float64)
    x.requires_grad_()
    states = gradients.truncated(layer, x, back)
    torch.testing.assert_close(states, layer(x)[0])
    (reached,) = torch.autograd.grad(states[:, 30].sum(), x)
    steps = np.flatnonzero(reached.abs().sum(dim=(0, 2)))
    assert (steps.min(), steps.max()) == (30 // back * back, 30)


def test_long_texts_are_long_enough_and_half_of_each_class() -> None:
    rows = [" ".join(["word"] * count) for count in range(1, 81)]
    corpus = Corpus("rows", tuple(rows), np.arange(80) % 2, ("no", "yes"))
    drawn = reviews.long_texts(corpus, 20, 40)
    assert min(len(text.split()) for text in drawn.texts) >= 40
    assert drawn.labels.tolist() == [0, 1] * 10
    assert len(set(drawn.texts)) == 20


def test_the_norm_of_many_texts_is_that_of_each_one_together(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("WATCHED", 4), ("ALONE", 4), ("AT", (1, 3, 200))):
        monkeypatch.setattr(reviews, name, value)
    torch.manual_seed(1)
    texts = ["a b c d", "b c a a", "d a d b", "c c b d"]
    encoded = Vocabulary.of(texts).encode(texts)
    net = TextClassifier("lstm", vocabulary_size=6, embedding_dim=3, hidden_size=5, classes=2, read="last")
    found = reviews.followed(net.eval(), encoded, np.array([0, 1, 1, 0]))
    alone = 10.0 ** np.array(found["log10_dh_alone"]) / 4  # the loss of many is a mean
    np.testing.assert_allclose(10.0 ** np.array(found["log10_dh"])[[0, 2]], np.sqrt((alone**2).sum(axis=0)), rtol=5e-3)
    assert found.keys() == {"log10_dh", "log10_dh_alone", "log10_dc"}
    assert len(found["log10_dc"]) == 4
