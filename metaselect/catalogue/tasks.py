"""Task cards: what a task is, where its data are, what is published about it.

Cards are TOML, many to a file. A file's `[sources]` table names where facts come from; every
other table is a task:

    [sources]
    glue_infos = "huggingface/datasets tag 2.3.0, datasets/glue/dataset_infos.json"

    [rte]
    title = "Recognizing Textual Entailment"
    kind = "nli"
    head = "classification"
    metric = "accuracy"
    languages = ["en"]
    train_size = 2490
    labels = ["entailment", "not_entailment"]
    hub = {id = "nyu-mll/glue", config = "rte", train = "train", validation = "validation"}
    layouts = [{text = ["sentence1", "sentence2"], label = "label"}]
    scores = [{measure = "human", value = 0.936, source = "superglue"}]
    fact_sources = {train_size = "glue_infos", hub = "harness"}
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from metaselect.catalogue.measured import Measured
from metaselect.errors import UnknownName

DIRECT = "direct"
"""The candidate that stands for no intermediate task."""

DIRECT_PLUS = "direct+"
"""A control beside `direct`: no intermediate task, but as many steps as with one.

It is measured and shown, never a candidate."""

_STRICT = {"extra": "forbid"}  # pydantic's setting; unknown fields of a card are faults
Kind = Literal[
    "abusive-language",
    "acceptability",
    "answer-retrieval",
    "argument-mining",
    "cloze-qa",
    "commonsense",
    "coreference",
    "dependency-relations",
    "discourse",
    "emotion",
    "entity-retrieval",
    "error-detection",
    "extractive-qa",
    "idioms",
    "intent",
    "multi-sentence-qa",
    "ner",
    "nli",
    "paraphrase",
    "pos-tagging",
    "probing",
    "readability",
    "sentence-retrieval",
    "sentiment",
    "similarity",
    "slot-filling",
    "supertagging",
    "topic",
    "translation-quality",
    "word-sense",
    "word-similarity",
    "yes-no-qa",
]
"""What a task asks; tasks of one kind are the likely helpers of each other."""

Head = Literal[
    "classification",
    "regression",
    "multiple-choice",
    "extractive-qa",
    "tagging",
    "sentence-retrieval",
    "answer-retrieval",
    "entity-retrieval",
]


def groups(names: Iterable[str], share: Callable[[str, str], bool]) -> list[list[str]]:
    """Names joined along chains of those that share data, each group in order of name.

    Args:
        names: What to group; the order does not matter.
        share: Whether two names share data.
    """
    found: list[list[str]] = []
    for name in sorted(set(names)):
        joined = [group for group in found if any(share(name, known) for known in group)]
        found = [group for group in found if group not in joined]
        found.append(sorted([name, *(known for group in joined for known in group)]))
    return sorted(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hub:
    """Where a task's data are on the Hugging Face hub.

    Attributes:
        id: Repository as `namespace/name`; bare ids no longer load.
        config: Configuration; `{language}` stands for the hub's code of a language.
        train, validation, test: Split names; None where the hub has none.
        languages: The hub's code for a language where it differs from the card's.
        language_column: Column that holds the language where all are stacked in one split; its
            value is the hub's code, or starts with it and a hyphen (`english-12`).
        revision: Branch or commit, such as `refs/convert/parquet`.
    """

    __pydantic_config__: ClassVar = _STRICT
    id: str
    config: str | None = None
    train: str | None = None
    validation: str | None = None
    test: str | None = None
    languages: Mapping[str, str] = field(default_factory=dict)
    language_column: str | None = None
    revision: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Which columns hold what; a card lists several where copies of the data differ.

    A dot reaches into a nested column: `choices.text` is the list `text` in the column `choices`.
    A whole number or boolean in the label column is a position, counted from 0, among the card's
    labels or the choices (-1: no label). A string is one of the card's labels or of `values`.

    Attributes:
        text: Columns read as the first, second, ... text (question, context for QA).
        label: Column of the gold label, answers, tags or similarity; of the matching text for
            retrieval.
        choices: One column that holds a list, or several columns, for multiple choice.
        groups: Column that ties rows together (an id for answers), where the metric needs it.
        values: Strings that stand for the labels or choices, in their order, where the label
            column has neither positions nor the card's labels (`("A", "B")`).
    """

    __pydantic_config__: ClassVar = _STRICT
    text: tuple[str, ...]
    label: str | None = None
    choices: tuple[str, ...] = ()
    groups: str | None = None
    values: tuple[str, ...] = ()

    @property
    def columns(self) -> frozenset[str]:
        """Names of the top-level columns that a copy of the data must have."""
        named = (*self.text, *self.choices, self.label, self.groups)
        return frozenset(name.split(".")[0] for name in named if name is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedScore:
    """A published number about a task, with its source key.

    Scores are fractions: `majority`, `bert_large`, `roberta_base`, `roberta_large`, `human`, and
    from item responses `accuracy_18` (mean of 18 encoders) and `accuracy_xlmr_large`. Difficulties
    are higher for harder tasks: `headroom` ((human - bert_large) / (human - majority)),
    `error_normalised_18` and `error_normalised_roberta` (1 is guessing, 0 no error), `rasch_b`
    (logits). `item_total_r` says how well items tell encoders apart; `pvi_bits` is usable
    information, lower for harder tasks.

    Attributes:
        measure: Its name, from those above or a user's own.
        value: The number, in the measure's unit.
        source: Key into the file's `[sources]`.
    """

    __pydantic_config__: ClassVar = _STRICT
    measure: str
    value: float
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskCard:
    """What is known of one task; everything but name, kind, head and metric may be unknown.

    Attributes:
        name: As it stands in runs tables.
        kind: What the task asks (`nli`, `paraphrase`, `extractive-qa`, `ner`, ...).
        head: Which output layer and scoring it takes.
        metric: Name of the score, higher is better: `accuracy`, `f1` (of the positive class, of
            tags), `macro_f1`, `entity_f1`, `exact_match`, `matthews_correlation`, `pearson`,
            `spearman`, `map@20`, or a mean of two such as `mean(exact_match,f1)`.
        languages: Codes of the languages that it is scored in; `("en",)` for English tasks.
        train_size: Rows of the original English training split; 0 where there is none.
        labels: Class names in the hub's order; empty where the head has none.
        n_choices: Answers to choose from, for multiple choice.
        train_task: Task whose English training data it trains on (`squad` for XQuAD).
        same_source: Tasks whose data it shares, so that transfer is training longer; symmetric.
        benchmarks: `xtreme`, `xtreme_r`, `superglue`, `glue`, `phang2020`, `taskweb`, ...
        scores: Published scores and difficulties.
        fact_sources: Source text by field name.
    """

    __pydantic_config__: ClassVar = _STRICT
    name: str
    title: str
    kind: Kind
    head: Head
    metric: str
    languages: tuple[str, ...] = ("en",)
    train_size: int | None = None
    labels: tuple[str, ...] = ()
    n_choices: int | None = None
    train_task: str | None = None
    same_source: tuple[str, ...] = ()
    benchmarks: tuple[str, ...] = ()
    licence: str | None = None
    note: str | None = None
    hub: Hub | None = None
    layouts: tuple[Layout, ...] = ()
    scores: tuple[PublishedScore, ...] = ()
    fact_sources: Mapping[str, str] = field(default_factory=dict)

    def score(self, measure: str) -> float | None:
        """The published value of a measure, or None."""
        return next((item.value for item in self.scores if item.measure == measure), None)

    @property
    def chance(self) -> float | None:
        """Accuracy of guessing among the labels or choices; None where that means nothing."""
        n_outcomes = self.n_choices or len(self.labels)
        guessable = self.head in ("classification", "multiple-choice")
        return 1 / n_outcomes if guessable and n_outcomes else None


class Catalogue(Mapping[str, TaskCard]):
    """Task cards by name; an unknown name is an error that lists the nearest ones.

    Attributes:
        measured: What was measured of tasks and languages, beside what their cards say.
    """

    def __init__(self, cards: Iterable[TaskCard], measured: Measured | None = None) -> None:
        self._cards = {card.name: card for card in cards}
        self.measured = Measured() if measured is None else measured

    def __getitem__(self, name: str) -> TaskCard:
        try:
            return self._cards[name]
        except KeyError:
            raise UnknownName("task", name, self._cards) from None

    def find(self, name: str) -> TaskCard | None:
        """The card of a name, or None."""
        return self._cards.get(name)

    def __contains__(self, name: object) -> bool:
        return name in self._cards

    def __iter__(self) -> Iterator[str]:
        return iter(self._cards)

    def __len__(self) -> int:
        return len(self._cards)

    def share_source(self, first: str, second: str) -> bool:
        """Whether two tasks share data by their cards; of tasks joined by `+` any part counts."""
        return any(
            one == other or other in self._sources(one) or one in self._sources(other)
            for one in self.parts(first)
            for other in self.parts(second)
        )

    def parts(self, name: str) -> list[str]:
        """The tasks that a name stands for: several where it joins them by `+`."""
        return [name] if name in self._cards else name.split("+")

    def _sources(self, name: str) -> Collection[str]:
        card = self._cards.get(name)
        return () if card is None else card.same_source

    def training_source(self, name: str) -> str:
        """The task whose English training data a target uses.

        Targets without any training data, such as Tatoeba and BUCC, have the name of their kind:
        what moves one moves the other.
        """
        card = self.find(name)
        if card is None:
            return name
        return card.train_task or (card.kind if card.train_size == 0 else name)

    def share_training(self, first: str, second: str) -> bool:
        """Whether two targets, or what they train on, share data by their cards."""
        firsts, seconds = ({name, self.training_source(name)} for name in (first, second))
        return any(self.share_source(one, other) for one in firsts for other in seconds)

    def clusters(self, targets: Iterable[str]) -> dict[str, str]:
        """Each target's cluster: the targets of a table that share training data.

        They are joined along chains of these targets alone, so that a collection of other data
        sets joins its parts only where it is a target itself. A cluster has the name of its
        targets' training source, the first in order of name where they have several.
        """
        return {
            name: min(self.training_source(known) for known in group)
            for group in groups(targets, self.share_training)
            for name in group
        }
