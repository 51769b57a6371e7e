"""Whatever bytes a reader is given, it reads them or refuses them in a line.

A short form of `experiments/fuzz`, which goes on for as long as it is told and follows coverage.
"""

import contextlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from metaselect.catalogue.cardfiles import load_catalogue
from metaselect.catalogue.measured import read_measured
from metaselect.cli import main
from metaselect.errors import MetaselectError
from metaselect.files import MANIFEST, sha256_of
from metaselect.harness.config import read_config
from metaselect.runs.exchange import read_runs, write_runs
from metaselect.runs.schema import check_runs
from metaselect.runs.simulated import simulated_runs
from metaselect.selector import TaskSelector

SUFFIXES = ("csv", "jsonl", "parquet", "csv.gz", "jsonl.gz")
GRID = b"""
study = "s"
encoders = [{name = "e", path = "p"}]
intermediates = ["direct", "mnli"]
targets = ["xnli"]
seeds = [0]
[training]
epochs = 1.5
[task_testing.xnli]
languages = ["de", "sw"]
"""
CARD = b"""
[sources]
paper = "a paper"
[mine]
title = "Mine"
kind = "nli"
head = "classification"
metric = "accuracy"
train_size = 400
languages = ["en"]
scores = [{measure = "majority", value = 0.5, source = "paper"}]
fact_sources = {train_size = "paper"}
"""
MEASURED = b"measure,encoder,task,target,language,value,seconds\ndrift,e,mnli,,sw,0.5,1\n"
HOSTILE_TOML = [b"a = " + b"[" * 4000, b"a = " + b"9" * 5000, b"b = " + b"{a=" * 3000]
ODD = [None, True, -1, 10**400, 1e308, float("inf"), "", "../x", [], {}, [1, "a"], {"a": 1}]

cut = st.tuples(
    st.integers(0, 1 << 16),
    st.integers(0, 30),
    st.sampled_from([b"", b"null", b"1e999", b"[" * 3000, b"-1", b"\x00", b"\xff", b"\n", b'"'])
    | st.binary(max_size=8),
)
cuts = st.lists(cut, min_size=1, max_size=4)
Cuts = list[tuple[int, int, bytes]]
quick = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def with_cuts(original: bytes, made: Cuts) -> bytes:
    """Bytes with pieces cut out, others put in their place."""
    for at, length, put in made:
        start = at % (len(original) + 1)
        original = original[:start] + put + original[start + length :]
    return original


TREES = "target-*-0.txt"


