"""What a user can get wrong: a clear line on stderr, exit code 2, and nothing written."""

import gzip
import json
import os
import pickle
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from metaselect.files import MANIFEST

GB = 1 << 30
HEADER = "study,encoder,adaptation,intermediate,target,language,metric,score,seed,source\n"
READERS = {
    "validate": ["runs", "validate", "{file}"],
    "import": ["runs", "import", "{file}", "--store", "sqlite:///new.db"],
    "train": ["train", "--runs", "{file}", "--out", "new", "--trials", "1"],
    "evaluate": ["evaluate", "--runs", "{file}", "--out", "new", "--workers", "1"],
    "ablate": ["ablate", "--runs", "{file}", "--out", "new", "--workers", "1"],
    "studies": ["ls", "studies", "--runs", "{file}"],
}
RANK = ("rank", "--target", "xnli", "--language", "sw")


@pytest.fixture
def refused(call, place):
    """The lines on stderr of a command that must be refused and must leave the folder alone."""

    def check(*arguments):
        before = _content(place)
        done = call(*arguments)
        assert (done.code, done.out) == (2, ""), done
        assert "Traceback" not in done.err
        assert _content(place) == before
        assert done.faults[0].startswith("metaselect: ")
        return done.faults

    return check


@pytest.fixture
def refused_line(refused):
    """The same where there is one line alone."""

    def check(*arguments):
        lines = refused(*arguments)
        assert len(lines) == 1, lines
        return lines[0].removeprefix("metaselect: ")

    return check


def _content(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        if path.is_file() and path.stat().st_size < 1 << 20
        else path.stat().st_size
        for path in sorted(folder.rglob("*"))
    }


def _asked(command, file, *more):
    return [part.format(file=file) for part in READERS[command]] + list(more)


def _with(**cells):
    """A change of the first row's cells."""

    def change(table):
        table = table.astype(object)
        for name, value in cells.items():
            table.loc[0, name] = value
        return table

    return change


def _twice(table):
    return pd.concat([table, table.head(1)])


def _contradicting(table):
    return pd.concat([table, table.head(1).assign(score=0.123)])


TABLES = {
    "percent": (
        lambda table: table.assign(score=table["score"] * 100),
        r"90 faults in the runs table \(row 1 is its first row of data\)\. Scores above 1 "
        r"look like percent: pass --percent",
        r"  row 1, score: '80\.\S+'; allowed: a fraction in \[0, 1\]",
    ),
    "unknown language": (
        _with(language="zzz"),
        r"1 fault in the runs table",
        r"  row 1, language: 'zzz'; allowed: a code of a known language",
    ),
    "language by its name": (
        _with(language="swahili"),
        r"1 fault in the runs table",
        r"  row 1, language: 'swahili'; allowed: a BCP-47 or ISO 639 code such as en, nan, no",
    ),
    "infinite score": (
        _with(score="inf"),
        r"1 fault in the runs table",
        r"  row 1, score: 'inf'; allowed: a fraction",
    ),
    "missing score": (
        _with(score=None),
        r"1 fault in the runs table",
        r"  row 1, score: ''; allowed: a fraction",
    ),
    "score nan": (
        _with(score="nan"),
        r"1 fault in the runs table",
        r"  row 1, score: 'nan'; allowed: a fraction",
    ),
    "missing language": (
        _with(language=None),
        r"1 fault in the runs table",
        r"  row 1, language: ''; allowed: not empty",
    ),
    "duplicate": (
        _twice,
        r"1 fault in the runs table",
        r"  row 91: the same run and score as row 1; allowed: each run once",
    ),
    "contradicting": (
        _contradicting,
        r"1 fault in the runs table",
        r"  row 91, score: 0\.123; allowed: one score for each run: row 1 has 0\.8",
    ),
    "mixed metrics": (
        _with(metric="f1"),
        r"29 faults in the runs table",
        r"  29 rows \(2, 3, 4, 5, 6, \.\.\.\), metric: 'accuracy'; "
        r"allowed: one metric for each study",
    ),
    "no target column": (
        lambda table: table.drop(columns="target"),
        r"1 fault in the runs table",
        r"  target: no such column; allowed: a task name",
    ),
    "negative seed": (
        _with(seed=-1),
        r"1 fault in the runs table",
        r"  row 1, seed: '-1'; allowed: a whole number",
    ),
    "task name with a path": (
        _with(target="../etc"),
        r"1 fault in the runs table",
        r"  row 1, target: '\.\./etc'; allowed: a task name without path separators",
    ),
}


