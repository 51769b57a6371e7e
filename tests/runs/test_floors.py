"""Runs at the floor: told by their columns, else by equal scores over languages."""

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from metaselect.runs.exchange import read_runs, write_runs
from metaselect.runs.floors import at_floor, is_unjudged, raised_to_floor
from metaselect.runs.schema import check_runs

MakeRuns = Callable[..., pd.DataFrame]


def in_languages(make_runs: MakeRuns, scores: dict[str, float], **columns: Any) -> pd.DataFrame:
    rows = [("mnli", 0, score) for score in scores.values()]
    return make_runs(*rows, language=list(scores), **columns)


def test_a_collapsed_run_and_a_majority_score_are_at_the_floor(make_runs: MakeRuns) -> None:
    runs = in_languages(
        make_runs, {"sw": 0.2, "de": 0.45, "fr": 0.4500004, "ru": 0.46},
        majority_score=[0.45, 0.45, 0.45, 0.45], collapsed=[True, False, False, False],
    )  # fmt: skip
    # sw collapsed to a rare class; de and fr (rounded) have the majority's score.
    assert at_floor(runs).tolist() == [True, True, True, False]


def test_without_columns_equal_scores_in_most_languages_are_a_constant_s(
    make_runs: MakeRuns,
) -> None:
    runs = in_languages(make_runs, {"sw": 0.45, "de": 0.45, "fr": 0.45, "ru": 0.61, "en": 0.7})
    assert at_floor(runs).tolist() == [True, True, True, False, False]


@pytest.mark.parametrize(
    "scores",
    [
        {"sw": 0.5, "de": 0.5},  # two languages
        {"sw": 0.5, "de": 0.5, "fr": 0.6},  # two of three
        {"sw": 0.5, "de": 0.5, "fr": 0.5, "ru": 0.6, "en": 0.7, "ar": 0.8},  # half of six
    ],
)
def test_few_equal_scores_are_chance(make_runs: MakeRuns, scores: dict[str, float]) -> None:
    assert not at_floor(in_languages(make_runs, scores)).any()


def test_in_one_language_the_best_constant_answer_s_score_tells(make_runs: MakeRuns) -> None:
    runs = make_runs(("mnli", 0, 0.5), ("mnli", 1, 0.5), ("squad", 0, 0.61), language="sw")
    assert not at_floor(runs).any()
    assert is_unjudged(runs).all()  # two equal scores of few rows are no proof
    told = runs.assign(majority_score=0.5)
    assert at_floor(told).tolist() == [True, True, False]
    assert not is_unjudged(told).any()


def test_equal_scores_count_within_a_run_alone(make_runs: MakeRuns) -> None:
    rows = [("mnli", 0, 0.5), ("mnli", 1, 0.5), ("squad", 0, 0.5)]
    runs = make_runs(*rows, language=["sw", "de", "fr"])
    assert not at_floor(runs).any()


def test_rows_that_say_are_judged_by_what_they_say_beside_rows_that_do_not(
    make_runs: MakeRuns,
) -> None:
    runs = in_languages(
        make_runs, {"sw": 0.5, "de": 0.5, "fr": 0.5, "ru": 0.5},
        majority_score=[0.3, None, None, None],
    )  # fmt: skip
    assert at_floor(runs).tolist() == [False, True, True, True]


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_columns_count_from_files_of_any_format(
    make_runs: MakeRuns, tmp_path: Any, suffix: str
) -> None:
    runs = in_languages(
        make_runs, {"sw": 0.2, "de": 0.4, "fr": 0.5},
        majority_score=[0.4, 0.4, 0.4], collapsed=[True, False, False],
    )  # fmt: skip
    path = tmp_path / f"runs{suffix}"
    write_runs(check_runs(runs, percent=False), path)
    assert at_floor(read_runs(path)).tolist() == [True, True, False]


def test_empty_cells_say_nothing_and_the_index_is_the_table_s(make_runs: MakeRuns) -> None:
    text = "language,score,collapsed\nsw,0.5,\nde,0.5,\nfr,0.5,False\n"
    read = pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False)
    runs = in_languages(make_runs, {"sw": 0.5, "de": 0.5, "fr": 0.5}, collapsed=read["collapsed"])
    runs.index = pd.Index([7, 8, 9])
    found = at_floor(runs)
    # All three share a score; fr says that it did not collapse.
    assert found.to_dict() == {7: True, 8: True, 9: False}


def test_a_table_without_rows_has_none(make_runs: MakeRuns) -> None:
    assert at_floor(in_languages(make_runs, {"sw": 0.5})[:0]).tolist() == []


def test_scores_below_the_best_constant_answers_count_as_its() -> None:
    runs = pd.DataFrame(
        [
            ("direct", "de", 0.30, 0.35), ("mnli", "de", 0.33, 0.35), ("rte", "de", 0.40, 0.35),
            ("direct", "sw", 0.30, np.nan),
        ],
        columns=["intermediate", "language", "score", "majority_score"],
    ).assign(study="s", encoder="e", adaptation="a", target="xnli", seed=0)  # fmt: skip
    assert raised_to_floor(runs)["score"].tolist() == [0.35, 0.35, 0.40, 0.30]


def test_without_majority_scores_collapsed_runs_tell_the_floor() -> None:
    # one run answers the same in all three languages: what is below its score is no worse
    rows = [("mnli", code, 0.45) for code in ("de", "sw", "ta")]
    rows += [("direct", "de", 0.40), ("direct", "sw", 0.50), ("direct", "ta", 0.42)]
    runs = pd.DataFrame(rows, columns=["intermediate", "language", "score"]).assign(
        study="s", encoder="e", adaptation="a", target="xnli", seed=0
    )
    assert raised_to_floor(runs)["score"].tolist() == [0.45] * 4 + [0.50, 0.45]
    other = runs.assign(target=["xnli"] * 3 + ["pawsx"] * 3)
    assert raised_to_floor(other) is other
