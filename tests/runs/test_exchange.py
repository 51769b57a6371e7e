import gzip
import json
import string
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metaselect.errors import MetaselectError
from metaselect.runs.exchange import MAX_TEXT_BYTES, read_runs, write_runs
from metaselect.runs.faults import RunsTableError
from metaselect.runs.schema import check_runs

MakeRuns = Callable[..., pd.DataFrame]
SUFFIXES = ["csv", "csv.gz", "jsonl", "jsonl.gz", "parquet"]
HEADER = "study,encoder,adaptation,intermediate,target,language,metric,score,seed,source\n"
LINE = "ours,xlmr,finetune,mnli,xnli,nan,accuracy,0.5,1,by hand\n"


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_table_comes_back_the_same_from_every_format(
    make_runs: MakeRuns, tmp_path: Path, suffix: str
) -> None:
    rows = [("direct", 0, 0.1), ("mnli", 0, 1e-05), ("rte", 2**63 - 1, 0.30000000000000004)]
    table = make_runs(*rows, language=["nan", "no", "zh-Hant"], note=["", 'a "b", c', "d\ne"])
    checked = check_runs(table, percent=False)
    path = tmp_path / f"runs.{suffix}"
    write_runs(checked, path)
    pd.testing.assert_frame_equal(read_runs(path), checked)
    before = path.read_bytes()
    write_runs(read_runs(path), path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
def test_extra_columns_keep_their_types(make_runs: MakeRuns, tmp_path: Path, suffix: str) -> None:
    table = make_runs(
        *(("direct", 0, 0.5), ("mnli", 0, 0.5)), elapsed_s=[1.5, None], ok=[True, False], n=[1, 2]
    )
    checked = check_runs(table, percent=False)
    write_runs(checked, tmp_path / f"runs.{suffix}")
    pd.testing.assert_frame_equal(read_runs(tmp_path / f"runs.{suffix}"), checked)


def test_floats_are_written_by_their_shortest_form(make_runs: MakeRuns, tmp_path: Path) -> None:
    write_runs(check_runs(make_runs(("mnli", 3, 0.1)), percent=False), tmp_path / "runs.csv")
    assert (tmp_path / "runs.csv").read_text() == HEADER + (
        "ours,xlmr,finetune,mnli,xnli,sw,accuracy,0.1,3,by hand\n"
    )


names = st.text(string.ascii_letters + "é中-_. ", min_size=1, max_size=8).map(lambda x: f"a{x}b")
rows = st.fixed_dictionaries(
    {
        **dict.fromkeys(["study", "encoder", "adaptation", "intermediate"], names),
        "target": names,
        "language": st.sampled_from(["nan", "no", "en", "zh-Hant"]),
        "metric": st.just("accuracy"),
        "score": st.floats(0, 1),
        "seed": st.integers(0, 2**63 - 1),
        "source": st.text(string.ascii_letters + " ,;\"'#", max_size=8),
        "note": st.text(string.printable + "\x85\u2028é", max_size=8),
    }
)


@given(st.lists(rows, min_size=1, max_size=5, unique_by=lambda row: str(row["seed"])))
@settings(max_examples=50, deadline=None)
def test_any_good_table_survives_every_format(
    tmp_path_factory: pytest.TempPathFactory, records: list[dict[str, Any]]
) -> None:
    checked = check_runs(pd.DataFrame(records), percent=False)
    folder = tmp_path_factory.mktemp("runs")
    for suffix in SUFFIXES:
        write_runs(checked, folder / f"runs.{suffix}")
        pd.testing.assert_frame_equal(read_runs(folder / f"runs.{suffix}"), checked)


def test_percent_is_told_to_the_reader(tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    path.write_text(HEADER + LINE.replace("0.5", "71.3"))
    with pytest.raises(RunsTableError, match="pass --percent"):
        read_runs(path)
    assert read_runs(str(path), percent=True)["score"].tolist() == [0.713]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"", "is empty"),
        ("a.csv", b"\n\n", "is empty"),
        ("a.csv", HEADER.encode(), "no rows"),
        ("a.csv", (HEADER + LINE).encode("utf-16"), "not UTF-8"),
        ("a.csv", (HEADER + LINE.replace("hand", "h\xe4nd")).encode("latin-1"), "not UTF-8"),
        ("a.csv", (HEADER + LINE + "a,b\n").encode(), r"row 2: 2 cells in 'a,b'; allowed: 10"),
        ("a.csv", (HEADER + LINE[:-1] + ",x\n").encode(), "row 1: 11 cells"),
        ("a.csv", (HEADER + '"' + LINE).encode(), "1 cells"),
        ("a.csv", (HEADER + LINE).replace(",", ";").encode(), "separated by semicolons"),
        ("a.csv.gz", (HEADER + LINE).encode(), "Not a gzipped file"),
        ("a.csv.gz", gzip.compress((HEADER + LINE).encode(), mtime=0)[:40], "end-of-stream"),
        ("a.jsonl", b"", "is empty"),
        ("a.jsonl", b'{"study": 1}\n{"study":\n[]\n', "(?s)line 2: Expecting.*line 3: .*list"),
        ("a.jsonl", b'{"seed": 1, "seed": 2}', "a key stands twice"),
        ("a.jsonl", b"\xff\xfe", "line 1: .*decode"),
        ("a.jsonl", b"[" * 200_000, "line 1: "),
        ("a.parquet", b"", "size is 0 bytes"),
        ("a.parquet", b"PAR1 torn", "Cannot read"),
        ("a.xlsx", b"", "one of .csv"),
        ("nothing", b"", "one of .csv"),
    ],
)
def test_a_bad_file_is_one_clear_message(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(MetaselectError, match=message):
        read_runs(tmp_path / name)


def test_a_damaged_parquet_file_is_noticed(make_runs: MakeRuns, tmp_path: Path) -> None:
    path = tmp_path / "runs.parquet"
    rows = [("mnli", seed, 1 / (seed + 2)) for seed in range(1000)]
    write_runs(check_runs(make_runs(*rows), percent=False), path)
    whole = path.read_bytes()
    for place in range(100, len(whole) // 2, 997):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        with pytest.raises(MetaselectError, match=r"Cannot read|fault"):
            read_runs(path)
    path.write_bytes(whole[:-50])
    with pytest.raises(MetaselectError, match="Cannot read"):
        read_runs(path)


def test_what_is_not_there_or_a_folder_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(MetaselectError, match=r"There is no file .*none\.csv"):
        read_runs(tmp_path / "none.csv")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(MetaselectError, match="is a folder"):
        read_runs(tmp_path / "folder.csv")


def test_a_file_beyond_the_limit_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    with path.open("wb") as file:
        file.truncate(2 * MAX_TEXT_BYTES)  # sparse: no disk is used
    with pytest.raises(MetaselectError, match=r"2,147,483,648 bytes; the limits.*Split it"):
        read_runs(path)


def test_byte_order_marks_and_blank_lines_do_no_harm(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("\ufeff" + HEADER + "\n" + LINE, encoding="utf-8")
    assert read_runs(tmp_path / "a.csv")["language"].tolist() == ["nan"]
    row = dict(zip(HEADER.strip().split(","), LINE.strip().split(","), strict=True))
    (tmp_path / "a.jsonl").write_text(f"\n{json.dumps(row)}\n\n", encoding="utf-8")
    assert read_runs(tmp_path / "a.jsonl")["language"].tolist() == ["nan"]


def test_a_failed_write_leaves_the_old_file(make_runs: MakeRuns, tmp_path: Path) -> None:
    path = tmp_path / "runs.jsonl"
    table = check_runs(make_runs(("mnli", 0, 0.5)), percent=False)
    write_runs(table, path)
    before = path.read_bytes()
    with pytest.raises(MetaselectError, match="Row 1 has no form in JSON"):
        write_runs(table.assign(note=[float("inf")]), path)
    assert path.read_bytes() == before
    assert [item.name for item in tmp_path.iterdir()] == ["runs.jsonl"]
    mixed = pd.concat([table, table]).assign(note=pd.Series([1, "a"], dtype=object).tolist())
    with pytest.raises(MetaselectError, match="Cannot write"):
        write_runs(mixed, tmp_path / "runs.parquet")
    with pytest.raises(MetaselectError, match=r"one of \.csv"):
        write_runs(table, tmp_path / "runs.txt")


def test_broken_notes_of_pandas_in_parquet_do_no_harm(make_runs: MakeRuns, tmp_path: Path) -> None:
    table = pa.Table.from_pandas(make_runs(("direct", 0, 0.5)), preserve_index=False)
    broken = table.replace_schema_metadata({"pandas": '{"columns": ['})
    pq.write_table(broken, tmp_path / "runs.parquet")
    assert read_runs(tmp_path / "runs.parquet")["score"].tolist() == [0.5]


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_a_table_without_the_source_column_is_read(
    make_runs: MakeRuns, tmp_path: Path, suffix: str
) -> None:
    table = make_runs(("direct", 0, 0.5), ("mnli", 0, 0.6)).drop(columns="source")
    path = tmp_path / f"runs.{suffix}"
    saved(table, path)
    assert read_runs(path)["score"].tolist() == [0.5, 0.6]


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_a_table_without_a_needed_column_names_it(
    make_runs: MakeRuns, tmp_path: Path, suffix: str
) -> None:
    table = make_runs(("direct", 0, 0.5)).drop(columns=["adaptation", "encoder"])
    path = tmp_path / f"runs.{suffix}"
    saved(table, path)
    with pytest.raises(RunsTableError) as refused:
        read_runs(path)
    assert [fault.column for fault in refused.value.faults] == ["encoder", "adaptation"]


@pytest.mark.parametrize("values", [[1, 2], [None, None], [True, False]])
def test_a_parquet_column_of_another_type_is_refused_by_name(
    make_runs: MakeRuns, tmp_path: Path, values: list[Any]
) -> None:
    table = make_runs(("direct", 0, 0.5), ("mnli", 0, 0.6)).assign(encoder=values)
    saved(table, tmp_path / "runs.parquet")
    with pytest.raises(RunsTableError, match="encoder"):
        read_runs(tmp_path / "runs.parquet")


def saved(table: pd.DataFrame, path: Path) -> None:
    """The table as a user's own program may write it."""
    if path.suffix == ".parquet":
        table.to_parquet(path)
    elif path.suffix == ".csv":
        table.to_csv(path, index=False)
    else:
        table.to_json(path, orient="records", lines=True)


@pytest.mark.parametrize(("mark", "words"), [(";", "semicolons"), ("\t", "tabs")])
def test_cells_between_other_separators_are_told_in_one_line(
    tmp_path: Path, mark: str, words: str
) -> None:
    path = tmp_path / "runs.csv"
    path.write_text((HEADER + LINE).replace(",", mark), encoding="utf-8")
    with pytest.raises(MetaselectError, match=f"separated by {words}; save it with commas") as told:
        read_runs(path)
    assert "\n" not in str(told.value)
