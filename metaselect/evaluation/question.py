"""The research question on a runs table: every evaluation, and the answer in three sentences.

Do language diversity and task difficulty together choose better intermediate tasks than random
choice, and than the simple rules?
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from metaselect.catalogue.tasks import Catalogue
from metaselect.console import points
from metaselect.errors import MetaselectError
from metaselect.evaluation.ablation import ablate_choices, all_arms, ladder_arms
from metaselect.evaluation.anatomy import anatomy_record
from metaselect.evaluation.definitions import definitions_record
from metaselect.evaluation.fold_evaluation import EvaluationConfig, no_choice_error
from metaselect.evaluation.nested import evaluate_choices
from metaselect.evaluation.protocols import PROTOCOLS, without_same_source
from metaselect.evaluation.results import ablation_record, evaluation_record
from metaselect.features.table import Unit

Progress = Callable[[str], None]
Record = dict[str, Any]

_DETAILED_PROTOCOLS: tuple[Unit, ...] = ("target", "intermediate")
"""Protocols that are also evaluated without shared data, and without `direct` as a choice."""

_NOT_RULES = ("ranker", "oracle", "ceiling", "random")


@dataclass(frozen=True, slots=True)
class Findings:
    """Results of every evaluation, as records that JSON can hold.

    Attributes:
        anatomy: Shares of the gains' variance.
        definitions: Definitions of difficulty side by side.
        evaluations: By protocol; the suffix `-apart` excludes shared training data, `-among`
            excludes `direct` from the choices.
        ablations: By the same names.
        skipped: Reason, by the name of each evaluation that could not be made.
    """

    anatomy: Record
    definitions: Record
    evaluations: Mapping[str, Record]
    ablations: Mapping[str, Record]
    skipped: Mapping[str, str]


def evaluate_question(
    runs: pd.DataFrame,
    catalogue: Catalogue,
    config: EvaluationConfig,
    *,
    protocols: Sequence[Unit] = PROTOCOLS,
    progress: Progress,
) -> Findings:
    """Make every evaluation and ablation on a runs table.

    Args:
        runs: A table from `runs.schema.check_runs`.
        catalogue: Cards and measured values.
        config: Search, groups and rules of every evaluation; its protocol is replaced. Ablations
            take the default settings, so that arms differ by features alone; single groups are
            taken alone and left out for new targets only.
        protocols: What is left out, one after another; a table too small for one skips it.
        progress: Called with one line per step.

    Raises:
        MetaselectError: The table is too small for every protocol.
    """
    seed = config.search.seed
    progress("anatomy of the gains")
    anatomy = anatomy_record(runs, catalogue, seed=seed)
    definitions = definitions_record(runs, catalogue, seed=seed)
    shares_data = len(without_same_source(runs, catalogue)) < len(runs)
    evaluations: dict[str, Record] = {}
    ablations: dict[str, Record] = {}
    skipped: dict[str, str] = {}
    for protocol in protocols:
        own = replace(config, protocol=protocol)
        detailed = protocol in _DETAILED_PROTOCOLS
        ways = [
            (own, {protocol: True, f"{protocol}-among": False} if detailed else {protocol: True})
        ]
        if detailed and shares_data:
            ways.append((replace(own, with_same_source=False), {f"{protocol}-apart": True}))
        for way, choices in ways:
            plain = replace(way, search=replace(way.search, n_trials=1))
            given = tuple(choices.values())
            try:
                progress(f"evaluate: {', '.join(choices)}")
                results = evaluate_choices(runs, catalogue, way, given, progress=progress)
                if way.with_same_source:
                    progress(f"ablate: {', '.join(choices)}")
                    arms = all_arms() if protocol == "target" else ladder_arms()
                    ablation_results = ablate_choices(
                        runs, catalogue, plain, given, arms=arms, progress=progress
                    )
                else:
                    ablation_results = [None] * len(given)
            except MetaselectError as error:
                skipped |= dict.fromkeys(choices, str(error))
                continue
            for (name, with_direct), result, ablated in zip(
                choices.items(), results, ablation_results, strict=True
            ):
                if result is None:
                    skipped[name] = str(no_choice_error(way))
                    continue
                evaluations[name] = evaluation_record(result, replace(way, with_direct=with_direct))
                if ablated is not None:
                    own = replace(plain, with_direct=with_direct)
                    ablations[name] = ablation_record(ablated, own)
    if not evaluations:
        raise MetaselectError(next(iter(skipped.values())))
    return Findings(anatomy, definitions, evaluations, ablations, skipped)


def answer_sentences(findings: Findings) -> list[str]:
    """The question's answer in three plain sentences, for unseen targets.

    Where `target` could not be evaluated, the first protocol that could be is used.
    """
    protocol = next(iter(findings.evaluations))
    evaluation = findings.evaluations[protocol]
    where = "On simulated runs" if evaluation["simulated"] else "On these runs"
    found = _by_rival(evaluation["contrasts"])
    rules = {
        name: row["regret@1"]
        for name, row in evaluation["methods"].items()
        if name not in _NOT_RULES
    }
    best = min(rules, key=lambda name: rules[name])
    ranker, chance = (evaluation["methods"][name]["regret@1"] for name in ("ranker", "random"))
    lines = [
        f"{where}, for a {protocol} never seen, the ranker's first choice is "
        f"{_plain(ranker)} points below the best and a random one {_plain(chance)}: "
        f"{_told(found['ranker', 'random'])}.{_free_of_luck(evaluation)}",
        f"Against best on average it changes regret@1 by {_told(found['ranker', 'history'])}, "
        f"against the best simple rule ({best}) by {_told(found['ranker', best])}.",
    ]
    if protocol in findings.ablations:
        steps = _by_rival(findings.ablations[protocol]["contrasts"])
        lines.append(
            "Difficulty, language and diversity features together "
            + _change(steps["+both", "history"])
        )
    return lines


def _free_of_luck(evaluation: Record) -> str:
    """Gains of the first choice on other seeds than it was learnt from, where there are two."""
    gains = {name: row.get("gain_crossed") for name, row in evaluation["methods"].items()}
    if gains.get("ceiling") is None:
        return " (One seed a cell: levels of regret are inflated by luck.)"
    return (
        f" Scored on other seeds than were learnt from, its choice gains {points(gains['ranker'])} "
        f"over training directly, a random one {points(gains['random'])}, the choice by the runs "
        f"themselves {points(gains['ceiling'])}."
    )


def _change(both: Record) -> str:
    """What the features change, in how many clusters, and the power to see it."""
    if both["n_changed"] == 0:
        return (
            "change no first choice beyond size and history, in any of "
            f"{both['n_clusters']} clusters: nothing can be said of what they could add."
        )
    power = (
        "too few to say what could have been seen"
        if both["detectable"] is None
        else f"a change of {_plain(both['detectable'])} points could have been seen"
    )
    return (
        f"change it by {_told(both)} beyond size and history, most of it in {both['leading']} "
        f"(without one cluster {points(both['low_without_one'])} to "
        f"{points(both['high_without_one'])}); choices change in {both['n_changed']} clusters, "
        f"{power}."
    )


def _by_rival(contrasts: Sequence[Record]) -> dict[tuple[str, str], Record]:
    return {
        (item["method"], item["against"]): item
        for item in contrasts
        if item["measure"] == "regret@1"
    }


def _plain(fraction: float | None) -> str:
    return points(fraction).lstrip("+-") if fraction is not None else "an unknown number of"


def _told(item: Record) -> str:
    return (
        f"{points(item['difference'])} points (95% interval {points(item['low'])} to "
        f"{points(item['high'])}, p {item['p']:.3f}, {item['n_clusters']} clusters)"
    )
