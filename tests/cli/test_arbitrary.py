"""Whatever stands in a table or on the command line, it ends in an answer or in a clear line."""

import csv
import io
import json
import string

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from metaselect.catalogue.cardfiles import shipped_catalogue
from metaselect.cli.inputs import runs_from
from metaselect.errors import MetaselectError

COLUMNS = (
    *("study", "encoder", "adaptation", "intermediate", "target", "language", "metric", "score"),
    *("seed", "source"),
)
LIKELY = {
    "study": ["ours", "theirs"],
    "encoder": ["xlmr"],
    "adaptation": ["finetune"],
    "intermediate": ["direct", "mnli", "our task"],
    "target": ["xnli", "xquad", "direct"],
    "language": ["sw", "nan", "no", "zh-Hant", "swahili", "zzz"],
    "metric": ["accuracy", "spearman"],
    "score": ["0.5", "0.71", "71.3", "-0.2", "inf", "nan", "1e400", "0,5", "½"],
    "seed": ["0", "1", "1.0", "-1", "9" * 25],
    "source": ["", "by hand"],
}
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
rows = st.fixed_dictionaries(
    {name: st.sampled_from(values) | words for name, values in LIKELY.items()}
)
headers = st.permutations(COLUMNS) | st.lists(st.sampled_from(COLUMNS) | words, max_size=12)
quick = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def _as_csv(header, table):
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([row.get(name, "x") for name in header] for row in table)
    return text.getvalue().encode()


cells = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | words
    | st.lists(st.integers(), max_size=2)
)
objects = st.lists(st.dictionaries(st.sampled_from(COLUMNS), cells), max_size=4)
csv_files = st.builds(_as_csv, headers, st.lists(rows, max_size=5)).map(lambda data: ("csv", data))
jsonl_files = objects.map(
    lambda lines: ("jsonl", b"".join(json.dumps(line).encode() + b"\n" for line in lines))
)
any_bytes = st.tuples(
    st.sampled_from(["csv", "csv.gz", "jsonl", "jsonl.gz", "parquet"]), st.binary(max_size=200)
)
files = csv_files | jsonl_files | any_bytes


@given(files)
@quick
def test_any_file_is_valid_or_refused(call, place, file):
    suffix, content = file
    path = place / f"runs.{suffix}"
    path.write_bytes(content)
    done = call("runs", "validate", path, "--json")
    assert done.code in (0, 2)
    assert "Traceback" not in done.err
    if done.out:
        assert (done.code == 0) == (done.json["errors"] == [])
    else:
        assert done.code == 2
        assert len(done.faults) == 1
    assert [path.name for path in place.iterdir()] == [f"runs.{suffix}"]
    path.unlink()


@given(files)
@quick
def test_any_file_is_read_for_an_evaluation_or_refused(place, file):
    suffix, content = file
    path = place / f"runs.{suffix}"
    path.write_bytes(content)
    try:
        table = runs_from(path, percent=False, catalogue=shipped_catalogue())
    except MetaselectError:
        return
    assert len(table)
    assert table["score"].between(-1, 1).all()


names = (
    st.sampled_from(["xnli", "xquad", "mnli", "direct", "sw", "nan", "no", "zh_Hant", "xnli,sw"])
    | st.text(string.ascii_lowercase + ",-_ ", max_size=8)
    | st.text(max_size=8)
)


@given(names, names, st.none() | names, st.sampled_from(["mean", "balanced", "worst"]) | names)
@quick
def test_any_names_are_ranked_or_refused(call, predictor, target, language, named, objective):
    asked = ["--predictor", predictor, f"--target={target}", f"--language={language}"]
    asked += [] if named is None else [f"--candidates={named}"]
    done = call("rank", *asked, f"--objective={objective}", "--json")
    assert done.code in (0, 2)
    assert "Traceback" not in done.err
    if done.code == 0:
        assert done.json["ranking"]
    else:
        assert done.out == ""
        assert len(done.faults) == 1


@given(st.lists(st.text(max_size=6) | st.sampled_from(["--top", "1", "--json", "--", "-"])))
@quick
def test_any_arguments_are_understood_or_refused(call, predictor, arguments):
    asked = ("rank", "--predictor", predictor, "--target", "xnli", "--language", "sw")
    done = call(*asked, *arguments)
    assert done.code in (0, 2)
    assert "Traceback" not in done.err
