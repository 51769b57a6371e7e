"""Whose difficulty is known, and what is said where that is too little to ask anything of it."""

import pandas as pd

from metaselect.catalogue.cardfiles import shipped_catalogue
from metaselect.evaluation.coverage import coverage_record, coverage_sentence
from metaselect.runs.schema import check_runs

CATALOGUE = shipped_catalogue()


def runs_after(*intermediates: str) -> pd.DataFrame:
    runs = pd.DataFrame({"intermediate": ["direct", *intermediates]}).assign(
        study="s", encoder="e", adaptation="finetune", target="xcopa", language="sw",
        metric="accuracy", score=0.5, seed=0,
    )  # fmt: skip
    return check_runs(runs, percent=False)


def test_difficulty_of_one_intermediate_asks_nothing() -> None:
    # published for MNLI alone (Vania et al. 2021); measured for both on the data that ships
    record = coverage_record(runs_after("mnli", "sts_semeval"), CATALOGUE)
    assert record == {
        "intermediates": ["mnli", "sts_semeval"],
        "known": {"difficulty": ["mnli"], "measured difficulty": ["mnli", "sts_semeval"]},
    }
    assert coverage_sentence(record) == (
        "Published difficulty is known of 1 of 2 intermediates (mnli): what it adds cannot be told "
        "from these runs."
    )


def test_difficulty_of_two_is_enough_to_ask() -> None:
    record = coverage_record(runs_after("mnli", "boolq", "udpos"), CATALOGUE)
    assert record["known"]["difficulty"] == ["boolq", "mnli"]
    assert coverage_sentence(record) is None


def test_difficulty_of_none_is_told_without_a_name() -> None:
    record = coverage_record(runs_after("sts_semeval", "udpos"), CATALOGUE)
    told = coverage_sentence(record)
    assert told is not None
    assert told.startswith("Published difficulty is known of 0 of 2 interm")
    assert "(" not in told
