"""What a sound table lacks."""

from collections.abc import Callable

import pandas as pd

from metaselect.runs.remarks import cautions, remarks, variety_notes

MakeRuns = Callable[..., pd.DataFrame]
GRID = [
    (name, seed, 0.5)
    for name in ("direct", "mnli", "squad")
    for seed in (0, 1)
]  # fmt: skip


def grid(make_runs: MakeRuns, *rows: tuple[str, int, float]) -> pd.DataFrame:
    """The rows on three targets in two languages."""
    parts = [
        make_runs(*rows, target=target, language=language)
        for target in ("xnli", "udpos", "tatoeba")
        for language in ("sw", "ta")
    ]
    return pd.concat(parts, ignore_index=True)


def test_a_table_that_has_all_needs_no_remark(make_runs: MakeRuns) -> None:
    assert remarks(grid(make_runs, *GRID)) == []


def test_queries_without_direct_are_counted(make_runs: MakeRuns) -> None:
    runs = grid(make_runs, *GRID)
    gone = (runs["intermediate"] == "direct") & (runs["target"] == "xnli")
    (told,) = remarks(runs[~gone])[:1]
    assert told.startswith("2 queries of xnli without a `direct` run: gains there are against the")


def test_one_seed_leaves_noise_unknown(make_runs: MakeRuns) -> None:
    one = [row for row in GRID if row[1] == 0]
    assert remarks(grid(make_runs, *one)) == [
        "ours: no run has a second seed, so the noise of gains is unknown"
    ]


def test_pairs_without_a_common_seed_are_counted(make_runs: MakeRuns) -> None:
    others = [("squad", 7, 0.5), ("squad", 8, 0.5)]
    kept = [row for row in GRID if row[0] != "squad"]
    assert remarks(grid(make_runs, *kept, *others)) == [
        "ours: 3 pairs of intermediate and target without a seed that `direct` has too: the noise "
        "of both counts there"
    ]


def test_one_language_and_few_targets_are_told(make_runs: MakeRuns) -> None:
    found = remarks(make_runs(*GRID))
    assert found[0] == "every run is in sw: language features can tell nothing"
    assert found[1].startswith("1 target (xnli): evaluation leaves whole targets out and needs 3")


def test_an_empty_table_has_no_run(make_runs: MakeRuns) -> None:
    assert remarks(make_runs(*GRID)[:0]) == ["no run at all"]


def test_scores_of_a_constant_answer_are_counted(make_runs: MakeRuns) -> None:
    runs = grid(make_runs, *GRID).assign(collapsed=False)
    runs.loc[(runs["target"] == "xnli") & (runs["intermediate"] == "mnli"), "collapsed"] = True
    # mnli on xnli: two languages and two seeds, so four scores of two runs.
    assert cautions(runs) == remarks(runs) == [
        "4 scores of 2 runs (xnli) are what a constant answer gets: they say nothing of the "
        "intermediate"
    ]  # fmt: skip


def test_codes_of_regions_and_dialects_are_told_once_and_counted() -> None:
    assert variety_notes(["en", "zh-Hant"]) == []
    assert variety_notes(["bar-IT", "nb-x-north", "bar"]) == [
        "2 language codes name a region or a dialect (bar-IT as bar, nb-x-north as nb): features "
        "are that language's, queries and scores stay apart"
    ]
