"""What the shell offers when Tab is pressed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

CARD = '[zebra]\ntitle = "Z"\nkind = "nli"\nhead = "classification"\nmetric = "accuracy"\n'
COMMAND = [sys.executable, "-c", "from metaselect.cli import main; main()"]


def _run(*arguments, **environment):
    return subprocess.run(
        [*COMMAND, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1", **environment},
    )


def _offered(line):
    """What bash offers for the last word of a line."""
    words = line.split(" ")
    done = _run(
        COMP_WORDS=line, COMP_CWORD=str(len(words) - 1), _METASELECT_COMPLETE="complete_bash"
    )
    assert done.stderr == ""
    return done.stdout.split()


def test_commands_and_options_are_offered():
    assert _offered("metaselect re") == ["report", "reproduce"]
    assert _offered("metaselect runs ex") == ["export"]
    assert "--objective" in _offered("metaselect rank --o")
    assert _offered("metaselect evaluate --protocol f") == ["family"]


def test_tasks_are_offered_by_name(tmp_path):
    assert _offered("metaselect rank --target xn") == ["xnli", "xnli_native"]
    assert _offered("metaselect rank --candidates mnli,sq")[0].startswith("mnli,sq")
    (tmp_path / "own.toml").write_text(CARD, encoding="utf-8")
    asked = f"metaselect rank --tasks {tmp_path / 'own.toml'} --target zeb"
    assert _offered(asked) == ["zebra"]
    assert _offered("metaselect rank --tasks none.toml --target xn") == ["xnli", "xnli_native"]


def test_languages_are_offered_one_after_another():
    assert "sw" in _offered("metaselect rank --language s")
    found = _offered("metaselect rank --language sw,t")
    assert {"sw,ta", "sw,tr"} <= set(found)
    assert "sw" not in _offered("metaselect rank --language sw,s")


def test_zsh_is_told_what_names_mean():
    asked = "metaselect rank --language sw"
    done = _run(_TYPER_COMPLETE_ARGS=asked, _METASELECT_COMPLETE="complete_zsh")
    assert '"sw":"Swahili"' in done.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_can_be_shown_for_each_shell(shell):
    done = _run("--show-completion", shell)
    assert done.returncode == 0
    assert "_METASELECT_COMPLETE" in done.stdout


def test_completion_can_be_installed(tmp_path):
    done = _run("--install-completion", "bash", HOME=str(tmp_path))
    assert done.returncode == 0
    written = Path(tmp_path, ".bash_completions", "metaselect.sh").read_text()
    assert "complete_bash" in written
    assert "metaselect.sh" in Path(tmp_path, ".bashrc").read_text()
