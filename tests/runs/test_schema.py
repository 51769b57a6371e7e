import string
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from metaselect.runs.faults import RunsTableError
from metaselect.runs.schema import COLUMNS, RUN_KEY, check_runs

MakeRuns = Callable[..., pd.DataFrame]
NAMES = [column.name for column in COLUMNS]


def faults_of(table: pd.DataFrame, *, percent: bool = False) -> set[tuple[int | None, str]]:
    with pytest.raises(RunsTableError, match="in the runs table") as caught:
        check_runs(table, percent=percent)
    return {(fault.row, fault.column) for fault in caught.value.faults}


def test_a_good_table_comes_back_typed_in_the_order_of_the_columns(make_runs: MakeRuns) -> None:
    given_table = make_runs(("direct", 0, 0.5), ("mnli", 0, 0.625))
    given_table.index = pd.Index([7, 3])
    checked = check_runs(given_table, percent=False)
    assert list(checked.columns) == NAMES
    assert checked.index.tolist() == [0, 1]
    assert checked["score"].dtype == np.float64
    assert checked["seed"].dtype == np.int64
    assert checked["intermediate"].tolist() == ["direct", "mnli"]
    assert checked["score"].tolist() == [0.5, 0.625]


def test_text_from_a_csv_gives_the_same_numbers(make_runs: MakeRuns) -> None:
    table = make_runs(("direct", 7, 0.314167), ("mnli", 7, 1e-05))
    checked = check_runs(table.astype({"seed": str, "score": str}), percent=False)
    assert checked["score"].tolist() == [0.314167, 1e-05]
    assert checked["seed"].tolist() == [7, 7]


def test_min_nan_and_norwegian_are_languages(make_runs: MakeRuns) -> None:
    table = make_runs(("mnli", 0, 0.5), ("mnli", 0, 0.5), language=["nan", "no"])
    assert check_runs(table, percent=False)["language"].tolist() == ["nan", "no"]


@pytest.mark.parametrize("value", [None, float("nan"), pd.NA, False, ""])
def test_a_language_read_as_missing_or_boolean_is_refused(make_runs: MakeRuns, value: Any) -> None:
    table = make_runs(("mnli", 0, 0.5))
    table["language"] = pd.Series([value], dtype=object)
    assert faults_of(table) == {(1, "language")}


@pytest.mark.parametrize(
    "code",
    [
        *("en", "nan", "zh-Hant", "pt-BR", "es-419", "de-1996", "uz-Latn", "bar-IT", "hi-Latn"),
        *("nb-x-north", "de-x-ba", "bar-x-muc", "zh-Hant-HK-x-a-b2"),
    ],
)
def test_language_codes_in_their_usual_form_are_accepted(make_runs: MakeRuns, code: str) -> None:
    assert len(check_runs(make_runs(("mnli", 0, 0.5), language=code), percent=False)) == 1


@pytest.mark.parametrize(
    "code",
    ["english", "EN", "zh_TW", "e", "en-", "1a", "zh-hant", "en us", "de-x", "x-ba", "de-X-ba"],
)
def test_other_words_are_not_language_codes(make_runs: MakeRuns, code: str) -> None:
    assert faults_of(make_runs(("mnli", 0, 0.5), language=code)) == {(1, "language")}


def test_a_caller_can_say_which_languages_are_known(make_runs: MakeRuns) -> None:
    table = make_runs(("mnli", 0, 0.5), ("mnli", 0, 0.5), language=["sw", "xx"])
    with pytest.raises(RunsTableError, match=r"row 2, language: 'xx'.*known language"):
        check_runs(table, percent=False, known_language=lambda code: code == "sw")


