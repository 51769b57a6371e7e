"""Ranking a million candidates against LightGBM's bare predict on the ready matrix.

    python experiments/bench/rank_million.py [--trials 1] [--repeats 3]

Fits a predictor on the simulated study, then scores 1,000,000 (intermediate, target, language)
rows twice: from names (candidate_rows, features, history, trees, scale), and by the same boosters
alone on a matrix that is ready. The aim is a ratio of at most 1.5.
"""

import argparse
import itertools
import json
import time
from collections.abc import Callable

import numpy as np
import pandas as pd

from metaselect.catalogue.cardfiles import shipped_catalogue
from metaselect.features.base import GROUPS
from metaselect.features.table import candidate_rows, prepare
from metaselect.ranking.tuning import SearchSettings, fit_predictor
from metaselect.runs.gains import query_gains
from metaselect.runs.schema import check_runs
from metaselect.runs.simulated import simulated_runs

AIM = 1.5
N_CANDIDATES = 500
N_QUERIES = 2_000
LANGUAGES = [
    *("af", "ar", "bg", "bn", "de", "el", "es", "et", "eu", "fa", "fi", "fr", "ha", "he", "hi"),
    *("ht", "hu", "id", "it", "ja", "jv", "ka", "kk", "ko", "ml", "mr", "ms", "my", "nl", "pt"),
    *("qu", "ru", "sw", "ta", "te", "th", "tl", "tr", "ur", "vi"),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    catalogue = shipped_catalogue()
    runs = check_runs(simulated_runs(seed=0, noise=0.01), percent=False)
    rows = prepare(query_gains(runs), catalogue, unit="target")
    search = SearchSettings(given.trials, n_folds=2, n_best=3, seed=0, chance=None)
    predictor = fit_predictor(rows, catalogue=catalogue, groups=GROUPS, search=search, level=0.8)

    targets = sorted(set(rows["target"]))
    pairs = list(itertools.product(range(5), targets, LANGUAGES))[:N_QUERIES]
    queries = pd.DataFrame(
        [(f"study{number}", "e", "finetune", target, code) for number, target, code in pairs],
        columns=["study", "encoder", "adaptation", "target", "language"],
    )
    names = [*catalogue, *(f"mine{number}" for number in range(N_CANDIDATES))][:N_CANDIDATES]

    def ranked() -> np.ndarray:
        return predictor.predict(candidate_rows(queries, names, catalogue)).gain

    table = candidate_rows(queries, names, catalogue)
    ready = [model.table(table).to_numpy() for model in predictor.models]

    def bare() -> np.ndarray:
        total = np.zeros(len(table))
        for model, matrix in zip(predictor.models, ready, strict=True):
            for booster in model.ranker.boosters_:
                total += booster.predict(matrix, num_threads=1)
        return total

    n_rows = len(table)
    whole, alone = best_of(ranked, given.repeats), best_of(bare, given.repeats)
    n_boosters = sum(len(model.ranker.boosters_) for model in predictor.models)
    found = {
        "rows": n_rows,
        "models": len(predictor.models),
        "boosters": n_boosters,
        "ranked_s": round(whole, 3),
        "bare_predict_s": round(alone, 3),
        "ratio": round(whole / alone, 3),
        "aim": AIM,
    }
    print(json.dumps(found))


def best_of(work: Callable[[], object], repeats: int) -> float:
    """Seconds of the fastest of some repeats: the least disturbed by others on the machine."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


if __name__ == "__main__":
    main()
