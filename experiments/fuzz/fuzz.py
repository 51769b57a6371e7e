"""Can any input bring a reader down? Coverage-guided fuzzing of what metaselect takes from others.

    pip install atheris
    python experiments/fuzz/fuzz.py --target runs --seconds 60 [--out fuzzed]

Targets: `runs` (CSV, JSONL and Parquet bytes), `cards` (TOML of task cards), `config` (TOML of a
grid), `predictor` (a predictor's folder with one file changed and its hash sealed again),
`measured` (a table of measured values) and `arguments` (the command line, in this process; it is
kept from long work and from the network).

A crash is an exception other than `MetaselectError`; for `arguments`, also an exit code beyond 0, 1
and 2, or a traceback shown. Each crash of a kind (where it was raised, and what) is counted once;
its input and traceback are stored. A crash that ends the process, an input that takes more than 30
seconds or 3 GB are stored by libFuzzer, and the rest of the time goes on in a new process. Prints
one JSON object: inputs tried, crashes, seconds.
"""

import argparse
import contextlib
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import atheris

with atheris.instrument_imports(include=["metaselect", "tomllib", "json"]):
    from metaselect.catalogue.cardfiles import load_catalogue
    from metaselect.catalogue.measured import read_measured
    from metaselect.cli import main as command_line
    from metaselect.errors import MetaselectError
    from metaselect.files import MANIFEST, sha256_of
    from metaselect.harness.config import read_config
    from metaselect.runs.exchange import read_runs, write_runs
    from metaselect.selector import TaskSelector

from metaselect.runs.simulated import simulated_runs
from metaselect.selector.shipped import shipped_predictor

TARGETS = ("runs", "cards", "config", "predictor", "measured", "arguments")
SUFFIXES = ("csv", "jsonl", "parquet", "csv.gz", "jsonl.gz")
ODD = (None, True, -1, 0, 10**400, 1e308, float("inf"), "", "x", "../x", [], {}, [1, "a"], {"a": 1})
BYTES = (
    b"null",
    b"1e999",
    b"[" * 3000,
    b"-1",
    b"{}",
    b"\x00",
    b"\xff",
    b"999999999999",
    b"\n",
    b'"',
)
HOSTILE_TOML = (b"a = " + b"[" * 4000, b"a = " + b"9" * 5000, b"a" + b".b" * 4000 + b" = 1")
WORK = Path(tempfile.gettempdir()) / f"fuzz-{os.getpid()}"

VERBS = (  # each with what keeps it from long work; the words behind may override nothing of it
    *(("ls",), ("rank",), ("rank", "--predictor", "predictor"), ("runs", "ls"), ("runs", "read")),
    *(("runs", "validate"), ("runs", "import"), ("runs", "export")),
    *(("train", "--runs", "none.csv"), ("evaluate", "--runs", "none.csv"), ("run", "none.toml")),
    *(("ablate", "--runs", "none.csv"), ("report", "none"), ("doctor", "--help"), ("--help",)),
    *(("features", "ls"), ("features", "compute", "none.toml"), ("plan", "--runs", "none.csv")),
    *(
        ("runs", "describe", "--runs", "none.csv"),
        ("reproduce", "--help"),
        ("runs", "publish", "none"),
        ("--version",),
        (),
    ),
)
WORDS = (
    *("--target", "--language", "--candidates", "--objective", "--top", "--json", "--out", "--"),
    *("--protocol", "--seed", "--percent", "--tasks", "--measured", "--store", "--study", "-"),
    *("xnli", "sw", "mnli", "direct", "tasks", "languages", "nan", "1", "-1", "9" * 30, "mean"),
    *("runs.csv", "none.csv", "predictor", "a/b", "=", "", "--dry-run", "--config", "--help"),
)


def fuzz_runs(data: bytes) -> None:
    """The first byte names the format and whether scores are percent."""
    first = data[:1] or b"\x00"
    path = WORK / f"runs.{SUFFIXES[first[0] % len(SUFFIXES)]}"
    path.write_bytes(data[1:])
    read_runs(path, percent=first[0] >= 128)


def fuzz_cards(data: bytes) -> None:
    """Task cards of a user."""
    path = WORK / "cards.toml"
    path.write_bytes(data)
    load_catalogue(path)


