"""The emotion files: read line by line, refused by line, fetched from either form, on small stand-ins."""

import csv
import gzip
import hashlib
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from archives import attempt, write
from hypothesis import given
from hypothesis import strategies as st
from served import serving

from rnncourse.data import EMOTIONS, Corpus, DataError, load_emotion, read_emotion, read_emotion_csv
from rnncourse.data import emotion as module
from rnncourse.data.emotion import PARTS, check_emotion, fetch_emotion

TEXTS = {
    "train.txt": b"i feel fine;joy\ni am lost;sadness\ni feel fine;love\n",
    "val.txt": b"i am lost;sadness\nwhat is that;surprise\n",
    "test.txt": b"go away;anger\nhe is here;fear\n",
}
SERVED = {name.replace(".", "_"): content for name, content in TEXTS.items()}


@pytest.fixture(autouse=True)
def _the_stand_ins_count_as_the_authors_files(monkeypatch: pytest.MonkeyPatch) -> None:
    for file, content in TEXTS.items():
        monkeypatch.setitem(module.EMOTION.sha256, file, hashlib.sha256(content).hexdigest())  # type: ignore[arg-type]


def folder(path: Path, **changes: bytes) -> Path:
    for file, content in TEXTS.items():
        write(path / file, changes.get(file.removesuffix(".txt"), content))
    return path


def contents(path: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in path.iterdir()}


def test_lines_by_hand(tmp_path: Path) -> None:
    corpus = read_emotion(write(tmp_path / "small.txt", TEXTS["train.txt"]))
    assert corpus.texts == ("i feel fine", "i am lost", "i feel fine")
    assert [corpus.classes[label] for label in corpus.labels] == ["joy", "sadness", "love"]
    assert (corpus.name, corpus.classes, corpus.duplicates().conflicting) == ("small.txt", EMOTIONS, 1)
    for old, new in ((b"\n", b"\r\n"), (b"love\n", b"love"), (b"i feel", b"\xef\xbb\xbfi feel")):
        changed = TEXTS["train.txt"].replace(old, new, 1 if old == b"i feel" else -1)
        assert read_emotion(write(tmp_path / "other.txt", changed)).texts == corpus.texts


def test_a_table_by_hand(tmp_path: Path) -> None:
    table = b',text,label\n0,i feel fine,1\n1,"well, ""so""\nand so",5\n2,i feel fine,2\n'
    corpus = read_emotion_csv(write(tmp_path / "text.csv", table))
    assert corpus.texts == ("i feel fine", 'well, "so"\nand so', "i feel fine")
    assert corpus.labels.tolist() == [1, 5, 2]
    assert (corpus.name, corpus.duplicates().ceiling) == ("text.csv", 2 / 3)
    assert read_emotion_csv(write(tmp_path / "b", b"text,label\r\nx,0\r\n")).texts == ("x",)


