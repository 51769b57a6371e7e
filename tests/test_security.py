"""Nothing that is read can run code: what ruff's security rules do not see."""

import ast
from pathlib import Path

import metaselect

ROOT = Path(metaselect.__file__).parent


def _calls():
    """Place and function of every call in the package."""
    for path in sorted(ROOT.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                place = f"{path.relative_to(ROOT).as_posix()}:{node.lineno}"
                yield place, ast.unparse(node.func), node


def _given(call, name):
    """The text of a keyword argument, or None."""
    found = (ast.unparse(item.value) for item in call.keywords if item.arg == name)
    return next(found, None)


def test_arrays_are_read_without_pickles():
    loads = [(place, call) for place, name, call in _calls() if name in ("np.load", "numpy.load")]
    assert loads
    assert not [place for place, call in loads if _given(call, "allow_pickle") == "True"]


def test_no_remote_code_is_trusted():
    faults = [
        place
        for place, _, call in _calls()
        if _given(call, "trust_remote_code") not in (None, "False")
    ]
    assert not faults
