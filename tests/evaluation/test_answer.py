"""The answer in words: what each of its three sentences says, and of what."""

import pytest

from metaselect.evaluation.answer import answer_sentences
from metaselect.evaluation.question import Findings


def contrast(method: str, against: str, difference: float, low: float, high: float) -> dict:
    return {
        "method": method, "against": against, "measure": "regret@1", "difference": difference,
        "low": low, "high": high, "p": 0.04, "n_clusters": 9, "detectable": 0.012,
        "n_changed": 9 if difference else 0, "leading": "squad" if difference else None,
        "low_without_one": low / 2, "high_without_one": high / 2,
    }  # fmt: skip


def findings(*, both: tuple[float, float, float], simulated: bool = False) -> Findings:
    regrets = {
        "ranker": 0.01, "random": 0.03, "history": 0.02, "size": 0.015, "oracle": 0.0,
        "ceiling": 0.004,
    }  # fmt: skip
    evaluation = {
        "simulated": simulated,
        "methods": {
            name: {"regret@1": value, "gain_crossed": 0.03 - value}
            for name, value in regrets.items()
        },
        "contrasts": [
            contrast("ranker", "random", -0.02, -0.03, -0.01),
            contrast("ranker", "history", -0.01, -0.015, 0.005),
            contrast("ranker", "size", -0.005, -0.01, 0.01),
        ],
    }
    ablation = {"contrasts": [contrast("+both", "history", *both)]}
    return Findings({"evaluation-target": evaluation, "ablation-target": ablation}, {})


def test_three_sentences_give_differences_intervals_and_the_power() -> None:
    first, second, third = answer_sentences(findings(both=(-0.003, -0.008, 0.002)))
    assert first.startswith("On these runs, for a target never seen, the ranker's first choice is")
    assert "1.00 points below the best and a random one 3.00" in first
    assert "-2.00 points (95% interval -3.00 to -1.00, p 0.040, 9 clusters)" in first
    assert "its choice gains +2.00 over training directly, a random one +0.00" in first
    assert "best on average" in second
    assert "the best simple rule (size) by -0.50" in second
    assert "change it by -0.30 points" in third
    assert "most of it in squad (without one cluster -0.40 to +0.10)" in third
    assert "choices change in 9 clusters, a change of 1.20 points could have been seen" in third


def test_features_that_change_no_choice_are_not_given_a_power() -> None:
    third = answer_sentences(findings(both=(0.0, 0.0, 0.0)))[2]
    assert "change no first choice beyond size and history, in any of 9 clusters" in third
    assert "could have been seen" not in third


@pytest.mark.parametrize(("simulated", "where"), [(True, "On simulated runs"), (False, "On these")])
def test_simulated_runs_are_called_so(simulated: bool, where: str) -> None:
    assert answer_sentences(findings(both=(0.0, 0.0, 0.0), simulated=simulated))[0].startswith(
        where
    )
