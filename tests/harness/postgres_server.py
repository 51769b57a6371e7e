"""A PostgreSQL server of a test's own, which it may stop and start."""

import os
import shutil
import subprocess
from pathlib import Path

BINARIES = max(Path("/usr/lib/postgresql").glob("*/bin"), default=None)


class Server:
    """A server in a folder, reached by a socket there.

    Args:
        folder: Empty; its path is short, since sockets' paths are.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._data = folder, folder / "data"
        folder.chmod(0o755)
        self._data.mkdir(mode=0o700)
        if os.geteuid() == 0:  # the server refuses to run as root
            for path in (folder, self._data):
                shutil.chown(path, "postgres")
        options = ["-A", "trust", "-U", "metaselect", "-E", "UTF8", "--no-locale", "-N"]
        self._run("initdb", "-D", str(self._data), *options)
        self.start()
        self._run("createdb", "-h", str(folder), "-U", "metaselect", "runs")

    @property
    def url(self) -> str:
        """Of its database."""
        return f"postgresql+psycopg://metaselect@/runs?host={self._folder}"

    def start(self) -> None:
        """Until it answers."""
        settings = f"-k {self._folder} -c listen_addresses= -c fsync=off"
        log = str(self._folder / "log")
        self._run("pg_ctl", "-D", str(self._data), "-w", "-l", log, "-o", settings, "start")

    def stop(self) -> None:
        """At once, as if the machine had gone."""
        self._run("pg_ctl", "-D", str(self._data), "-w", "-m", "immediate", "stop")

    def _run(self, name: str, *arguments: str) -> None:
        assert BINARIES is not None
        command = [str(BINARIES / name), *arguments]
        if os.geteuid() == 0:
            command = ["runuser", "-u", "postgres", "--", *command]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=self._folder)