@pytest.mark.parametrize("command", READERS)
@pytest.mark.parametrize("fault", TABLES)
def test_a_faulty_table_is_refused_with_its_row(refused, runs, place, command, fault):
    change, head, row = TABLES[fault]
    change(runs).to_csv("bad.csv", index=False)
    lines = refused(*_asked(command, "bad.csv"))
    file = r"bad\.csv: " if command == "import" else ""
    assert re.match(f"metaselect: {file}{head}", lines[0])
    assert any(re.match(row, line) for line in lines[1:]), lines
    assert len(lines) <= 22  # a head, twenty faults, and how many more


def test_every_fault_is_told_at_once(refused, runs, place):
    table = runs.astype(object)
    table.loc[[3, 5], "score"] = ["inf", "-0.1"]
    table.loc[7, "language"] = "swahili"
    table.loc[9, "seed"] = "first"
    table.to_csv("bad.csv", index=False)
    lines = refused("runs", "validate", "bad.csv")
    rows = [line.split(":")[0].strip() for line in lines[1:]]
    assert rows == ["row 4, score", "row 6, score", "row 8, language", "row 10, seed"]


@pytest.mark.parametrize("command", READERS)
def test_percent_on_fractions_is_refused(refused, runs_file, command):
    lines = refused(*_asked(command, runs_file, "--percent"))
    assert lines[0].endswith(
        "3 faults in the runs table (row 1 is its first row of data)."
    )  # one a target
    assert "for fractions leave --percent out" in lines[1]


@pytest.mark.parametrize("command", ["train", "evaluate", "rank", "report"])
def test_percent_of_what_ships_is_refused(refused_line, place, command):
    asked = {"train": ["--out", "new"], "rank": ["--target", "xnli", "--language", "sw"],
             "report": ["--out", "new"]}  # fmt: skip
    line = refused_line(command, *asked.get(command, []), "--percent")
    assert line == "--percent is of your own table: name it with --runs."


def test_a_report_refuses_a_folder_of_something_else_before_it_works(refused_line, place):
    Path("mine").write_text("text", encoding="utf-8")
    line = refused_line("report", "--out", "mine")
    assert line.startswith("mine is there already and is not a finished report folder")
    assert Path("mine").read_text(encoding="utf-8") == "text"


