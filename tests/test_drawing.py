"""How tests draw and compare: the same cases everywhere, fresh ones on demand, closeness at any size."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.closeness import assert_close_ulp, ulps_apart

TEST = """
{imports}
from hypothesis import given, settings, strategies as st

@given(st.lists(st.floats()), st.integers(), st.text())
@settings(max_examples=50)
def test_draws(numbers, number, text):
    print(ascii((numbers, number, text)))
"""


def draws(folder: Path, imports: str = "", **environment: str) -> list[str]:
    """What a small drawn test draws, in a process of its own with this folder's settings."""
    (folder / "conftest.py").write_bytes((Path(__file__).parent / "conftest.py").read_bytes())
    (folder / "test_small.py").write_text(TEST.format(imports=imports), encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    environment |= {"PYTHONPATH": str(Path(__file__).parents[1]), "PYTHONUTF8": "1"}
    environment |= {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    kept = {name: value for name, value in os.environ.items() if name not in ("CI", "RNNCOURSE_FUZZ")}
    command = [sys.executable, "-m", "pytest", "-q", "-s", "-p", "_hypothesis_pytestplugin", "-m", "hypothesis", folder]
    run = subprocess.run(command, capture_output=True, encoding="utf-8", check=True, env=kept | environment)
    return [line for line in run.stdout.splitlines() if line.lstrip(".").startswith("(")]


def test_a_commit_draws_the_same_cases_everywhere_and_fuzzing_draws_fresh_ones(tmp_path: Path) -> None:
    here = draws(tmp_path, PYTHONHASHSEED="1")
    elsewhere = draws(tmp_path, "import rnncourse.cells, tools.prose", CI="true", PYTHONHASHSEED="2")
    assert len(here) == 50
    assert here == elsewhere
    fresh = draws(tmp_path, RNNCOURSE_FUZZ="1")
    assert len(fresh) >= 20 * 50
    assert len(set(fresh) & set(here)) < 25


@pytest.mark.parametrize("size", [1e-300, 1e-7, 1.0, 3.7, 1e30])
def test_closeness_is_the_same_at_every_size(size: float) -> None:
    values = np.array([size, -size / 3, 0.0])
    near = values + np.spacing(size) * np.array([0, 2, 3])
    assert ulps_apart(near, values) == 3
    assert_close_ulp(torch.from_numpy(near), values, 3)
    with pytest.raises(AssertionError, match="units in the last place apart"):
        assert_close_ulp(near, values, 2.9)


def test_the_coarser_precision_sets_the_unit() -> None:
    values = np.array([1.0, 2.0])
    near = values + np.array([0, 2 * np.spacing(np.float32(2.0))])
    assert ulps_apart(near.astype(np.float32), values) == 2
    assert ulps_apart(torch.tensor(near, dtype=torch.float32), torch.tensor(values)) == 2
    assert ulps_apart(near, values) > 1e8
    assert ulps_apart([1e-20], [0.0], scale=1.0) < 1e-3


@pytest.mark.parametrize(
    ("actual", "expected"),
    [([1.0], [[1.0]]), ([np.nan], [1.0]), ([np.inf], [1.0]), ([np.inf], [-np.inf]), ([1.0], [np.nan])],
)
def test_nothing_is_close_to_what_it_cannot_be_compared_with(actual: object, expected: object) -> None:
    with pytest.raises(AssertionError):
        assert_close_ulp(np.array(actual), np.array(expected), 1e9)
    assert_close_ulp(np.array(actual), np.array(actual), 0)
