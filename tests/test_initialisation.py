"""What the initialisers write: spectra, sums of biases, ranges; and that they write nothing else."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from rnncourse.initialisation import chrono_, forget_bias_, identity_, orthogonal_

Rnn = nn.RNN | nn.LSTM | nn.GRU
shapes = st.fixed_dictionaries(
    {
        "input_size": st.integers(1, 4),
        "hidden_size": st.integers(1, 9),
        "num_layers": st.integers(1, 3),
        "bidirectional": st.booleans(),
    }
)
seeds = st.integers(0, 2**31)


def values(rnn: Rnn) -> dict[str, Tensor]:
    return {name: parameter.detach().clone() for name, parameter in rnn.named_parameters()}


def bias_sums(rnn: Rnn) -> list[Tensor]:
    """Per layer and direction the sum of both biases, a row per gate."""
    named = values(rnn)
    names = [name for name in named if name.startswith("bias_ih")]
    return [(named[n] + named[n.replace("ih", "hh")]).view(-1, rnn.hidden_size) for n in names]


@settings(deadline=None, max_examples=25)
@given(st.sampled_from([nn.RNN, nn.LSTM, nn.GRU]), shapes, seeds, st.floats(0.1, 3.0))
def test_orthogonal_gives_every_gate_the_same_singular_values(
    kind: type[Rnn], shape: dict[str, int], seed: int, gain: float
) -> None:
    rnn = kind(**shape)
    before = values(rnn)
    assert orthogonal_(rnn, seed=seed, gain=gain) is rnn
    for name, weight in values(rnn).items():
        if name.startswith("weight_hh"):
            for block in weight.split(rnn.hidden_size):
                spectrum = torch.linalg.svdvals(block)
                torch.testing.assert_close(spectrum, torch.full_like(spectrum, gain), rtol=1e-5, atol=0)
        else:
            assert torch.equal(weight, before[name])
    assert all(parameter.requires_grad for parameter in rnn.parameters())


def test_orthogonal_draws_each_block_from_the_seed() -> None:
    first, second, third = (orthogonal_(nn.LSTM(3, 5), seed=seed).weight_hh_l0 for seed in (1, 1, 2))
    drawn = orthogonal_(nn.LSTM(3, 5), seed=torch.Generator().manual_seed(1)).weight_hh_l0
    assert torch.equal(first, second)
    assert torch.equal(first, drawn)
    assert not torch.equal(first, third)
    assert not torch.equal(first[:5], first[5:10])


def test_global_generator_is_left_alone() -> None:
    rnn = nn.GRU(3, 5)
    before = torch.get_rng_state()
    orthogonal_(rnn, seed=0)
    chrono_(rnn, t_max=9, seed=0)
    assert torch.equal(before, torch.get_rng_state())


def test_orthogonal_with_a_projection_has_orthonormal_columns() -> None:
    lstm = orthogonal_(nn.LSTM(3, 8, proj_size=5), seed=0)
    for block in lstm.weight_hh_l0.detach().split(8):
        torch.testing.assert_close(block.T @ block, torch.eye(5))


@settings(deadline=None, max_examples=20)
@given(shapes, st.booleans())
def test_identity_copies_a_nonnegative_state(shape: dict[str, int], bias: bool) -> None:
    rnn = nn.RNN(**shape, nonlinearity="relu", bias=bias)
    before = values(rnn)
    assert identity_(rnn) is rnn
    for name, value in values(rnn).items():
        if name.startswith("weight_hh"):
            assert torch.equal(value, torch.eye(rnn.hidden_size))
        elif name.startswith("bias"):
            assert torch.equal(value, torch.zeros_like(value))
        else:
            assert torch.equal(value, before[name])
    state = torch.rand(rnn.num_layers * (1 + rnn.bidirectional), 2, rnn.hidden_size)
    silent = nn.RNN(rnn.input_size, rnn.hidden_size, nonlinearity="relu", bias=bias)
    _, last = identity_(silent)(torch.zeros(50, 2, rnn.input_size), state[:1])
    assert torch.equal(last, state[:1])


@settings(deadline=None, max_examples=20)
@given(shapes, st.floats(-5, 5))
def test_forget_bias_is_the_sum_of_both_biases(shape: dict[str, int], value: float) -> None:
    lstm = nn.LSTM(**shape)
    before, others = values(lstm), bias_sums(lstm)
    assert forget_bias_(lstm, value) is lstm
    for i_f_g_o, old in zip(bias_sums(lstm), others, strict=True):
        assert torch.equal(i_f_g_o[1], torch.full_like(i_f_g_o[1], value))
        assert torch.equal(i_f_g_o[[0, 2, 3]], old[[0, 2, 3]])
    assert all(torch.equal(v, before[n]) for n, v in values(lstm).items() if n.startswith("weight"))


def test_forget_bias_is_one_unless_told() -> None:
    assert torch.equal(bias_sums(forget_bias_(nn.LSTM(2, 3)))[0][1], torch.ones(3))


@settings(deadline=None, max_examples=20)
@given(st.sampled_from([nn.LSTM, nn.GRU]), shapes, seeds, st.floats(2, 1e4))
def test_chrono_keeps_time_scales_between_two_and_t_max(
    kind: type[nn.LSTM | nn.GRU], shape: dict[str, int], seed: int, t_max: float
) -> None:
    rnn = kind(**shape)
    others = bias_sums(rnn)
    assert chrono_(rnn, t_max=t_max, seed=seed) is rnn
    for new, old in zip(bias_sums(rnn), others, strict=True):
        scale = 1 / (1 - torch.sigmoid(new[1].double()))
        assert float(scale.min()) >= 2 * (1 - 1e-5)
        assert float(scale.max()) <= t_max * (1 + 1e-5)
        if kind is nn.LSTM:
            assert torch.equal(new[0], -new[1])
            assert torch.equal(new[2:], old[2:])
        else:
            assert torch.equal(new[[0, 2]], old[[0, 2]])


def test_chrono_draws_uniform_time_scales() -> None:
    bias = bias_sums(chrono_(nn.LSTM(1, 4000), t_max=101, seed=0))[0][1].double()
    uniform = (bias.exp() - 1) / 99
    # A uniform variable: mean 1/2, variance 1/12; 4000 draws put the mean within 0.0046 (one standard error).
    assert abs(float(uniform.mean()) - 0.5) < 0.02
    assert abs(float(uniform.var()) - 1 / 12) < 0.01


def test_chrono_lets_a_torch_gru_keep_its_old_state() -> None:
    gru = nn.GRU(1, 64)
    with torch.no_grad():
        for parameter in gru.parameters():
            parameter.zero_()
    chrono_(gru, t_max=1000, seed=0)
    state = torch.ones(1, 1, 64)
    _, last = gru(torch.zeros(10, 1, 1), state)
    # Ten steps at a time scale of about 500: nearly everything is kept.
    assert float(last.detach().median()) > 0.95


BAD: dict[str, tuple[Callable[[], object], type[Exception], str]] = {
    "orthogonal of a linear layer": (lambda: orthogonal_(nn.Linear(2, 2), seed=0), TypeError, "Linear"),
    "orthogonal gain": (lambda: orthogonal_(nn.RNN(2, 2), seed=0, gain=-1.0), ValueError, "gain is -1.0"),
    "orthogonal gain nan": (lambda: orthogonal_(nn.RNN(2, 2), seed=0, gain=math.nan), ValueError, "gain is nan"),
    "identity of an lstm": (lambda: identity_(nn.LSTM(2, 2)), TypeError, "nn.RNN, got LSTM"),
    "identity under tanh": (lambda: identity_(nn.RNN(2, 2)), ValueError, "nonlinearity='tanh'"),
    "forget bias of a gru": (lambda: forget_bias_(nn.GRU(2, 2)), TypeError, "nn.LSTM, got GRU"),
    "forget bias without bias": (lambda: forget_bias_(nn.LSTM(2, 2, bias=False)), ValueError, "bias=False"),
    "forget bias inf": (lambda: forget_bias_(nn.LSTM(2, 2), math.inf), ValueError, "value is inf"),
    "chrono of an rnn": (lambda: chrono_(nn.RNN(2, 2), t_max=9, seed=0), TypeError, "nn.LSTM or nn.GRU, got RNN"),
    "chrono of one step": (lambda: chrono_(nn.GRU(2, 2), t_max=1, seed=0), ValueError, "t_max is 1"),
    "chrono without end": (lambda: chrono_(nn.GRU(2, 2), t_max=math.inf, seed=0), ValueError, "t_max is inf"),
    "chrono without bias": (lambda: chrono_(nn.GRU(2, 2, bias=False), t_max=9, seed=0), ValueError, "bias=False"),
    "parametrised": (
        lambda: orthogonal_(parametrizations.weight_norm(nn.RNN(2, 2), "weight_hh_l0"), seed=0),
        ValueError,
        "parametrised",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_named(case: str) -> None:
    act, kind, message = BAD[case]
    with pytest.raises(kind, match=message):
        act()