def _torn(table):
    table.to_parquet("whole.parquet")
    data = Path("whole.parquet").read_bytes()
    Path("whole.parquet").unlink()
    return data[: len(data) // 2]


FILES = {
    "empty": ("bad.csv", lambda table: b"", r"bad\.csv is empty"),
    "blank lines": ("bad.csv", lambda table: b"\n\n", r"bad\.csv is empty"),
    "empty JSONL": ("bad.jsonl", lambda table: b"", r"bad\.jsonl is empty"),
    "torn Parquet": ("bad.parquet", _torn, r"Cannot read bad\.parquet: "),
    "Parquet that is text": ("bad.parquet", lambda table: b"hello", r"Cannot read bad\.parquet: "),
    "not UTF-8": (
        "bad.csv",
        lambda table: (HEADER + "é" * 9).encode("latin-1"),
        r"bad\.csv is not UTF-8 text .*save it as UTF-8",
    ),
    "UTF-16": (
        "bad.csv",
        lambda table: table.to_csv(index=False).encode("utf-16"),
        r"bad\.csv is not UTF-8 text",
    ),
    "torn gzip": (
        "bad.csv.gz",
        lambda table: gzip.compress(table.to_csv(index=False).encode())[:200],
        r"Cannot read bad\.csv\.gz: ",
    ),
    "no gzip": ("bad.csv.gz", lambda table: b"text", r"Cannot read bad\.csv\.gz: Not a gzipped"),
    "unknown suffix": ("bad.xlsx", lambda table: b"PK", r"bad\.xlsx: a runs table is one of \.csv"),
    "no suffix": ("bad", lambda table: b"x", r"bad: a runs table is one of \.csv"),
}


@pytest.mark.parametrize("command", READERS)
@pytest.mark.parametrize("fault", FILES)
def test_a_file_that_cannot_be_read_is_one_line(refused_line, runs, place, command, fault):
    name, content, message = FILES[fault]
    Path(name).write_bytes(content(runs))
    line = refused_line(*_asked(command, name))
    assert re.match(message, line), line


@pytest.mark.parametrize("command", READERS)
def test_a_table_with_a_header_alone_has_no_rows(refused, place, command):
    Path("bad.csv").write_text(HEADER, encoding="utf-8")
    lines = refused(*_asked(command, "bad.csv"))
    assert lines[1:] == ["  table: no rows; allowed: at least one row"]


@pytest.mark.parametrize("command", READERS)
def test_a_missing_file_and_a_folder_are_told_apart(refused_line, place, command):
    assert refused_line(*_asked(command, "none.csv")) == "There is no file none.csv."
    Path("folder.csv").mkdir()
    line = refused_line(*_asked(command, "folder.csv"))
    assert line == "folder.csv is a folder; a file of runs is needed."


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
@pytest.mark.parametrize("command", READERS)
def test_two_gigabytes_are_refused_before_they_are_read(refused_line, place, command, suffix):
    with Path(f"big.{suffix}").open("wb") as file:
        file.truncate(2 * GB)  # sparse: takes no disk, and would take long to read
    line = refused_line(*_asked(command, f"big.{suffix}"))
    assert line.startswith(f"big.{suffix} has 2,147,483,648 bytes; the limits are ")
    assert "Split it by study" in line


def test_two_gigabytes_that_call_themselves_parquet_are_refused(refused_line, place):
    with Path("big.parquet").open("wb") as file:
        file.truncate(2 * GB)
    assert refused_line("runs", "validate", "big.parquet").startswith("Cannot read big.parquet: ")


def test_a_small_gzip_of_too_much_is_refused(refused_line, place):
    with gzip.open("bomb.csv.gz", "wb", compresslevel=1) as file:
        block = bytes(1 << 24)
        for _ in range(65):
            file.write(block)
    assert Path("bomb.csv.gz").stat().st_size < 1 << 23
    line = refused_line("runs", "validate", "bomb.csv.gz")
    assert line.startswith("bomb.csv.gz has more than 1,073,741,824 bytes unpacked")


NOTHING_TO_RANK = "No query has two candidates"
TOO_FEW = {
    "one candidate": (lambda t: t[t["intermediate"] == "mnli"], "target", NOTHING_TO_RANK),
    "direct alone": (lambda t: t[t["intermediate"] == "direct"], "target", NOTHING_TO_RANK),
    "equal gains": (lambda t: t.assign(score=0.5), "target", NOTHING_TO_RANK),
    "one target": (
        lambda t: t[t["target"] == "xnli"],
        "target",
        "Protocol 'target' needs runs of at least three clusters of targets",
    ),
    "one family": (
        lambda t: t[t["language"] == "de"],
        "family",
        "Protocol 'family' needs runs of at least two language families, got 1",
    ),
    "one encoder": (
        lambda t: t,
        "encoder",
        "Protocol 'encoder' needs runs of at least two encoders, got 1",
    ),
    "one intermediate": (
        lambda t: t[t["intermediate"].isin(["mnli", "direct"])],
        "intermediate",
        "Protocol 'intermediate' needs runs of at least two intermediates",
    ),
}


@pytest.mark.parametrize("command", ["evaluate", "ablate"])
@pytest.mark.parametrize("case", TOO_FEW)
def test_too_little_to_judge_is_one_line(refused_line, runs, place, command, case):
    change, protocol, message = TOO_FEW[case]
    change(runs).to_csv("few.csv", index=False)
    line = refused_line(*_asked(command, "few.csv", "--protocol", protocol))
    assert line.startswith(message)


TRAINING = [
    ("one candidate", "No query has two candidates"),
    ("direct alone", "No query has two candidates"),
    ("one target", "Tuning needs runs of at least two independent units"),
]


@pytest.mark.parametrize(("case", "message"), TRAINING)
def test_too_little_to_learn_from_is_one_line(refused_line, runs, place, case, message):
    TOO_FEW[case][0](runs).to_csv("few.csv", index=False)
    assert refused_line(*_asked("train", "few.csv")).startswith(message)


def test_equal_gains_teach_nothing(refused_line, runs, place):
    runs.assign(score=0.5).to_csv("equal.csv", index=False)
    assert "different gains" in refused_line(*_asked("train", "equal.csv"))


def test_a_table_without_direct_runs_is_judged_by_differences(call, runs, place):
    runs[runs["intermediate"] != "direct"].to_csv("runs.csv", index=False)
    done = call(
        *("evaluate", "--runs", "runs.csv", "--workers", "1", "--trials", "1", "--json"),
    )
    assert done.code == 0
    assert done.json["intervals"]["coverage"] is None
    assert done.json["direct"]["best"] is None


def test_a_table_without_direct_runs_is_judged_by_intermediates(call, runs, place):
    runs[runs["intermediate"] != "direct"].to_csv("runs.csv", index=False)
    done = call(
        *("evaluate", "--runs", "runs.csv", "--workers", "1", "--trials", "1", "--json"),
        *("--protocol", "intermediate"),
    )
    assert done.code in (0, 2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--target", "xnil"], "Unknown task 'xnil'. Did you mean xnli? `metaselect ls tasks`"),
        (["--target", ""], "Unknown task ''."),
        (["--target", "direct"], "Unknown task 'direct'."),
        (["--language", "swahili"], "Languages go by codes, not 'swahili'. Did you mean sw (Swahi"),
        (["--language", "qab"], "Unknown language 'qab'. Did you mean "),
        (["--language", "sw,zzzz"], "Unknown language 'zzzz'"),
        (["--language", "Swahili,Tamil"], "Languages go by codes: Swahili → sw (Swahili), Tamil →"),
        (["--language", "mul"], "Unknown language 'mul'"),
        (["--language", "sw;ta"], "Commas part languages: --language sw,ta, not 'sw;ta'."),
        (["--language", "qu,sw ta"], "Commas part languages: --language sw,ta, not 'sw ta'."),
        (["--language", " , "], "No language to rank for: give at least one code."),
        (["--candidates", "mnli,mlni"], "Unknown task 'mlni'. Did you mean mnli"),
        (["--candidates", ","], "No candidate to rank: give --candidates at least one task name."),
        (["--study", "mine"], "No training study 'mine'; there are: simulated/encoder-base."),
        (["--objective", "best"], "--objective is one of mean, balanced, worst, not 'best'."),
    ],
)
def test_a_name_that_nothing_knows_is_one_line(refused_line, predictor, arguments, message):
    line = refused_line(*RANK, "--predictor", predictor, *arguments)
    assert line.startswith(message)


