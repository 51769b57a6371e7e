"""Measuring jobs; the key of a job is a hash of everything that its values depend on."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from metaselect.features.measured import cross_lingual
from metaselect.features.measured.bench import Bench
from metaselect.features.measured.records import BY_NAME, MEASURES, Of
from metaselect.harness.data.corpora import Split
from metaselect.harness.grid.stages import stage_key
from metaselect.harness.train import encoders
from metaselect.harness.train.heads.registry import HEADS

CODE_VERSION = 2
"""Raise it with any change of a measured value, so that saved old values are not reused."""

Kind = Literal[
    "data",
    "frozen",
    "surprise",
    "learning",
    "likeness",
    "transfer",
    "language",
    "task in language",
    "doubt",
]

NAMES: Mapping[Kind, tuple[str, ...]] = {
    "data": ("label_entropy", "log_text_length", "type_token_ratio"),
    "frozen": ("probe_difficulty", "neighbour_difficulty", "description_length"),
    "surprise": ("pseudo_perplexity",),
    "learning": (
        "unlearnt_share", "low_confidence", "variability", "incorrectness", "forgetting",
        "word_order_reliance",
    ),
    "likeness": ("text_similarity", "vocabulary_overlap"),
    "transfer": ("task_similarity", "logme", "linear_transfer"),
    "language": ("fertility", "unknown_share"),
    "task in language": ("subword_overlap", "alignment", "drift"),
    "doubt": ("target_doubt",),
}  # fmt: skip
"""Measures that one job of each kind computes together."""

NEEDS_TUNED: tuple[Kind, ...] = ("learning", "transfer", "task in language", "doubt")


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One pass that computes a few measures.

    Attributes:
        kind: Kind of pass.
        task, target, language: Subject of the measures; "" where not applicable.
        key: Hash of code version, data, encoder and subject.
    """

    kind: Kind
    task: str
    target: str
    language: str
    key: str

    @property
    def label(self) -> str:
        """Text that names the job in logs."""
        return " ".join(filter(None, (self.kind, self.task, self.target, self.language)))


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureRequest:
    """Tasks, languages and measures to compute.

    Attributes:
        tasks: Intermediates, and tasks whose difficulty is requested.
        targets: Targets.
        languages: Codes; a target is measured in each one that it has test rows for.
        measures: Names of measures.
    """

    tasks: Sequence[str]
    targets: Sequence[str]
    languages: Sequence[str]
    measures: Sequence[str]


def plan_jobs(bench: Bench, request: MeasureRequest) -> list[Job]:
    """Jobs that compute the requested measures, in an order that reuses tuned models.

    A target of a pair is measured where it has English training rows; a language where some task
    has text of it.
    """
    kinds = [kind for kind, names in NAMES.items() if set(names) & set(request.measures)]
    everything = list(dict.fromkeys((*request.tasks, *request.targets)))
    trained = [name for name in everything if bench.source(name) is not None]
    tasks = [name for name in request.tasks if name in trained]
    targets = [name for name in request.targets if name in trained]
    learnable = [name for name in trained if has_head(bench, name)]
    jobs: list[Job] = []
    factory = JobFactory(bench)
    for kind in kinds:
        if kind in ("data", "frozen", "surprise"):
            jobs += [factory.job(kind, task=name) for name in trained]
        elif kind == "learning":
            jobs += [factory.job(kind, task=name) for name in learnable]
        elif kind in ("likeness", "transfer"):
            jobs += [
                factory.job(kind, task=task, target=target) for task in tasks for target in targets
            ]
        elif kind == "language":
            jobs += [factory.job(kind, language=code) for code in request.languages]
        elif kind == "task in language":
            jobs += [
                factory.job(kind, task=task, language=code)
                for task in tasks
                for code in request.languages
            ]
        else:
            jobs += [
                factory.job(kind, task=target, language=code)
                for target in targets
                if target in learnable
                for code in request.languages
                if bench.corpora.has(bench.catalogue[target], "test", code)
            ]
    return jobs


def cost_of(measures: Iterable[str], *, n_tasks: int, n_targets: int, n_languages: int) -> float:
    """Estimated seconds on one core for measures of so many tasks, targets and languages.

    Measures computed in one pass are counted once.
    """
    counts: Mapping[Of, int] = {
        "task": n_tasks, "pair": n_tasks * n_targets, "task in language": n_tasks * n_languages,
        "target in language": n_targets * n_languages, "language": n_languages,
    }  # fmt: skip
    wanted = set(measures)
    passes = (BY_NAME[names[0]] for names in NAMES.values() if wanted & set(names))
    return sum(item.seconds * counts[item.of] for item in passes)


def measures_of(groups: Iterable[str]) -> list[str]:
    """Names of the measures that belong to feature groups and that jobs can give."""
    known = {name for names in NAMES.values() for name in names}
    wanted = set(groups)
    return [item.name for item in MEASURES if item.group in wanted and item.name in known]


class JobFactory:
    """Makes jobs with their keys; computes the encoder's hash once."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._encoder = encoders.fingerprint(bench.encoder)

    def job(self, kind: Kind, *, task: str = "", target: str = "", language: str = "") -> Job:
        """A job, whose key depends on everything that its values depend on."""
        identity: dict[str, Any] = {
            "kind": f"measured {kind}",
            "version": CODE_VERSION,
            "encoder": None if kind == "data" else self._encoder,
            "of": [self._source(task), self._source(target), language],
            "data": [self._data(name) for name in (task, target) if name],
        }
        if language:
            names = cross_lingual.TEXTS if kind != "doubt" else (task,)  # a target's own test texts
            identity["texts"] = [self._identity(name, "test", language) for name in names]
        return Job(kind=kind, task=task, target=target, language=language, key=stage_key(identity))

    def _source(self, name: str) -> str:
        card = self._bench.source(name) if name else None
        return name if card is None else card.name

    def _data(self, name: str) -> list[str]:
        card = self._bench.source(name)
        splits: tuple[Split, ...] = ("train", "validation")
        return [] if card is None else [self._identity(card.name, part, "en") for part in splits]

    def _identity(self, name: str, split: Split, language: str) -> str:
        card = self._bench.catalogue.find(name)
        return "" if card is None else self._bench.corpora.identity(card, split, language)


def has_head(bench: Bench, name: str) -> bool:
    """Whether a task has labelled English rows that a model can be tuned on."""
    card = bench.source(name)
    return card is not None and HEADS[card.head].score is not None
