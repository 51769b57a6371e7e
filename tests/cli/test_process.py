"""The command as a process: exit codes, streams that close or are narrow, and Ctrl-C."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = [sys.executable, "-m", "metaselect"]
_OTHER_SYSTEM = """
import os, sys
os.__dict__.pop("sched_getaffinity", None)
def refuse(event, arguments):
    if event in ("open", "os.listdir", "os.scandir") and str(arguments[0]).startswith("/proc"):
        raise PermissionError(13, "Permission denied", str(arguments[0]))
sys.addaudithook(refuse)
import metaselect
from metaselect.cli import main
main()
"""
pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals and pipes of POSIX")


def _run(*arguments, shell="", **environment):
    """Run the command, with more behind it for a shell."""
    script = f'"$@" {shell}'
    return subprocess.run(
        ["bash", "-c", f"set -o pipefail; {script}", "bash", *COMMAND, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, **environment},
    )


def test_the_module_runs_as_the_command_does(place, runs_file):
    done = _run("ls", "studies", "--json", "--runs", runs_file)
    assert done.returncode == 0
    assert json.loads(done.stdout)["items"]
    assert done.stderr.startswith("warning: simulated runs")
    bad = _run("runs", "validate", "none.csv")
    assert (bad.returncode, bad.stdout) == (2, "")
    assert bad.stderr == "metaselect: There is no file none.csv.\n"


@pytest.mark.parametrize(
    ("command", "there"),
    [
        ("rank --target xnli --language sw --json", "ranking"),
        ("evaluate --runs RUNS --protocol target --trials 1 --json", "methods"),
    ],
)
def test_a_system_without_proc_and_affinity_is_enough(place, runs_file, command, there):
    arguments = command.replace("RUNS", str(runs_file)).split()
    done = subprocess.run(
        [sys.executable, "-c", _OTHER_SYSTEM, *arguments],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)[there]


def test_a_reader_that_leaves_early_is_no_error(place):
    done = _run("ls", "languages", "--json", shell="| head -c 10")
    assert done.stdout == '{"items": '
    assert done.stderr == ""


@pytest.mark.parametrize("shell", [">&-", ">&- 2>&-"])
def test_a_closed_stdout_is_no_error(place, shell):
    done = _run("ls", "tasks", shell=shell)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_behind_stdout_is_one_line(place):
    done = _run("ls", "tasks", "--json", shell=">/dev/full")
    assert done.returncode == 2
    assert done.stderr == "metaselect: system: No space left on device\n"


def test_a_narrow_encoding_gets_escapes(place):
    done = _run("ls", "languages", "--json", PYTHONIOENCODING="ascii")
    assert done.returncode == 0
    assert done.stdout.isascii()
    names = {item["code"]: item["name"] for item in json.loads(done.stdout)["items"]}
    assert any(not name.isascii() for name in names.values())


def test_names_that_are_no_text_are_one_line(place):
    done = subprocess.run(
        [*COMMAND, "rank", "--target", b"xn\xff", "--language", "sw"], capture_output=True
    )
    assert done.returncode == 2
    assert done.stderr.startswith(b"metaselect: Unknown task 'xn\\udcff'. ")
    assert done.stderr.count(b"\n") == 1


def _stopped(arguments, *, after):
    """Start a command, send it what Ctrl-C sends once a line has come, and wait for its end."""
    process = subprocess.Popen(
        [*COMMAND, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # a group of its own, as a terminal's foreground job is
        preexec_fn=_interruptible,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if after in line:
            break
    os.killpg(process.pid, signal.SIGINT)
    try:
        out, err = process.communicate(timeout=120)
    finally:
        process.kill()
    return process.returncode, out, err


def _interruptible():
    """A job in the background of a script ignores Ctrl-C, and so would what it starts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


COMMANDS = {
    "train": (("train", "--trials", "500", "--out", "new/made"), "trial 2/"),
    "evaluate": (("evaluate", "--trials", "500", "--workers", "1", "--out", "new/made"), "warning"),
    "ablate": (("ablate", "--workers", "1", "--out", "new/made"), "warning"),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_ctrl_c_leaves_nothing_behind(runs_file, place, command):
    arguments, after = COMMANDS[command]
    code, out, err = _stopped([*arguments, "--runs", runs_file], after=after)
    assert (code, out) == (130, "")
    assert err.splitlines()[-1] == "stopped: nothing was written"
    assert not list(place.iterdir())


def test_ctrl_c_shows_no_traceback(runs_file, place):
    arguments, after = COMMANDS["train"]
    _, _, err = _stopped([*arguments, "--runs", runs_file], after=after)
    assert "Traceback" not in err


def test_a_stopped_search_goes_on_where_it_was(runs_file, place):
    given = ["train", "--runs", runs_file, "--storage", "search.log", "--out", "made"]
    code, _, err = _stopped([*given, "--trials", "500"], after="trial 2/")
    assert code == 130
    assert "stopped: the search is kept in search.log; the same command goes on from there\n" in err
    assert not Path("made").exists()
    done = _run(*given, "--trials", "3", "--json")
    assert done.returncode == 0
    assert done.stderr.count("trial 1/3") == 1  # of the second search; the first went on at 3
    assert done.stderr.count("trial 2/3") == 1


def test_a_hub_that_cannot_be_reached_is_one_line(place):
    pytest.importorskip("huggingface_hub", reason="comes with the harness")
    done = _run(
        *("rank", "--predictor", "nobody/nothing", "--target", "xnli", "--language", "sw"),
        HF_HUB_OFFLINE="1",
        HF_HOME=str(place / "cache"),
    )
    assert (done.returncode, done.stdout) == (2, "")
    told = "metaselect: Neither a folder nor readable on the hub: nobody/nothing ("
    assert done.stderr.startswith(told)
    assert done.stderr.count("\n") == 1


GRID = """
study = "own"
data = "."
seeds = [0]
encoders = [{ name = "e", path = "none" }]
intermediates = ["direct"]
targets = ["udpos"]
"""


@pytest.mark.parametrize(
    ("module", "extra", "command"),
    [
        ("torch", "harness", "run grid.toml --out out"),
        ("sqlalchemy", "store", "runs import runs.csv"),
        ("sqlalchemy", "store", "ls studies --store sqlite:///runs.db"),
        ("altair", "report", "report --out out"),
        ("vl_convert", "report", "reproduce --out out"),
    ],
)
def test_a_command_without_its_packages_says_what_to_install(
    tmp_path: Path, module: str, extra: str, command: str
) -> None:
    (tmp_path / "grid.toml").write_text(GRID)
    script = (
        f"import sys; sys.modules[{module!r}] = None; "
        f"sys.argv = {['metaselect', *command.split()]}; "
        "from metaselect.cli import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True, text=True, check=False, timeout=60, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.endswith(f"in a clone: pip install -c constraints.txt -e '.[{extra}]'")
    assert not (tmp_path / "out").exists()