@pytest.mark.parametrize(
    ("content", "arguments", "message"),
    [
        (b"", [], "own.csv has no rows. A first line that names the columns, such as"),
        (b"text,label\na b,x\nc d,x\n", [], "own.csv: the label column 'label' has one value"),
        (
            b"one,two\na,b\nc,d\n",
            [],
            "own.csv: none of its columns looks like a label: one is diff",
        ),
        (b"text,label\na b,x,y\n", [], "own.csv, line 2 has 3 cells; the first line names 2"),
        (b"\xff", [], "own.csv is not UTF-8 text"),
        (
            b"text,label\na,x\nb,y\n",
            ["--label", "lable"],
            "own.csv has no column 'lable' (--label).",
        ),
        (b"text,label\na,x\nb,y\n", ["--text", "txt"], "own.csv has no column 'txt' (--text)."),
        (b"text,label\na,x\nb,y\n", ["--kind", "nil"], "--kind is one of "),
        (
            b"text,label\na,x\nb,y\n",
            ["--out", "grid.json"],
            "--out grid.json is no file for a grid",
        ),
        (b"text,label\na,x\nb,y\n", ["--data", "none"], "There is no file or folder none."),
    ],
)
def test_rows_that_cannot_be_ranked_for_are_one_line(
    refused_line, predictor, place, content, arguments, message
):
    Path("own.csv").write_bytes(content)
    asked = ("rank", "--predictor", predictor, "--language", "sw", "--data", "own.csv")
    assert refused_line(*asked, *arguments).startswith(message)


