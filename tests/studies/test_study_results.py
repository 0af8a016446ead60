"""Results files: folded stably, read with suspicion, overwritten only by their like."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_study import STUDY

from rnncourse.studies import StudyError, Sweep, mean_and_spread, read_record, recorded, results_folder, sweep
from rnncourse.studies import results as module
from rnncourse.studies.results import check_target, fold, write_record


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RNNCOURSE_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("RNNCOURSE_RESULTS", str(tmp_path / "results"))
    monkeypatch.delenv("TOY_TROUBLE", raising=False)
    (tmp_path / "results").mkdir()
    return tmp_path / "results"


@pytest.fixture
def done() -> Sweep:
    return sweep(STUDY, workers=1, device="cpu")


def test_folding_is_stable_and_one_row_is_one_line(done: Sweep) -> None:
    text = fold(done)
    assert fold(sweep(STUDY, workers=1, device="cpu")) == text  # from the files, no longer from memory
    lines = text.splitlines()
    first = lines.index(' "rows": [') + 1
    assert [json.loads(line.rstrip(",")) for line in lines[first : first + 8]] == json.loads(text)["rows"]
    assert lines[first] == ('  {"curve":[0,null],"device_was":"cpu","loss":1.0,"model":"square","seed":0,"width":1},')
    for shown in json.loads(text), *json.loads(text)["rows"], json.loads(text)["provenance"]:
        keys = [key for key in shown if key != "rows"]
        assert keys == sorted(keys)


def test_a_chapter_reads_what_was_recorded(done: Sweep, folder: Path) -> None:
    write_record(done, folder / "toy.json")
    record = recorded("toy")
    pd.testing.assert_frame_equal(record.frame, done.frame)
    assert list(record.frame.columns) == ["model", "width", "seed", "loss", "curve", "device_was"]
    made = record.provenance
    assert (made["about"], made["notes"]) == (STUDY.about, STUDY.notes)
    assert (made["runs"], made["seeds"], made["devices"], made["data"]) == (8, 2, ["cpu"], "none")
    assert list(made["code"]) == ["toy_study:run"]
    assert made["date"] == max(run.date for run in done.runs)
    assert made["versions"][0]["torch"]
    assert made["machines"][0]["cores"]


def test_mean_and_spread_over_seeds(done: Sweep, folder: Path) -> None:
    write_record(done, folder / "toy.json")
    table = mean_and_spread(recorded("toy"))
    assert list(table.columns) == ["model", "width", "runs", "loss", "loss ±"]
    assert table["loss"].tolist() == [2.5, 5.0, 4.5, 9.0]
    assert table["loss ±"].tolist() == pytest.approx([4.5**0.5, 18**0.5, 24.5**0.5, 98**0.5])
    assert table["runs"].tolist() == [2, 2, 2, 2]


def test_a_metric_that_some_runs_lack_is_missing(folder: Path) -> None:
    def run(config: Any, device: str) -> dict[str, float]:
        return {"a": 1.0} if config.model == "cube" else {"b": 2.0}

    write_record(sweep(replace(STUDY, run=run), workers=1, device="cpu"), folder / "toy.json")
    frame = recorded("toy").frame
    assert frame["a"].isna().tolist() == [True] * 4 + [False] * 4
    assert frame["b"].tolist()[:4] == [2.0] * 4


def test_an_incomplete_sweep_is_not_folded(done: Sweep) -> None:
    with pytest.raises(StudyError, match="study toy: 1 of 8 runs are missing"):
        fold(replace(done, runs=done.runs[1:]))


def test_only_its_like_is_overwritten(done: Sweep, folder: Path) -> None:
    path = folder / "toy.json"
    assert check_target(path, study="toy", scale="small") is None
    write_record(done, path)
    replaced = check_target(path, study="toy", scale="full")
    assert replaced is not None
    assert len(replaced.rows) == 8
    with pytest.raises(StudyError, match="holds results of the study 'toy': name another file"):
        check_target(path, study="power", scale="small")
    write_record(sweep(STUDY, workers=1, device="cpu", scale="full"), path)
    with pytest.raises(StudyError, match="holds the full record, and this sweep is small: name another file"):
        check_target(path, study="toy", scale="small")
    assert check_target(path, study="toy", scale="full") is not None
    for content in ('{"rows": []}', "# A page", ""):
        path.write_text(content, encoding="utf-8")
        with pytest.raises(StudyError, match="is not a results file.*it is not overwritten"):
            check_target(path, study="toy", scale="full")
    with pytest.raises(StudyError, match="Is a directory; it is not overwritten"):
        check_target(folder, study="toy", scale="full")


def changed(text: str, **fields: Any) -> str:
    return json.dumps(json.loads(text) | fields)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"format": 2}, "is in format 2, and this version of rnncourse reads format 1: update rnncourse"),
        ({"kind": "rnncourse run"}, "is not a results file of a study"),
        ({"study": "power"}, "holds results of the study 'power', not of 'toy'"),
        ({"scale": 1}, "is damaged: scale is missing or no str"),
        ({"columns": {"config": ["seed"]}}, "is damaged: columns has no list of names 'metrics'"),
        ({"rows": [{"unknown": 1}]}, "is damaged: row 1 does not fit the columns"),
        ({"rows": []}, "is damaged: its number of rows"),
        ({"rows": [{"loss": float("nan")}]}, "is not a results file: NaN is not a JSON number"),
    ],
)
def test_a_file_of_another_kind_or_version_is_refused(
    done: Sweep, folder: Path, fields: dict[str, Any], message: str
) -> None:
    (folder / "toy.json").write_text(changed(fold(done), **fields), encoding="utf-8")
    with pytest.raises(StudyError, match=message):
        recorded("toy")


TEXT = json.dumps(
    {
        "kind": "rnncourse study",
        "format": 1,
        "study": "toy",
        "scale": "small",
        "columns": {"config": ["seed"], "metrics": ["loss"]},
        "provenance": {"runs": 1},
        "rows": [{"seed": 0, "loss": 0.5}],
    }
)


@settings(deadline=None, max_examples=60)
@given(length=st.integers(0, len(TEXT) - 1))
def test_a_file_that_was_cut_short_is_refused(length: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "cut.json"
    path.write_text(TEXT[:length], encoding="utf-8")
    with pytest.raises(StudyError, match=re.escape(f"{path} is not a results file")):
        read_record(path)


@settings(deadline=None, max_examples=100)
@given(place=st.integers(0, len(TEXT) - 1), put=st.binary(min_size=1, max_size=3))
def test_an_altered_file_is_refused_or_still_makes_a_table(
    place: int, put: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "altered.json"
    path.write_bytes(TEXT[:place].encode() + put + TEXT[place + 1 :].encode())
    try:
        record = read_record(path)
    except StudyError:
        return
    assert len(record.frame) == 1
    assert list(record.frame.columns) == [*record.columns["config"], *record.columns["metrics"]]


def test_nothing_recorded_is_said_so(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StudyError, match="no results of the study 'toy' are recorded: run `rnncourse study run toy`"):
        recorded("toy")


def test_the_records_of_a_checkout_then_of_the_installed_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RNNCOURSE_RESULTS")
    assert results_folder() == Path(__file__).parents[2] / "book" / "results"
    monkeypatch.setattr(module, "__file__", str(tmp_path / "site" / "rnncourse" / "studies" / "results.py"))
    with pytest.raises(StudyError, match="set RNNCOURSE_RESULTS"):
        results_folder()
    (tmp_path / "site" / "rnncourse" / "results").mkdir(parents=True)
    assert results_folder() == tmp_path / "site" / "rnncourse" / "results"
