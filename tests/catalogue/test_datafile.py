"""A user's data file: every format gives the same rows, and a broken one a clear line."""

import csv
import gzip
import json

import pandas as pd
import pytest

from metaselect.catalogue.datafile import N_READ, read_data_file
from metaselect.errors import MetaselectError

ROWS = [
    {"text": "good, very", "label": 1, "score": 0.5},
    {"text": '"bad"', "label": 0, "score": 2.0},
]


def _written(folder, suffix, rows):
    path = folder / f"train{suffix}"
    table = pd.DataFrame(rows)
    if suffix == ".parquet":
        table.to_parquet(path)
    elif suffix == ".csv":
        table.to_csv(path, index=False)
    elif suffix == ".tsv":
        lines = ["\t".join(rows[0]), *("\t".join(map(str, row.values())) for row in rows)]
        path.write_text("\n".join(lines), encoding="utf-8")
    else:
        text = "\n".join(json.dumps(row) for row in rows).encode()
        path.write_bytes(gzip.compress(text) if suffix == ".jsonl.gz" else text)
    return path


@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz", ".csv", ".tsv", ".parquet"])
def test_every_format_gives_the_same_rows(tmp_path, suffix):
    folder = tmp_path / "my_task"
    folder.mkdir()
    path = _written(folder, suffix, ROWS)
    for place in (folder, path):
        found = read_data_file(place)
        assert (found.name, found.n_rows, list(found.rows)) == ("my_task", 2, ROWS)
        assert found.columns == ["text", "label", "score"]


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".parquet"])
def test_long_files_are_read_evenly_and_counted_whole(tmp_path, suffix):
    n_rows = 2 * N_READ + 1  # a third of them are as many as are read: every third row is kept
    path = _written(tmp_path, suffix, [{"label": number} for number in range(n_rows)])
    found = read_data_file(path)
    assert found.n_rows == n_rows
    assert [row["label"] for row in found.rows] == list(range(0, n_rows, 3))


def test_an_empty_table_says_what_it_needs(tmp_path):
    path = tmp_path / "a.parquet"
    pd.DataFrame({"text": []}).to_parquet(path)
    with pytest.raises(MetaselectError, match=r"has no rows\. Columns of texts and one of labels"):
        read_data_file(path)


def test_a_test_file_is_no_training_file(tmp_path):
    path = _written(tmp_path, ".jsonl", ROWS)
    told = r"test data in sw by its name, and English training rows are needed"
    with pytest.raises(MetaselectError, match=told):
        read_data_file(path.rename(tmp_path / "test.sw.jsonl"))
    path = _written(tmp_path, ".jsonl", ROWS)
    assert read_data_file(path.rename(tmp_path / "test.version2.jsonl")).n_rows == 2


def test_a_file_goes_by_its_own_name(tmp_path):
    path = _written(tmp_path, ".csv", ROWS).rename(tmp_path / "reviews.csv")
    assert read_data_file(path).name == "reviews"


def test_semicolons_part_columns_and_numbers_with_letters_stay_text(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("id;text;label\n1;a;2x\n2;b;3\n", encoding="utf-8-sig")
    assert read_data_file(path).rows == [
        {"id": 1, "text": "a", "label": "2x"}, {"id": 2, "text": "b", "label": "3"}
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", b"", r"a\.jsonl has no rows\. One JSON object a line is needed, such as"),
        ("a.csv", b"text,label\n", r"a\.csv has no rows\. A first line .* such as text,label, and"),
        ("a.tsv", b"", r"a\.tsv has no rows\. A first line .*, a tab between them, and under it"),
        (
            "a.jsonl",
            b'{"a": 1}\n{"a"\n',
            r"a\.jsonl, line 2 is not JSON: Expecting ':' delimiter at character \d\. One JSON",
        ),
        ("a.jsonl", b"[1]\n", r"line 1 is a list\. One JSON object a line is needed, such as"),
        ("a.jsonl", b"1\n", r"line 1 is no object\. One JSON object a line is needed"),
        ("a.jsonl", b'[\n{"a": 1}\n]\n', r"line 1 is not JSON: it begins a list\. One JSON obj"),
        ("a.jsonl", b"[" * 100_000, r"line 1 is not JSON: it begins a list"),
        ("a.csv", b"a,b\n1,2,3\n", r"line 2 has 3 cells; the first line names 2 columns"),
        ("a.csv", b"\xff\xfe", r"is not UTF-8 text: save it as UTF-8\."),
        ("a.csv", "text,label\ncaf\xe9,1\n".encode("latin-1"), r"is not UTF-8 text: save it as"),
        ("a.jsonl.gz", b"abc", r"cannot be read: Not a gzipped file .*\. Pack it again, or give"),
        (
            "a.jsonl.gz",
            gzip.compress(b"abc" * 99, mtime=0)[:-12],
            r"ended before .*\. Pack it again",
        ),
        (
            "a.jsonl.gz",
            gzip.compress(b"a", mtime=0)[:10] + b"\xff" * 9,
            r"cannot be read: .*\. Pack it",
        ),
        ("a.parquet", b"PAR1", r"is not Parquet: [^\n]*\. Write it again, or give CSV"),
        (
            "a.csv",
            b"\n\ntext,label\na,b\n",
            r"its first line is empty, and should name the col",
        ),
        ("a.txt", b"abc", r"is no data file: its name must end in"),
    ],
)
def test_a_broken_file_says_what_is_wrong(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(MetaselectError, match=message):
        read_data_file(tmp_path / name)


def test_a_folder_without_a_train_file_names_what_is_there(tmp_path):
    with pytest.raises(MetaselectError, match=r"There is no file or folder .*none"):
        read_data_file(tmp_path / "none")
    with pytest.raises(
        MetaselectError,
        match=r"^The folder .*/ is empty\. Put train\.jsonl \(or \.jsonl\.gz, \.csv, \.tsv, "
        r"\.parquet\) in it\.$",
    ):
        read_data_file(tmp_path)
    (tmp_path / "dev.csv").write_text("a\n1\n")
    (tmp_path / "a.csv").mkdir()  # a folder is no file to name
    with pytest.raises(MetaselectError, match=r"has no train file.*--data .*dev\.csv"):
        read_data_file(tmp_path)


def test_long_cells_are_read_and_the_process_s_limit_stays(tmp_path):
    limit = csv.field_size_limit()
    path = tmp_path / "train.csv"
    path.write_text("text,label\n" + "".join(f"{'a' * (limit + 9)},{k}\n" for k in "01"))
    data = read_data_file(path)
    assert len(data.rows[0]["text"]) == limit + 9
    assert csv.field_size_limit() == limit