@pytest.mark.parametrize(
    ("read", "content", "culprit"),
    [
        (read_emotion, b"\n", "line 1 .* 0 fields"),
        (read_emotion, b"x;joy\n\ny;joy\n", "line 2 .* 0 fields"),
        (read_emotion, b"x,joy\n", "line 1 .* 1 fields"),
        (read_emotion, b"x;joy\ny;happy\n", "line 2 .* label 'happy'"),
        (read_emotion, b"x;joy \n", "label 'joy '"),
        (read_emotion, b"x;Joy\n", "label 'Joy'"),
        (read_emotion, b"x;\n", "label ''"),
        (read_emotion, b"x;1\n", "label '1'"),
        (read_emotion, b"x;y;joy\n", "line 1 .* 3 fields"),
        (read_emotion, b";joy\n", "line 1 .* text of 0"),
        (read_emotion, b"x;joy\n  \t;joy\n", "line 2 .* text of 3"),
        (read_emotion, b"x;joy\ny\xff;joy\n", "line 2 .* 0xff"),
        (read_emotion, b"x;joy\n" + b"y" * 20_000 + b";joy\n", "line 2 .* text of 20,000"),
        (read_emotion, b"x;joy\n" + b"y" * 2**20 + b";joy\n", "line 2 .*field larger"),
        (read_emotion, b"x;" + b"y" * 20_000, "line 1 .* label 'yyy"),
        (read_emotion_csv, b"text,label\n", "is empty"),
        (read_emotion_csv, b"x,1\n", "begins with 'x,1'"),
        (read_emotion_csv, b"text;label\nx;1\n", "begins with 'text;label'"),
        (read_emotion_csv, b"label,text\n1,x\n", "begins with 'label,text'"),
        (read_emotion_csv, b"text,label\nx,1\n\ny,1\n", "line 3 .* 0 fields"),
        (read_emotion_csv, b",text,label\nx,1\n", "line 2 .* 2 fields"),
        (read_emotion_csv, b"text,label\nx,y,1\n", "line 2 .* 3 fields"),
        (read_emotion_csv, b"text,label\nx,6\n", "label '6'"),
        (read_emotion_csv, b"text,label\nx,1.0\n", "label '1.0'"),
        (read_emotion_csv, "text,label\nx,٣\n".encode(), "label '٣'"),
        (read_emotion_csv, b'text,label\n"x\ny",1\n"",1\n', "line 4 .* text of 0"),
        (read_emotion_csv, b'text,label\nx,1\n"y,1\nz,1\n', "line 3 .*unexpected end"),
        (read_emotion_csv, b'text,label\n"x"y,1\n', "line 2 .* cannot be read"),
        (read_emotion_csv, b"text,label\nx\xc3,1\n", "line 2 .* 0xc3"),
        (read_emotion_csv, b"PAR1\x15\x04\x15\x10", "begins with 'PAR1"),
    ],
)
def test_it_refuses(tmp_path: Path, read: Callable[[Path], Corpus], content: bytes, culprit: str) -> None:
    path = write(tmp_path / "f.txt", content)
    with pytest.raises(DataError, match=culprit) as caught:
        read(path)
    message = str(caught.value).replace(str(path), "")
    assert "\n" not in message
    assert len(message) < 200


ANY = st.characters(exclude_categories=["Cs", "Cc"], exclude_characters=";")
TEXT = st.text(ANY, min_size=1, max_size=30).filter(lambda text: text.strip() and not text.startswith("\ufeff"))


@given(rows=st.lists(st.tuples(TEXT, st.integers(0, 5)), min_size=1, max_size=12))
def test_what_is_written_is_read_back(tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, int]]) -> None:
    path = tmp_path_factory.mktemp("rows") / "a"
    table = io.StringIO()
    csv.writer(table).writerows([("text", "label"), *rows])
    corpus = read_emotion_csv(write(path, table.getvalue().encode()))
    assert list(zip(corpus.texts, corpus.labels.tolist(), strict=True)) == rows
    lines = "".join(f"{text};{EMOTIONS[label]}\n" for text, label in rows).encode()
    assert read_emotion(write(path, lines)).fingerprint == corpus.fingerprint
    write(path, "".join(json.dumps({"text": text, "label": label}) + "\n" for text, label in rows).encode())
    module._as_lines(path)
    assert path.read_bytes() == lines


def damaged(content: bytes) -> st.SearchStrategy[bytes]:
    """Cut out and put in bytes anywhere."""
    junk = st.binary(max_size=6) | st.sampled_from(
        [b";", b",", b"\n", b"\r", b'"', b"\x00", b"joy", b"\xef\xbb\xbf", b"5"]
    )
    places = st.tuples(st.integers(0, len(content)), st.integers(0, 25))
    return st.builds(lambda at, new: content[: at[0]] + new + content[at[0] + at[1] :], places, junk)


@given(content=damaged(TEXTS["train.txt"]) | st.binary(max_size=80))
def test_any_damaged_lines_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    corpus = attempt(read_emotion, write(tmp_path_factory.mktemp("fuzz") / "a", content))
    if corpus is None:
        return
    # What was read, written again, are the lines: nothing is lost and nothing shifts.
    written = "".join(f"{t};{EMOTIONS[n]}\n" for t, n in zip(corpus.texts, corpus.labels.tolist(), strict=True))
    given = content.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n") + "\n"
    assert written == given


