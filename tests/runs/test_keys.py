"""Keys of rows: equal rows share a code, and codes number the keys in order of appearance."""

import pandas as pd
import pytest

from metaselect.runs.keys import distinct_keys

ROWS = pd.DataFrame({"task": ["b", "a", "b", "a", "b"], "language": ["sw", "sw", "sw", "de", "de"]})


@pytest.mark.parametrize("kind", ["object", "category"])
def test_codes_number_keys_in_order_of_appearance(kind):
    codes, keys = distinct_keys(ROWS.astype(kind), ("task", "language"))
    assert codes.tolist() == [0, 1, 0, 2, 3]
    assert keys.values.tolist() == [["b", "sw"], ["a", "sw"], ["a", "de"], ["b", "de"]]


def test_many_possible_keys_are_numbered_the_same():
    # 30 x 30 possible keys of 30 rows: more than four a row
    names = [f"n{number % 7}" for number in range(30)]
    rows = pd.DataFrame({"a": range(30), "b": range(30), "c": names})
    codes, keys = distinct_keys(rows, ("a", "b", "c"))
    assert codes.tolist() == list(range(30))
    pd.testing.assert_frame_equal(keys, rows)


def test_no_rows_have_no_keys():
    codes, keys = distinct_keys(ROWS[:0], ("task",))
    assert len(codes) == len(keys) == 0
