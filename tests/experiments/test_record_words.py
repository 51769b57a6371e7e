"""What is said of intervals and chances, of records made by hand."""

from types import ModuleType
from typing import Any

import pytest

from tests.experiments.test_primary import loaded


@pytest.fixture(scope="module")
def words() -> ModuleType:
    return loaded("record_words")


def record(*, brier: float, half_width: float | None) -> dict[str, Any]:
    bins = [
        {"said": 0.301, "seen": 0.4, "share": 0.75},
        {"said": 0.88, "seen": 0.502, "share": 0.25},
    ]
    return {
        "intervals": {
            "level": 0.8, "coverage": 0.913, "half_width": half_width,
            "coverage_by_cluster": {"mnli": 0.951, "copa": 0.3},
        },
        "clusters": {"copa": ["xcopa"], "mnli": ["xnli"]},
        "calibration": {"brier": brier, "brier_of_share": 0.24, "bins": bins},
    }  # fmt: skip


def test_intervals_name_the_cluster_that_they_cover_least(words: ModuleType) -> None:
    target = record(brier=0.25, half_width=0.1409)
    told, _ = words.interval_sentences(target, record(brier=0.25, half_width=None))
    assert "asked for 80 %: for a new target they cover 91 % of the gains" in told
    assert "with a half-width of 14.1 points; least on xcopa, 30 %. For a new" in told
    assert "family they cover 91 % of the gains; least on xcopa, 30 %." in told


def test_chances_are_held_against_a_constant_and_what_was_seen(words: ModuleType) -> None:
    worse, better = (record(brier=brier, half_width=None) for brier in (0.2404, 0.23))
    _, told = words.interval_sentences(worse, better)
    # 0.2404 is 0.240 as it is told, and so no better than 0.240.
    assert "score is 0.240, no better than that of one constant share, 0.240" in told
    assert "score is 0.230, better than that of one constant share, 0.240" in told
    assert "75 % of its probabilities lie near 30 %, where 40 % of the gains were above 0" in told
    assert told.count("; its highest are 88 % on average, where 50 % were") == 2
