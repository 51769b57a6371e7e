import numpy as np
import pandas as pd
import pytest

from metaselect.features.base import Feature, World, compute, product_of, products_of


def _feature(name, *, group, key, low, high, values):
    return Feature(
        name=name,
        groups=(group,),
        keys=(key,),
        words=name,
        unit="",
        low=low,
        high=high,
        missing="never",
        source="by hand",
        values=lambda keys, world: keys[key].map(values).to_numpy(dtype=np.float64),
    )


SIZE = _feature(
    "size", group="size", key="intermediate", low=-1.0, high=3.0, values={"a": 3.0, "b": -1.0}
)
DISTANCE = _feature(
    "distance", group="language", key="language", low=-2.0, high=0.5, values={"sw": 0.5, "de": -2.0}
)


def test_a_product_is_the_product_and_missing_where_either_is(cards):
    rows = pd.DataFrame(
        {"intermediate": ["a", "b", "a", "c"], "language": ["sw", "de", "xx", "sw"]},
        index=[7, 5, 3, 1],
    )
    found = compute([product_of(SIZE, DISTANCE)], rows, World(cards))
    assert found.index.tolist() == [7, 5, 3, 1]
    assert found["size_x_distance"].to_numpy() == pytest.approx(
        [1.5, 2, np.nan, np.nan], nan_ok=True
    )


def test_a_product_is_of_both_groups_and_of_both_keys():
    product = product_of(SIZE, DISTANCE)
    assert product.groups == ("size", "language")
    assert product.keys == ("intermediate", "language")
    same = product_of(SIZE, SIZE)
    assert (same.groups, same.keys) == (("size",), ("intermediate",))


def test_the_range_of_a_product_spans_its_corners():
    # -1..3 times -2..0.5: corners 2, -0.5, -6, 1.5
    product = product_of(SIZE, DISTANCE)
    assert (product.low, product.high) == (-6.0, 2.0)


def test_products_are_named_after_their_factors():
    (product,) = products_of([SIZE, DISTANCE], [("size", "distance")])
    assert product.name == "size_x_distance"
    with pytest.raises(KeyError, match="weight"):
        products_of([SIZE], [("size", "weight")])
