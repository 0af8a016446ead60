"""What the initialisers write: spectra, sums of biases, ranges; and that they write nothing else."""

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import utils

from rnncourse.initialisation import chrono_, forget_bias_, orthogonal_
from tests.refusals import refusing

LAYERS = {"num_layers": st.integers(1, 3), "bidirectional": st.booleans()}
SHAPES = st.fixed_dictionaries({"input_size": st.integers(1, 4), "hidden_size": st.integers(1, 9), **LAYERS})
SEEDS = st.integers(0, 2**31)


def values(rnn: nn.RNNBase) -> dict[str, Tensor]:
    return {name: parameter.detach().clone() for name, parameter in rnn.named_parameters()}


def bias_sums(rnn: nn.RNNBase) -> list[Tensor]:
    """Per layer and direction the sum of both biases, a row per gate."""
    named = values(rnn)
    names = [name for name in named if name.startswith("bias_ih")]
    return [(named[n] + named[n.replace("ih", "hh")]).view(-1, rnn.hidden_size) for n in names]


@settings(max_examples=25)
@given(st.sampled_from([nn.RNN, nn.LSTM, nn.GRU]), SHAPES, SEEDS, st.floats(0.1, 3.0))
def test_orthogonal_gives_every_gate_the_same_singular_values(kind: Any, shape: Any, seed: int, gain: float) -> None:
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


def test_orthogonal_draws_each_block_from_the_seed_and_leaves_the_global_generator_alone() -> None:
    made = [nn.LSTM(3, 5) for _ in range(4)]
    state, seeds = torch.get_rng_state(), (1, torch.Generator().manual_seed(1), 2)
    first, same, other = (orthogonal_(rnn, seed=seed).weight_hh_l0 for rnn, seed in zip(made, seeds, strict=False))
    chrono_(made[3], t_max=9, seed=0)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(first, same)
    assert not torch.equal(first, other)
    assert not torch.equal(first[:5], first[5:10])
    for block in orthogonal_(nn.LSTM(3, 8, proj_size=5), seed=0).weight_hh_l0.detach().split(8):
        torch.testing.assert_close(block.T @ block, torch.eye(5))


@settings(max_examples=20)
@given(SHAPES, st.floats(-5, 5))
def test_forget_bias_is_the_sum_of_both_biases(shape: Any, value: float) -> None:
    lstm = nn.LSTM(**shape)
    before, others = values(lstm), bias_sums(lstm)
    assert forget_bias_(lstm, value) is lstm
    for i_f_g_o, old in zip(bias_sums(lstm), others, strict=True):
        assert torch.equal(i_f_g_o[1], torch.full_like(i_f_g_o[1], value))
        assert torch.equal(i_f_g_o[[0, 2, 3]], old[[0, 2, 3]])
    assert all(torch.equal(v, before[n]) for n, v in values(lstm).items() if n.startswith("weight"))
    assert torch.equal(bias_sums(forget_bias_(nn.LSTM(2, 3)))[0][1], torch.ones(3))


@settings(max_examples=20)
@given(st.sampled_from([nn.LSTM, nn.GRU]), SHAPES, SEEDS, st.floats(2, 1e4))
def test_chrono_keeps_time_scales_between_two_and_t_max(kind: Any, shape: Any, seed: int, t_max: float) -> None:
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
    uniform = (bias_sums(chrono_(nn.LSTM(1, 4000), t_max=101, seed=0))[0][1].double().exp() - 1) / 99
    # A uniform variable: mean 1/2, variance 1/12; 4000 draws put the mean within 0.0046 (one standard error).
    assert abs(float(uniform.mean()) - 0.5) < 0.02
    assert abs(float(uniform.var()) - 1 / 12) < 0.01


test_bad_input_is_named = refusing(
    (lambda: orthogonal_(nn.Linear(2, 2), seed=0), TypeError, "Linear"),  # type: ignore[type-var]
    (lambda: forget_bias_(nn.GRU(2, 2)), TypeError, "nn.LSTM, got GRU"),  # type: ignore[arg-type]
    (lambda: chrono_(nn.RNN(2, 2), t_max=9, seed=0), TypeError, "nn.LSTM or nn.GRU, got RNN"),  # type: ignore[type-var]
    *((lambda g=g: orthogonal_(nn.RNN(2, 2), seed=0, gain=g), "gain is") for g in (-1.0, math.nan)),
    (lambda: forget_bias_(nn.LSTM(2, 2, bias=False)), "bias=False"),
    (lambda: forget_bias_(nn.LSTM(2, 2), math.inf), "value is inf"),
    *((lambda t=t: chrono_(nn.GRU(2, 2), t_max=t, seed=0), "t_max is") for t in (1, math.inf)),
    (lambda: chrono_(nn.GRU(2, 2, bias=False), t_max=9, seed=0), "bias=False"),
)


@pytest.mark.filterwarnings("ignore:`torch.nn.utils.weight_norm` is deprecated")
@pytest.mark.parametrize("norm", [utils.weight_norm, utils.spectral_norm, utils.parametrizations.weight_norm])
def test_weights_that_are_computed_from_others_are_refused(norm: Any) -> None:
    rnn = norm(nn.RNN(2, 2), "weight_hh_l0")
    before = values(rnn)
    with pytest.raises(ValueError, match="weight_hh_l0 is no parameter"):
        orthogonal_(rnn, seed=0)
    assert all(torch.equal(value, before[name]) for name, value in values(rnn).items())