@given(content=damaged(b',text,label\n0,i feel fine,1\n1,"so, so",5\n2,lost,0\n') | st.binary(max_size=80))
def test_any_damaged_table_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    corpus = attempt(read_emotion_csv, write(tmp_path_factory.mktemp("fuzz") / "a", content))
    assert corpus is None or len(corpus) >= 1
    assert corpus is None or all(text.strip() for text in corpus.texts)


@pytest.mark.parametrize("below", ["emotion", "."])
def test_the_split_is_found_below_the_users_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, below: str) -> None:
    folder(tmp_path / "mine" / below)
    monkeypatch.setenv("RNNCOURSE_DATA", str(tmp_path / "mine"))
    parts = load_emotion().parts
    assert {name: (len(part), part.name) for name, part in parts.items()} == {
        "train": (3, "emotion (train)"),
        "validation": (2, "emotion (validation)"),
        "test": (2, "emotion (test)"),
    }


def test_a_split_that_is_missing_in_part_or_altered(tmp_path: Path, cache: Path) -> None:
    with pytest.raises(DataError, match="run `rnncourse data fetch emotion`"):
        load_emotion()
    (folder(cache / "emotion") / "val.txt").unlink()
    with pytest.raises(DataError, match=r"there is no file .*val\.txt"):
        load_emotion()
    assert len(check_emotion(folder(tmp_path / "a")).train) == 3
    with pytest.raises(DataError, match=r"test\.txt does not have the SHA-256"):
        check_emotion(folder(tmp_path / "b", test=b"go away;anger\nhe is near;fear\n"))


def test_fetching_from_a_mirror_of_the_three_files(cache: Path) -> None:
    with serving(**SERVED) as site:
        assert fetch_emotion(url=site.url) == cache / "emotion"
    assert contents(cache / "emotion") == TEXTS
    # All are whole, so nothing is asked for again; the address leads nowhere by now.
    fetch_emotion(url=site.url)
    (cache / "emotion" / "val.txt").write_text("i am lost;sadness\n")
    with pytest.raises(DataError, match=r"could not be fetched .* put val\.txt from https://huggingface\.co"):
        fetch_emotion(url=site.url)


def packed(*lines: bytes) -> bytes:
    return gzip.compress(b"".join(line + b"\n" for line in lines), mtime=0)


def json_lines(file: str) -> bytes:
    rows = [line.split(";") for line in TEXTS[file].decode().splitlines()]
    return packed(*(json.dumps({"text": text, "label": EMOTIONS.index(label)}).encode() for text, label in rows))


def test_fetching_json_lines_writes_the_authors_files(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(**{part: json_lines(file) for part, file in PARTS.items()}) as site:
        monkeypatch.setattr(module, "_HUB", site.url + "/{part}")
        fetch_emotion()
    assert contents(cache / "emotion") == TEXTS


GOOD = b'{"text": "x", "label": 1}'


@pytest.mark.parametrize(
    ("served", "culprit"),
    [
        (b"<!doctype html>", "line 1 of train.txt"),
        (b"", "SHA-256"),
        (packed(GOOD), "SHA-256"),
        (packed(b"0" * 20_000_000), "more than"),
        (json_lines("train.txt")[:-9], "train.txt is damaged"),
        *(
            (packed(GOOD, line), "line 2 of train.txt")
            for line in (
                *(b"[]", b"7", b"\xff", b"[" * 99_999, b"i feel fine;joy", b'{"text": "x"}'),
                *(b'{"text": "\\ud800", "label": 1}', b'{"text": "x", "label": 6}', b'{"text": "x", "label": -1}'),
                *(b'{"text": "x", "label": "joy"}', b'{"text": "x", "label": []}', b'{"text": "x", "label": null}'),
            )
        ),
    ],
)
def test_other_messages_never_take_the_name(
    cache: Path, monkeypatch: pytest.MonkeyPatch, served: bytes, culprit: str
) -> None:
    with serving(train=served) as site:
        monkeypatch.setattr(module, "_HUB", site.url + "/{part}")
        with pytest.raises(DataError, match=culprit) as caught:
            fetch_emotion()
    assert "\n" not in str(caught.value)
    assert contents(cache / "emotion") == {}