def read_or_refused(read: Callable[[Path], object], path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with contextlib.suppress(MetaselectError):
        read(path)


@pytest.fixture(scope="module")
def folder(grown_predictor: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of a predictor with trees, to be changed and put back."""
    path = tmp_path_factory.mktemp("fuzz") / "predictor"
    shutil.copytree(grown_predictor, path)
    (path / "measured.csv").write_bytes(MEASURED)
    return path


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A small table of runs in each format."""
    place = tmp_path_factory.mktemp("runs")
    table = check_runs(simulated_runs(seed=0, noise=0.01).iloc[:3], percent=False)
    for suffix in SUFFIXES:
        write_runs(table, place / f"runs.{suffix}")
    return {suffix: (place / f"runs.{suffix}").read_bytes() for suffix in SUFFIXES}


@pytest.mark.parametrize("suffix", SUFFIXES)
@given(made=cuts, percent=st.booleans())
@quick
def test_runs(
    suffix: str, originals: dict[str, bytes], tmp_path: Path, made: Cuts, percent: bool
) -> None:
    content = with_cuts(originals[suffix], made)
    path = tmp_path / f"runs.{suffix}"
    read_or_refused(lambda path: read_runs(path, percent=percent), path, content)


@pytest.mark.parametrize("content", HOSTILE_TOML)
@pytest.mark.parametrize("read", [load_catalogue, read_config])
def test_toml_that_is_too_deep_or_too_long(
    read: Callable[[Path], object], content: bytes, tmp_path: Path
) -> None:
    (tmp_path / "it.toml").write_bytes(content)
    with pytest.raises(MetaselectError, match=r"it\.toml"):
        read(tmp_path / "it.toml")


@given(made=cuts)
@quick
def test_cards(tmp_path: Path, made: Cuts) -> None:
    read_or_refused(load_catalogue, tmp_path / "cards.toml", with_cuts(CARD, made))


@given(made=cuts)
@quick
def test_grids(tmp_path: Path, made: Cuts) -> None:
    read_or_refused(read_config, tmp_path / "grid.toml", with_cuts(GRID, made))


@given(made=cuts)
@quick
def test_measured_values(tmp_path: Path, made: Cuts) -> None:
    read_or_refused(read_measured, tmp_path / "measured.csv", with_cuts(MEASURED, made))


def sealed_and_read(folder: Path, name: str, content: bytes) -> None:
    """Read the folder with another content of one file and its hash, then put both back."""
    path = folder / name
    original, manifest = path.read_bytes(), (folder / MANIFEST).read_bytes()
    try:
        path.write_bytes(content)
        changed = json.loads(manifest)
        changed["sha256"][name] = sha256_of(path)
        (folder / MANIFEST).write_text(json.dumps(changed), encoding="utf-8")
        TaskSelector.from_pretrained(folder)
    finally:
        path.write_bytes(original)
        (folder / MANIFEST).write_bytes(manifest)


@given(name=st.sampled_from(["predictor.json", TREES, "measured.csv"]), made=cuts)
@quick
def test_a_predictor_with_other_bytes(folder: Path, name: str, made: Cuts) -> None:
    name = next(folder.glob(name)).name
    with contextlib.suppress(MetaselectError):
        sealed_and_read(folder, name, with_cuts((folder / name).read_bytes(), made))


@given(way=st.lists(st.integers(0, 1000), min_size=1, max_size=8), odd=st.sampled_from(ODD))
@quick
def test_a_predictor_with_another_value(folder: Path, way: list[int], odd: object) -> None:
    content = json.loads((folder / "predictor.json").read_bytes())
    place, key = content, "settings"
    for step in way:
        if not isinstance(place, dict | list) or not place:
            break
        parent = place
        key = list(place)[step % len(place)] if isinstance(place, dict) else step % len(place)
        place = place[key]
    parent[key] = odd
    with contextlib.suppress(MetaselectError):
        sealed_and_read(folder, "predictor.json", json.dumps(content).encode())


@pytest.mark.parametrize(
    ("old", "new"),
    [(b'"n_runs": ', b'"n_runs": 1e9'), (b'"models": ', b'"models": ' + b"[" * 4000)],
    ids=["infinite count", "too deep"],
)
def test_json_that_python_cannot_hold_is_refused(folder: Path, old: bytes, new: bytes) -> None:
    content = (folder / "predictor.json").read_bytes().replace(old, new + b"99", 1)
    with pytest.raises(MetaselectError, match="not a predictor this version reads"):
        sealed_and_read(folder, "predictor.json", content)


def test_trees_that_would_end_the_process_are_refused(folder: Path) -> None:
    name = next(folder.glob(TREES)).name
    content = (folder / name).read_bytes()
    at = content.index(b"leaf_value=") + 12
    with pytest.raises(MetaselectError, match="does not hold LightGBM trees: its trees are not"):
        sealed_and_read(folder, name, content[:at] + content[at + 1 :])


words = st.sampled_from(
    ["rank", "ls", "runs", "validate", "--target", "xnli", "--language", "sw", "--json", "--", "-"]
) | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/\\"), max_size=8)


@given(arguments=st.lists(words, max_size=6))
@quick
def test_arguments(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["metaselect", *arguments])
    code: object = 0
    try:
        main()
    except SystemExit as ended:
        code = ended.code or 0
    assert code in (0, 1, 2)
    said = capsys.readouterr()
    assert "Traceback" not in said.out + said.err
