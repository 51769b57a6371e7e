"""The research question on a runs table: the records that answer it, made part by part.

Do language diversity and task difficulty together choose better intermediate tasks than random
choice, and than the simple rules?
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass, replace
from functools import partial
from importlib import resources
from typing import Any, Literal, cast

import pandas as pd

from metaselect.catalogue.tasks import Catalogue
from metaselect.errors import MetaselectError
from metaselect.evaluation.ablation import all_arms, ladder_arms, plan_ablation
from metaselect.evaluation.anatomy import anatomy_record
from metaselect.evaluation.coverage import coverage_record
from metaselect.evaluation.definitions import definitions_record
from metaselect.evaluation.fold_evaluation import EvaluationConfig, no_choice
from metaselect.evaluation.folds import PROTOCOLS, without_same_source
from metaselect.evaluation.nested import Fits, plan_evaluation, run_fits
from metaselect.evaluation.progress import Progress, ProgressMeter
from metaselect.evaluation.records import (
    AblationRecord,
    CoverageRecord,
    DefinitionsRecord,
    EvaluationRecord,
)
from metaselect.evaluation.results import METHOD, SCHEMA, ablation_record, evaluation_record
from metaselect.features.table import Unit
from metaselect.wording import counted

Record = Mapping[str, Any]
Kind = Literal["evaluation", "ablation"]

_DETAILED_PROTOCOLS: tuple[Unit, ...] = ("target", "intermediate")
"""Protocols that are also evaluated without shared data, and without `direct` as a choice."""

_ARM_COST = 0.4  # in fits of an evaluation, roughly; so are those of parts made alone
_RECORDS = {"evaluation": evaluation_record, "ablation": ablation_record}


@dataclass(frozen=True, slots=True)
class Findings:
    """Some or all results of the question, as records that JSON can hold.

    Attributes:
        records: By name: `anatomy` (shares of the gains' variance), `definitions` (of difficulty,
            side by side), `coverage` (whose difficulty is known), `evaluation-NAME` and
            `ablation-NAME`. NAME is a protocol; the suffix `-apart` excludes shared training data,
            `-among` excludes `direct` from the choices.
        skipped: Reason, by the NAME of each evaluation that could not be made.
    """

    records: Mapping[str, Record]
    skipped: Mapping[str, str]

    def __or__(self, other: "Findings") -> "Findings":
        return Findings({**self.records, **other.records}, {**self.skipped, **other.skipped})

    @property
    def evaluations(self) -> dict[str, EvaluationRecord]:
        """Evaluations by NAME."""
        return cast(dict[str, EvaluationRecord], self._of("evaluation"))

    @property
    def ablations(self) -> dict[str, AblationRecord]:
        """Ablations by NAME."""
        return cast(dict[str, AblationRecord], self._of("ablation"))

    @property
    def definitions(self) -> DefinitionsRecord:
        """Definitions of difficulty side by side.

        Raises:
            KeyError: That record was not made.
        """
        return cast(DefinitionsRecord, self.records["definitions"])

    @property
    def coverage(self) -> CoverageRecord | None:
        """Whose difficulty is known; None where that record was not made."""
        return cast(CoverageRecord | None, self.records.get("coverage"))

    def _of(self, kind: Kind) -> dict[str, Record]:
        start = f"{kind}-"
        return {
            name.removeprefix(start): record
            for name, record in self.records.items()
            if name.startswith(start)
        }


@dataclass(frozen=True, slots=True)
class Work:
    """What it takes to make a part.

    Attributes:
        n_steps: How many steps.
        step_cost: Of each, in fits of an evaluation.
        make: Makes the part; it calls its argument after each step.
    """

    n_steps: int
    step_cost: float
    make: Callable[[Callable[[], None]], Findings]


@dataclass(frozen=True, slots=True)
class RecordPart:
    """Records that are made together, because they share fits.

    Attributes:
        names: Of its records.
        plan: Tells the work, or raises a `MetaselectError` where the table is too small for it.
    """

    names: tuple[str, ...]
    plan: Callable[[], Work]

    def is_in(self, findings: Findings) -> bool:
        """Whether findings hold each of its records, or the reason why it cannot be made."""
        return all(
            name in findings.records or _plain_name(name) in findings.skipped for name in self.names
        )


def question_parts(
    runs: pd.DataFrame,
    catalogue: Catalogue,
    config: EvaluationConfig,
    *,
    protocols: Sequence[Unit] = PROTOCOLS,
) -> list[RecordPart]:
    """Every part of the question on a runs table; nothing is computed yet.

    Args:
        runs: A table from `runs.schema.check_runs`.
        catalogue: Cards and measured values.
        config: Search, groups and rules of every evaluation; its protocol is replaced. Ablations
            take the default settings, so that arms differ by features alone; single groups are
            taken alone and left out for new targets only.
        protocols: What is left out, one after another.
    """
    shares_data = len(without_same_source(runs, catalogue)) < len(runs)
    seed = config.search.seed
    alone: tuple[tuple[str, float, Callable[[], Record]], ...] = (
        ("anatomy", 3.0, partial(anatomy_record, runs, catalogue, seed=seed)),
        ("definitions", 1.0, partial(definitions_record, runs, catalogue, seed=seed)),
        ("coverage", 0.1, partial(coverage_record, runs, catalogue)),
    )
    found = [
        RecordPart((name,), partial(_plan_alone, name, cost, make)) for name, cost, make in alone
    ]
    for protocol in protocols:
        whole = replace(config, protocol=protocol)
        detailed = protocol in _DETAILED_PROTOCOLS
        with_direct: dict[str, bool] = {protocol: True}
        if detailed:
            with_direct[f"{protocol}-among"] = False
        ways: list[tuple[Kind, EvaluationConfig, dict[str, bool]]] = [
            ("evaluation", whole, with_direct),
            ("ablation", replace(whole, search=replace(whole.search, n_trials=1)), with_direct),
        ]
        if detailed and shares_data:
            apart = replace(whole, with_same_source=False)
            ways.append(("evaluation", apart, {f"{protocol}-apart": True}))
        found += [
            RecordPart(
                tuple(f"{kind}-{name}" for name in names),
                partial(_plan_fits, kind, runs, catalogue, own, names),
            )
            for kind, own, names in ways
        ]
    return found


def make_findings(
    parts: Sequence[RecordPart],
    *,
    known: Findings,
    keep: Callable[[RecordPart, Findings], None],
    progress: Progress,
) -> Findings:
    """Make the parts that are not known.

    Args:
        parts: From `question_parts`.
        known: What need not be made again.
        keep: Called with each part as soon as it is made.
        progress: Called with a line at most every 15 seconds, and at start and end.

    Returns:
        The records of all parts, in their order.

    Raises:
        MetaselectError: The table is too small for every protocol.
    """
    found, planned = known, []
    for part in parts:
        if not part.is_in(known):
            try:
                planned.append((part, part.plan()))
            except MetaselectError as error:
                found |= _skipped(part, str(error))
    coming = {name for part, _ in planned for name in part.names}
    if not any(name.startswith("evaluation-") for name in (*coming, *found.records)):
        raise MetaselectError(next(iter(found.skipped.values())))
    n_steps = sum(work.n_steps for _, work in planned)
    meter = ProgressMeter(n_steps, sum(w.n_steps * w.step_cost for _, w in planned), progress)
    if planned:
        progress(f"{counted(len(coming), 'record')} to make in {counted(n_steps, 'step')}")
    for part, work in planned:
        step = partial(meter.step, part.names[0], work.step_cost)
        try:
            made = work.make(step)
        except MetaselectError as error:
            made = _skipped(part, str(error))
        keep(part, made)
        found |= made
    return _of_parts(parts, found)


def question_key(runs: pd.DataFrame, catalogue: Catalogue, config: EvaluationConfig) -> str:
    """Names all that decides the content of records: two calls with one key make the same.

    It is made of the runs, what cards and the language table say that evaluations read, values
    measured of their tasks, settings, and the version of the methods; not of how many processes do
    the work.
    """
    settings = asdict(replace(config, workers=0, executor="local", protocol="target"))
    cards = [
        replace(card, title="", licence=None, note=None, hub=None, layouts=(), fact_sources={})
        for _, card in sorted(catalogue.items())
    ]
    names = {*runs["intermediate"], *runs["target"]}
    tasks = {part for name in names for part in catalogue.parts(name)}
    tasks |= {"", *(catalogue.training_source(name) for name in tasks)}
    values = sorted(
        astuple(value)[:-1]  # not what they cost
        for value in catalogue.measured
        if value.task in tasks and value.target in tasks
    )
    languages = resources.files("metaselect.catalogue").joinpath("languages.csv").read_bytes()
    digest = hashlib.blake2b(digest_size=16)
    for piece in (
        repr((SCHEMA, METHOD, settings, cards, values)).encode(),
        languages,
        runs.to_csv(index=False).encode(),
    ):
        digest.update(hashlib.blake2b(piece).digest())
    return digest.hexdigest()


def _plan_alone(name: str, cost: float, make: Callable[[], Record]) -> Work:
    """A part that is one step."""

    def made(step: Callable[[], None]) -> Findings:
        record = make()
        step()
        return Findings({name: record}, {})

    return Work(1, cost, made)


def _plan_fits(
    kind: Kind,
    runs: pd.DataFrame,
    catalogue: Catalogue,
    config: EvaluationConfig,
    with_direct: Mapping[str, bool],
) -> Work:
    """A part of a step a fit, with a record for each value of `with_direct`, by its name."""
    if kind == "evaluation":
        fits = plan_evaluation(runs, catalogue, config)
    else:
        arms = all_arms() if config.protocol == "target" else ladder_arms()
        fits = plan_ablation(runs, catalogue, config, arms=arms)
    cost = config.search.n_trials if kind == "evaluation" else _ARM_COST
    make = partial(_make_fits, kind, fits, catalogue, config, with_direct)
    return Work(len(fits.jobs), cost, make)


def _make_fits(
    kind: Kind,
    fits: Fits,
    catalogue: Catalogue,
    config: EvaluationConfig,
    with_direct: Mapping[str, bool],
    step: Callable[[], None],
) -> Findings:
    results = run_fits(fits, catalogue, tuple(with_direct.values()), step=step)
    records = {
        f"{kind}-{name}": _RECORDS[kind](results[value], replace(config, with_direct=value))
        for name, value in with_direct.items()
        if value in results
    }
    reason = no_choice(config)
    return Findings(
        records, {name: reason for name, value in with_direct.items() if value not in results}
    )


def _skipped(part: RecordPart, reason: str) -> Findings:
    return Findings({}, {_plain_name(name): reason for name in part.names})


def _plain_name(record: str) -> str:
    return record.partition("-")[2]


def _of_parts(parts: Sequence[RecordPart], found: Findings) -> Findings:
    """What belongs to parts, in their order."""
    names = [name for part in parts for name in part.names]
    records = {name: found.records[name] for name in names if name in found.records}
    plain = dict.fromkeys(map(_plain_name, names))
    return Findings(records, {name: found.skipped[name] for name in plain if name in found.skipped})
