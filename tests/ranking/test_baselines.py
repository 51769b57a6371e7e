"""Each simple rule by hand on a tiny table, and what all rules promise."""

import numpy as np
import pandas as pd
import pytest

from metaselect.catalogue.tasks import Catalogue, PublishedScore, TaskCard
from metaselect.features.table import NEW, prepare
from metaselect.ranking.baselines import RULES, sized_by_examples

SIZES = {"mnli": 400_000, "rte": 2_500, "squad": 88_000}
KINDS = {
    **{"mnli": "nli", "rte": "nli", "xnli": "nli"},
    **{"squad": "extractive-qa", "xquad": "extractive-qa"},
}
HARD = {"mnli": 0.0, "rte": 1.0, "squad": 0.5}


def _card(name):
    head = "extractive-qa" if KINDS[name] == "extractive-qa" else "classification"
    scores = (
        (PublishedScore(measure="rasch_b", value=HARD[name], source="by hand"),)
        if name in HARD
        else ()
    )
    return TaskCard(
        name=name,
        title=name,
        kind=KINDS[name],
        head=head,
        metric="accuracy",
        train_size=SIZES.get(name),
        scores=scores,
    )


CARDS = Catalogue(_card(name) for name in KINDS)


def _rows(gains):
    """Prepared rows from (target, language, intermediate, gain)."""
    table = pd.DataFrame(gains, columns=["target", "language", "intermediate", "gain"])
    fixed = {"study": "ours", "encoder": "xlmr", "adaptation": "finetune", "gain_se": 0.01}
    table = table.assign(**fixed, score_se=0.01, absolute=True)
    return prepare(table, CARDS, unit="target")


TRAIN = _rows(
    [
        ("xnli", "sw", "mnli", 0.06),
        ("xnli", "sw", "rte", 0.02),
        ("xnli", "sw", "direct", 0.0),
        ("xnli", "de", "mnli", 0.02),
        ("xnli", "de", "squad", -0.02),
        ("xquad", "de", "squad", 0.08),
        ("xquad", "de", "mnli", -0.05),
        ("xquad", "de", "direct", 0.0),
    ]
)
# new has neither card nor history
TEST = _rows(
    [("xquad", "hi", name, 0.0) for name in ("direct", "mnli", "rte", "squad", "new")]
).assign(held_out=NEW)


def _scores(name, *, train=TRAIN, test=TEST, cards=CARDS):
    return RULES[name](train, test, cards)


def _by_name(name, **given):
    return dict(zip(TEST["intermediate"], _scores(name, **given).tolist(), strict=True))


def test_random_scores_all_alike():
    assert set(_by_name("random").values()) == {0.0}


def test_size_takes_the_most_data_and_puts_the_unknown_with_the_smallest():
    found = _by_name("size")
    # log10 of 400,000, 2,500 and 88,000
    assert found["mnli"] == pytest.approx(5.60206)
    assert found["squad"] == pytest.approx(4.944483)
    assert found["new"] == found["rte"] == pytest.approx(3.39794)
    assert found["direct"] < found["rte"]


def test_size_counts_examples_trained_on_where_a_query_tells_of_all():
    # RTE was trained on most: repeats count. 10, 1,000, 100 and 1 examples.
    told = TEST.assign(train_examples=[0.0, 10.0, 1000.0, 100.0, 1.0])
    found = dict(zip(TEST["intermediate"], _scores("size", test=told), strict=True))
    assert found == pytest.approx({"direct": -1, "mnli": 1, "rte": 3, "squad": 2, "new": 0})
    assert sized_by_examples(told).all()


def test_size_counts_rows_of_cards_where_a_query_tells_of_some_intermediates_alone():
    told = TEST.assign(train_examples=[np.nan, 10.0, 1000.0, 100.0, np.nan])
    assert not sized_by_examples(told).any()
    assert _scores("size", test=told).tolist() == _scores("size").tolist()
    other = TEST.assign(query="another", train_examples=[np.nan, 10.0, 1000.0, 100.0, 1.0])
    both = pd.concat([told, other], ignore_index=True)
    assert sized_by_examples(both).tolist() == [False] * 5 + [True] * 5


def test_mnli_is_always_mnli():
    assert _by_name("mnli") == {"direct": 0, "mnli": 1, "rte": 0, "squad": 0, "new": 0}


def test_history_is_the_mean_over_all_training_queries():
    # mnli (.06 + .02 - .05) / 3, rte .02, squad (-.02 + .08) / 2; new: the mean of all six, .11 / 6
    assert _by_name("history") == pytest.approx(
        {"direct": 0, "mnli": 0.01, "rte": 0.02, "squad": 0.03, "new": 0.11 / 6}
    )


