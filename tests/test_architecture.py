"""The shape of the package: who writes files, what importing costs, how long files are.

Who may import whom, and who owns which library, are contracts of import-linter (pyproject.toml).
"""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import metaselect

ROOT = Path(metaselect.__file__).parent
MODULES = {
    ".".join(("metaselect", *path.relative_to(ROOT).with_suffix("").parts)): path
    for path in sorted(ROOT.rglob("*.py"))
}
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in MODULES.items()}

MAY_WRITE = "metaselect.files"
TO_A_TEMPORARY_PATH = {  # writers given a path by `files.replacing`, which puts it in place
    "metaselect.catalogue.language_facts": {"write_text"},
    "metaselect.catalogue.uriel": {"open ['xb']", "savez"},
    "metaselect.harness.train.dynamics": {"open ['xb']", "savez_compressed"},
    "metaselect.harness.data.tokens": {"open ['xb']", "savez"},
    "metaselect.runs.exchange": {"open ['xb']", "to_csv"},
}
LONGEST = 350


def _imports(tree):
    """Every imported module, inside functions too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield str(node.module)


def test_the_walk_meets_the_whole_package():
    assert len(MODULES) >= 80
    assert {"metaselect.selector.selector", "metaselect.ranking.ranker"} <= set(MODULES)


def test_no_module_imports_from_metaselect_itself():
    faults = [
        name
        for name, tree in TREES.items()
        if any(module == "metaselect" for module in _imports(tree))
    ]
    assert not faults


def _writes(tree):
    """Line and words of every call that writes a file by itself."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = node.func
        name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
        texts = [item.value for item in node.args if isinstance(item, ast.Constant)]
        texts += [
            item.value.value
            for item in node.keywords
            if item.arg == "mode" and isinstance(item.value, ast.Constant)
        ]
        modes = [text for text in texts if isinstance(text, str) and len(text) <= 3]
        if name == "open" and any(set(mode) & set("wxa+") for mode in modes):
            yield node.lineno, f"open {modes}"
        of_path = isinstance(called, ast.Attribute) and name in ("write_text", "write_bytes")
        to_path = name in ("to_csv", "to_parquet", "to_json", "to_pickle") and node.args
        if of_path or to_path or name in ("savez", "savez_compressed", "tofile"):
            yield node.lineno, name


def test_one_module_opens_files_for_writing():
    faults = [
        f"{name}:{line}: {words}"
        for name in sorted(set(MODULES) - {MAY_WRITE})
        for line, words in _writes(TREES[name])
        if words not in TO_A_TEMPORARY_PATH.get(name, set())
    ]
    assert not faults


@pytest.mark.parametrize("name", TO_A_TEMPORARY_PATH)
def test_writers_beside_it_write_to_a_temporary_path_of_it(name):
    called = {
        ast.unparse(node.func) for node in ast.walk(TREES[name]) if isinstance(node, ast.Call)
    }
    assert called & {"replacing", "keep"}, "neither replacing nor keep is called here"
    assert set(TO_A_TEMPORARY_PATH[name]) == {words for _, words in _writes(TREES[name])}


def test_the_writing_module_is_seen_to_write():
    assert any(words.startswith("open") for _, words in _writes(TREES[MAY_WRITE]))


def test_no_module_is_named_for_nothing():
    words = {"utils", "util", "common", "helpers", "misc"}
    assert not [name for name in MODULES if words & set(name.split("."))]


def test_every_file_stays_small():
    sizes = {name: path.read_text(encoding="utf-8").count("\n") for name, path in MODULES.items()}
    assert not {name: size for name, size in sizes.items() if size > LONGEST}


def _imported_by(code):
    script = f"import sys; {code}; print(' '.join(sys.modules))"
    found = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, check=True, text=True
    )
    return {name.split(".")[0] for name in found.stdout.split()}


def test_importing_metaselect_alone_costs_nothing_heavy():
    found = _imported_by("import metaselect")
    heavy = {"pandas", "numpy", "lightgbm", "optuna", "sklearn", "scipy", "sqlalchemy", "pydantic"}
    assert not found & heavy


def test_everything_but_the_harness_works_without_torch():
    modules = [
        *("catalogue.tasks", "catalogue.languages", "runs.exchange", "runs.gains", "runs.store"),
        *("features.registry", "features.table", "ranking.ranker", "ranking.tuning"),
        *("ranking.baselines", "evaluation.nested", "selector"),
    ]
    found = _imported_by("; ".join(f"import metaselect.{module}" for module in modules))
    assert {"pandas", "lightgbm", "optuna"} <= found
    assert not found & {"torch", "transformers", "datasets", "peft", "accelerate"}


def test_importing_the_package_leaves_logging_and_warnings_alone():
    script = (
        "import logging, warnings; before = len(warnings.filters);"
        "import metaselect.errors, metaselect.files, metaselect.seeding;"
        "root = logging.getLogger(); own = logging.getLogger('metaselect');"
        "assert not root.handlers and not own.handlers and own.level == 0;"
        "assert len(warnings.filters) == before"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
