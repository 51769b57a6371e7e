"""LightGBM's text of trees, checked before LightGBM reads it.

LightGBM believes what stands there: a tree that is cut short, or whose children point elsewhere,
can end the whole process. Trees here split on numbers alone and have one output.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final

_END: Final = "end of trees"
_ONE_OUTPUT = ("num_class", "num_tree_per_iteration")
_NODES = ("split_feature", "threshold", "decision_type", "left_child", "right_child")
_NODES_IF_ANY = ("split_gain", "internal_value", "internal_weight", "internal_count")
_LEAVES_IF_ANY = ("leaf_weight", "leaf_count")
_MOST = 1 << 16  # leaves and features: more than any table of runs is worth
_PARAMETER = re.compile(r"\[\w+: .*\]", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?([eE][+-]?\d+)?|inf|nan)", re.ASCII)


def check_trees(text: str) -> None:
    """Refuse a text whose trees LightGBM cannot read safely.

    Raises:
        ValueError: What is wrong with it.
    """
    head, *trees = re.split(r"^(?=Tree=)", text.partition(_END)[0], flags=re.MULTILINE)
    if "\r" in text:
        raise ValueError("it has carriage returns")
    header = _fields(line for line in head.splitlines() if "=" in line)
    if any(header.get(name) != "1" for name in _ONE_OUTPUT):
        raise ValueError(f"{' and '.join(_ONE_OUTPUT)} are to be 1")
    if _END not in text or [len(tree.encode()) for tree in trees] != _whole(header, "tree_sizes"):
        raise ValueError("its trees are not as long as tree_sizes says")
    _check_parameters(text.partition(_END)[2])
    n_features = _count(header, "max_feature_idx", least=0) + 1
    for number, tree in enumerate(trees):
        try:
            _check_tree(tree, number, n_features)
        except ValueError as error:
            raise ValueError(f"tree {number} is broken: {error}") from error


def _check_parameters(text: str) -> None:
    _, found, rest = text.partition("\nparameters:\n")
    lines, end, _ = rest.partition("\nend of parameters\n")
    if not found or not end:
        raise ValueError("it has no parameters")
    wrong = [line for line in lines.split("\n") if line and not _PARAMETER.fullmatch(line)]
    if wrong:
        raise ValueError(f"{wrong[0][:60]!r} is no parameter")


def _check_tree(text: str, number: int, n_features: int) -> None:
    fields = _fields(line for line in text.splitlines() if line)
    plain = {"Tree": str(number), "num_cat": "0", "is_linear": "0"}
    if any(_given(fields, name) != value for name, value in plain.items()):
        raise ValueError("another number, categories, or linear leaves")
    n_leaves = _count(fields, "num_leaves", least=1)
    for name in (*_NODES, *(name for name in _NODES_IF_ANY if fields.get(name))):
        _check_numbers(fields, name, n_leaves - 1)
    for name in ("leaf_value", *(name for name in _LEAVES_IF_ANY if fields.get(name))):
        _check_numbers(fields, name, n_leaves)
    _check_numbers(fields, "shrinkage", 1)
    if any(not 0 <= feature < n_features for feature in _whole(fields, "split_feature")):
        raise ValueError("it splits on a feature that is not there")
    children = [*_whole(fields, "left_child"), *_whole(fields, "right_child")]
    # every node but the root, and every leaf (-1 is the first), is a child exactly once; a child
    # node comes after its parent, so that no way down is a circle
    if sorted(children) != [*range(-n_leaves, 0), *range(1, n_leaves - 1)] and n_leaves > 1:
        raise ValueError("its children are not the nodes and leaves that it has")
    if any(0 <= child <= at % (n_leaves - 1) for at, child in enumerate(children)):
        raise ValueError("a node stands before its parent")


def _fields(lines: Iterable[str]) -> dict[str, str]:
    pairs = [line.partition("=") for line in lines]
    fields = {name: value for name, _, value in pairs}
    if len(fields) != len(pairs):
        raise ValueError("a line stands twice")
    return fields


def _whole(fields: Mapping[str, str], name: str) -> list[int]:
    _check_numbers(fields, name, len(_given(fields, name).split()))
    return [int(word) for word in fields[name].split()]


def _count(fields: Mapping[str, str], name: str, *, least: int) -> int:
    value = int(_given(fields, name))
    if not least <= value <= _MOST:
        raise ValueError(f"{name} is to be {least} to {_MOST}, not {value}")
    return value


def _given(fields: Mapping[str, str], name: str) -> str:
    if name not in fields:
        raise ValueError(f"{name} is missing")
    return fields[name]


def _check_numbers(fields: Mapping[str, str], name: str, count: int) -> None:
    words = _given(fields, name).split(" ") if _given(fields, name) else []
    if len(words) != count:
        raise ValueError(f"{name} is to have {count} numbers, not {len(words)}")
    if not all(re.fullmatch(_NUMBER, word) for word in words):
        raise ValueError(f"{name} has what is no number")
