"""Trees in text that could end the process are refused before LightGBM sees them."""

import re
from pathlib import Path

import lightgbm
import numpy as np
import pytest

from metaselect.ranking.treetext import check_trees


@pytest.fixture(scope="module")
def text(grown_predictor: Path) -> str:
    return sorted(grown_predictor.glob("*.txt"))[0].read_text(encoding="utf-8")


def resized(text: str) -> str:
    """The text with lengths that fit its trees again."""
    trees = re.split(r"^(?=Tree=)", text.partition("end of trees")[0], flags=re.MULTILINE)[1:]
    lengths = " ".join(str(len(tree)) for tree in trees)
    return re.sub(r"^tree_sizes=.*$", f"tree_sizes={lengths}", text, flags=re.MULTILINE)


def test_trees_of_a_predictor_pass(grown_predictor: Path) -> None:
    files = sorted(grown_predictor.glob("*.txt"))
    assert len(files) >= 6  # three models for new targets and for new families
    for path in files:
        check_trees(path.read_text(encoding="utf-8"))


def test_trees_of_one_leaf_pass() -> None:
    settings = {"verbose": -1, "min_data_in_leaf": 50}
    data = lightgbm.Dataset(np.arange(20.0).reshape(-1, 1), np.arange(20.0))
    text = lightgbm.train(settings, data, 2).model_to_string()
    assert "num_leaves=1\n" in text
    check_trees(text)


def test_a_text_one_byte_shorter_is_refused(text: str) -> None:
    at = text.index("leaf_value=") + 12  # LightGBM 4.7 ends the process over this one
    with pytest.raises(ValueError, match="not as long as tree_sizes says"):
        check_trees(text[:at] + text[at + 1 :])


@pytest.mark.parametrize(
    ("found", "put", "match"),
    [
        (r"num_class=1", "num_class=0", "are to be 1"),
        (r"num_tree_per_iteration=1", "num_tree_per_iteration=0", "are to be 1"),
        (r"max_feature_idx=\d+", "max_feature_idx=-1", "max_feature_idx is to be"),
        (r"max_feature_idx=\d+", "max_feature_idx=1", "feature that is not there"),
        (r"num_leaves=\d+", "num_leaves=99999999999", "num_leaves is to be"),
        (r"num_leaves=\d+", "num_leaves=1", "split_feature is to have 0 numbers"),
        (r"left_child=\S+", "left_child=0", "children are not|stands before"),
        (r"left_child=\S+", "left_child=9999", "children are not"),
        (r"leaf_value=\S+", "leaf_value=x", "what is no number"),
        (r"leaf_value=\S+ ", "leaf_value=", "leaf_value is to have"),
        (r"num_cat=0", "num_cat=1", "categories"),
        (r"is_linear=0", "is_linear=1", "linear leaves"),
        (r"shrinkage=", "left_child=1\nshrinkage=", "stands twice"),
        (r"threshold=", "thresholds=", "threshold"),
        (r"\[path_smooth: 0\]", "[path_smoo", r"path_smoo' is no parameter"),  # also ended it
        (r"end of parameters", "end", "no parameters"),
        (r"$", "\r", "carriage returns"),
    ],
)
def test_a_tree_that_points_elsewhere_is_refused(
    text: str, found: str, put: str, match: str
) -> None:
    changed = resized(re.sub(found, put, text, count=1))
    assert changed != text
    with pytest.raises(ValueError, match=match):
        check_trees(changed)


def test_a_way_down_is_never_a_circle(text: str) -> None:
    # five leaves, nodes 0 to 3: node 1 and node 2 are each other's child, every count fits
    nodes = {"left_child": "3 2 1 -1", "right_child": "-2 -3 -4 -5"}
    tree = text[text.index("Tree=0") : text.index("Tree=1")]
    values = {
        **dict.fromkeys(("split_feature", "threshold", "decision_type"), "0 0 0 0"),
        **nodes,
        **dict.fromkeys(("split_gain", "internal_value", "internal_weight"), ""),
        **{"internal_count": "", "leaf_weight": "", "leaf_count": "", "num_leaves": "5"},
        "leaf_value": "0 0 0 0 0",
    }
    changed = tree
    for name, value in values.items():
        changed = re.sub(rf"^{name}=.*$", f"{name}={value}", changed, flags=re.MULTILINE)
    with pytest.raises(ValueError, match="stands before its parent"):
        check_trees(resized(text.replace(tree, changed)))
