"""What a sound table lacks."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from metaselect.catalogue.cardfiles import load_catalogue
from metaselect.catalogue.tasks import Catalogue
from metaselect.runs.exchange import read_runs
from metaselect.runs.remarks import cautions, remarks, slip_notes, twin_notes, variety_notes
from metaselect.runs.simulated import simulated_runs

CATALOGUE = load_catalogue(None)
TASKWEB = Path(__file__).parents[3] / "shared" / "runs" / "taskweb.csv"
MakeRuns = Callable[..., pd.DataFrame]
GRID = [
    (name, seed, 0.5)
    for name in ("direct", "mnli", "squad")
    for seed in (0, 1)
]  # fmt: skip


def grid(make_runs: MakeRuns, *rows: tuple[str, int, float]) -> pd.DataFrame:
    """The rows on three targets in two languages, with what a constant answer scores."""
    parts = [
        make_runs(*rows, target=target, language=language, majority_score=0.3)
        for target in ("xnli", "udpos", "tatoeba")
        for language in ("sw", "ta")
    ]
    return pd.concat(parts, ignore_index=True)


def test_a_table_that_has_all_needs_no_remark(make_runs: MakeRuns) -> None:
    assert remarks(grid(make_runs, *GRID), CATALOGUE) == []


def test_few_languages_without_the_columns_that_tell_a_collapse_are_told(
    make_runs: MakeRuns,
) -> None:
    runs = grid(make_runs, *GRID).drop(columns="majority_score")
    (told,) = remarks(runs, CATALOGUE)
    assert told == (
        "3 targets (tatoeba, udpos, xnli) with runs in one or two languages and no majority_score "
        "or collapsed: a run that learnt nothing looks like any other; add one of these columns"
    )
    third = runs[(runs["language"] == "sw") & (runs["target"] == "xnli")].assign(language="de")
    again = remarks(pd.concat([runs, third], ignore_index=True), CATALOGUE)[-1]
    assert again.startswith("2 targets (tatoeba, udpos) with")


def test_queries_without_direct_are_counted(make_runs: MakeRuns) -> None:
    runs = grid(make_runs, *GRID)
    gone = (runs["intermediate"] == "direct") & (runs["target"] == "xnli")
    (told,) = remarks(runs[~gone], CATALOGUE)[:1]
    assert told.startswith("2 queries of xnli without a `direct` run: gains there are against the")


def test_an_encoder_that_looks_misspelt_is_asked_after(make_runs: MakeRuns) -> None:
    runs = grid(make_runs, *GRID).assign(encoder="xlm-roberta-base")
    rows = (runs["intermediate"] == "mnli") & (runs["target"] == "xnli")
    asked = "no `direct` run of the encoder xlm-robreta-base (did you mean xlm-roberta-base?)"
    runs.loc[rows, "encoder"] = "xlm-robreta-base"
    assert asked in remarks(runs, CATALOGUE)
    runs.loc[rows, "encoder"] = "xlm-roberta-large"  # another encoder, not a slip
    assert not any("encoder" in line for line in remarks(runs, CATALOGUE))


def test_one_seed_leaves_noise_unknown(make_runs: MakeRuns) -> None:
    one = [row for row in GRID if row[1] == 0]
    assert remarks(grid(make_runs, *one), CATALOGUE) == [
        "ours: no run has a second seed, so the noise of gains is unknown"
    ]


def test_pairs_without_a_common_seed_are_counted(make_runs: MakeRuns) -> None:
    others = [("squad", 7, 0.5), ("squad", 8, 0.5)]
    kept = [row for row in GRID if row[0] != "squad"]
    assert remarks(grid(make_runs, *kept, *others), CATALOGUE) == [
        "ours: 3 pairs of intermediate and target without a seed that `direct` has too: the noise "
        "of both counts there"
    ]


def test_a_seed_that_direct_lacks_is_named_with_its_target(make_runs: MakeRuns) -> None:
    runs = grid(make_runs, *GRID)
    gone = (runs["intermediate"] == "direct") & (runs["target"] == "xnli") & (runs["seed"] == 1)
    assert remarks(runs[~gone], CATALOGUE) == [
        "ours: no `direct` run with seed 1 of xnli, which intermediates have: their gains leave "
        "that seed out, or are less sure"
    ]


def test_one_language_and_few_targets_are_told(make_runs: MakeRuns) -> None:
    found = remarks(make_runs(*GRID), CATALOGUE)
    assert found[0] == "every run is in sw: language features can tell nothing"
    assert found[1].startswith("1 target (xnli): evaluation leaves whole targets out and needs 3")


def test_tasks_without_a_card_are_named_with_the_nearest_that_has_one(make_runs: MakeRuns) -> None:
    runs = grid(make_runs, *GRID)
    runs["intermediate"] = runs["intermediate"].replace({"mnli": "mnlii", "squad": "squad+zzzz"})
    found = [line for line in remarks(runs, CATALOGUE) if "card" in line]
    assert found == [
        "no task card of mnlii (did you mean mnli?), zzzz: size, difficulty and kind are unknown "
        "(add one with --tasks)"
    ]


def test_names_in_another_case_and_words_for_none_are_recognised(make_runs: MakeRuns) -> None:
    runs = grid(make_runs, *GRID)
    names = {"mnli": "MNLI", "squad": "SQuAD", "direct": "None"}
    runs["intermediate"] = runs["intermediate"].replace(names)
    (found,) = [line for line in remarks(runs, CATALOGUE) if "card" in line]
    assert "MNLI (did you mean mnli?)" in found
    assert "SQuAD (did you mean squad?)" in found
    assert "None (did you mean direct?)" in found


def test_a_score_a_hundred_times_below_the_others_of_its_target_is_named(
    make_runs: MakeRuns,
) -> None:
    runs = grid(make_runs, *GRID)
    assert slip_notes(runs, percent=True) == []
    runs["score"] = 0.5 + 0.1 * (runs["seed"] == 1)
    runs.loc[6, "score"] = 0.005735  # 0.5735 in a table of percent
    (xnli,) = {runs["target"].iloc[6]}
    assert slip_notes(runs, percent=True) == [
        "1 score a hundred times below the others of the target (a fraction among percent "
        f"scores?): row 7 has 0.5735 where {xnli} has 50 to 60"
    ]
    assert "(divided by 100 twice?): row 7 has 0.005735 where" in slip_notes(runs, percent=False)[0]
    reaching = runs.copy()
    reaching.loc[7, "score"] = 0.0115  # then scores of the target reach down to it
    assert slip_notes(reaching, percent=False) == []
    runs.loc[6, "score"] = 0.001  # 100 times that is 0.1, far below the others too: no slip
    assert slip_notes(runs, percent=True) == []


def test_an_empty_table_has_no_run(make_runs: MakeRuns) -> None:
    assert remarks(make_runs(*GRID)[:0], CATALOGUE) == ["no run at all"]


def test_scores_of_a_constant_answer_are_counted(make_runs: MakeRuns) -> None:
    runs = grid(make_runs, *GRID).assign(collapsed=False)
    runs.loc[(runs["target"] == "xnli") & (runs["intermediate"] == "mnli"), "collapsed"] = True
    # mnli on xnli: two languages and two seeds, so four scores of two runs.
    assert cautions(runs) == remarks(runs, CATALOGUE) == [
        "4 scores of 2 runs (xnli) are what a constant answer gets: they say nothing of the "
        "intermediate"
    ]  # fmt: skip


def test_codes_of_regions_and_dialects_are_told_once_and_counted() -> None:
    assert variety_notes(["en", "zh-Hant"]) == []
    assert variety_notes(["bar-IT", "nb-x-north", "bar"]) == [
        "2 language codes name a region or a dialect (bar-IT as bar, nb-x-north as nb): features "
        "are that language's, queries and scores stay apart"
    ]


def with_a_copy(runs: pd.DataFrame, name: str, *, noise: float) -> pd.DataFrame:
    """The runs, and those of XNLI again under another name with normal noise."""
    copy = runs[runs["target"] == "xnli"].assign(target=name)
    drawn = np.random.default_rng(0).normal(0, noise, len(copy))
    return pd.concat([runs, copy.assign(score=(copy["score"] + drawn).clip(0, 1))])


def test_a_renamed_copy_of_a_target_is_warned_of_and_distinct_targets_are_not() -> None:
    runs = simulated_runs(seed=0, noise=0.01)
    assert twin_notes(runs, CATALOGUE) == []
    (found,) = twin_notes(with_a_copy(runs, "mine", noise=0.001), CATALOGUE)
    assert found.startswith("1 pair of targets with nearly the same gains (concordance mine and")
    assert found in remarks(with_a_copy(runs, "mine", noise=0.001), CATALOGUE)


def test_a_copy_that_its_card_tells_of_needs_no_warning() -> None:
    card = replace(CATALOGUE["xnli"], name="mine", same_source=("xnli",), train_task=None)
    told = Catalogue([*CATALOGUE.values(), card])
    runs = with_a_copy(simulated_runs(seed=0, noise=0.01), "mine", noise=0.0)
    assert twin_notes(runs, told) == []


def test_gains_that_move_alike_on_another_scale_or_level_are_told_apart(
    make_runs: MakeRuns,
) -> None:
    def target(name: str, *, scale: float, level: float) -> pd.DataFrame:
        rows = [("direct", 0, 0.5)]
        rows += [(f"i{k}", 0, 0.3 + level + scale * k / 100) for k in range(12)]
        return make_runs(*rows, target=name)

    # Twelve cells, centred: (k - 5.5) / 100 times the scale. With scales 1 and 2 the concordance is
    # 2 * 2 / (1 + 4) = 0.8; the level is centred away, so that the shifted target is a twin.
    runs = pd.concat(
        [
            target("udpos", scale=1, level=0),
            target("xnli", scale=2, level=0),
            target("tatoeba", scale=1, level=0.1),
        ]
    )
    (found,) = twin_notes(runs, CATALOGUE)
    assert "1 pair of targets" in found
    assert "tatoeba and udpos 1.000" in found
    two = runs[runs["intermediate"].isin(["direct", "i0", "i1"])]
    assert twin_notes(two, CATALOGUE) == []


def test_gains_that_are_alike_over_a_few_intermediates_alone_are_no_twins(
    make_runs: MakeRuns,
) -> None:
    # Gains of 0, 3, 6 and 0, 3, 7 points, centred -3, 0, 3 and -3.33, -0.33, 3.67: squares 18 and
    # 24.67, products 10 + 0 + 11, so a concordance of 2 * 21 / 42.67 = 0.984.
    def target(name: str, last: float, n_intermediates: int) -> pd.DataFrame:
        gains = [0.0, 0.03, last] * (n_intermediates // 3)
        rows = [("direct", 0, 0.5)]
        rows += [(f"i{k}", 0, 0.5 + gain) for k, gain in enumerate(gains)]
        return pd.concat([make_runs(*rows, target=name, language=code) for code in ("sw", "ta")])

    def notes(n_intermediates: int) -> list[str]:
        both = [target("xnli", 0.06, n_intermediates), target("udpos", 0.07, n_intermediates)]
        return twin_notes(pd.concat(both), CATALOGUE)

    assert notes(3) == []
    # z = arctanh(0.984) = 2.411, less 1.96 / sqrt(n - 2), is above arctanh(0.903) = 1.488 from
    # (1.96 / 0.923)^2 + 2 = 6.5 intermediates on
    assert notes(6) == []
    (found,) = notes(9)
    assert "udpos and xnli 0.984" in found


@pytest.mark.skipif(not TASKWEB.is_file(), reason="TaskWeb is not here")
def test_taskweb_has_no_twins_but_a_planted_one() -> None:
    runs = read_runs(TASKWEB)
    assert twin_notes(runs, CATALOGUE) == []
    copy = runs[runs["target"] == "qnli"].assign(target="mine")
    (found,) = twin_notes(pd.concat([runs, copy]), CATALOGUE)
    assert "mine and qnli 1.000" in found