def fuzz_config(data: bytes) -> None:
    """A grid."""
    path = WORK / "grid.toml"
    path.write_bytes(data)
    read_config(path)


def fuzz_measured(data: bytes) -> None:
    """A table of measured values."""
    path = WORK / "measured.csv"
    path.write_bytes(data)
    read_measured(path)


def fuzz_predictor(data: bytes) -> None:
    """A changed file in a folder that holds fast to it."""
    given = atheris.FuzzedDataProvider(data)
    folder = WORK / "changed"
    names = ["predictor.json", "predictor.json", "target-0-0.txt", "measured.csv", MANIFEST]
    path = folder / given.PickValueInList(names)
    original = (WORK / "predictor" / path.name).read_bytes()
    if path.suffix == ".json" and given.ConsumeBool():
        changed = _other_json(original, given)
    else:
        changed = _other_bytes(original, given)
    path.write_bytes(changed)
    try:
        if path.name != MANIFEST:
            manifest = json.loads((WORK / "predictor" / MANIFEST).read_text(encoding="utf-8"))
            manifest["sha256"][path.name] = sha256_of(path)
            (folder / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
        TaskSelector.from_pretrained(folder)
    finally:
        path.write_bytes(original)
        shutil.copy(WORK / "predictor" / MANIFEST, folder / MANIFEST)


def _other_bytes(original: bytes, given: Any) -> bytes:
    """Up to four cuts, each with something put in its place."""
    changed = original
    for _ in range(given.ConsumeIntInRange(1, 4)):
        at = given.ConsumeIntInRange(0, len(changed))
        end = at + given.ConsumeIntInRange(0, 30)
        put = given.PickValueInList(list(BYTES)) if given.ConsumeBool() else given.ConsumeBytes(8)
        changed = changed[:at] + put + changed[end:]
    return changed


def _other_json(original: bytes, given: Any) -> bytes:
    """One value, wherever it stands, replaced or left out."""
    content = json.loads(original)
    place = content
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = given.PickValueInList(keys)
        inner = place[key]
        if not isinstance(inner, dict | list) or not inner or given.ConsumeIntInRange(0, 5) == 0:
            break
        place = inner
    if given.ConsumeIntInRange(0, 7) == 0:
        del place[key]
    else:
        place[key] = given.PickValueInList(list(ODD))
    return json.dumps(content).encode()


def fuzz_arguments(data: bytes) -> None:
    """A verb and words behind it."""
    given = atheris.FuzzedDataProvider(data)
    words = list(given.PickValueInList(list(VERBS)))
    for _ in range(given.ConsumeIntInRange(0, 6)):
        if given.ConsumeIntInRange(0, 3):
            words.append(given.PickValueInList(list(WORDS)))
        else:  # never a path out of the folder that this runs in
            words.append(given.ConsumeUnicodeNoSurrogates(8).lstrip("/.~").replace("..", ""))
    streams = [io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in "oe"]
    code: Any = 0
    sys.argv = ["metaselect", *words]
    with contextlib.redirect_stdout(streams[0]), contextlib.redirect_stderr(streams[1]):
        try:
            command_line()
        except SystemExit as ended:
            code = ended.code or 0
    said = b"".join(stream.buffer.getvalue() for stream in streams)  # type: ignore[attr-defined]
    if code not in (0, 1, 2) or b"Traceback" in said:
        raise RuntimeError(f"exit code {code!r} of {words}: {said[-2000:]!r}")


def seeds_of(target: str) -> list[bytes]:
    """Whole inputs to start from."""
    runs = simulated_runs(seed=0, noise=0.01).iloc[:3]
    if target == "runs":
        found = []
        for number, suffix in enumerate(SUFFIXES):
            path = WORK / f"seed.{suffix}"
            write_runs(runs, path)
            found.append(bytes([number]) + path.read_bytes())
        return found
    if target == "cards":
        return [
            *HOSTILE_TOML,
            _card("[xcopa]"),
            b'[mine]\ntitle = "T"\nkind = "nli"\nhead = "classification"\n',
        ]
    if target == "config":
        folder = Path(__file__).parents[1]
        return [*HOSTILE_TOML, *(path.read_bytes() for path in sorted(folder.glob("*.toml")))]
    if target == "measured":
        head = b"measure,encoder,task,target,language,value,seconds\n"
        return [
            head + b"d" * 140_000 + b",e,,,,1,1",
            head + b'drift,"e",mnli,,sw,0.5,1\n# remark\nalignment,e,,,sw,-1e-3,\n',
        ]
    return [hashlib.sha512(bytes([number])).digest() * 2 for number in range(32)]


def _card(name: str) -> bytes:
    """A card that ships, with its sources."""
    folder = Path(sys.modules[load_catalogue.__module__].__file__ or "").parent / "cards"
    text = next(path.read_text("utf-8") for path in folder.glob("*.toml") if name in _text(path))
    tables = re.split(r"^(?=\[)", text, flags=re.MULTILINE)
    return "".join(part for part in tables if part.startswith(("[sources]", name))).encode()


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def fuzz(target: str, seconds: int, out: Path) -> None:
    """Try inputs in this process until the time is up; libFuzzer ends the process."""
    out = out.resolve()
    (WORK / "corpus").mkdir(parents=True)
    predictor = WORK / "predictor"
    shutil.copytree(shipped_predictor(), predictor)
    (predictor / "measured.csv").write_text(
        "measure,encoder,task,target,language,value,seconds\ndrift,e,mnli,,sw,0.5,1\n", "utf-8"
    )
    shutil.copytree(predictor, WORK / "changed")
    for number, seed in enumerate(seeds_of(target)):
        (WORK / "corpus" / str(number)).write_bytes(seed)
    os.environ.update(HF_HUB_OFFLINE="1", METASELECT_STORE=f"sqlite:///{WORK}/none.db")
    os.chdir(WORK)
    one: Callable[[bytes], None] = globals()[f"fuzz_{target}"]

    def guarded(data: bytes) -> None:
        try:
            one(data)
        except MetaselectError:
            pass
        except Exception as error:
            _keep(out, data, error)

    limits = ["-timeout=30", "-rss_limit_mb=3000", "-max_len=262144", "-print_final_stats=1"]
    limits += ["-report_slow_units=30"]
    places = [f"-artifact_prefix={out}/fatal-", str(WORK / "corpus")]
    atheris.Setup([sys.argv[0], f"-max_total_time={seconds}", *limits, *places], guarded)
    atheris.Fuzz()


def _keep(out: Path, data: bytes, error: Exception) -> None:
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "metaselect" in frame.filename] or frames
    kind = f"{type(error).__name__}-{Path(ours[-1].filename).stem}-{ours[-1].lineno}"
    if not (out / f"{kind}.txt").exists():
        (out / f"{kind}.input").write_bytes(data)
        (out / f"{kind}.txt").write_text("".join(traceback.format_exception(error)), "utf-8")


