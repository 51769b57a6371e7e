"""The primary comparisons of the second study, as study.md wrote them down before its runs.

    python experiments/primary.py RUNS --intermediates mnli,sts_semeval --out artifacts/primary

The intermediates are those of the blocks that are done; targets are those that have both seeds of
each of them and pass the gate. --out gets primary.json, anatomy.json, the runs that are compared
and three figures.

One measure: the gain of the first choice over `direct` on other seeds than were learnt from, mean
over a target's languages, then over a cluster's targets, then over clusters. Every cluster is held
out in turn; cells whose intermediate shares data with the target are left out. Each comparison is
shown over clusters and over clusters joined by their kind of task; where an intermediate is used in
any case the same comparisons are exploratory.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from first_choices import Choices, block, first_choices, permuted  # beside this file
from judging import compared, judged  # beside this file
from primary_words import lines, scope_sentence, sentences  # beside this file

from metaselect.catalogue.cardfiles import shipped_catalogue
from metaselect.catalogue.tasks import DIRECT, DIRECT_PLUS
from metaselect.cli.records import made_from
from metaselect.errors import MetaselectError
from metaselect.evaluation.anatomy import anatomy_record
from metaselect.evaluation.contrasts import Comparison, Contrast, contrast
from metaselect.evaluation.coverage import coverage_record, coverage_sentence
from metaselect.evaluation.fold_evaluation import default_workers
from metaselect.evaluation.folds import without_same_source
from metaselect.evaluation.results import contrasts_json
from metaselect.evaluation.rounding import rounded_record
from metaselect.files import sealed_folder, write_json
from metaselect.runs.exchange import read_runs, write_runs
from metaselect.runs.floors import raised_to_floor
from metaselect.runs.gains import query_gains

Record = Mapping[str, Any]

SCHEMA = 1
MOVED = 0.02
"""Mean gain or loss from which a cell is said to move its target."""


def record(runs: pd.DataFrame, choices: Mapping[bool, Choices], *, seed: int) -> dict[str, Any]:
    """Everything that is compared, as JSON holds it.

    Args:
        runs: From `block`.
        choices: From `first_choices`.
        seed: Of the sign flips.

    Returns:
        Keys `intermediates`, `targets`; `by_intermediate`, each against `direct` on all seeds,
        without targets that share its data; `agreeing`, from the function of that name;
        `difficulty`, of which intermediates it is known, from `coverage_record`; `primary` and
        `among` (an intermediate in any case), each from `judged`.
    """
    coverage = coverage_record(runs, shipped_catalogue())
    unasked = None
    if coverage_sentence(coverage) is not None:
        number = "one" if coverage["known"]["difficulty"] else "no"
        unasked = f"not asked: difficulty of {number} intermediate is known"
    return {
        "intermediates": sorted({*runs["intermediate"]} - {DIRECT, DIRECT_PLUS}),
        "targets": sorted({*runs["target"]}),
        "by_intermediate": contrasts_json(by_intermediate(runs, choices[True], seed=seed)),
        "agreeing": agreeing(runs),
        "difficulty": coverage,
        "primary": judged(choices[True], seed=seed, unasked=unasked),
        "among": judged(choices[False], seed=seed, unasked=unasked),
    }


def by_intermediate(runs: pd.DataFrame, choices: Choices, *, seed: int) -> list[Contrast]:
    """Each intermediate against `direct`, over clusters and on all seeds."""
    gains = query_gains(without_same_source(runs, shipped_catalogue()))
    by_language = gains.groupby(["target", "intermediate", "language"])["gain"].mean()
    by_target = by_language.groupby(["target", "intermediate"]).mean().reset_index()
    cluster = choices.gains.drop_duplicates("target").set_index("target")["cluster"]
    rows = by_target.assign(cluster=by_target["target"].map(cluster))
    rows = rows.rename(columns={"intermediate": "method"})
    table = rows.groupby(["method", "cluster"])["gain"].mean().reset_index()
    names = [name for name in table["method"].unique() if name != DIRECT]
    return [contrast(table, Comparison(name, DIRECT, "gain"), seed=seed) for name in names]


def agreeing(runs: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Cells that move a target the same way on every seed, by two points or more in the mean.

    Returns:
        Keys `gains` and `losses`, largest first; in each the mean gain by `target after task`.
    """
    own = raised_to_floor(without_same_source(runs, shipped_catalogue()))
    scores = own.groupby(["target", "language", "seed", "intermediate"])["score"].mean().unstack()
    tasks = [name for name in scores if name not in (DIRECT, DIRECT_PLUS)]
    gains = scores[tasks].sub(scores[DIRECT], axis=0)
    by_seed = gains.groupby(["target", "seed"]).mean().stack()
    cells = by_seed.groupby(level=[2, 0]).agg(["min", "max", "mean"])
    moved = cells[(cells["mean"].abs() >= MOVED) & (cells["min"] * cells["max"] > 0)]["mean"]
    named = moved.set_axis([f"{target} after {name}" for name, target in moved.index]).sort_values()
    found = {str(name): float(gain) for name, gain in named.items()}
    return {
        "gains": {name: gain for name, gain in reversed(found.items()) if gain > 0},
        "losses": {name: gain for name, gain in found.items() if gain < 0},
    }


