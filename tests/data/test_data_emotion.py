"""The emotion files: read line by line, refused by line, fetched from either form, on small stand-ins."""

import csv
import gzip
import hashlib
import io
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from power_server import serving_files

from rnncourse.data import EMOTIONS, DataError, load_emotion, read_emotion, read_emotion_csv
from rnncourse.data import registry as names
from rnncourse.data.emotion import PARTS, parse_emotion, parse_emotion_csv
from rnncourse.data.emotion_files import check_emotion, fetch_emotion, text_lines

Result = TypeVar("Result")
TEXTS = {
    "train.txt": "i feel fine;joy\ni am lost;sadness\ni feel fine;love\n",
    "val.txt": "i am lost;sadness\nwhat is that;surprise\n",
    "test.txt": "go away;anger\nhe is here;fear\n",
}


@pytest.fixture(autouse=True)
def _folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RNNCOURSE_DATA", raising=False)
    monkeypatch.setenv("RNNCOURSE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stand-ins count as the authors' files."""
    known = {file: hashlib.sha256(text.encode()).hexdigest() for file, text in TEXTS.items()}
    monkeypatch.setattr("rnncourse.data.emotion_files.EMOTION", replace(names.EMOTION, sha256=known))


def folder(path: Path, **changes: str) -> Path:
    path.mkdir(parents=True)
    for file, text in TEXTS.items():
        (path / file).write_text(changes.get(file.removesuffix(".txt"), text), encoding="utf-8", newline="")
    return path


def test_a_small_file_by_hand() -> None:
    corpus = parse_emotion(TEXTS["train.txt"].encode(), name="small")
    assert corpus.texts == ("i feel fine", "i am lost", "i feel fine")
    assert [corpus.classes[label] for label in corpus.labels] == ["joy", "sadness", "love"]
    assert (corpus.name, corpus.classes) == ("small", EMOTIONS)
    assert corpus.duplicates().conflicting == 1


@pytest.mark.parametrize("change", [("\n", "\r\n"), ("love\n", "love"), ("i feel", "\ufeffi feel", 1)])
def test_either_line_end_a_missing_one_and_a_byte_order_mark(change: tuple[str, str]) -> None:
    assert (
        parse_emotion(TEXTS["train.txt"].replace(*change).encode()).texts
        == parse_emotion(TEXTS["train.txt"].encode()).texts
    )


def test_a_table_by_hand(tmp_path: Path) -> None:
    path = tmp_path / "text.csv"
    path.write_text(',text,label\n0,i feel fine,1\n1,"well, ""so""\nand so",5\n2,i feel fine,2\n', encoding="utf-8")
    corpus = read_emotion_csv(path)
    assert corpus.texts == ("i feel fine", 'well, "so"\nand so', "i feel fine")
    assert corpus.labels.tolist() == [1, 5, 2]
    assert (corpus.name, corpus.duplicates().ceiling) == ("text.csv", 2 / 3)
    assert parse_emotion_csv(b"text,label\r\nx,0\r\n").texts == ("x",)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "f.txt is empty: lines of text;label are expected"),
        (b"\n", "line 1 of f.txt has no semicolon"),
        (b"x;joy\n\ny;joy\n", "line 2 of f.txt has no semicolon: text;label is expected, got ''"),
        (b"x,joy\n", "line 1 of f.txt has no semicolon: text;label is expected, got 'x,joy'"),
        (b"x\tjoy\n", "line 1 of f.txt has no semicolon"),
        (
            b"x;joy\ny;happy\n",
            "line 2 of f.txt has the label 'happy': one of sadness, joy, love, anger, fear, surprise",
        ),
        (b"x;joy \n", "has the label 'joy '"),
        (b"x;Joy\n", "has the label 'Joy'"),
        (b"x;\n", "has the label ''"),
        (b"x;1\n", "has the label '1'"),
        (b"x;y;joy\n", "line 1 of f.txt has 3 fields"),
        (b";joy\n", "line 1 of f.txt has a label and no text"),
        (b"x;joy\n  \t;joy\n", "line 2 of f.txt has a label and no text"),
        (b"x;joy\ny\xff;joy\n", "line 2 of f.txt cannot be read: byte 0xff is no UTF-8 text"),
        ("x;joy\n".encode("utf-16"), "line 1 of f.txt cannot be read: byte 0xff"),
        (b"x;joy\n" + b"y" * 2**20 + b";joy\n", "line 2 of f.txt has 1,048,576 characters, more than the 10,000"),
        (b"x" * 2**20, "line 1 of f.txt has no semicolon: text;label is expected, got '" + "x" * 40 + "…'"),
        (b"x;" + b"y" * 2**20, "line 1 of f.txt has the label 'yyy"),
    ],
)
def test_lines_that_are_refused(content: bytes, complaint: str) -> None:
    with pytest.raises(DataError, match=complaint) as caught:
        parse_emotion(content, file="f.txt")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "f.csv is empty: a header text,label"),
        (b"\n", "f.csv is empty"),
        (b"text,label\n", "f.csv has a header and no rows"),
        (b"x,1\n", "line 1 of f.csv is 'x,1', but the columns text,label are expected"),
        (b"text;label\nx;1\n", "line 1 of f.csv is 'text;label'"),
        (b"label,text\n1,x\n", "line 1 of f.csv is 'label,text'"),
        (b"text,label\nx,1\n\ny,1\n", "line 3 of f.csv has 0 fields, but 2 are expected"),
        (b",text,label\nx,1\n", "line 2 of f.csv has 2 fields, but 3 are expected"),
        (b"text,label\nx,y,1\n", "line 2 of f.csv has 3 fields"),
        (b"text,label\nx,6\n", "line 2 of f.csv has the label '6': a number from 0 to 5 is expected"),
        (b"text,label\nx,-1\n", "the label '-1'"),
        (b"text,label\nx,1.0\n", "the label '1.0'"),
        (b"text,label\nx,joy\n", "the label 'joy'"),
        ("text,label\nx,٣\n".encode(), "the label"),
        (b"text,label\n,1\n", "line 2 of f.csv has a label and no text"),
        (b'text,label\n"x\ny",1\n"",1\n', "line 4 of f.csv has a label and no text"),
        (b'text,label\nx,1\n"y,1\nz,1\n', "line 3 of f.csv cannot be read as CSV .unexpected end of data"),
        (b'text,label\n"x"y,1\n', "line 2 of f.csv cannot be read as CSV"),
        (b"text,label\nx\xc3,1\n", "line 2 of f.csv cannot be read: byte 0xc3"),
        (b"text,label\n" + b"x" * 2**20 + b",1\n", "line 2 of f.csv cannot be read as CSV .field larger"),
        (b"text,label\n" + b"x" * 20_000 + b",1\n", "line 2 of f.csv has 20,000 characters"),
        (b"PAR1\x15\x04\x15\x10", "line 1 of f.csv is 'PAR1"),
    ],
)
def test_tables_that_are_refused(content: bytes, complaint: str) -> None:
    with pytest.raises(DataError, match=complaint) as caught:
        parse_emotion_csv(content, file="f.csv")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200


