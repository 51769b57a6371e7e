"""An evaluation on a Ray cluster gives the same record as a local one."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(
    not (Path(sys.executable).parent / "ray").is_file(),
    reason="needs ray: pip install -c constraints.txt -e '.[cluster]'",
)


def test_folds_judged_on_a_cluster_give_the_same_record(call, runs_file, place):
    one = ["evaluate", "--runs", runs_file, "--trials", "1", "--json"]
    here = call(*one, "--workers", "1")
    there = subprocess.run(
        [sys.executable, "-m", "metaselect", *map(str, one), "--executor", "ray"],
        capture_output=True, text=True, timeout=300, check=False,
        env={**os.environ, "RAY_AUTH_MODE": "disabled", "RAY_ADDRESS": "local"},
    )  # fmt: skip
    assert there.returncode == 0, there.stderr
    assert json.loads(there.stdout) == here.json


def test_an_unknown_executor_is_refused(call, runs_file, place):
    done = call("evaluate", "--runs", runs_file, "--executor", "slurm")
    assert done.code == 2
    (told,) = [line for line in done.err.splitlines() if line.startswith("Error: ")]
    assert "'--executor'" in told
    assert "'slurm' is not one of 'local', 'ray'" in told


@pytest.mark.slow
def test_a_search_shared_on_a_cluster_ends_with_all_its_trials(runs_file, place, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "metaselect", "train", "--runs", str(runs_file), "--trials", "4",
         "--storage", str(tmp_path / "search.log"), "--out", str(tmp_path / "predictor"),
         "--executor", "ray", "--json"],
        capture_output=True, text=True, timeout=300, check=False,
        env={**os.environ, "RAY_AUTH_MODE": "disabled", "RAY_ADDRESS": "local"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["trials"] >= 8  # two predictors
    assert (tmp_path / "predictor" / "manifest.json").is_file()
