"""Difficulty of tasks by every definition, and what each has to do with the others and with gains.

    python experiments/difficulty.py --measured measured.csv --runs taskweb.csv

Prints one row a task; Spearman's correlation of each measured definition with the published ones;
and of every definition with the mean gain of the task as an intermediate, also with size taken out.
"""

import argparse
from pathlib import Path

import pandas as pd

from metaselect.catalogue.cardfiles import load_catalogue
from metaselect.evaluation.definitions import (
    MEASURED,
    PUBLISHED,
    centred_mean_gains,
    definitions_record,
    difficulty_correlations,
    difficulty_table,
)
from metaselect.runs.exchange import read_runs


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description="Difficulty of tasks by every definition.")
    parser.add_argument("--measured", type=Path, help="Table of `metaselect features compute`.")
    parser.add_argument("--encoder", default="minilm-multi")
    parser.add_argument("--runs", type=Path, nargs="*", default=[])
    arguments = parser.parse_args()
    catalogue = load_catalogue(None, arguments.measured)
    table = difficulty_table(catalogue, encoder=arguments.encoder)
    short = table.rename(columns=lambda name: name.removesuffix("_intermediate"))
    pd.set_option("display.width", 200)
    print(f"{int(short[list(MEASURED)].notna().any(axis=1).sum())} tasks measured")
    print(short.round(2).to_string(na_rep="-"))
    for name in PUBLISHED:
        known = table[f"{name}_intermediate"].dropna().to_dict()
        print(f"\nSpearman with published {name} ({len(known)} tasks)")
        print(difficulty_correlations(table, known).round(2).to_string(na_rep="-"))
    for path in arguments.runs:
        runs = read_runs(path)
        gains = centred_mean_gains(runs, catalogue)
        print(f"\nSpearman with the mean gain of an intermediate, {path.name} ({len(gains)} tasks)")
        print(difficulty_correlations(table, gains).round(2).to_string(na_rep="-"))
        record = definitions_record(runs, catalogue, seed=0)
        rows = pd.DataFrame(record["methods"]).T[["regret@1", "regret@3", "gain@1"]] * 100
        print(
            f"\nHardest first, points, {record['n_clusters']} clusters\n{rows.round(2).to_string()}"
        )
        for item in record["contrasts"]:
            if item["measure"] == "regret@1":
                low, high = item["low"] * 100, item["high"] * 100
                print(
                    f"{item['method']} - {item['against']}: {item['difference'] * 100:+.2f} "
                    f"({low:+.2f} to {high:+.2f}, p {item['p']:.3f})"
                )


if __name__ == "__main__":
    main()
