"""The answer in words: what each of its three sentences says, and of what."""

import pytest

from metaselect.evaluation.answer import answer_sentences, conclusion
from metaselect.evaluation.question import Findings
from metaselect.evaluation.verdicts import ablation_verdict, beside_random, verdict


def contrast(method: str, against: str, difference: float, low: float, high: float) -> dict:
    return {
        "method": method, "against": against, "measure": "regret@1", "difference": difference,
        "low": low, "high": high, "p": 0.04, "n_clusters": 9, "detectable": 0.012,
        "primary": False, "p_holm": None,
        "n_changed": 9 if difference else 0, "leading": "squad" if difference else None,
        "low_without_one": low / 2, "high_without_one": high / 2,
    }  # fmt: skip


def findings(*, both: tuple[float, float, float], simulated: bool = False) -> Findings:
    regrets = {
        "ranker": 0.01, "random": 0.03, "history": 0.02, "size": 0.015, "oracle": 0.0,
        "ceiling": 0.004,
    }  # fmt: skip
    evaluation = {
        "protocol": "target",
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
    assert "change regret@1 by -0.30 points" in third
    assert "most of it in squad (without one cluster -0.40 to +0.10)" in third
    assert third.endswith("choices change in 9 clusters, and one cluster decides the sign.")
    assert "could have been seen" not in third
    third = answer_sentences(findings(both=(-0.003, -0.008, -0.002)))[2]
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


def judged(regrets: dict[str, float], *, half: float | None = 0.004) -> dict:
    """A record of an evaluation whose intervals are as wide as said on both sides."""

    def against(method: str, other: str) -> dict:
        away = regrets[method] - regrets[other]
        low, high = (None, None) if half is None else (away - half, away + half)
        return contrast(method, other, away, 0.0, 0.0) | {"low": low, "high": high}

    rule = min((name for name in regrets if name not in ("ranker", "random")), key=regrets.get)
    return {
        "simulated": False,
        "methods": {name: {"regret@1": value} for name, value in regrets.items()},
        "contrasts": [against("ranker", name) for name in regrets if name != "ranker"],
        "best_rule": against(rule, "random"),
    }


def test_the_verdict_names_the_ranker_where_it_is_best_and_how_surely() -> None:
    record = judged({"random": 0.05, "size": 0.045, "direct": 0.033, "ranker": 0.03})
    assert verdict(record) == (
        "On these runs the best method is the ranker: its first choice is 3.00 points below the "
        "best, 2.00 points better than random choice (surely: 95% interval +1.60 to +2.40), and "
        "0.30 points better than the simple rule direct (no intermediate) (not surely: 95% "
        "interval -0.10 to +0.70)."
    )


def test_the_verdict_names_the_rule_where_the_ranker_is_not_best() -> None:
    record = judged({"random": 0.05, "size": 0.045, "direct": 0.033, "ranker": 0.038})
    assert verdict(record) == (
        "On these runs the best method is the simple rule direct (no intermediate), not the "
        "ranker: its first choice is 3.30 points below the best, 1.70 points better than random "
        "choice (not surely: 95% interval +1.30 to +2.10 excludes 0, but not after correction for "
        "2 rules, of which it is the best); the ranker is 0.50 points worse than it (surely: 95% "
        "interval +0.10 to +0.90)."
    )
    record["best_rule"]["p"] = 0.02  # twice that is below .05
    assert "random choice (surely: 95% interval +1.30 to +2.10)" in verdict(record)


def test_where_nothing_is_shown_to_be_better_than_random_the_verdict_begins_so() -> None:
    record = judged({"random": 0.05, "size": 0.049, "ranker": 0.048})  # -0.6 to +0.2
    told = verdict(record)
    assert told.startswith(
        "On these runs no method is shown to be better than random choice; least regret has the "
        "ranker: its first choice is 4.80 points below the best, 0.20 points better than random "
        "choice (not surely"
    )
    rule = judged({"random": 0.05, "size": 0.045, "ranker": 0.0455})  # the ranker surely
    rule["best_rule"]["p"] = 0.5
    assert verdict(rule).startswith("On these runs the best method is the simple rule size")


def test_the_ranker_against_random_has_a_sentence_and_measures_where_it_is_worse_are_named() -> (
    None
):
    record = judged({"random": 0.05, "size": 0.033, "ranker": 0.048})
    told = "The ranker against random choice: -0.20 points of regret@1 (-0.60 to +0.20): "
    assert beside_random(record) == f"{told}not shown to be better or worse."
    record["methods"]["ranker"] |= {"regret@3": 0.02, "ndcg@3": 0.5, "gain@1": 0.01, "hit@1": 0.10}
    record["methods"]["random"] |= {"regret@3": 0.01, "ndcg@3": 0.6, "gain@1": 0.0, "hit@1": 0.104}
    assert beside_random(record).endswith(
        "better or worse. The ranker's mean is worse than random choice's in regret@3 (2.00 "
        "against 1.00), ndcg@3 (0.500 against 0.600)."  # 10% and 10.4% look alike
    )
    best = judged({"random": 0.05, "size": 0.06, "ranker": 0.048})
    assert beside_random(best) == ""  # the verdict has said it
    surely = judged({"random": 0.05, "size": 0.033, "ranker": 0.04})
    assert beside_random(surely).endswith("(-1.40 to -0.60): shown to be better.")
    surely["contrasts"][0]["p_holm"] = 0.06
    assert beside_random(surely).endswith(
        "not shown to be better (the interval excludes 0, but not after correction for 1 "
        "comparison)."
    )


def test_the_verdict_of_equal_methods_and_of_none_that_beats_chance() -> None:
    level = verdict(judged({"random": 0.05, "size": 0.04, "ranker": 0.04}))
    assert level.startswith("On these runs the best method is the ranker: its first choice is 4.00")
    assert level.endswith(
        "and level with the simple rule size (the largest training data) (equal in every cluster)."
    )
    worse = verdict(judged({"random": 0.01, "size": 0.04, "ranker": 0.03}, half=None))
    assert worse.startswith(
        "On these runs no method is better than random choice; of the others the best is the "
        "ranker: its first choice is 3.00 points below the best, 2.00 points worse than random "
        "choice (one cluster and no interval: not surely), and 1.00 points better than"
    )


def test_surely_is_said_only_where_the_corrected_p_is_below_a_twentieth() -> None:
    record = judged({"random": 0.05, "size": 0.045, "direct": 0.033, "ranker": 0.03})
    for item in record["contrasts"]:
        item["p_holm"] = 0.125 if item["against"] in ("random", "direct") else None
    told = verdict(record)
    assert (
        "2.00 points better than random choice (not surely: 95% interval +1.60 to +2.40 excludes "
        "0, but not after correction for 2 comparisons)"
    ) in told
    assert "(not surely: 95% interval -0.10 to +0.70)" in told  # the interval holds 0 already
    for item in record["contrasts"]:
        item["p_holm"] = item["p_holm"] and 0.04
    assert "random choice (surely: 95% interval +1.60 to +2.40)" in verdict(record)


def test_an_ablation_ends_with_a_sentence_on_each_kind_of_features() -> None:
    added = contrast("+difficulty", "history", 0.0012, -0.006, 0.008)
    language = contrast("+language", "history", -0.01, -0.015, -0.005) | {"p_holm": 0.03}
    both = contrast("+both", "history", -0.01, -0.015, -0.005) | {"p_holm": 0.09}
    beyond = "points of regret@1 beyond size and history"
    assert ablation_verdict({"contrasts": [added, language, both]}, None) == [
        f"Difficulty features are not shown to help: +0.12 {beyond} (95% interval -0.60 to +0.80, "
        "9 clusters).",
        f"Language and diversity features help: -1.00 {beyond} (95% interval -1.50 to -0.50, 9 "
        "clusters).",
        "Difficulty, language and diversity features together are not shown to help: -1.00 "
        f"{beyond} (95% interval -1.50 to -0.50 excludes 0, but not after correction for 2 "
        "comparisons, 9 clusters).",
    ]


UNASKED = {"intermediates": ["mnli", "qqp"], "known": {"difficulty": ["mnli"]}}


def test_where_difficulty_is_unknown_nothing_is_said_of_what_its_features_do() -> None:
    contrasts = [contrast(arm, "history", 0.0, 0.0, 0.0) for arm in ("+difficulty", "+language")]
    unasked, language = ablation_verdict({"contrasts": contrasts}, UNASKED)
    assert unasked.startswith("Published difficulty is known of 1 of 2 intermediates (mnli)")
    assert language.startswith("Language and diversity features change no first choice")
    found = primary(findings(both=(0.0, 0.0, 0.0)), 0.05)
    told = conclusion(Findings({**found.records, "coverage": UNASKED}, {}))
    assert told.endswith("below .05). What difficulty adds cannot be told.")
    steps = found.ablations["target"]["contrasts"]
    steps.append(contrast("+language", "history", 0.0, 0.0, 0.0))
    findings_with_gap = Findings({**found.records, "coverage": UNASKED}, {})
    assert conclusion(findings_with_gap).endswith(
        " Language and diversity features change no first choice. What difficulty adds cannot be "
        "told."
    )
    assert answer_sentences(findings_with_gap)[2].startswith("Language and diversity features ch")
    assert answer_sentences(findings_with_gap)[2].endswith("cannot be told from these runs.")
    steps[-1] |= contrast("+language", "history", -0.001, -0.002, -0.0004) | {"p_holm": 0.05}
    assert conclusion(findings_with_gap).endswith(
        " Language and diversity features change regret@1 by -0.10 points (-0.20 to -0.04); 1.20 "
        "would have shown. What difficulty adds cannot be told."
    )


def test_a_control_that_looks_beaten_is_told_with_its_corrected_p() -> None:
    control = contrast("all", "shuffled languages", -0.003, -0.006, -0.0001) | {"p_holm": 0.15}
    both = contrast("+both", "history", 0.0, 0.0, 0.0) | {"p_holm": 1.0}
    assert ablation_verdict({"contrasts": [both, control]}, None)[-1] == (
        "All features against shuffled languages: -0.30 points of regret@1, p 0.040, Holm's p over "
        "2 comparisons 0.150, so not shown to differ."
    )
    assert len(ablation_verdict({"contrasts": [both, control | {"p": 0.06}]}, None)) == 1
    shown = ablation_verdict({"contrasts": [both, control | {"p_holm": 0.045}]}, None)[-1]
    assert shown.endswith("0.045, so shown to differ.")


def test_features_that_hurt_or_change_nothing_or_stand_on_one_cluster_are_told_so() -> None:
    added = contrast("+difficulty", "history", 0.01, 0.005, 0.015)
    same = contrast("+language", "history", 0.0, 0.0, 0.0)
    one = contrast("+both", "history", 0.01, 0.0, 0.0) | {"low": None, "high": None}
    hurt, nothing, alone = ablation_verdict({"contrasts": [added, same, one]}, None)
    assert hurt.startswith("Difficulty features hurt: +1.00 points")
    assert nothing.endswith("change no first choice beyond size and history, in any of 9 clusters.")
    assert "are not shown to help: +1.00" in alone
    assert "no interval" in alone


def test_a_cluster_is_named_by_its_targets_where_the_record_knows_them() -> None:
    found = findings(both=(-0.003, -0.008, 0.002))
    found.ablations["target"]["clusters"] = {"squad": ["mlqa", "xquad"]}
    assert "most of it in mlqa, xquad (without one cluster" in answer_sentences(found)[2]


def primary(found: Findings, p_holm: float) -> Findings:
    """The findings with nine clusters and every contrast a primary one."""
    for record in found.records.values():
        record["n_clusters"] = 9
        for item in record["contrasts"]:
            item["p_holm"] = p_holm
    return found


def test_runs_whose_comparisons_are_all_open_are_said_not_to_answer_and_why() -> None:
    rule = "(a 95% interval without 0, and Holm's p below .05)"
    added = "Difficulty, language and diversity features together change"
    # ranker - random excludes 0, but Holm's p is .05: not sure
    assert conclusion(primary(findings(both=(-0.003, -0.008, -0.002)), 0.05)) == (
        "These runs do not answer the question: none of 4 primary comparisons with a cluster of "
        f"targets left out is sure with 9 clusters of targets {rule}. {added} regret@1 by -0.30 "
        "points (-0.80 to -0.20); 1.20 would have shown."
    )
    one = conclusion(primary(findings(both=(-0.003, -0.008, 0.002)), 0.05))  # -0.4 to 0.1 without
    assert one.endswith(" by -0.30 points (-0.80 to +0.20); one cluster decides the sign.")
    none = conclusion(primary(findings(both=(0.0, 0.0, 0.0), simulated=True), 0.05))
    assert none.startswith("These simulated runs do not answer the question")
    assert none.endswith(f". {added} no first choice.")
    alone = primary(findings(both=(0.0, 0.0, 0.0)), 0.05)
    del alone.records["ablation-target"]
    assert conclusion(alone).endswith(
        "none of 3 primary comparisons with a cluster of targets left out is sure with 9 clusters "
        f"of targets {rule}."
    )


def test_what_is_sure_under_another_protocol_is_named_where_nothing_is_for_new_targets() -> None:
    found = primary(findings(both=(0.0, 0.0, 0.0)), 0.05)
    family = primary(findings(both=(0.0, 0.0, 0.0)), 0.04).records["evaluation-target"]
    family |= {"protocol": "family", "with_same_source": False}
    told = conclusion(Findings({**found.records, "evaluation-family-apart": family}, {}))
    assert told.startswith("These runs do not answer the question")
    assert (
        " With a language family left out, without shared training data, sure is: ranker against "
        "random -2.00. "
    ) in told


def test_comparisons_that_are_sure_are_named_as_the_part_of_the_answer() -> None:
    part = conclusion(primary(findings(both=(-0.003, -0.008, 0.002)), 0.04))
    assert part.startswith("These runs answer a part of the question: 1 of 4 primary comparisons")
    assert part.endswith("in points of regret@1 (less is better): ranker against random -2.00.")
    both = conclusion(primary(findings(both=(-0.003, -0.008, -0.001)), 0.04))
    assert both.endswith(": ranker against random -2.00; +both against history -0.30.")
