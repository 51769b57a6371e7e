import numpy as np
import pandas as pd

from metaselect.features.base import GROUPS
from metaselect.features.registry import FEATURES
from metaselect.selector.explain import group_shares, reasons_for

WORDS = {feature.name: feature.words for feature in FEATURES}
ROWS = pd.DataFrame({"query": ["q", "q", "q"], "intermediate": ["mnli", "copa", "direct"]})


def _reasons(rows, *, known=1.0, **added):
    contributions = pd.DataFrame(added, index=rows.index)
    values = pd.DataFrame(known, index=rows.index, columns=contributions.columns)
    return reasons_for(rows, contributions, values)


def test_a_reason_is_what_tells_a_candidate_from_its_fellows_in_points():
    # means over the query: .01; away: .02, -.005, -.015
    found = _reasons(ROWS, log_size_intermediate=[0.03, 0.005, -0.005])
    assert found[0] == [f"+2.0 points, size: {WORDS['log_size_intermediate']}"]
    assert found[1] == [f"-0.5 points, size: {WORDS['log_size_intermediate']}"]


def test_direct_is_what_it_is_by_definition():
    found = _reasons(ROWS, log_size_intermediate=[0.03, 0.005, -0.005])
    assert found[2] == ["no intermediate: gain 0 by definition"]


def test_what_all_candidates_share_is_no_reason():
    found = _reasons(ROWS, log_size_target=[0.05, 0.05, 0.05])
    assert found[0] == ["the predictor sees no difference between it and the mean candidate"]


def test_a_number_of_labels_is_told():
    name = "n_outcomes_intermediate"
    values = pd.DataFrame({name: [2.0, 3.0, np.nan]})
    found = reasons_for(ROWS, pd.DataFrame({name: [0.01, -0.01, 0.0]}), values)
    assert found[1] == [f"-1.0 points, affinity: {WORDS[name]} (3)"]


def test_at_most_three_groups_speak_largest_first():
    found = _reasons(
        ROWS,
        log_size_intermediate=[0.01, -0.01, 0.0],
        same_kind=[-0.03, 0.03, 0.0],
        rasch_intermediate=[0.02, -0.02, 0.0],
        history_popularity=[0.04, -0.04, 0.0],
    )
    shown = [reason.partition(":")[0] for reason in found[0]]
    assert shown == ["+4.0 points, history", "-3.0 points, affinity", "+2.0 points, difficulty"]


def test_a_group_speaks_for_all_its_features_by_the_one_that_adds_most_its_way():
    found = _reasons(ROWS, same_kind=[-0.06, 0.06, 0.0], same_head=[0.08, -0.08, 0.0])
    assert found[0] == [f"+2.0 points, affinity: {WORDS['same_head']}"]
    assert found[1] == [f"-2.0 points, affinity: {WORDS['same_head']}"]


def test_a_product_of_two_groups_counts_half_for_either():
    product = "rasch_intermediate_x_syntactic_distance"
    found = _reasons(ROWS, rasch_intermediate=[0.03, -0.03, 0.0], **{product: [0.02, -0.02, 0.0]})
    assert found[0] == [
        f"+4.0 points, difficulty: {WORDS['rasch_intermediate']}",
        f"+1.0 points, language: {WORDS[product]}",
    ]
    shares = group_shares([product, "same_kind"], GROUPS)
    assert shares.sum(axis=0).tolist() == [1.0, 1.0]
    assert shares[GROUPS.index("language")].tolist() == [0.5, 0.0]


def test_what_is_unknown_or_not_so_says_so():
    rasch = "rasch_intermediate"
    contributions = pd.DataFrame({"same_kind": [0.01, -0.01, 0.0], rasch: [0.02, -0.02, 0]})
    values = pd.DataFrame({"same_kind": [1.0, 0.0, 0.0], rasch: [np.nan, np.nan, np.nan]})
    found = reasons_for(ROWS, contributions, values)
    assert found[0] == [
        f"+2.0 points, difficulty: {WORDS[rasch]} (unknown)",
        "+1.0 points, affinity: same kind of task",
    ]
    assert found[1][1] == "-1.0 points, affinity: another kind of task"


def test_a_product_is_named_again_only_where_a_group_has_nothing_else():
    product = "log_size_intermediate_x_rasch_intermediate"
    contributions = pd.DataFrame(
        {product: [0.04, -0.04, 0.0], "log_size_intermediate": [0.01, -0.01, 0.0]}
    )
    values = pd.DataFrame(np.ones((3, 2)), columns=contributions.columns)
    found = reasons_for(ROWS, contributions, values)
    assert found[0] == [
        f"+3.0 points, size: {WORDS[product]}",
        f"+2.0 points, difficulty: {WORDS[product]}",  # it has nothing else to name
    ]
    assert _reasons(ROWS, **contributions, rasch_intermediate=[0.02, -0.02, 0.0])[0] == [
        f"+4.0 points, difficulty: {WORDS[product]}",
        f"+3.0 points, size: {WORDS['log_size_intermediate']}",
    ]


def test_queries_are_told_apart():
    rows = pd.DataFrame(
        {"query": ["a", "b", "a", "b"], "intermediate": ["mnli", "mnli"] + ["rte"] * 2}
    )
    found = _reasons(rows, log_size_intermediate=[0.02, 0.06, 0.0, 0.0])
    assert [reason[0].split()[0] for reason in found] == ["+1.0", "+3.0", "-1.0", "-3.0"]