def test_history_of_kind_looks_at_targets_of_the_kind_first():
    # extractive QA: mnli -.05, squad .08; rte has none there: .02 over all
    assert _by_name("history_kind") == pytest.approx(
        {"direct": 0, "mnli": -0.05, "rte": 0.02, "squad": 0.08, "new": 0.11 / 6}
    )


def test_history_of_the_target_looks_at_the_target_first():
    train = _rows(
        [
            ("xquad", "de", "mnli", -0.05),
            ("squadlike", "de", "squad", 0.02),
            ("xnli", "de", "rte", 0.01),
        ]
    ).assign(target_kind=["extractive-qa", "extractive-qa", "nli"])
    # mnli on the target, squad on its kind, rte anywhere, new: the mean of -.05, .02, .01
    assert _by_name("history_target", train=train) == pytest.approx(
        {"direct": 0, "mnli": -0.05, "rte": 0.01, "squad": 0.02, "new": -0.02 / 3}
    )


def test_composite_adds_standardised_signals():
    known = TEST[TEST["intermediate"].isin(["mnli", "squad"])]
    # two candidates: each signal is +1 or -1; size for mnli, rasch, kind and history for squad
    found = RULES["composite"](TRAIN, known, CARDS)
    assert found.tolist() == pytest.approx([-2.0, 2.0])


def test_rrf_adds_reciprocal_ranks():
    known = TEST[TEST["intermediate"].isin(["mnli", "squad", "rte"])]
    # ranks of mnli, rte, squad by size 1 3 2; by difficulty 3 1 2; same kind 2.5 2.5 1;
    # by history on the kind (-.05, .02, .08) 3 2 1
    expected = [
        1 / 61 + 1 / 63 + 1 / 62.5 + 1 / 63,
        1 / 63 + 1 / 61 + 1 / 62.5 + 1 / 62,
        1 / 62 + 1 / 62 + 1 / 61 + 1 / 61,
    ]
    assert RULES["rrf"](TRAIN, known, CARDS).tolist() == pytest.approx(expected)


def test_ridge_learns_which_candidates_gained(simulated_rows, catalogue):
    away = (simulated_rows["cluster"] == "squad").to_numpy()
    test = simulated_rows[away].assign(held_out=NEW)
    scores = RULES["ridge"](simulated_rows[~away], test, catalogue)
    assert np.corrcoef(scores, test["gain"])[0, 1] > 0.5


def test_a_rule_for_every_name_of_the_docs():
    named = {"random", "size", "history", "history_kind", "mnli", "direct", "composite", "rrf"}
    assert named | {"ridge"} <= set(RULES)
    assert len(RULES) >= 10


GAINS = ("history", "history_kind", "history_target", "ridge")  # their scores are gains
LAST = ("size", "composite", "rrf")  # they say nothing of direct


@pytest.mark.parametrize("name", RULES)
class TestEachRule:
    def test_scores_are_finite_and_one_for_each_row(self, name):
        scores = _scores(name)
        assert scores.shape == (len(TEST),)
        assert np.isfinite(scores).all()

    def test_it_is_blind_to_the_order_of_rows(self, name):
        train = TRAIN.sample(frac=1, random_state=1)
        test = TEST.sample(frac=1, random_state=2)
        found = pd.Series(_scores(name, train=train, test=test), index=test.index)
        expected = pd.Series(_scores(name), index=TEST.index)
        pd.testing.assert_series_equal(found.sort_index(), expected, rtol=1e-6, atol=1e-9)

    def test_it_never_looks_at_the_gains_of_its_test_rows(self, name):
        changed = TEST.assign(gain=np.arange(len(TEST)), score_se=9.0)
        np.testing.assert_array_equal(_scores(name, test=changed), _scores(name))

    def test_direct_stands_at_gain_0_or_last(self, name):
        found = _by_name(name)
        if name in GAINS:
            assert found["direct"] == 0.0
        elif name in LAST:
            assert found["direct"] < min(found[other] for other in found if other != "direct")
        elif name == "direct":
            assert [other for other in found if found[other] > 0] == ["direct"]
        else:
            assert name in ("random", "mnli")

    def test_queries_do_not_touch_each_other(self, name):
        other = _rows([("xnli", "ta", task, 0.0) for task in ("mnli", "squad")])
        both = pd.concat([TEST, other.assign(held_out=NEW)], ignore_index=True)
        together = _scores(name, test=both)[: len(TEST)]
        np.testing.assert_allclose(together, _scores(name), rtol=1e-6)

    def test_without_cards_it_still_answers(self, name):
        assert np.isfinite(_scores(name, cards=Catalogue([]))).all()

    def test_with_nothing_but_direct_in_training_it_answers_or_says_why(self, name):
        train = TRAIN[TRAIN["intermediate"] == "direct"]
        if name == "ridge":
            with pytest.raises(ValueError, match="0 sample"):
                _scores(name, train=train)
        else:
            assert np.isfinite(_scores(name, train=train)).all()