def test_every_fault_is_listed_at_once(make_runs: MakeRuns) -> None:
    table = make_runs(
        ("direct", 0, 0.5),  # row 1 is good
        ("", 0, 0.5),
        ("mnli", 0, 1.5),
        ("rte", 0, 0.5),
        ("rte", 0, 0.5),  # repeats row 4
        ("rte", 0, 0.4),  # contradicts row 4
        ("wic", 0, 0.5),
        ("boolq", 0, 0.5),
    )
    table["seed"] = [0, 0, 0, 0, 0, 0, 0.5, 0]
    table.loc[7, "metric"] = "f1"
    del table["encoder"]
    table_without_repeats = {(None, "encoder"), (2, "intermediate"), (3, "score")}
    assert faults_of(table) == table_without_repeats | {(7, "seed"), (8, "metric")}
    expected = {(2, "intermediate"), (3, "score"), (5, ""), (6, "score"), (7, "seed")}
    assert faults_of(table.assign(encoder="xlmr")) == expected | {(8, "metric")}


def test_a_long_list_is_cut_for_people_and_whole_for_programs(make_runs: MakeRuns) -> None:
    table = make_runs(*[("mnli", seed, 2.5 + seed) for seed in range(1000)])
    with pytest.raises(RunsTableError, match="1,000 faults") as caught:
        check_runs(table, percent=False)
    assert len(caught.value.faults) == 1000
    assert str(caught.value).endswith("and 980 more")


def test_equal_faults_are_one_line_with_their_rows_and_a_language_s_name_gives_its_code(
    make_runs: MakeRuns,
) -> None:
    rows = [("mnli", seed, 0.5) for seed in range(30)]
    table = make_runs(*rows, language=["Swahili"] * 29 + ["Klingonese"])
    table.loc[29, "score"] = 2.5
    with pytest.raises(RunsTableError, match="31 faults") as caught:
        check_runs(table, percent=False)
    swahili, *others = str(caught.value).splitlines()[1:]
    assert swahili.startswith("  29 rows (1, 2, 3, 4, 5, ...), language: 'Swahili'; allowed: a BCP")
    assert swahili.endswith("nb-x-north (sw for Swahili)")
    assert [line.split(":")[0] for line in others] == ["  row 30, language", "  row 30, score"]
    assert others[0].endswith("nb-x-north")
    assert len(caught.value.faults) == 31


@pytest.mark.parametrize("column", RUN_KEY)
def test_a_missing_column_is_named_with_its_rule(make_runs: MakeRuns, column: str) -> None:
    assert faults_of(make_runs(("mnli", 0, 0.5)).drop(columns=column)) == {(None, column)}


@pytest.mark.parametrize(
    ("column", "name"),
    [("score", "acc"), ("score", "Accuracy"), ("study", "Study"), ("language", "langauge")],
)
def test_a_column_by_another_name_is_asked_for(make_runs: MakeRuns, column: str, name: str) -> None:
    table = make_runs(("mnli", 0, 0.5)).rename(columns={column: name})
    with pytest.raises(RunsTableError, match=rf"did you mean {name}\? rename it to {column}\)"):
        check_runs(table, percent=False)


def test_direct_in_another_case_is_asked_for(make_runs: MakeRuns) -> None:
    with pytest.raises(RunsTableError, match=r"row 1, intermediate: 'Direct'.*did you mean direct"):
        check_runs(make_runs(("Direct", 0, 0.5)), percent=False)


def test_a_missing_source_is_left_empty(make_runs: MakeRuns) -> None:
    table = make_runs(("mnli", 0, 0.5), ("rte", 0, 0.5)).drop(columns="source")
    assert check_runs(table, percent=False)["source"].tolist() == ["", ""]
    assert check_runs(table.assign(source=["x", None]), percent=False)["source"].tolist() == [
        "x",
        "",
    ]


def test_a_table_without_rows_is_refused(make_runs: MakeRuns) -> None:
    assert faults_of(make_runs(("mnli", 0, 0.5)).iloc[:0]) == {(None, "")}
    assert faults_of(pd.DataFrame()) == {(None, "")} | {
        (None, column.name) for column in COLUMNS if column.required
    }


