"""Where each number of a page comes from: the command that made it, and what from."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from metaselect.evaluation.restrictions import restriction_options, restriction_words
from metaselect.runs.schema import table_hash

Row = tuple[str, str, str]


def sources_of(
    runs: pd.DataFrame,
    evaluations: Sequence[Mapping[str, Any]],
    ablations: Sequence[Mapping[str, Any]],
) -> list[Row]:
    """Every kind of number in a page, the command behind it, and what it was made from."""
    table = f"runs table of {len(runs):,} scores, hash {table_hash(runs)}"
    found = [
        ("observed gains, heat maps", "metaselect report --runs ...", table),
        (
            "expected gains, intervals, reasons, map",
            "metaselect train --runs ... --out predictor",
            "the predictor's folder; language facts from URIEL (lang2vec), cards for tasks",
        ),
    ]
    found += [_evaluation_source("evaluation, calibration", "evaluate", r) for r in evaluations]
    return found + [_evaluation_source("ablation", "ablate", record) for record in ablations]


def _evaluation_source(number: str, verb: str, record: Mapping[str, Any]) -> Row:
    search = record["search"]
    options = f"--protocol {record['protocol']} --trials {search['trials_per_fold']}"
    origin = (
        f"{record['n_queries']} queries in {record['n_clusters']} clusters; "
        f"{search['trials']} settings tried, {search['pruned']} cut short; "
        f"feature groups {', '.join(search['groups'])}"
    )
    options += f" --seed {search['seed']}{restriction_options(record)}"
    command = f"metaselect {verb} --runs ... {options}"
    return (f"{number}: {record['protocol']} left out{restriction_words(record)}", command, origin)
