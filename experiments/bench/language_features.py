"""Language features of 50 languages: ours against the same numbers through lang2vec's own calls.

python experiments/bench/language_features.py

Each way runs in fresh processes and is timed from before its heavy imports. `first` is the first
use ever (ours has no cache yet), `process` a new process later on, `again` a second call in one
process. The five cosine distances and the share of imputed values are compared, so that both ways
compute the same. lang2vec needs setuptools < 82 (pkg_resources).
"""

import json
import os
import subprocess
import sys
import tempfile
import time
import warnings

from metaselect.catalogue.language_facts import table_facts

REPEATS = 3


def ours(codes: list[str]) -> list[list[float]]:
    from metaselect.catalogue.uriel import load_uriel

    uriel = load_uriel()
    kinds = ("syntactic", "phonological", "inventory", "featural", "genetic")
    columns = [uriel.distances(kind, codes, "eng") for kind in kinds]
    return [column.tolist() for column in (*columns, uriel.missing_share(codes))]


def through_lang2vec(codes: list[str]) -> list[list[float]]:
    import numpy as np

    warnings.simplefilter("ignore")  # pkg_resources is deprecated
    from lang2vec import lang2vec

    def vectors(name: str) -> np.ndarray:
        found = lang2vec.get_features(["eng", *codes], name)
        rows = [found[code] for code in ("eng", *codes)]
        return np.array([[-1.0 if value == "--" else value for value in row] for row in rows])

    def distances(values: np.ndarray) -> list[float]:
        lengths = np.linalg.norm(values, axis=1)
        with np.errstate(invalid="ignore"):
            return (1 - values[1:] @ values[0] / (lengths[1:] * lengths[0])).tolist()

    sets = [vectors(name) for name in ("syntax_knn", "phonology_knn", "inventory_knn")]
    columns = [distances(values) for values in (*sets, np.concatenate(sets, axis=1))]
    missing = (vectors("syntax_average")[1:] < 0).mean(axis=1).tolist()
    return [*columns, distances(vectors("fam")), missing]


WAYS = {"metaselect": ours, "lang2vec": through_lang2vec}


def child(way: str, codes: list[str]) -> None:
    start = time.perf_counter()
    values = WAYS[way](codes)
    first = time.perf_counter() - start
    start = time.perf_counter()
    WAYS[way](codes)
    again = time.perf_counter() - start
    print(json.dumps({"first": first, "again": again, "values": values}))


def measure(way: str, codes: list[str], cache: str) -> dict[str, object]:
    environment = {**os.environ, "METASELECT_CACHE": cache, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, __file__, way, *codes]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def largest_difference(mine: list[list[float]], theirs: list[list[float]]) -> float:
    pairs = [pair for a, b in zip(mine, theirs, strict=True) for pair in zip(a, b, strict=True)]
    return max(abs(a - b) for a, b in pairs if a == a and b == b)  # NaN: no family recorded


def main() -> None:
    codes = [facts["vectors"] for facts in table_facts().values() if "genus" in facts]
    with tempfile.TemporaryDirectory() as cache:
        firsts = {way: measure(way, codes, cache) for way in WAYS}
        later = {way: [measure(way, codes, cache) for _ in range(REPEATS)] for way in WAYS}
    difference = largest_difference(firsts["metaselect"]["values"], firsts["lang2vec"]["values"])
    print(f"{len(codes)} languages, best of {REPEATS}; largest difference {difference:.1e}")
    print(f"{'':10}{'metaselect':>12}{'lang2vec':>12}{'ratio':>9}")
    times = {
        "first": {way: firsts[way]["first"] for way in WAYS},
        "process": {way: min(run["first"] for run in later[way]) for way in WAYS},
        "again": {way: min(run["again"] for run in later[way]) for way in WAYS},
    }
    for case, seconds in times.items():
        mine, theirs = seconds["metaselect"], seconds["lang2vec"]
        print(f"{case:10}{mine:>10.4f} s{theirs:>10.3f} s{theirs / mine:>8.1f}x")


if __name__ == "__main__":
    child(sys.argv[1], sys.argv[2:]) if len(sys.argv) > 1 else main()
