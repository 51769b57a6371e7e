"""Which targets pass the gate: the best constant answer against `direct` and after MNLI.

python experiments/gate.py GRID.toml --data DATA [--runs RUNS.csv]

The best constant answer is that of `majority_score`, on each language's drawn test rows. A target
passes where either run beats the mean over its languages by the margin (five points). Without
--runs only the constant answers are printed.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from first_choices import MARGIN  # beside this file

from metaselect.catalogue.cardfiles import shipped_catalogue
from metaselect.catalogue.tasks import TaskCard
from metaselect.harness.config import TestingPart, read_config
from metaselect.harness.data.corpora import Corpora
from metaselect.harness.data.sampling import sample_test_rows
from metaselect.harness.score.majority import majority_score
from metaselect.runs.exchange import read_runs
from metaselect.seeding import derive_seed


def floor_of(card: TaskCard, corpora: Corpora, testing: TestingPart, wanted: int | None) -> float:
    """Mean over a target's languages of the best constant score on the rows that are drawn."""
    scores = []
    for language in testing.languages or corpora.test_languages(card):
        rows = corpora.rows(card, "test", language)
        seed = derive_seed(0, "test", card.name)  # the harness's own draw
        picked = sample_test_rows(rows, card, wanted=testing.rows or wanted, seed=seed)
        sample = [rows[index] for index in picked]
        scores.append(majority_score(sample, card, language=language, n_candidates=None))
    return float(np.mean(scores))


def line(name: str, floor: float, scores: Sequence[float | None]) -> str:
    """A target's row of the table; nothing is judged where there are no scores."""
    known = [score for score in scores if score is not None]
    passes = ("yes" if max(known) >= floor + MARGIN else "no") if known else ""
    cells = ["" if score is None else f"{100 * score:.1f}" for score in scores]
    return f"| {name} | {100 * floor:.1f} | {' | '.join(cells)} | {passes} |"


def main() -> None:
    """Print the table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("grid", type=Path)
    options.add_argument("--data", type=Path, required=True)
    options.add_argument("--runs", type=Path)
    chosen = options.parse_args()
    grid, catalogue, corpora = read_config(chosen.grid), shipped_catalogue(), Corpora(chosen.data)
    means: dict[tuple[str, str], float] = {}
    if chosen.runs is not None:
        runs = read_runs(chosen.runs)
        means = runs.groupby(["target", "intermediate"])["score"].mean().to_dict()
    print("| target | constant | direct | after MNLI | passes |")
    print("|---|---|---|---|---|")
    for name in grid.targets:
        testing = grid.task_testing.get(name, TestingPart())
        floor = floor_of(catalogue[name], corpora, testing, grid.testing.rows)
        print(line(name, floor, [means.get((name, first)) for first in ("direct", "mnli")]))


if __name__ == "__main__":
    main()
