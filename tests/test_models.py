"""The coursework's networks: exact counts, what is read, what is refused."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from rnncourse.ablation import ablate
from rnncourse.counting import count
from rnncourse.gates import trace_gates
from rnncourse.models import Forecaster, power_network, weather_network

GATES = {"rnn": 1, "lstm": 4, "gru": 3}


@pytest.mark.parametrize(
    ("kind", "parameters"), [("rnn", 12_673), ("lstm", 50_497), ("gru", 37_889), ("bilstm", 133_761)]
)
def test_power_networks_have_the_parameters_of_the_coursework(kind, parameters):
    assert count(power_network(kind), input_size=(1, 60, 1)).parameters == parameters


@pytest.mark.parametrize(
    ("kind", "keras", "torchs"), [("lstm", 71_051, 71_851), ("gru", 53_901, 53_901), ("rnn", 17_801, 18_001)]
)
def test_weather_networks_have_the_parameters_of_the_coursework(kind, keras, torchs):
    counted = count(weather_network(kind), input_size=(1, 10, 1))
    assert (counted.keras_parameters, counted.parameters) == (keras, torchs)


@settings(deadline=None, max_examples=40)
@given(
    kind=st.sampled_from(sorted(GATES)),
    features=st.integers(1, 5),
    hidden=st.integers(1, 9),
    layers=st.integers(1, 3),
    outputs=st.integers(1, 4),
    both=st.booleans(),
)
def test_parameters_follow_the_closed_form(kind, features, hidden, layers, outputs, both):
    net = Forecaster(
        kind, input_size=features, hidden_size=hidden, num_layers=layers, output_size=outputs, bidirectional=both
    )
    ways = 1 + both
    per_gate = sum(hidden * (width + hidden) + 2 * hidden for width in [features] + [ways * hidden] * (layers - 1))
    expected = GATES[kind] * ways * per_gate + outputs * (ways * hidden) + outputs
    assert sum(p.numel() for p in net.parameters()) == expected
    assert net(torch.zeros(2, 3, features)).shape == (2, outputs)


@pytest.mark.parametrize(("kind", "module"), [("rnn", nn.RNN), ("lstm", nn.LSTM), ("gru", nn.GRU)])
def test_the_recurrent_layers_are_torchs_own(kind, module):
    assert type(Forecaster(kind).rnn) is module


def test_instruments_attach_to_the_recurrent_layers():
    net = power_network("lstm")
    x = torch.randn(3, 5, 1)
    assert trace_gates(net.rnn, x)["forget"].shape == (2, 1, 3, 5, 64)
    full = net(x)
    net.rnn = ablate(net.rnn, "forget_only")
    assert net(x).shape == full.shape
    assert not torch.allclose(net(x), full)


@pytest.mark.parametrize("kind", sorted(GATES))
@pytest.mark.parametrize("both", [False, True])
def test_last_reads_the_last_step(kind, both):
    net = Forecaster(kind, hidden_size=4, bidirectional=both)
    x = torch.randn(3, 6, 1)
    assert torch.equal(net(x), net.head(net.rnn(x)[0][:, -1]))


@pytest.mark.parametrize("both", [False, True])
def test_ends_reads_each_direction_where_it_has_read_everything(both):
    net = Forecaster("gru", hidden_size=4, num_layers=2, bidirectional=both, read="ends")
    x = torch.randn(3, 6, 1)
    _, final = net.rnn(x)
    torch.testing.assert_close(net(x), net.head(torch.cat(list(final[-1 - both :]), dim=-1)))


def test_each_reads_every_step():
    net = Forecaster("lstm", hidden_size=4, output_size=2, read="each")
    x = torch.randn(3, 6, 1)
    assert net(x).shape == (3, 6, 2)
    net.read = "last"
    last = net(x)
    net.read = "each"
    torch.testing.assert_close(net(x)[:, -1], last)


def test_dropout_stands_after_every_recurrent_layer():
    net = weather_network("lstm")
    assert (net.rnn.num_layers, net.rnn.hidden_size, net.rnn.dropout, net.dropout.p) == (4, 50, 0.2, 0.2)
    single = Forecaster("gru", num_layers=1, dropout=0.5, hidden_size=200)
    seen = []
    single.head.register_forward_pre_hook(lambda module, args: seen.append(args[0]))
    single(torch.randn(50, 3, 1))
    assert (seen[0] == 0).float().mean() == pytest.approx(0.5, abs=0.03)  # 10,000 draws: 6 deviations
    single.eval()(torch.randn(50, 3, 1))
    assert not (seen[1] == 0).any()


def test_a_network_without_dropout_draws_nothing():
    net = power_network("gru").train()
    before = torch.get_rng_state()
    net(torch.ones(2, 3, 1))
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"kind": "transformer"}, "kind is 'transformer'; expected one of 'rnn', 'lstm', 'gru'"),
        ({"kind": "lstm", "read": "first"}, "read is 'first'"),
        ({"kind": "lstm", "hidden_size": 0}, "hidden_size is 0"),
        ({"kind": "lstm", "num_layers": -1}, "num_layers is -1"),
        ({"kind": "lstm", "input_size": 1.5}, "input_size is 1.5"),
        ({"kind": "lstm", "output_size": True}, "output_size is True"),
        ({"kind": "lstm", "dropout": 1.0}, "dropout is 1.0"),
        ({"kind": "lstm", "dropout": float("nan")}, "dropout is nan"),
    ],
)
def test_impossible_networks_are_refused(options, complaint):
    with pytest.raises(ValueError, match=complaint):
        Forecaster(**options)


@pytest.mark.parametrize("build", [power_network, weather_network])
def test_unknown_kinds_are_refused_by_name(build):
    with pytest.raises(ValueError, match="kind is 'transformer'"):
        build("transformer")


@pytest.mark.parametrize(
    ("x", "complaint"),
    [
        (torch.zeros(5, 1), r"x has shape \(5, 1\); expected \(batch, time, 1\)"),
        (torch.zeros(2, 5, 3), r"x has shape \(2, 5, 3\)"),
        (torch.zeros(2, 0, 1), "at least one step"),
        (torch.zeros(2, 5, 1, dtype=torch.long), r"dtype torch.int64; .*x.float\(\)"),
    ],
)
def test_windows_that_do_not_fit_are_refused(x, complaint):
    with pytest.raises(ValueError, match=complaint):
        power_network("rnn")(x)