def test_complaints_name_the_path(tmp_path: Path) -> None:
    path = tmp_path / "mine.txt"
    path.write_text("x;happy\n")
    for read in (read_emotion, read_emotion_csv):
        with pytest.raises(DataError, match=f"line 1 of {re.escape(str(path))} "):
            read(path)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    for read in (read_emotion, read_emotion_csv):
        with pytest.raises(DataError, match="there is no file .*nowhere.txt"):
            read(tmp_path / "nowhere.txt")


TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters=";"), min_size=1, max_size=30).filter(
    lambda text: text.strip() and not text.startswith("\ufeff")
)
ROWS = st.lists(st.tuples(TEXT, st.integers(0, 5)), min_size=1, max_size=12)


@given(rows=ROWS)
@settings(deadline=None, max_examples=50)
def test_what_is_written_is_read_back(rows: list[tuple[str, int]]) -> None:
    lines = "".join(f"{text};{EMOTIONS[label]}\n" for text, label in rows)
    table = io.StringIO()
    csv.writer(table).writerows([("text", "label"), *rows])
    jsonl = "".join(json.dumps({"text": text, "label": label}) + "\n" for text, label in rows)
    for corpus in (parse_emotion(lines.encode()), parse_emotion_csv(table.getvalue().encode())):
        assert list(zip(corpus.texts, corpus.labels.tolist(), strict=True)) == rows
    assert text_lines(jsonl.encode(), name="rows") == lines.encode()


