"""`metaselect evaluate`: nested evaluation against random choice and the simple rules."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from metaselect.cli import options
from metaselect.cli.console import print_table, say
from metaselect.cli.inputs import check_out, groups_from, runs_from
from metaselect.evaluation.records import (
    ContrastEntry,
    EvaluationRecord,
    Measures,
    RecordHead,
)
from metaselect.evaluation.words import (
    CEILING_LINE,
    DECIDED_LINE,
    DIRECTIONS,
    LOWER_IS_BETTER,
    METHOD_WORDS,
    cluster_words,
    directed,
    one_decides,
    restriction_words,
    without_one,
)
from metaselect.parallel import ExecutorName
from metaselect.wording import counted, few, points, share

if TYPE_CHECKING:
    from metaselect.evaluation.fold_evaluation import EvaluationConfig

OTHER_SEEDS = "Methods learn from one half of the seeds and are scored on the other."

_SEEDS = {
    "other seeds": f"\n{OTHER_SEEDS}",
    "the same seeds": "\nLevels of regret are inflated by taking the best of noisy gains; the gain "
    "on other seeds is not. It is left out where no candidate has two seeds.",
}

_DIFFERENCE_HEADS = [">points", ">95% interval", ">without one cluster", ">p"]
_CHANGED_HEADS = [">differ in", "most of it"]
_WITH_CEILING = "gain_crossed"  # compared with the ceiling in a table of its own

ProtocolName = Literal["target", "family", "intermediate", "encoder"]
Protocol = Annotated[
    ProtocolName, typer.Option(help="What is left out whole: the thing to generalise to.")
]


def evaluate_command(  # noqa: PLR0913 - a parameter an option
    runs: options.Runs = None,
    protocol: Protocol = "target",
    percent: options.Percent = False,
    tasks: options.Tasks = None,
    measured: options.MeasuredTable = None,
    groups: options.Groups = None,
    trials: options.Trials = 20,
    level: options.Level = 0.8,
    seed: options.Seed = 0,
    workers: options.Workers = None,
    executor: options.Executor = "local",
    without_same_source: options.WithoutSameSource = False,
    without_direct: options.WithoutDirect = False,
    out: options.Out = None,
    as_json: options.Json = False,
) -> None:
    """Judge the ranker beside random choice, the simple rules, the oracle and the noise ceiling.

    Example: metaselect evaluate --runs mine.csv --protocol target
    """
    from metaselect.catalogue.cardfiles import load_catalogue
    from metaselect.cli.records import deliver, saying_what_is_left
    from metaselect.evaluation.fold_evaluation import runs_to_evaluate
    from metaselect.evaluation.leftout import queries_left_out
    from metaselect.evaluation.nested import evaluate
    from metaselect.evaluation.results import evaluation_record
    from metaselect.evaluation.verdicts import beside_random, verdict

    check_out(out, kind="evaluation")
    chosen = groups_from(groups)
    catalogue = load_catalogue(tasks, measured)
    with saying_what_is_left():
        table = runs_from(runs, percent=percent, catalogue=catalogue)
        config = replace(
            evaluation_config(protocol, trials, level, seed, workers, executor),
            groups=chosen,
            with_direct=not without_direct,
            with_same_source=not without_same_source,
        )
        result = evaluate(table, catalogue, config, progress=say)
    record = evaluation_record(result, config)
    left_out = queries_left_out(
        runs_to_evaluate(table, catalogue, config),
        set(result.candidates["query"]),
        with_direct=config.with_direct,
    )
    said, beside = verdict(record), beside_random(record)

    def show() -> None:
        show_evaluation(record, left_out=left_out)
        print("", said, *filter(None, [beside]), sep="\n")

    whole = {**record, "left_out": left_out, "verdict": said, "beside_random": beside}
    deliver(whole, "evaluation", runs=table, out=out, show=None if as_json else show)


def evaluation_config(
    protocol: ProtocolName, trials: int, level: float, seed: int, workers: int | None,
    executor: ExecutorName,
) -> "EvaluationConfig":  # fmt: skip
    """How an evaluation is made, from the options of a command."""
    from metaselect.evaluation.fold_evaluation import EvaluationConfig, default_workers
    from metaselect.features.base import DEFAULT_GROUPS
    from metaselect.ranking.baselines import RULES
    from metaselect.ranking.tuning import SearchSettings

    return EvaluationConfig(
        protocol=protocol,
        groups=DEFAULT_GROUPS,
        search=SearchSettings(n_trials=trials, n_folds=4, n_best=6, seed=seed, chance=0.05),
        level=level,
        rules=tuple(RULES),
        workers=workers or default_workers(),
        executor=executor,
    )


def show_evaluation(
    record: EvaluationRecord, *, left_out: Mapping[str, Sequence[str]] | None = None
) -> None:
    """An evaluation as tables for people: points, lower regret is better.

    Args:
        record: The evaluation.
        left_out: Queries that were not evaluated, by the reason.
    """
    show_measures(headline(record), record["methods"], METHOD_WORDS)
    show_alike(record)
    for reason, names in (left_out or {}).items():
        print(f"{counted(len(names), 'query', 'queries')} left out, {reason}: {few(names)}")
    counts = record["size_counts"]
    print(
        f"size counts examples trained on in {counts['train_examples']} queries, "
        f"rows of the cards' training sets in {counts['card_rows']}"
    )
    for name, reason in record["not_applicable"].items():
        print(f"{name}: {reason}")
    for measure in ("regret@1", "regret@3", _WITH_CEILING):
        _show_contrasts(record, measure)
    print(_SEEDS[record["learnt_and_scored_on"]])
    print(f"\n{calibration_line(record)}")


def _show_contrasts(record: EvaluationRecord, measure: str) -> None:
    """The contrasts of one measure; on other seeds, those of the ceiling."""
    items = [
        item
        for item in record["contrasts"]
        if item["measure"] == measure
        and item["difference"] is not None
        and (measure != _WITH_CEILING or item["method"] == "ceiling")
    ]
    if items:
        print()
        heads, rows = contrast_table(record, items)
        print_table(contrasts_title(measure), heads, rows, note=decided_note(items))


def contrast_table(
    record: RecordHead, items: Sequence[ContrastEntry]
) -> tuple[list[str], list[list[str]]]:
    """Heads and one row a contrast, with Holm's p where any contrast has one."""
    corrected = any(item["p_holm"] is not None for item in items)
    rows = [
        [
            f"{item['method']} - {item['against']}",
            *_difference_cells(item),
            *([_holm(item)] if corrected else []),
            *_changed_cells(record, item),
        ]
        for item in items
    ]
    heads = ["contrast", *_DIFFERENCE_HEADS, *([">Holm"] if corrected else []), *_CHANGED_HEADS]
    return heads, rows