def test_columns_that_cannot_be_told_apart_are_refused(make_runs: MakeRuns) -> None:
    table = make_runs(("mnli", 0, 0.5))
    assert faults_of(pd.concat([table, table[["score"]]], axis=1)) == {(None, "score")}
    assert faults_of(table.rename(columns={"source": 3})) == {(None, "3")}  # type: ignore[dict-item]


@pytest.mark.parametrize(
    "score", [None, "", "n/a", "inf", "nan", "0,5", "1_0", True, -0.1, 1.01, 10**400, "71.3%", [1]]
)
def test_what_is_not_a_fraction_is_refused(make_runs: MakeRuns, score: Any) -> None:
    table = make_runs(("mnli", 0, 0.5))
    table["score"] = pd.Series([score], dtype=object)
    assert faults_of(table) == {(1, "score")}


@pytest.mark.parametrize("metric", ["matthews_correlation", "mean(pearson,spearman)", "MCC"])
def test_correlations_may_be_negative(make_runs: MakeRuns, metric: str) -> None:
    table = make_runs(("mnli", 0, -0.25), metric=metric)
    assert check_runs(table, percent=False)["score"].tolist() == [-0.25]
    assert faults_of(make_runs(("mnli", 0, -1.25), metric=metric)) == {(1, "score")}


@pytest.mark.parametrize("seed", [None, "", "x", 1.5, True, -1, 2**63, float("inf"), "1e3"])
def test_what_is_not_a_whole_number_is_no_seed(make_runs: MakeRuns, seed: Any) -> None:
    table = make_runs(("mnli", 0, 0.5))
    table["seed"] = pd.Series([seed], dtype=object)
    assert faults_of(table) == {(1, "seed")}


def test_only_a_seed_beyond_the_highest_is_told_the_highest(make_runs: MakeRuns) -> None:
    table = make_runs(("mnli", 0, 0.5), ("mnli", 0, 0.5)).astype(object)
    table["seed"] = ["first", 2**63]
    with pytest.raises(RunsTableError, match="row 1 is its first row of data") as caught:
        check_runs(table, percent=False)
    allowed = ["a whole number, 0 or more", "at most 9223372036854775807"]
    assert [fault.allowed for fault in caught.value.faults] == allowed


@pytest.mark.parametrize("seed", [7, 7.0, "7", "7.0", np.int8(7)])
def test_whole_numbers_are_seeds_in_any_dress(make_runs: MakeRuns, seed: Any) -> None:
    table = make_runs(("mnli", 0, 0.5))
    table["seed"] = pd.Series([seed], dtype=object)
    assert check_runs(table, percent=False)["seed"].tolist() == [7]


def test_percent_scores_are_refused_with_the_way_out(make_runs: MakeRuns) -> None:
    with pytest.raises(RunsTableError, match="pass --percent"):
        check_runs(make_runs(("mnli", 0, 56.7)), percent=False)


def test_a_few_percent_scores_among_fractions_are_told_to_be_divided(make_runs: MakeRuns) -> None:
    rows = [("mnli", seed, 0.5) for seed in range(6)]
    table = make_runs(*rows, target=["a"] * 3 + ["b"] * 3)
    table.loc[0, "score"] = 56.7
    few = r"1 of 6 rows looks like percent: divide that score by 100 if so; else look where"
    with pytest.raises(RunsTableError, match=f"(?m){few}"):
        check_runs(table, percent=False)
    # the other way round: b alone holds fractions, and --percent does not fit it
    table["score"] = [56.7, 50, 51, 0.5, 0.51, 0.52]
    with pytest.raises(RunsTableError, match="pass --percent"):
        check_runs(table, percent=False)
    many = r"3 of 6 rows look like fractions: multiply those scores by 100 if so;"
    with pytest.raises(RunsTableError, match=f"(?m){many}"):
        check_runs(table, percent=True)


def test_percent_scores_become_the_fraction_that_people_mean(make_runs: MakeRuns) -> None:
    # 56.7 / 100 is 0.5670000000000001 in binary arithmetic; 0.5 and 100 need no care
    table = make_runs(("direct", 0, 56.7), ("mnli", 0, 0.5), ("rte", 0, 100))
    assert check_runs(table, percent=True)["score"].tolist() == [0.567, 0.005, 1.0]
    assert faults_of(make_runs(("mnli", 0, 100.5)), percent=True) == {(1, "score")}
    assert faults_of(make_runs(("mnli", 0, 1e298)), percent=True) == {(1, "score")}