def attempt(parse: Callable[..., Result], content: bytes) -> tuple[Result | None, str]:
    """The result or the complaint; any other exception fails the test."""
    try:
        return parse(content, name="file.x"), ""
    except DataError as error:
        return None, str(error)


def damaged(content: bytes) -> st.SearchStrategy[bytes]:
    """Cut out and put in bytes anywhere."""
    junk = st.one_of(
        st.binary(max_size=6), st.sampled_from([b";", b",", b"\n", b"\r", b'"', b"\x00", b"joy", b"\xef\xbb\xbf", b"5"])
    )
    places = st.tuples(st.integers(0, len(content)), st.integers(0, 25))
    return st.builds(lambda place, new: content[: place[0]] + new + content[place[0] + place[1] :], places, junk)


@given(content=st.one_of(damaged(TEXTS["train.txt"].encode()), st.binary(max_size=80)))
@settings(deadline=None, max_examples=120)
def test_any_damaged_lines_are_read_or_refused_in_one_sentence(content: bytes) -> None:
    corpus, complaint = attempt(parse_emotion, content)
    if corpus is None:
        assert "file.x" in complaint
        assert "\n" not in complaint
        return
    # What was read, written again, are the lines: nothing is lost and nothing shifts.
    written = "".join(f"{t};{EMOTIONS[n]}\n" for t, n in zip(corpus.texts, corpus.labels.tolist(), strict=True))
    assert written == content.decode("utf-8-sig").replace("\r\n", "\n").removesuffix("\r").removesuffix("\n") + "\n"


@given(content=st.one_of(damaged(b',text,label\n0,i feel fine,1\n1,"so, so",5\n2,lost,0\n'), st.binary(max_size=80)))
@settings(deadline=None, max_examples=120)
def test_any_damaged_table_is_read_or_refused_in_one_sentence(content: bytes) -> None:
    corpus, complaint = attempt(parse_emotion_csv, content)
    if corpus is None:
        assert "file.x" in complaint
        assert "\n" not in complaint
        return
    assert len(corpus) >= 1
    assert all(text.strip() for text in corpus.texts)


@given(content=st.one_of(damaged(b'{"text": "x", "label": 1}\n{"text": "y", "label": 5}\n'), st.binary(max_size=60)))
@settings(deadline=None, max_examples=60)
def test_any_damaged_json_lines_are_read_or_refused(content: bytes) -> None:
    lines, complaint = attempt(text_lines, content)
    if lines is None:
        assert "of file.x is no message" in complaint
        return
    assert lines.count(b"\n") >= len(content.splitlines())


@pytest.mark.parametrize(
    "line",
    [
        *(b"[]", b"7", b"\xff", b"[" * 99_999, b'{"text": "x"}', b'{"text": "\\ud800", "label": 1}'),
        *(b'{"text": "x", "label": %s}' % label for label in (b"6", b"-1", b'"joy"', b"[]", b"null")),
    ],
)
def test_json_lines_that_are_refused(line: bytes) -> None:
    with pytest.raises(DataError, match="line 2 of rows is no message with a label from 0 to 5"):
        text_lines(b'{"text": "x", "label": 1}\n' + line + b"\n", name="rows")


@pytest.mark.parametrize("below", ["emotion", "."])
def test_the_split_is_found_below_the_users_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, below: str) -> None:
    mine = tmp_path / "mine"
    folder(mine / below) if below != "." else folder(mine)
    monkeypatch.setenv("RNNCOURSE_DATA", str(mine))
    splits = load_emotion()
    assert [len(part) for part in splits.parts.values()] == [3, 2, 2]
    assert [part.name for part in splits.parts.values()] == [f"emotion ({part})" for part in PARTS]
    assert splits.fingerprint == load_emotion(folder=mine / below).fingerprint