def _holm(item: ContrastEntry) -> str:
    return "" if item["p_holm"] is None else f"{item['p_holm']:.4f}"


def contrasts_title(measure: str) -> str:
    """What a table of contrasts in one measure shows."""
    name = "gain on other seeds ↑" if measure == _WITH_CEILING else directed(measure)
    better = "negative" if measure in LOWER_IS_BETTER else "positive"
    return f"{name}, paired over clusters; {better} is better, p by sign flips"


def decided_note(items: Iterable[ContrastEntry]) -> str:
    """What the mark means, where a contrast has it."""
    return DECIDED_LINE if any(map(one_decides, items)) else ""


def calibration_line(record: EvaluationRecord) -> str:
    """How far a record's intervals and probabilities of gains can be believed, in one line."""
    covered, said = record["intervals"], record["calibration"]
    by_cluster = covered["coverage_by_cluster"]
    least = ""
    if by_cluster:
        name = min(by_cluster, key=lambda cluster: by_cluster[cluster])
        least = f" (least: {share(by_cluster[name])}, in {cluster_words(record, name)})"
    told = (
        f"Intervals of gains: asked {share(covered['level'])}, covered "
        f"{share(covered['coverage'])}{least}, half-width "
        f"{points(covered['half_width']).lstrip('+')} points"
    )
    brier, constant = said["brier"], said["brier_of_share"]
    if brier is None or constant is None:
        return told
    worse = "" if brier < constant else ": no better than a constant"
    return f"{told}; P(gain>0): Brier score {brier:.3f}, of a constant share {constant:.3f}{worse}"


def headline(record: RecordHead) -> str:
    """What a record's table shows, and whether its runs were simulated."""
    return (
        f"{'SIMULATED RUNS, ' if record['simulated'] else ''}{record['protocol']} left out"
        f"{restriction_words(record)}: {counted(record['n_queries'], 'query', 'queries')}, "
        f"{counted(record['n_clusters'], 'cluster')} of targets (points; means over clusters)"
    )


def show_measures(
    title: str,
    methods: Mapping[str, Measures],
    words: Mapping[str, str],
    *,
    head: str = "method",
) -> None:
    """One row a method, with what it chooses where there are words for that.

    The gain on other seeds has a column where any method has one.
    """
    crossed = any(row.get(_WITH_CEILING) is not None for row in methods.values())
    rows = [
        [
            name,
            _regret(row["regret@1"]),
            _regret(row["regret@3"]),
            "–" if row["ndcg@3"] is None else f"{row['ndcg@3']:.3f}",
            points(row["gain@1"]),
            *([points(row.get(_WITH_CEILING))] if crossed else []),
            share(row["hit@1"]),
            *([words.get(name, "")] if words else []),
        ]
        for name, row in methods.items()
    ]
    on_other = ["on other seeds"] if crossed else []
    measures = ["regret@1", "regret@3", "ndcg@3", "gain@1", *on_other, "hit@1"]
    heads = [head, *(f">{directed(measure)}" for measure in measures)]
    heads += ["chooses"] if words else []
    notes = [DIRECTIONS, *([CEILING_LINE] if "ceiling" in methods else [])]
    print_table(title, heads, rows, note="\n".join(notes))


def show_alike(record: RecordHead) -> None:
    """A line on the methods, or arms, that cannot be told apart here, if there are any."""
    found = [", ".join(names) for names in record["alike"]]
    if found:
        print(f"the same choices in every query: {'; '.join(found)}")


def _changed_cells(record: RecordHead, item: ContrastEntry) -> list[str]:
    """In how many clusters a contrast's two differ, and the targets of the one that leads."""
    return [f"{item['n_changed']} of {item['n_clusters']}", cluster_words(record, item["leading"])]


def _difference_cells(item: ContrastEntry) -> list[str]:
    """A contrast's difference in points, its interval, its range without one cluster, its p."""
    interval = f"{points(item['low'])} to {points(item['high'])}"
    return [points(item["difference"]), interval, without_one(item), f"{item['p']:.4f}"]


def _regret(fraction: float | None) -> str:
    """A regret in points, never below 0 but for rounding."""
    return points(fraction and max(fraction, 0.0)).lstrip("+")
