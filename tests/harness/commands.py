"""`metaselect run` as a process that tests start, watch and end."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from metaselect.harness.config import GridConfig
from tests.harness.grids import toml_of

COMMAND = """
import sys, typer
from metaselect.cli.run import run_command
from metaselect.errors import MetaselectError
app = typer.Typer(pretty_exceptions_enable=False)
app.command()(run_command)
if __name__ == "__main__":
    try:
        app()
    except MetaselectError as error:
        sys.exit(f"error: {error}")
"""


ALWAYS = """
from metaselect.harness.grid import runner
runner.TABLE_EVERY_S = runner._RARELY = 0
"""
"""Write the runs table, and feed the store, after every stage."""


def start(
    config: GridConfig,
    folder: Path,
    out: Path,
    *options: str,
    table_always: bool = False,
    **environment: str,
) -> subprocess.Popen[str]:
    """`metaselect run` of a config as a process of its own session."""
    script = folder / "command.py"
    script.write_text(ALWAYS + COMMAND if table_always else COMMAND)
    path = folder / "grid.toml"
    path.write_text(toml_of(config))
    return subprocess.Popen(
        [sys.executable, str(script), str(path), "--out", str(out), "--json", *options],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore", **environment},
        preexec_fn=interruptible,
    )  # fmt: skip


def interruptible() -> None:
    """A job in the background of a script ignores Ctrl-C, and so would what it starts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def stages_done(out: Path) -> int:
    """Sealed stages of a grid's folder."""
    return len(list((out / "work" / "stages").glob("*/manifest.json")))


def wait_for_stages(out: Path, count: int, process: subprocess.Popen[str]) -> None:
    """Until the work folder is there and so many stages are sealed."""
    deadline = time.monotonic() + 120
    while stages_done(out) < count or not (out / "grid.json").is_file():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)
