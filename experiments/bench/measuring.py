"""How the cost of measuring one new task grows with its rows and with languages.

    python experiments/bench/measuring.py --data DATA --encoder ENCODER [--task rotten_tomatoes]

All measures of the task as an intermediate for two targets, with two processes; what belongs to the
targets alone was measured before the clock starts. Prints seconds of wall time by rows (in all the
languages) and by languages (with all the rows).
"""

import argparse
import gzip
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

ROWS = (250, 500, 1000)
LANGUAGES = ("de", "sw", "th", "ta", "ru", "zh", "ar", "hi", "tr", "vi")
COUNTS = (2, 5, 10)
TARGETS = "sib200,xnli"
WARM = "rte"  # an intermediate that takes the targets' own measures along


def cut(data: Path, task: str, n_rows: int, folder: Path) -> Path:
    """The data with links to every other task and the first training rows of this one."""
    made = folder / f"data{n_rows}"
    (made / task).mkdir(parents=True)
    for path in data.iterdir():
        if path.name != task:
            (made / path.name).symlink_to(path)
    for path in (data / task).iterdir():
        if path.name.startswith("train.jsonl"):
            with (
                gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as lines,
                (made / task / "train.jsonl").open("w") as out,
            ):
                out.writelines(islice(lines, n_rows))
        else:
            (made / task / path.name).symlink_to(path)
    return made


def seconds(
    data: Path, encoder: Path, task: str, languages: Sequence[str], cache: Path, out: Path
) -> float:
    """Wall time of measuring, with what is in the cache."""
    command = [
        *(str(Path(sys.executable).parent / "metaselect"), "features", "compute"),
        *("--data", str(data), "--encoder", str(encoder), "--out", str(out), "--workers", "2"),
        *("--intermediates", task, "--targets", TARGETS, "--languages", ",".join(languages)),
    ]
    started = time.perf_counter()
    environment = {**os.environ, "METASELECT_CACHE": str(cache), "OMP_NUM_THREADS": "1"}
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Cost of measuring by rows and languages.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--encoder", type=Path, required=True)
    parser.add_argument("--task", default="rotten_tomatoes")
    given = parser.parse_args()
    data, encoder = given.data.resolve(), given.encoder.resolve()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        warm = folder / "warm"
        seconds(data, encoder, WARM, LANGUAGES, warm, folder / "warm.csv")

        def taken(n_rows: int, n_languages: int) -> float:
            cache = folder / f"cache{n_rows}-{n_languages}"
            shutil.copytree(warm, cache)
            rows = cut(data, given.task, n_rows, folder / f"{n_rows}-{n_languages}")
            out = folder / f"{n_rows}-{n_languages}.csv"
            found = seconds(rows, encoder, given.task, LANGUAGES[:n_languages], cache, out)
            shutil.rmtree(cache)
            return round(found, 1)

        by_rows = {count: taken(count, len(LANGUAGES)) for count in ROWS}
        by_languages = {count: taken(ROWS[-1], count) for count in COUNTS[:-1]}
        by_languages[COUNTS[-1]] = by_rows[ROWS[-1]]
    print(json.dumps({"seconds_by_rows": by_rows, "seconds_by_languages": by_languages}))


if __name__ == "__main__":
    main()
