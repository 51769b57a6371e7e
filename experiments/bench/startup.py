"""How long the command line takes to start, beside what Python and its libraries take anyway.

    python experiments/bench/startup.py [--repeats 7]

`metaselect --help` against a bare Python (aim: at most 0.3 s more), and a cold `metaselect rank`
against importing LightGBM and pandas alone. Medians of whole processes, in seconds.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time

HELP_AIM_S = 0.3
COMMANDS = {
    "python": ["-c", "pass"],
    "help": ["-m", "metaselect", "--help"],
    "libraries": ["-c", "import lightgbm, pandas"],
    "rank": ["-m", "metaselect", "rank", "--target", "xnli", "--language", "sw", "--json"],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=7)
    repeats = parser.parse_args().repeats
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(repeats):  # in turn, so that a busy minute falls on all of them
        for name, arguments in COMMANDS.items():
            times[name].append(seconds(arguments))
    medians = {name: statistics.median(values) for name, values in times.items()}
    found = {
        **{f"{name}_s": round(value, 3) for name, value in medians.items()},
        "help_beyond_python_s": round(medians["help"] - medians["python"], 3),
        "help_aim_s": HELP_AIM_S,
        "rank_over_libraries": round(medians["rank"] / medians["libraries"], 2),
    }
    print(json.dumps(found))


def seconds(arguments: list[str]) -> float:
    """Wall time of one fresh process; it must succeed."""
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