def test_a_split_that_is_missing_or_in_part(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="'emotion' is not on this machine: run `rnncourse data fetch emotion`"):
        load_emotion()
    here = folder(tmp_path / "cache" / "emotion")
    (here / "val.txt").unlink()
    with pytest.raises(DataError, match=r"there is no file .*val\.txt"):
        load_emotion()


@pytest.mark.usefixtures("small")
def test_check_compares_checksums(tmp_path: Path) -> None:
    assert len(check_emotion(folder(tmp_path / "a")).train) == 3
    altered = folder(tmp_path / "b", test="go away;anger\nhe is near;fear\n")
    with pytest.raises(DataError, match=r"test\.txt does not have the SHA-256 [0-9a-f]{64}: it is damaged"):
        check_emotion(altered)


@pytest.mark.usefixtures("small")
def test_fetching_from_a_mirror_of_the_three_files(tmp_path: Path) -> None:
    with serving_files(TEXTS_AS_BYTES) as url:
        assert fetch_emotion(url=url, retries=0) == tmp_path / "cache" / "emotion"
    assert {path.name: path.read_text() for path in (tmp_path / "cache" / "emotion").iterdir()} == TEXTS
    # All are whole, so nothing is asked for again; the address leads nowhere by now.
    fetch_emotion(url=url, retries=0)
    (tmp_path / "cache" / "emotion" / "val.txt").write_text("i am lost;sadness\n")
    with pytest.raises(DataError, match=r"could not be fetched .* Put val\.txt from https://huggingface\.co"):
        fetch_emotion(url=url, retries=0)


@pytest.mark.usefixtures("small")
def test_fetching_json_lines_writes_the_authors_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving_files({f"{part}.jsonl.gz": packed(TEXTS[file]) for part, file in PARTS.items()}) as url:
        monkeypatch.setattr("rnncourse.data.emotion_files._HUB", url + "/{part}.jsonl.gz")
        here = fetch_emotion(retries=0)
    assert {path.name: path.read_text() for path in here.iterdir()} == TEXTS


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    ("served", "complaint"),
    [
        (None, "answered 404"),
        (b"<!doctype html>", "is not a whole gzip file"),
        (gzip.compress(b"i feel fine;joy\n", mtime=0), "line 1 of .* is no message with a label"),
        (b"", "is not a whole gzip file|does not hold the messages"),
        (gzip.compress(b"0" * 20_000_000, mtime=0), r"unpacks to more than the 16,777,216 bytes allowed"),
        (gzip.compress(b'{"text": "x", "label": 1}\n', mtime=0), "does not hold the messages of train.txt"),
    ],
    ids=["missing", "a page", "no label", "empty", "a bomb", "other messages"],
)
def test_the_first_addresses_stand_in_for_the_data_card(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, served: bytes | None, complaint: str
) -> None:
    files = dict(TEXTS_AS_BYTES) | ({} if served is None else {"hub.jsonl.gz": served})
    with serving_files(files) as url:
        monkeypatch.setattr("rnncourse.data.emotion_files._HUB", url + "/hub.jsonl.gz")
        monkeypatch.setattr(
            "rnncourse.data.emotion_files._FIRST", {part: f"{url}/{file}" for part, file in PARTS.items()}
        )
        here = fetch_emotion(retries=0)
        assert {path.name: path.read_text() for path in here.iterdir()} == TEXTS
        for path in here.iterdir():
            path.unlink()
        monkeypatch.setattr("rnncourse.data.emotion_files._FIRST", dict.fromkeys(PARTS, f"{url}/test.txt"))
        with pytest.raises(DataError, match=complaint) as caught:
            fetch_emotion(retries=0)
    assert "does not have the SHA-256" in str(caught.value)
    assert list((tmp_path / "cache" / "emotion").iterdir()) == []


TEXTS_AS_BYTES = {file: text.encode() for file, text in TEXTS.items()}


def packed(lines: str) -> bytes:
    corpus = parse_emotion(lines.encode())
    rows = zip(corpus.texts, corpus.labels.tolist(), strict=True)
    return gzip.compress("".join(json.dumps({"text": text, "label": label}) + "\n" for text, label in rows).encode())