def _changed_byte(folder):
    path = folder / "predictor.json"
    data = bytearray(path.read_bytes())
    data[50] ^= 1
    path.write_bytes(data)


def _newer(folder):
    content = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    (folder / MANIFEST).write_text(json.dumps(content | {"schema": 99}), encoding="utf-8")


def _other_kind(folder):
    content = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    (folder / MANIFEST).write_text(json.dumps(content | {"kind": "report"}), encoding="utf-8")


PREDICTORS = {
    "changed byte": (_changed_byte, "has changed since it was made. Make the folder again."),
    "newer version": (_newer, "was made by a newer metaselect (schema 99"),
    "other kind": (_other_kind, "is of the kind report; one of the kind predictor is needed"),
    "pickle": (
        lambda folder: (folder / "model.pkl").write_bytes(pickle.dumps([1])),
        "model.pkl looks like a pickle, which can run code when read: refused",
    ),
    "hidden pickle": (
        lambda folder: (folder / "notes.txt").write_bytes(pickle.dumps([1])),
        "notes.txt looks like a pickle",
    ),
    "unfinished": (lambda folder: (folder / MANIFEST).unlink(), "has no manifest.json"),
    "missing file": (lambda folder: (folder / "predictor.json").unlink(), "is missing"),
    "torn manifest": (
        lambda folder: (folder / MANIFEST).write_text("{", encoding="utf-8"),
        "manifest.json is broken",
    ),
    "no text": (
        lambda folder: (folder / MANIFEST).write_bytes(b"\xff\xfe"),
        "manifest.json is broken",
    ),
}


@pytest.mark.parametrize("fault", PREDICTORS)
def test_a_predictor_that_is_not_whole_is_one_line(refused_line, predictor, place, fault):
    harm, message = PREDICTORS[fault]
    shutil.copytree(predictor, "bad")
    harm(Path("bad"))
    assert message in refused_line(*RANK, "--predictor", "bad")


@pytest.mark.parametrize("name", ["nowhere", "a/b/c", "/no/such", "~/x", "file"])
def test_a_predictor_that_is_not_there_is_one_line(refused_line, place, name):
    Path("file").write_text("text", encoding="utf-8")
    assert refused_line(*RANK, "--predictor", name).startswith(f"No predictor folder {name}")


def test_an_empty_predictor_name_is_not_the_shipped_one(refused_line):
    assert "no manifest.json" in refused_line(*RANK, "--predictor", "")


CARDS = {
    "broken": (b"[mine\n", "cards.toml is not TOML: line 1, column 6, "),
    "unknown field": (
        b'[mine]\ntitle="x"\nkind="nli"\nhead="classification"\nmetric="f1"\ncolour="red"\n',
        "cards.toml: [mine] colour (line 6): no such setting (there are title, ",
    ),
    "missing field": (
        b'[mine]\ntitle="x"\nkind="nli"\nhead="classification"\n',
        "cards.toml: [mine] metric (line 1): is missing.",
    ),
    "unsafe name": (b'["../x"]\ntitle="x"\n', "cards.toml: [../x] (line 1): task names start"),
    "no table": (b'mine = "nli"\n', "cards.toml: [mine] (line 1): a table of one task"),
    "not UTF-8": (
        b"\xff\xfe\x00",
        "Cannot read task cards from cards.toml: line 1 is not UTF-8 text",
    ),
}
CARD_READERS = {
    "tasks": ["ls", "tasks"],
    "studies": ["ls", "studies"],
    "train": ["train", "--out", "new"],
    "evaluate": ["evaluate", "--out", "new"],
    "ablate": ["ablate", "--out", "new"],
    "rank": list(RANK),
}


@pytest.mark.parametrize("command", CARD_READERS)
@pytest.mark.parametrize("fault", CARDS)
def test_broken_task_cards_are_one_line(refused_line, place, command, fault):
    content, message = CARDS[fault]
    Path("cards.toml").write_bytes(content)
    line = refused_line(*CARD_READERS[command], "--tasks", "cards.toml")
    assert line.startswith(message)


