import numpy as np
import pandas as pd
import pytest

from metaselect.catalogue.tasks import Catalogue
from metaselect.features.base import Feature, World, compute

WORLD = World(Catalogue([]))


def _feature(name="length", *, keys=("intermediate",), values=None, low=0.0, high=10.0):
    def lengths(table, world):
        return table[list(keys)].apply(lambda row: len("".join(row)), axis=1).to_numpy(float)

    return Feature(
        name=name,
        groups=("size",),
        keys=keys,
        words="length of the name",
        unit="letters",
        low=low,
        high=high,
        missing="never",
        source="by hand",
        values=lengths if values is None else values,
    )


def test_values_are_spread_over_the_rows_in_their_order():
    rows = pd.DataFrame({"intermediate": ["abc", "a", "abc"]}, index=[9, 4, 9])
    found = compute([_feature(), _feature("again")], rows, WORLD)
    assert found.columns.tolist() == ["length", "again"]
    assert found["length"].tolist() == [3, 1, 3]
    assert found.index.tolist() == [9, 4, 9]
    assert set(found.dtypes) == {np.dtype("float32")}


def test_each_distinct_key_is_computed_once():
    seen = []

    def values(keys, world):
        seen.append(keys.to_numpy().tolist())
        return np.zeros(len(keys))

    rows = pd.DataFrame({"intermediate": ["b", "a", "b", "b"], "target": ["x", "x", "x", "y"]})
    compute([_feature(keys=("intermediate", "target"), values=values)], rows, WORLD)
    assert seen == [[["b", "x"], ["a", "x"], ["b", "y"]]]


def test_no_features_and_no_rows_are_no_error():
    rows = pd.DataFrame({"intermediate": ["a", "b"]})
    assert compute([], rows, WORLD).shape == (2, 0)

    def none(keys, world):
        return np.zeros(len(keys))

    assert compute([_feature(values=none)], rows.iloc[:0], WORLD).shape == (0, 1)


def test_categories_and_texts_give_the_same_values():
    rows = pd.DataFrame({"intermediate": ["abc", "a", "abc"], "target": ["x", "y", "y"]})
    feature = _feature(keys=("intermediate", "target"))
    texts, codes = (compute([feature], table, WORLD) for table in (rows, rows.astype("category")))
    pd.testing.assert_frame_equal(texts, codes)


def test_a_value_out_of_range_is_refused_by_name():
    rows = pd.DataFrame({"intermediate": ["abcdefghijk"]})
    with pytest.raises(ValueError, match=r"length gave 11 to 11, outside 0\.0 to 10\.0"):
        compute([_feature()], rows, WORLD)
    with pytest.raises(ValueError, match="outside"):
        compute([_feature(values=lambda keys, world: np.array([np.inf]))], rows, WORLD)


def test_a_wrong_shape_is_refused_by_name():
    rows = pd.DataFrame({"intermediate": ["a", "b", "a"]})
    with pytest.raises(ValueError, match=r"length gave shape \(3,\) for 2 keys"):
        compute([_feature(values=lambda keys, world: np.zeros(3))], rows, WORLD)


def test_a_million_rows_have_the_values_of_their_distinct_few():
    # 1,000 queries by 1,000 candidates over 20 names each, the intermediate in categories
    names = [f"task{number}" for number in range(20)]
    random = np.random.default_rng(0)
    few = pd.DataFrame(
        {
            "intermediate": np.repeat(names, 20),
            "target": np.tile(names, 20),
        }
    )
    feature = _feature(keys=("intermediate", "target"), high=20.0)
    small = compute([_feature(), feature], few, WORLD)
    which = random.integers(0, 400, 1_000_000)
    many = few.iloc[which].reset_index(drop=True)
    large = compute([_feature(), feature], many.astype("category"), WORLD)
    np.testing.assert_array_equal(large.to_numpy(), small.to_numpy()[which])
