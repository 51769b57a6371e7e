import numpy as np
import pandas as pd
import pytest

from metaselect.features.base import World, compute
from metaselect.features.size import FEATURES, with_examples

NAN = np.nan


def test_sizes_are_powers_of_ten(cards, pairs):
    found = compute(FEATURES, pairs, World(cards))
    assert found.columns.tolist() == [
        "log_size_intermediate",
        "log_examples_intermediate",
        "log_size_target",
        "log_size_ratio",
    ]
    # 100,000, 100 and 1,000 rows; none for bare; nothing known of the last two
    sizes = [5, 2, 3, NAN, NAN, NAN]
    assert found["log_size_intermediate"].to_numpy() == pytest.approx([*sizes, *sizes], nan_ok=True)
    # the target has 10,000, bare has none
    targets = found["log_size_target"].to_numpy()
    assert targets == pytest.approx([4] * 6 + [NAN] * 6, nan_ok=True)
    ratios = found["log_size_ratio"].to_numpy()
    assert ratios == pytest.approx([1, -2, -1, NAN, NAN, NAN] + [NAN] * 6, nan_ok=True)


def _examples(world, rows):
    return compute(FEATURES, rows, world)["log_examples_intermediate"].tolist()


def test_examples_trained_on_are_those_of_the_study(cards):
    # two queries of study a tell 10 and 1,000 of mnli: mean 505; study b tells 100
    rows = pd.DataFrame(
        {
            "study": ["a", "a", "a", "b", "b"],
            "intermediate": ["mnli", "mnli", "direct", "mnli", "sst2"],
            "target": "xnli",
            "train_examples": [10.0, 1000.0, 0.0, 100.0, NAN],
        }
    )
    world = with_examples(World(cards), rows)
    assert world.examples == {"a": {"mnli": 505.0}, "b": {"mnli": 100.0}}
    assert _examples(world, rows) == pytest.approx(
        [np.log10(505), np.log10(505), NAN, 2, NAN], nan_ok=True, abs=1e-6
    )


def test_a_study_that_does_not_tell_takes_the_mean_of_those_that_do(cards):
    world = World(cards, examples={"a": {"mnli": 10.0}, "b": {"mnli": 190.0}})
    asked = pd.DataFrame({"study": "new", "intermediate": ["mnli", "sst2"], "target": "xnli"})
    assert _examples(world, asked) == pytest.approx([2, NAN], nan_ok=True)


def test_what_a_world_knows_of_examples_stays(cards):
    world = World(cards, examples={"a": {"mnli": 10.0}})
    rows = pd.DataFrame({"study": "a", "intermediate": ["mnli", "qqp"], "target": "xnli"})
    assert with_examples(world, rows) is world
    told = with_examples(world, rows.assign(train_examples=[7.0, 8.0]))
    assert told.examples == {"a": {"mnli": 10.0, "qqp": 8.0}}
    assert world.examples == {"a": {"mnli": 10.0}}
