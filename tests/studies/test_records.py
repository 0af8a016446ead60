"""Results files: folded stably, sealed, overwritten only by their like; and the book's own are of today's code."""

import contextlib
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toy_study import STUDY

from rnncourse._reached import code_digests
from rnncourse.studies import StudyError, Sweep, read_record, recorded, results_folder, studies, sweep
from rnncourse.studies import records as module
from rnncourse.studies.records import check_target, write_record
from rnncourse.studies.study import plan
from rnncourse.studies.sweeps import folded
from tools.records import changed

BOOK = Path(__file__).parents[2] / "book"
FAMILIES = ("longer", "windows", "ablation", "absolute", "origins")
UNFINISHED = {"imdb-gradients-faster", *(f"next-minute-{family}" for family in FAMILIES)}
RECORDED = [name for name in studies() if (BOOK / "results" / f"{name}.json").exists()]


@pytest.fixture
def done(toy_folders: Path) -> Sweep:
    return sweep(STUDY, workers=1, device="cpu")


def test_folding_is_stable_and_one_row_is_one_line(done: Sweep) -> None:
    text = folded(done).text
    assert folded(sweep(STUDY, workers=1, device="cpu")).text == text  # from the files, no longer from memory
    lines, content = text.splitlines(), json.loads(text)
    first = lines.index(' "rows": [') + 1
    assert [json.loads(line.rstrip(",")) for line in lines[first : first + 8]] == content["rows"]
    assert lines[first] == ('  {"curve":[0,null],"device_was":"cpu","loss":1.0,"model":"square","seed":0,"width":1},')
    for shown in content, *content["rows"], content["provenance"]:
        keys = [key for key in shown if key != "rows"]
        assert keys == sorted(keys)


def test_a_chapter_reads_what_was_recorded(done: Sweep, toy_folders: Path) -> None:
    write_record(folded(done), toy_folders / "results" / "toy.json")
    record = recorded("toy")
    assert record == folded(done)
    assert list(record.frame.columns) == ["model", "width", "seed", "loss", "curve", "device_was"]
    assert record.frame["loss"].tolist() == [1.0, 4.0, 2.0, 8.0, 1.0, 8.0, 2.0, 16.0]
    assert record.text == folded(done).text  # also once the frame is made
    made = record.provenance
    assert (made["about"], made["notes"]) == (STUDY.about, STUDY.notes)
    assert (made["runs"], made["seeds"], made["devices"], made["data"]) == (8, 2, ["cpu"], "none")
    assert made["code"] == code_digests(STUDY.run)
    assert made["versions"][0]["torch"]
    assert made["machines"][0]["cores"]


def test_only_its_like_is_overwritten_and_what_is_missing_is_said(done: Sweep, toy_folders: Path) -> None:
    path = toy_folders / "results" / "toy.json"
    with pytest.raises(StudyError, match="study toy: 1 of 8 runs are missing"):
        folded(done._replace(runs=done.runs[1:]))
    with pytest.raises(StudyError, match="no results of the study 'toy' are recorded"):
        recorded("toy")
    write_record(folded(done), path)
    with pytest.raises(StudyError, match="holds results of the study 'toy', not of 'power'"):
        check_target(path, study="power", scale="small")
    write_record(folded(sweep(STUDY, workers=1, device="cpu", scale="full")), path)
    with pytest.raises(StudyError, match="holds the full record, and this one is small"):
        write_record(folded(done), path)
    for content in ('{"rows": []}', "# A page", ""):
        path.write_text(content, encoding="utf-8")
        with pytest.raises(StudyError, match="is no results file, or was altered"):
            check_target(path, study="toy", scale="full")
    with pytest.raises(StudyError, match="no regular file"):
        check_target(path.parent, study="toy", scale="full")
    with pytest.raises(StudyError, match="cannot be used"):
        write_record(folded(done), toy_folders / "nowhere" / "toy.json")


@given(place=st.floats(0, 1, exclude_max=True), put=st.binary(max_size=3))
def test_a_record_that_was_altered_or_cut_short_is_refused(
    place: float, put: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    text = (BOOK / "results" / "skip-rnn.json").read_bytes()
    start, path = int(place * len(text)), tmp_path_factory.getbasetemp() / "altered.json"
    for altered in (text[:start] + put + text[start + 1 :], text[:start]):
        path.write_bytes(altered)
        with contextlib.suppress(StudyError):
            assert read_record(path, study="skip-rnn") == recorded("skip-rnn")  # another layout


def test_the_records_of_a_clone_then_of_the_installed_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert results_folder() == BOOK / "results"
    monkeypatch.setattr(module, "__file__", str(tmp_path / "site" / "rnncourse" / "studies" / "records.py"))
    with pytest.raises(StudyError, match="set RNNCOURSE_RESULTS"):
        results_folder()
    (tmp_path / "site" / "rnncourse" / "results").mkdir(parents=True)
    assert results_folder() == tmp_path / "site" / "rnncourse" / "results"


def test_every_study_is_recorded_or_under_way() -> None:
    assert studies().keys() - set(RECORDED) <= UNFINISHED


@pytest.mark.parametrize("name", RECORDED)
def test_no_record_is_stale(name: str) -> None:
    """A record is of today's code, or says which commit made it and why it still stands: see `tools.records`."""
    since = changed(studies()[name], recorded(name))
    assert not since, f"{name} is stale: {', '.join(since)} changed; see `python -m tools.records`"
    if by := recorded(name).provenance.get("made_by"):
        assert re.fullmatch("[0-9a-f]{40}", by["commit"])
        assert by["why"]


@pytest.mark.parametrize("name", RECORDED)
def test_a_record_is_of_the_full_grid(name: str) -> None:
    study, record = replace(studies()[name], data=lambda scale: "none"), recorded(name)
    rows = [{column: row[column] for column in record.columns["config"]} for row in record.rows]
    wanted = plan(study, scale=record.scale, seeds=record.provenance["seeds"]).runs.values()
    assert sorted(map(str, rows)) == sorted(str(one.fields) for one in wanted)
    assert record.provenance["runs"] == len(rows)
    assert (record.provenance["about"], record.provenance["notes"]) == (study.about, study.notes)