def test_fractions_called_percent_are_refused(make_runs: MakeRuns) -> None:
    table = make_runs(("direct", 0, 0.567), ("mnli", 0, 0.61), ("mnli", 0, 61.0))
    assert faults_of(table.assign(target=["a", "a", "b"]), percent=True) == {(1, "score")}


@pytest.mark.parametrize("column", ["study", "encoder", "adaptation", "intermediate", "target"])
@pytest.mark.parametrize("name", ["a\nb", "a\x00", " a", "a ", "\u202ea", "a\ud800", "x" * 201])
def test_unsafe_names_are_refused(make_runs: MakeRuns, column: str, name: str) -> None:
    table = make_runs(("mnli", 0, 0.5))
    table[column] = pd.Series([name], dtype=object)
    assert faults_of(table) == {(1, column)}


def test_studies_and_encoders_may_look_like_paths_and_tasks_may_not(make_runs: MakeRuns) -> None:
    names = {"study": "taskweb/base", "encoder": "../encoder/small"}
    assert len(check_runs(make_runs(("mnli", 0, 0.5), **names), percent=False)) == 1
    for name in ("../../etc", "a/b", "a\\b", ".hidden", "Direct"):
        assert faults_of(make_runs((name, 0, 0.5))) == {(1, "intermediate")}
    assert faults_of(make_runs(("mnli", 0, 0.5), target="direct")) == {(1, "target")}


def test_extra_columns_are_kept(make_runs: MakeRuns) -> None:
    table = make_runs(("mnli", 0, 0.5), elapsed_s=[12.5], note=[["a"]])
    checked = check_runs(table, percent=False)
    assert list(checked.columns) == [*NAMES, "elapsed_s", "note"]
    assert checked.loc[0, "elapsed_s"] == 12.5
    assert checked.loc[0, "note"] == ["a"]


def test_the_same_numbers_in_other_runs_are_no_repeat(make_runs: MakeRuns) -> None:
    base = make_runs(("mnli", 0, 0.5))
    other = {**dict.fromkeys(RUN_KEY[:3], "other"), "intermediate": "rte", "target": "pawsx"}
    rows = [base, *(base.assign(**{column: value}) for column, value in other.items())]
    rows += [base.assign(language="de"), base.assign(seed=1)]
    assert len(check_runs(pd.concat(rows), percent=False)) == 8


good = {
    "study": st.sampled_from(["a", "b/c"]),
    "encoder": st.just("xlmr"),
    "adaptation": st.just("finetune"),
    "intermediate": st.sampled_from(["direct", "mnli", "rte"]),
    "target": st.sampled_from(["xnli", "pawsx"]),
    "language": st.sampled_from(["nan", "no", "en"]),
    "metric": st.just("accuracy"),
    "score": st.floats(0, 1),
    "seed": st.integers(0, 9),
    "source": st.text(string.printable, max_size=3),
}
anything = st.one_of(
    *(st.none(), st.booleans(), st.integers(), st.floats(), st.binary(max_size=3)),
    *(st.text(st.characters(), max_size=5), st.lists(st.integers(), max_size=2)),
    *(st.complex_numbers(), st.decimals(), st.datetimes()),
)
cells = {name: st.one_of(strategy, anything) for name, strategy in good.items()}


@given(st.lists(st.fixed_dictionaries({}, optional=cells), max_size=6), st.booleans())
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_any_table_is_checked_or_refused(rows: list[dict[str, Any]], percent: bool) -> None:
    table = pd.DataFrame(rows, dtype=object)
    try:
        checked = check_runs(table, percent=percent)
    except RunsTableError:
        return
    pd.testing.assert_frame_equal(check_runs(checked, percent=False), checked)
