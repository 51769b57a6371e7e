"""`metaselect ablate`: what feature groups add."""

from dataclasses import replace
from functools import partial
from typing import Annotated

import typer

from metaselect.cli import options
from metaselect.cli.console import print_table, say
from metaselect.cli.evaluate import (
    OTHER_SEEDS,
    Protocol,
    contrast_table,
    contrasts_title,
    decided_note,
    evaluation_config,
    headline,
    show_alike,
    show_measures,
)
from metaselect.cli.inputs import check_out, runs_from
from metaselect.evaluation.records import AblationRecord, CoverageRecord

_ARMS = (
    "Each arm but random and oracle is the ranker with the feature groups of its name (history and "
    "the arms with a +: size and history too; +language: language and diversity; +both: these and "
    "difficulty). The simple rules size and history of `evaluate` are others."
)
_MEASURE = "regret@1"
_LEFT_OUT = "all - without GROUP is what a group adds to all the others."


def ablate_command(  # noqa: PLR0913 - a parameter an option
    runs: options.Runs = None,
    protocol: Protocol = "target",
    percent: options.Percent = False,
    tasks: options.Tasks = None,
    measured: options.MeasuredTable = None,
    trials: options.Trials = 1,
    seed: options.Seed = 0,
    workers: options.Workers = None,
    executor: options.Executor = "local",
    without_same_source: options.WithoutSameSource = False,
    without_direct: options.WithoutDirect = False,
    ladder: Annotated[
        bool, typer.Option("--ladder", help="The ladder and the control: no single groups.")
    ] = False,
    out: options.Out = None,
    as_json: options.Json = False,
) -> None:
    """What each feature group adds: the ladder, groups alone, groups dropped, shuffled languages.

    The ladder is random, size, history, +difficulty, +language, +both, all, +measured, oracle;
    the control is all with the features of languages exchanged. Every arm has the
    same settings (the defaults, unless --trials asks for a search in each), so that only its
    features differ. The last lines say whether difficulty, language and diversity features help.

    Example: metaselect ablate --runs mine.csv
    """
    from metaselect.catalogue.cardfiles import load_catalogue
    from metaselect.cli.records import deliver, saying_what_is_left
    from metaselect.evaluation.ablation import ablate, ladder_arms
    from metaselect.evaluation.coverage import coverage_record
    from metaselect.evaluation.results import ablation_record
    from metaselect.evaluation.verdicts import ablation_verdict

    check_out(out, kind="ablation")
    catalogue = load_catalogue(tasks, measured)
    with saying_what_is_left():
        table = runs_from(runs, percent=percent, catalogue=catalogue)
        config = replace(
            evaluation_config(protocol, trials, 0.8, seed, workers, executor),
            with_direct=not without_direct,
            with_same_source=not without_same_source,
        )
        arms = ladder_arms() if ladder else None
        result = ablate(table, catalogue, config, arms=arms, progress=say)
    record = ablation_record(result, config)
    coverage = coverage_record(table, catalogue)
    whole = {**record, "verdict": ablation_verdict(record, coverage), "coverage": coverage}
    show = partial(show_ablation, record, coverage)
    deliver(whole, "ablation", runs=table, out=out, show=None if as_json else show)


def show_ablation(record: AblationRecord, coverage: CoverageRecord | None) -> None:
    """An ablation as tables for people, and at the end what each group of features adds."""
    from metaselect.evaluation.ablation import ARM_PARTITIONS
    from metaselect.evaluation.folds import PARTITIONS
    from metaselect.evaluation.verdicts import ablation_verdict

    show_measures(headline(record), record["arms"], {}, head="arm")
    print(_ARMS)
    if record["learnt_and_scored_on"] == "other seeds":
        print(OTHER_SEEDS)
    if record["protocol"] == "intermediate":
        print(
            f"Means over {ARM_PARTITIONS} partitions of the intermediates, which all arms share; "
            f"`evaluate` takes {PARTITIONS}."
        )
    show_alike(record)
    items = [item for item in record["contrasts"] if item["measure"] == _MEASURE]
    heads, rows = contrast_table(record, items)
    print()
    left_out = _LEFT_OUT if any("all - without" in row[0] for row in rows) else ""
    note = "\n".join(filter(None, (decided_note(items), left_out)))
    print_table(contrasts_title(_MEASURE), heads, rows, note=note)
    print("", *ablation_verdict(record, coverage), sep="\n")
