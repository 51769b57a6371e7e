"""Writes `.ci/lock.txt`: every pin of constraints.txt with the hashes of its files on the index.

    python .ci/lock.py [folder of further wheels ...]

Kept are source archives and wheels that Python 3.11 can install, on any system; wheels of a folder
(torch for CPUs, say) join the files of the same version.
"""

import hashlib
import json
import sys
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parent.parent
LOCK = ROOT / ".ci" / "lock.txt"
INDEX = "https://pypi.org/simple"
ACCEPT = {"Accept": "application/vnd.pypi.simple.v1+json"}


def pins() -> list[tuple[str, str]]:
    """Names and versions of constraints.txt."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    found = [line.split("==") for line in lines if "==" in line and not line.startswith("#")]
    return [(name, version) for name, version in found]


def normalised(name: str) -> str:
    """A project's name as the index has it."""
    return name.lower().replace("_", "-").replace(".", "-")


def is_of(filename: str, name: str, version: str) -> bool:
    """Whether a file is a release that Python 3.11 can install."""
    stem = filename.lower().removesuffix(".tar.gz").removesuffix(".whl")
    if filename.endswith(".tar.gz"):
        project, _, found = stem.rpartition("-")
        return normalised(project) == normalised(name) and found == version
    if not filename.endswith(".whl"):
        return False
    project, found, *_, python, abi, _ = stem.split("-")
    fits = any(tag in ("py3", "py2.py3", "cp311") for tag in (python, *python.split(".")))
    fits = fits or (abi == "abi3" and int(python.removeprefix("cp3") or 0) <= 11)
    return normalised(project) == normalised(name) and found.split("+")[0] == version and fits


def hashes(name: str, version: str, folders: list[Path]) -> list[str]:
    """SHA-256 of a version's files, sorted."""
    request = urllib.request.Request(f"{INDEX}/{normalised(name)}/", headers=ACCEPT)
    with urllib.request.urlopen(request, timeout=60) as answer:
        files = json.load(answer)["files"]
    found = {file["hashes"]["sha256"] for file in files if is_of(file["filename"], name, version)}
    found |= {
        hashlib.sha256(path.read_bytes()).hexdigest()
        for folder in folders
        for path in folder.glob("*.whl")
        if is_of(path.name, name, version)
    }
    if not found:
        raise SystemExit(f"The index has no files of {name} {version}.")
    return sorted(found)


def lines(folders: list[Path]) -> Iterator[str]:
    """The lock, a pin a paragraph."""
    yield "# Made by .ci/lock.py from constraints.txt."
    known = pins()
    with ThreadPoolExecutor(8) as pool:
        every = pool.map(lambda pin: hashes(*pin, folders), known)
        for (name, version), found in zip(known, every, strict=True):
            yield " \\\n".join(
                [f"{name}=={version}", *(f"    --hash=sha256:{one}" for one in found)]
            )


if __name__ == "__main__":
    LOCK.write_text(
        "\n".join(lines([Path(name) for name in sys.argv[1:]])) + "\n", encoding="utf-8"
    )
