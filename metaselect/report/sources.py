"""Where a page's numbers come from: the command behind each, as a shell takes it."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pandas as pd

from metaselect.evaluation.records import AblationRecord, EvaluationRecord
from metaselect.evaluation.words import restriction_options, restriction_words
from metaselect.features.base import DEFAULT_GROUPS
from metaselect.runs.schema import table_hash
from metaselect.selector.selector import TaskSelector

Row = tuple[str, str, str]
Record = EvaluationRecord | AblationRecord

UNKNOWN_RUNS: Final = "RUNS.csv"
UNKNOWN_PREDICTOR: Final = "PREDICTOR"
"""What stands in a command for a table or a folder whose path is not known."""

_STAND_FOR = {
    UNKNOWN_RUNS: "a file with the table of runs named at its right",
    UNKNOWN_PREDICTOR: "the predictor's folder",
}


@dataclass(frozen=True, slots=True)
class PageInputs:
    """Options that name what a page was made of; paths are as the command was given them.

    Attributes:
        runs: The page's runs, cards and values; empty for what ships.
        records: The same of its evaluations and ablations.
        rank: The predictor, cards and values, for `metaselect rank`; empty for what ships.
        page: The whole command that made the page.
    """

    runs: str = f"--runs {UNKNOWN_RUNS}"
    records: str = f"--runs {UNKNOWN_RUNS}"
    rank: str = f"--predictor {UNKNOWN_PREDICTOR}"
    page: str = (
        f"metaselect report --runs {UNKNOWN_RUNS} --predictor {UNKNOWN_PREDICTOR} --out report"
    )


def shell_options(options: Mapping[str, Path | str | bool | None]) -> str:
    """Options as a shell takes them; those that are None or False are left out.

    Example:
        >>> shell_options({"--runs": "my runs.csv", "--percent": True, "--tasks": None})
        "--runs 'my runs.csv' --percent"
    """
    parts: list[str] = []
    for name, value in options.items():
        if value is not None and value is not False:
            parts += [name] if value is True else [name, str(value)]
    return shlex.join(parts)


def command_line(verb: str, *options: str) -> str:
    """A command of metaselect with options, of which some may be empty."""
    return " ".join(["metaselect", verb, *filter(None, options)])


def sources_of(
    runs: pd.DataFrame,
    selector: TaskSelector,
    records: Mapping[str, Sequence[Record]],
    inputs: PageInputs,
) -> list[Row]:
    """Every kind of number in a page, the command behind it, and what it was made from.

    Args:
        runs: The page's.
        selector: Fitted.
        records: Evaluations by `evaluate`, ablations by `ablate`.
        inputs: What the commands are given.
    """
    table = f"runs table of {len(runs):,} scores, hash {table_hash(runs)}"
    found = [("observed gains, heat maps", inputs.page, table), _training(runs, selector, inputs)]
    words = {"evaluate": "evaluation, calibration", "ablate": "ablation"}
    for verb, items in records.items():
        found += [_record_source(words[verb], verb, item, inputs.records) for item in items]
    return found


def placeholders(sources: Sequence[Row]) -> list[str]:
    """What each name in the commands that is no path stands for."""
    commands = " ".join(command for _, command, _ in sources)
    return [f"{name} stands for {words}" for name, words in _STAND_FOR.items() if name in commands]


def _training(runs: pd.DataFrame, selector: TaskSelector, inputs: PageInputs) -> Row:
    training = selector.training_
    if training is None:
        raise ValueError("a report needs a fitted selector")
    is_same = training.runs_hash == table_hash(runs)
    groups = selector.groups
    settings = shell_options({
        "--groups": None if groups == tuple(DEFAULT_GROUPS) else ",".join(groups),
        "--trials": str(selector.n_trials),
        "--level": str(selector.level),
        "--seed": str(selector.random_state),
        "--out": "predictor",
    })  # fmt: skip
    table = inputs.runs if is_same else f"--runs {UNKNOWN_RUNS}"
    origin = (
        f"runs table of {training.n_runs:,} scores, hash {training.runs_hash}; language facts "
        "from URIEL (lang2vec), cards for tasks"
    )
    return (
        "expected gains, intervals, reasons, map",
        command_line("train", table, settings),
        origin,
    )


def other_groups(record: Record) -> list[str]:
    """An evaluation's feature groups where they are not the default ones, which ablations have."""
    groups = list(record["search"]["groups"])
    return [] if "arms" in record or {*groups} == {*DEFAULT_GROUPS} else groups


def _record_source(number: str, verb: str, record: Record, table: str) -> Row:
    search = record["search"]
    options = f"--protocol {record['protocol']} --trials {search['trials_per_fold']}"
    origin = (
        f"{record['n_queries']} queries in {record['n_clusters']} clusters; "
        f"{search['trials']} settings tried, {search['pruned']} cut short; "
        f"feature groups {', '.join(search['groups'])}"
    )
    if groups := other_groups(record):
        options += f" --groups {','.join(groups)}"
    options += f" --seed {search['seed']}{restriction_options(record)}"
    words = f"{number}: {record['protocol']} left out{restriction_words(record)}"
    return (words, command_line(verb, table, options), origin)
