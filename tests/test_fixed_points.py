"""Fixed and slow points against SciPy's solvers and layers whose points are known."""

from typing import Any

import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar, root
from torch import Tensor, nn

from rnncourse.fixed_points import FixedPoints, fixed_points
from tests.layer_zoo import READABLE, SIZE, Build
from tests.refusals import refusing
from tests.test_gates import assert_remembered, remember

pytestmark = [pytest.mark.usefixtures("one_thread"), pytest.mark.filterwarnings("ignore:.*deprecated.*")]


def scalar_rnn(weight: float, bias: float) -> nn.RNN:
    rnn = nn.RNN(1, 1).double()
    for name, value in {"weight_ih_l0": 1.0, "weight_hh_l0": weight, "bias_ih_l0": bias, "bias_hh_l0": 0.0}.items():
        getattr(rnn, name).detach().fill_(value)
    return rnn


def wild(kind: Any, **options: Any) -> nn.Module:
    """With weights so large that there are several points."""
    torch.manual_seed(1)
    rnn = kind(2, 4, **options).double()
    for weight in rnn.parameters():
        weight.detach().mul_(5)
    return rnn


WILD = [
    *(wild(kind, num_layers=layers) for kind in (nn.RNN, nn.GRU, nn.LSTM) for layers in (1, 2)),
    wild(nn.LSTM, proj_size=3),
    wild(nn.LSTM, bias=False),
]


def full_states(points: FixedPoints) -> np.ndarray:
    """h, and c after it, of each layer."""
    parts = [points.hidden] if points.cell is None else [points.hidden, points.cell]
    return torch.cat(
        [torch.cat(layer, 1) for layer in zip(*(part.unbind(1) for part in parts), strict=True)], 1
    ).numpy()


def one_step(rnn: Any, x: Tensor, state: np.ndarray) -> np.ndarray:
    """The same map as torch's own module computes it."""
    sizes = [rnn.proj_size or rnn.hidden_size, *([rnn.hidden_size] if rnn.mode == "LSTM" else [])]
    parts = torch.from_numpy(state).split(sizes * rnn.num_layers)
    h, *c = (torch.stack(parts[k :: len(sizes)])[:, None] for k in range(len(sizes)))
    with torch.no_grad():
        _, after = rnn(x[None, None], (h, *c) if c else h)
    after = after if isinstance(after, tuple) else (after,)
    return torch.cat([torch.cat([part[k, 0] for part in after]) for k in range(rnn.num_layers)]).numpy()


def test_a_pair_of_latches_rests_in_nine_points() -> None:
    rnn = nn.RNN(1, 2, bias=False)
    rnn.weight_hh_l0.detach().copy_(1.5 * torch.eye(2))
    points = fixed_points(rnn, torch.zeros(1))
    ends = root(lambda h: np.tanh(1.5 * h) - h, 1.0).x[0]
    assert len(points) == 9
    assert bool(points.fixed.all())
    found = sorted((points.hidden[:, 0] / ends).round(decimals=9).add(0.0).tolist())
    assert found == sorted([float(a), float(b)] for a in (-1, 0, 1) for b in (-1, 0, 1))
    # At 0 the slope is the weight, in a latch 1.5 (1 - h²): stable in both, saddles, unstable in both.
    assert points.stable.tolist() == [True] * 4 + [False] * 5
    held = 1.5 * (1 - ends**2)
    exact = [[held, held]] * 4 + [[1.5, held]] * 4 + [[1.5, 1.5]]
    np.testing.assert_allclose(points.eigenvalues.numpy(), np.array(exact), atol=1e-9)


@pytest.mark.parametrize("rnn", WILD, ids=str)
def test_every_point_is_one_of_an_independent_solver_and_none_of_its_is_missed(rnn: Any) -> None:
    x = torch.tensor([0.3, -0.5], dtype=torch.float64)
    points = fixed_points(rnn, x)
    mine = full_states(points)[points.fixed.numpy()]
    assert len(mine) > 0
    generator = np.random.default_rng(0)
    for state in mine:
        solved = root(lambda s: one_step(rnn, x, s) - s, state + 1e-4 * generator.standard_normal(len(state)))
        np.testing.assert_allclose(state, solved.x, atol=1e-6)
    for start in np.tanh(generator.standard_normal((40, mine.shape[1]))):
        solved = root(lambda s: one_step(rnn, x, s) - s, start, tol=1e-12)
        if solved.success and np.abs(solved.fun).max() < 1e-10 and np.abs(solved.x).max() <= 1:
            assert np.abs(mine - solved.x).max(1).min() < 1e-6
    for state, eigenvalues in zip(full_states(points), points.eigenvalues, strict=True):
        jacobian = np.stack([
            (one_step(rnn, x, state + d) - one_step(rnn, x, state - d)) / 2e-6 for d in 1e-6 * np.eye(len(state))
        ], 1)  # fmt: skip
        numeric = np.linalg.eigvals(jacobian)
        assert max(np.abs(numeric - one).min() for one in eigenvalues.numpy()) < 1e-5
        assert eigenvalues.abs().diff().max() <= 1e-12


def test_a_ghost_of_a_fixed_point_is_slow_not_fixed() -> None:
    # tanh(2h + b) - h has two zeros fewer once b passes 0.5329: near 0.76 something stays of them.
    rnn, x = scalar_rnn(2.0, -0.54), torch.zeros(1, dtype=torch.float64)
    points = fixed_points(rnn, x)
    ghost = minimize_scalar(lambda h: (np.tanh(2 * h - 0.54) - h) ** 2, bounds=(0.3, 1), options={"xatol": 1e-9})
    assert points.fixed.tolist() == [True, False]
    torch.testing.assert_close(points.hidden[1].item(), float(ghost.x), rtol=0, atol=1e-6)
    torch.testing.assert_close(points.speeds[1].item(), float(np.sqrt(ghost.fun)), rtol=1e-6, atol=0)
    assert fixed_points(rnn, x, max_speed=1e-3).fixed.tolist() == [True]


@pytest.mark.parametrize("build", [READABLE[name] for name in ("old weight_norm", "pruned", "keeps statistics")])
@pytest.mark.parametrize("kind", [nn.RNN, nn.LSTM, nn.GRU])
def test_the_weights_of_the_moment_are_read_and_nothing_changes(kind: Any, build: Build) -> None:
    torch.manual_seed(0)
    rnn, x = build(kind), torch.ones(SIZE)
    before = remember(rnn)
    points = fixed_points(rnn, x, starts=32)
    assert_remembered(rnn, before)
    rnn(x[None, None])
    plain = kind(SIZE, SIZE)
    plain.load_state_dict({name: getattr(rnn, name).detach() for name in plain.state_dict()})
    torch.testing.assert_close(points.hidden, fixed_points(plain, x, starts=32).hidden, rtol=0, atol=1e-6)


X, GRU = torch.zeros(2), nn.GRU(2, 3)
test_bad_input_is_named = refusing(
    (lambda: fixed_points(nn.Sequential(GRU), X), TypeError, r"rnn\[0\]"),
    (lambda: fixed_points(nn.Linear(2, 3), X), TypeError, "rnn must be .*, got Linear"),
    (lambda: fixed_points(nn.GRU(2, 3, bidirectional=True), X), "rnn is bidirectional"),
    (lambda: fixed_points(GRU, [0.0, 0.0]), TypeError, "x must be a tensor, got list"),
    (lambda: fixed_points(GRU, torch.zeros(5, 1, 2)), r"x has shape \(5, 1, 2\).*\(2,\)"),
    (lambda: fixed_points(GRU, X, starts=0), "starts is 0"),
)
