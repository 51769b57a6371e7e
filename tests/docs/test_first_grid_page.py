"""The page of a first grid holds with data and an encoder in their places."""

import shlex
import shutil

from tests.cli.conftest import call_main
from tests.docs.pages import blocks_of, run_page
from tests.harness.conftest import data_folder, encoder_folder

__all__ = ["data_folder", "encoder_folder"]

PAGE = "howto/first-grid.md"


def test_the_commands_of_the_page_make_a_table(encoder_folder, data_folder, tmp_path, monkeypatch):
    run_page(PAGE, tmp_path, made=None)  # writes grid.toml
    shutil.copytree(encoder_folder, tmp_path / "encoders" / "ours")
    monkeypatch.chdir(tmp_path)
    lines = [
        line
        for block in blocks_of(PAGE)
        if block.language == "bash"
        for line in block.text.splitlines()
        if not line.startswith("metaselect evaluate")  # minutes
    ]
    assert len(lines) == 4
    shown = []
    for line in lines:
        done = call_main(*shlex.split(line)[1:])
        assert done.code == 0, (line, done)
        shown.append(done.out)
    assert "  xnli   2 languages: en, sw\n" in shown[0]
    assert shown[1].startswith("8 of 8 runs done, 0 failed")
    assert "complete, 16 scores" in shown[2]
