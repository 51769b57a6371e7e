import numpy as np
import pandas as pd
import pytest

from metaselect.selector.combine import combine_languages


def _table(gains, half=0.01):
    """Rankings as `TaskSelector.rank` gives them, from gains by language and candidate."""
    rows = [
        {
            **{"language": language, "intermediate": name, "score": gain, "gain": gain},
            **{
                "low": gain - half,
                "high": gain + half,
                "p_positive": 0.5 + gain,
                "reasons": [f"{name} in {language}"],
            },
        }
        for language, by_name in gains.items()
        for name, gain in by_name.items()
    ]
    return pd.DataFrame(rows)


# Swahili and Yoruba are Atlantic-Congo, German is Indo-European
GAINS = {
    "sw": {"mnli": 0.04, "squad": 0.01, "direct": 0.0},
    "yo": {"mnli": 0.05, "squad": 0.01, "direct": 0.0},
    "de": {"mnli": -0.06, "squad": 0.01, "direct": 0.0},
}
EXPECTED = {  # of mnli
    "mean": 0.01,  # (.04 + .05 - .06) / 3
    "balanced": -0.0075,  # ((.04 + .05) / 2 - .06) / 2
    "worst": -0.06,
}


@pytest.mark.parametrize("objective", EXPECTED)
def test_gains_of_several_languages_become_one(objective):
    found = combine_languages(_table(GAINS), objective=objective).set_index("intermediate")
    expected = EXPECTED[objective]
    assert found.loc["mnli", ["score", "gain", "low", "high"]].tolist() == pytest.approx(
        [expected, expected, expected - 0.01, expected + 0.01]
    )
    assert found.loc["direct", "gain"] == 0
    assert found.loc["squad", "gain"] == pytest.approx(0.01)


@pytest.mark.parametrize(
    ("objective", "order"),
    [
        ("mean", ["mnli", "squad", "direct"]),
        ("balanced", ["squad", "direct", "mnli"]),
        ("worst", ["squad", "direct", "mnli"]),
    ],
)
def test_the_best_for_the_objective_comes_first(objective, order):
    gains = {code: dict(row) for code, row in GAINS.items()}
    gains["sw"]["mnli"] += 1e-9  # on the mean it is even with squad without this
    found = combine_languages(_table(gains), objective=objective)
    assert found["intermediate"].tolist() == order
    assert found.index.tolist() == [0, 1, 2]


def test_reasons_are_of_the_language_that_decides():
    worst = combine_languages(_table(GAINS), objective="worst").set_index("intermediate")
    assert worst.loc["mnli", "reasons"] == ["mnli in de"]
    mean = combine_languages(_table(GAINS), objective="mean").set_index("intermediate")
    assert mean.loc["mnli", "reasons"] == ["mnli in sw"]


@pytest.mark.parametrize("objective", EXPECTED)
def test_one_language_keeps_its_ranking(objective):
    table = _table({"sw": GAINS["sw"]})
    found = combine_languages(table, objective=objective)
    columns = ["intermediate", "score", "gain", "low", "high", "p_positive", "reasons"]
    pd.testing.assert_frame_equal(found, table[columns])


@pytest.mark.parametrize("objective", EXPECTED)
def test_without_intervals_there_is_none(objective):
    found = combine_languages(_table(GAINS, half=np.nan), objective=objective)
    assert found["low"].isna().all()
    assert found["high"].isna().all()
    assert found["gain"].notna().all()


def test_every_family_weighs_the_same():
    # qu is Quechuan, ja and ko are families of their own: four families weigh a quarter each
    gains = {"de": {"mnli": 0.04}, "qu": {"mnli": 0.0}, "ja": {"mnli": 0.0}, "ko": {"mnli": 0.0}}
    found = combine_languages(_table(gains), objective="balanced")
    assert found["gain"].tolist() == pytest.approx([0.01])