def watch(target: str, seconds: int, out: Path) -> dict[str, Any]:
    """Fuzz in processes of their own until the time is up; the tally."""
    out.mkdir(parents=True, exist_ok=True)
    start, n_inputs = time.monotonic(), 0
    arguments = ["--target", target, "--out", str(out), "--inside"]
    while (left := round(seconds - (time.monotonic() - start))) > 0:
        command = [sys.executable, __file__, *arguments, "--seconds", str(left)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
            said = child.communicate()[1].decode(errors="replace")
        shutil.rmtree(WORK.with_name(f"fuzz-{child.pid}"), ignore_errors=True)
        found = re.search(r"number_of_executed_units: (\d+)", said)
        if found is None:
            raise SystemExit(f"the fuzzer did not start:\n{said[-2000:]}")
        n_inputs += int(found[1])
    kinds = sorted(path.stem for path in out.glob("*.txt"))
    kinds += sorted(path.name for path in out.glob("fatal-*"))
    taken = round(time.monotonic() - start)
    return {"target": target, "inputs": n_inputs, "crashes": len(kinds), "seconds": taken} | (
        {"kinds": kinds} if kinds else {}
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--target", choices=TARGETS, required=True)
    parser.add_argument("--seconds", type=int, required=True)
    parser.add_argument("--out", type=Path, default=Path("fuzzed"), help="crashing inputs go here")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.inside:
        fuzz(given.target, given.seconds, given.out)
    else:
        print(json.dumps(watch(given.target, given.seconds, given.out / given.target)))