def without_signal(runs: pd.DataFrame, *, draw: int, workers: int) -> dict[str, float]:
    """The ranker's advantages where nothing can be learnt: near 0, or the protocol leaks.

    In each target and seed the candidates, `direct` among them, change their names by one random
    order for all languages; settings are the defaults.
    """
    dealt = permuted(runs, seed=draw)
    found = first_choices(dealt, shipped_catalogue(), trials=1, seed=0, workers=workers, arms={})
    contrasts = compared(found[True], by="cluster", seed=0)
    return {item.against: item.difference for item in contrasts if item.method == "ranker"}


def main() -> None:
    """Print the comparisons, and keep them where --out says."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("runs", type=Path)
    options.add_argument("--intermediates", required=True, help="of the blocks done, with commas")
    options.add_argument("--without", default="", help="targets to leave out, with commas")
    options.add_argument("--out", type=Path, help="folder for the records, the runs and figures")
    options.add_argument("--trials", type=int, default=20)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument(
        "--permuted", type=int, default=0, help="draws with intermediates dealt anew"
    )
    options.add_argument("--workers", type=int, default=default_workers())
    chosen = options.parse_args()
    catalogue = shipped_catalogue()
    away = [name for name in chosen.without.split(",") if name]
    try:
        runs = read_runs(chosen.runs)
        if unknown := sorted({*away} - {*runs["target"]}):
            options.error(f"--without: no runs of {', '.join(unknown)}")
        runs = runs[~runs["target"].isin(away)].reset_index(drop=True)
        runs = block(runs, chosen.intermediates.split(","), catalogue)
    except MetaselectError as error:
        options.error(str(error))
    choices = first_choices(
        runs, catalogue, trials=chosen.trials, seed=chosen.seed, workers=chosen.workers
    )
    settings = {"trials": chosen.trials, "seed": chosen.seed}
    found = record(runs, choices, seed=chosen.seed)
    found["permuted"] = [
        without_signal(runs, draw=draw, workers=chosen.workers) for draw in range(chosen.permuted)
    ]
    print(scope_sentence(found, runs))
    print(f"Targets: {', '.join(found['targets'])}.", *sentences(found), sep="\n")
    for part, title in (("primary", "As written down"), ("among", "An intermediate in any case")):
        for units in ("clusters", "kinds"):
            table = lines(found[part][units], judged=part == "primary")
            print(f"\n{title}, over {units}:\n", *table, sep="\n")
    if chosen.out is not None:
        _keep(chosen.out, found, runs, choices[True], **settings)


def _keep(
    out: Path, found: Record, runs: pd.DataFrame, choices: Choices, *, trials: int, seed: int
) -> None:
    from study_figures import write_figures  # beside this file; draws with the extra `report`

    settings = {"trials": trials, "seed": seed, "permuted": len(found["permuted"])}
    made_by = {**made_from(runs), "intermediates": found["intermediates"], **settings}
    with sealed_folder(out, kind="comparisons", schema=SCHEMA, made_by=made_by) as folder:
        write_json(folder / "primary.json", rounded_record(found))
        write_json(folder / "anatomy.json", anatomy_record(runs, shipped_catalogue(), seed=seed))
        write_runs(runs, folder / "runs.csv.gz")
        write_figures(folder, runs, choices.gains, choices.candidates, seed=seed)
    print(f"\n{out}")


if __name__ == "__main__":
    main()