@pytest.mark.parametrize("command", CARD_READERS)
@pytest.mark.parametrize("name", ["none.toml", "folder"])
def test_task_cards_that_are_not_there_are_one_line(refused_line, place, command, name):
    Path("folder").mkdir()
    line = refused_line(*CARD_READERS[command], "--tasks", name)
    assert line.startswith(f"Cannot read task cards from {name}: ")


SEARCHES = {
    "folder": ("folder", "--storage folder is a folder; a journal file is needed."),
    "other file": ("mine.csv", "--storage mine.csv is not the journal of a search"),
    "JSON lines": ("mine.jsonl", "--storage mine.jsonl is not the journal of a search"),
    "no URL": ("://", "Unusable --storage: allowed are a journal file, sqlite:///FILE"),
    "unknown kind": ("nonsense://x", "Unusable --storage: allowed are"),
    "no driver": ("mysql://me:sesame@h/d", "Unusable --storage: allowed are"),
    "no database": ("sqlite:///mine.csv", "The store sqlite:///mine.csv failed: file is not a dat"),
    "folder as database": ("sqlite:///folder", "The store sqlite:///folder failed: unable to open"),
    "no folder": ("sqlite:///no/x.db", "The store sqlite:///no/x.db failed: unable to open"),
    "no server": (
        "postgresql+psycopg://me:sesame@127.0.0.1:1/x",
        "The store postgresql+psycopg://me:***@127.0.0.1:1/x failed: connection failed",
    ),
}


