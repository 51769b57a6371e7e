"""Nothing that is read can run code, and nothing here runs a shell."""

import ast
from pathlib import Path

import pytest

import metaselect

ROOT = Path(metaselect.__file__).parent
TREES = {
    path.relative_to(ROOT).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
    for path in sorted(ROOT.rglob("*.py"))
}
UNSAFE_MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve", "yaml"}
UNSAFE_CALLS = {"eval", "exec", "compile", "__import__"}


def _calls(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield node, ast.unparse(node.func)


def _keyword(call, name):
    return next((item.value for item in call.keywords if item.arg == name), None)


def test_the_walk_meets_the_whole_package():
    assert len(TREES) >= 80


@pytest.mark.parametrize("name", TREES)
class TestEachModule:
    def test_it_imports_nothing_that_runs_code_when_it_reads(self, name):
        for node in ast.walk(TREES[name]):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            modules += [str(node.module)] if isinstance(node, ast.ImportFrom) else []
            assert not {module.split(".")[0] for module in modules} & UNSAFE_MODULES

    def test_it_runs_no_text_as_code(self, name):
        assert not [called for _, called in _calls(TREES[name]) if called in UNSAFE_CALLS]

    def test_arrays_and_weights_are_read_without_pickles(self, name):
        for call, called in _calls(TREES[name]):
            assert called not in ("joblib.load", "joblib.dump", "pd.read_pickle", "torch.save")
            if called in ("np.load", "numpy.load"):
                given = _keyword(call, "allow_pickle")
                assert given is None or ast.unparse(given) == "False"
            if called == "torch.load":
                assert ast.unparse(_keyword(call, "weights_only")) == "True"

    def test_no_remote_code_is_trusted_and_no_shell_is_run(self, name):
        for call, called in _calls(TREES[name]):
            remote, shell = _keyword(call, "trust_remote_code"), _keyword(call, "shell")
            assert remote is None or ast.unparse(remote) == "False"
            assert shell is None or ast.unparse(shell) == "False"
            assert called not in ("os.system", "os.popen")

    def test_connections_are_always_verified(self, name):
        for call, _ in _calls(TREES[name]):
            verify = _keyword(call, "verify")
            assert verify is None or ast.unparse(verify) != "False"
