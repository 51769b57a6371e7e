"""A predictor folder from a stranger: nothing in it runs, and nothing outside it is read."""

import pickle
from pathlib import Path

import pytest

from metaselect.errors import MetaselectError
from metaselect.files import MANIFEST
from metaselect.selector import TaskSelector
from metaselect.selector.hub import local_folder
from metaselect.selector.io import refuse_pickles


class Bomb:
    """Leaves a mark when it is unpickled."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return Path.touch, (self.mark,)


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "predictor"
    path.mkdir()
    (path / MANIFEST).write_text("{}", encoding="utf-8")
    return path


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("name", ["predictor.json", "a/b/notes.md", ".hidden", "trees.txt"])
def test_a_pickle_of_any_name_is_refused_and_never_run(folder, tmp_path, name, protocol):
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(pickle.dumps(Bomb(tmp_path / "mark"), protocol=protocol))
    with pytest.raises(MetaselectError, match="looks like a pickle"):
        TaskSelector.from_pretrained(folder)
    assert not (tmp_path / "mark").exists()


@pytest.mark.parametrize("name", ["model.pkl", "MODEL.PKL", "x.joblib", "w.bin", "w.pt", "a.npy"])
def test_files_that_usually_hold_pickles_are_refused_by_name(folder, name):
    (folder / name).write_bytes(b"text")
    with pytest.raises(MetaselectError, match="looks like a pickle"):
        refuse_pickles(folder)


def test_a_pickle_of_the_oldest_kind_is_only_ever_read_as_text(folder, tmp_path):
    data = pickle.dumps(Bomb(tmp_path / "mark"), protocol=0)
    (folder / "predictor.json").write_bytes(data)
    with pytest.raises(MetaselectError, match="broken"):
        TaskSelector.from_pretrained(folder)
    assert not (tmp_path / "mark").exists()


def test_json_and_text_pass(folder):
    (folder / "predictor.json").write_text("{}", encoding="utf-8")
    (folder / "trees.txt").write_text("tree", encoding="utf-8")
    refuse_pickles(folder)


def test_a_folder_that_is_no_predictor_is_not_searched(tmp_path):
    (tmp_path / "mine.pkl").write_bytes(b"\x80")
    refuse_pickles(tmp_path)
    with pytest.raises(MetaselectError, match=f"has no {MANIFEST}"):
        TaskSelector.from_pretrained(tmp_path)


@pytest.mark.parametrize("name", ["../x", "./a/b", "/etc", "~/x", "a/b/c", "a"])
def test_a_path_is_never_looked_for_on_the_hub(name, tmp_path, monkeypatch):
    deep = tmp_path / "empty"
    deep.mkdir()
    monkeypatch.chdir(deep)
    if Path(name).is_dir():
        assert local_folder(name) == Path(name)
        return
    with pytest.raises(MetaselectError, match="No predictor folder"):
        local_folder(name)