@pytest.mark.parametrize("fault", SEARCHES)
def test_a_place_where_no_search_can_be_kept_is_one_line(refused_line, runs_file, place, fault):
    if fault == "no server":
        pytest.importorskip("psycopg", reason="the PostgreSQL driver is optional")
    Path("folder").mkdir()
    Path("mine.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    Path("mine.jsonl").write_text('{"study": "ours"}\n', encoding="utf-8")
    storage, message = SEARCHES[fault]
    line = refused_line("train", "--runs", runs_file, "--out", "new", "--storage", storage)
    assert line.startswith(message)
    assert "sesame" not in line


STORES = {
    "no URL": ("runs.db", "Unusable store: this is not a database URL; allowed are sqlite:///FILE"),
    "other kind": ("mysql://me:sesame@h/d", "Unusable store: mysql is not supported; allowed are"),
    "no file": ("sqlite://", "Unusable store: SQLite needs a file"),
    "no database": ("sqlite:///mine.csv", "The store sqlite:///mine.csv failed: file is not a dat"),
    "folder": ("sqlite:///folder", "The store sqlite:///folder failed: unable to open"),
    "below a file": ("sqlite:///mine.csv/x.db", "Cannot make the folder of mine.csv/x.db: "),
    "no server": (
        "postgresql+psycopg://me:sesame@127.0.0.1:1/x",
        "The store postgresql+psycopg://me:***@127.0.0.1:1/x failed: connection failed",
    ),
}
STORE_USERS = {
    "import": ["runs", "import", "{file}"],
    "export": ["runs", "export", "new.csv"],
    "studies": ["ls", "studies"],
}


@pytest.mark.parametrize("command", STORE_USERS)
@pytest.mark.parametrize("fault", STORES)
def test_a_store_that_cannot_be_used_is_one_line(refused_line, runs_file, place, command, fault):
    if fault == "no server":
        pytest.importorskip("psycopg", reason="the PostgreSQL driver is optional")
    Path("folder").mkdir()
    Path("mine.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    store, message = STORES[fault]
    arguments = [part.format(file=runs_file) for part in STORE_USERS[command]]
    line = refused_line(*arguments, "--store", store)
    if fault == "below a file" and command != "import":  # a reader makes no folders
        message = f"There is no store at {store}: metaselect runs import makes one."
    assert line.startswith(message)
    assert "sesame" not in line


@pytest.mark.parametrize("command", ["export", "studies"])
def test_a_store_that_is_not_there_is_not_made_to_be_read(call, place, command):
    call(*STORE_USERS[command], "--store", "sqlite:///none.db")
    assert not list(place.iterdir())


def test_of_several_tables_all_or_none_go_into_the_store(refused, call, runs, place):
    runs.to_csv("good.csv", index=False)
    runs.assign(score=np.inf).to_csv("bad.csv", index=False)
    store = ("--store", "sqlite:///runs.db")
    refused("runs", "import", "good.csv", "bad.csv", *store)
    assert call("runs", "import", "good.csv", *store, "--json").json["rows"] == 90


def test_a_run_in_two_tables_is_told_before_the_store_changes(refused, call, runs, place):
    runs.to_csv("one.csv", index=False)
    runs.head(1).to_csv("two.csv", index=False)
    store = ("--store", "sqlite:///runs.db")
    call("runs", "import", "one.csv", *store)
    assert (
        "row 91: the same run and score"
        in refused("runs", "import", "one.csv", "two.csv", *store)[1]
    )


@pytest.mark.parametrize("name", ["new.xlsx", "folder", "folder.csv", "file.csv/new.csv"])
def test_an_export_that_cannot_be_written_is_one_line(refused_line, call, runs_file, place, name):
    call("runs", "import", runs_file, "--store", "sqlite:///runs.db")
    for folder in ("folder", "folder.csv"):
        Path(folder).mkdir()
    Path("file.csv").write_text("mine", encoding="utf-8")
    assert name in refused_line("runs", "export", name, "--store", "sqlite:///runs.db")


MAKERS = {
    "train": ["train", "--trials", "1"],
    "evaluate": ["evaluate", "--trials", "1", "--workers", "1"],
    "ablate": ["ablate", "--workers", "1"],
}
TAKEN = {
    "file": ("file", "file is there already and is not a finished "),
    "below a file": ("file/new", "--out file/new cannot be made in "),
    "other folder": ("folder", "folder is there already and is not a finished "),
    "other program": ("web", "web is there already and is not a finished "),
    "other kind": ("report", "report is there already and is not a finished "),
    "here": (".", "--out . is no new folder: give it a name of its own."),
    "above": ("..", "--out .. is no new folder: give it a name of its own."),
}


@pytest.mark.parametrize("command", MAKERS)
@pytest.mark.parametrize("fault", TAKEN)
def test_what_is_not_ours_is_not_replaced(refused_line, place, command, fault):
    Path("file").write_text("precious", encoding="utf-8")
    for folder, content in {
        "folder": None,
        "web": {"name": "an app's manifest"},
        "report": {"kind": "report", "schema": 1, "made_by": {}, "sha256": {}},
    }.items():
        Path(folder).mkdir()
        Path(folder, "page.html").write_text("precious", encoding="utf-8")
        if content is not None:
            Path(folder, MANIFEST).write_text(json.dumps(content), encoding="utf-8")
    out, message = TAKEN[fault]
    assert refused_line(*MAKERS[command], "--out", out).startswith(message)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
@pytest.mark.parametrize("command", MAKERS)
def test_a_place_without_the_right_to_write_is_one_line(refused_line, place, command):
    Path("locked").mkdir(mode=0o500)
    line = refused_line(*MAKERS[command], "--out", "locked/new")
    assert line.startswith("--out locked/new cannot be made in ")


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ("measured", "--groups measured leaves no feature: a measured feature needs the group of"),
        (",", "--groups , leaves no feature"),
        ("size,hope", "--groups is one of size, difficulty, language"),
    ],
)
@pytest.mark.parametrize("command", ["evaluate", "train"])
def test_groups_that_leave_nothing_are_one_line(refused_line, runs_file, command, groups, message):
    more = ["--out", "made"] if command == "train" else []
    line = refused_line(command, "--runs", runs_file, "--groups", groups, *more)
    assert line.startswith(message)


@pytest.mark.parametrize("more", [(), ("--dry-run",)])
def test_a_store_that_is_none_is_refused_before_a_grid_begins(call, place, more):
    done = call("run", "grid.toml", "--store", "foo://x", *more)
    assert done.code == 2
    assert done.faults == [
        "metaselect: Unusable store: foo is not supported; allowed are sqlite:///FILE and "
        "postgresql+psycopg://USER:PASSWORD@HOST/DATABASE."
    ]
    assert not list(place.iterdir())
