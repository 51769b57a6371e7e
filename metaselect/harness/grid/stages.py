"""Stages of a grid: trainings and scorings, each named by a hash of all that it depends on.

A stage that two runs share has one name, so it happens once: the intermediate of many targets,
the English model of targets that share their training data, the untrained encoder of all seeds.
"""

import hashlib
import json
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from metaselect.catalogue.tasks import DIRECT_PLUS, Catalogue, TaskCard
from metaselect.errors import MetaselectError
from metaselect.harness.data.corpora import Corpora, Split
from metaselect.harness.recipe import Adaptation, Recipe, Testing, as_json
from metaselect.harness.train import encoders
from metaselect.harness.train.encoders import Encoder

STAGE_SCHEMA = 2
"""Raise it with any change that moves a result, so that old stages are not taken for new ones."""

SCORING_SCHEMA = 1
"""Raise it with any change that moves scores alone: trainings keep their names."""

UNTRAINED = ("sentence-retrieval",)
"""Heads scored on whatever encoder comes out of the stage before, without training."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Teaching:
    """How a training goes about its tasks.

    Attributes:
        adaptation: Full fine-tuning or LoRA.
        recipe: Steps, batches, lengths.
        seed: The grid's.
        pair_questions: Train a dual encoder on the questions of an extractive QA task.
        keep_head: Take over the parent's head too, which is of the same kind.
    """

    adaptation: Adaptation
    recipe: Recipe
    seed: int
    pair_questions: bool
    keep_head: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtraSteps:
    """Steps that a training takes besides its own: as many as another training would.

    Attributes:
        cards: What that one trains on.
        recipe: How.
    """

    cards: tuple[TaskCard, ...]
    recipe: Recipe


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainStage:
    """Train one task, or several at once, from an encoder or from another stage's body.

    Attributes:
        key: Name: hash of everything below.
        label: For people: `mnli` or `mnli→udpos`.
        encoder: What it starts from where it has no parent.
        parent: Key of the stage whose body it takes over.
        cards: Tasks trained together.
        teaching: How; data order and new heads follow from its seed and the tasks alone.
        extra: Steps to take besides those of its recipe, as a control of training longer.
    """

    key: str
    label: str
    encoder: Encoder
    parent: str | None
    cards: tuple[TaskCard, ...]
    teaching: Teaching
    extra: ExtraSteps | None = None

    @property
    def recipe(self) -> Recipe:
        """Steps, batches, lengths."""
        return self.teaching.recipe

    @property
    def seed(self) -> int:
        """The grid's seed."""
        return self.teaching.seed


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreStage:
    """Score one target in its languages on a trained stage, or on the bare encoder.

    Attributes:
        key: Name: hash of everything below.
        label: For people.
        encoder: The encoder under the weights.
        parent: Key of the training whose weights are scored; None scores the encoder itself.
        card: The target.
        testing: How.
        languages: Codes to score.
    """

    key: str
    label: str
    encoder: Encoder
    parent: str | None
    card: TaskCard
    testing: Testing
    languages: tuple[str, ...]


Stage = TrainStage | ScoreStage


class JsonText(str):
    """JSON that is written already."""

    __slots__ = ()


class Naming:
    """Names stages; remembers hashes of data and encoders, which many stages share."""

    def __init__(self, corpora: Corpora, catalogue: Catalogue) -> None:
        self.corpora, self.catalogue = corpora, catalogue
        self._identities: dict[tuple[str, Split, str], str] = {}
        self._encoders: dict[Encoder, str] = {}
        self._languages: dict[str, tuple[str, ...]] = {}
        self._parts: dict[Hashable, JsonText] = {}

    def train_stage(
        self,
        names: Sequence[str],
        *,
        start: Encoder | TrainStage,
        teaching: Teaching,
        extra: ExtraSteps | None = None,
    ) -> TrainStage:
        """A training of some tasks from an encoder or a stage before it."""
        parent = start if isinstance(start, TrainStage) else None
        encoder = start.encoder if isinstance(start, TrainStage) else start
        cards = tuple(self.catalogue[name] for name in names)
        splits: tuple[Split, ...] = ("train", "validation")
        data = self._part(("train data", *names), lambda: {
            f"{card.name}.{split}": self._identity(card, split, "en")
            for card in cards
            for split in splits
        })  # fmt: skip
        longer = {} if extra is None else {"extra": self._extra(extra)}
        key = stage_key(
            {
                "kind": "train",
                "encoder": self._fingerprint(encoder) if parent is None else None,
                "parent": None if parent is None else parent.key,
                "tasks": self._part(
                    ("tasks", *names), lambda: [_card_identity(card) for card in cards]
                ),
                "data": data,
                "teaching": self._part(teaching, lambda: as_json(teaching)),
                **longer,
            }
        )
        before = "" if parent is None else f"{parent.label}→"
        before += "" if extra is None else f"{DIRECT_PLUS}→"
        return TrainStage(
            key=key, label=before + "+".join(names), encoder=encoder,
            parent=None if parent is None else parent.key, cards=cards, teaching=teaching,
            extra=extra,
        )  # fmt: skip

    def score_stage(
        self, name: str, *, start: Encoder | TrainStage, testing: Testing
    ) -> ScoreStage:
        """A scoring of one target in its languages, on a training or on the bare encoder."""
        parent = start if isinstance(start, TrainStage) else None
        encoder = start.encoder if isinstance(start, TrainStage) else start
        card = self.catalogue[name]
        languages = testing.languages or self.test_languages(card)
        if not languages:
            raise MetaselectError(f"There are no test data of {name} in any of its languages.")
        key = stage_key(
            {
                "kind": "score",
                "scoring": SCORING_SCHEMA,
                "encoder": self._fingerprint(encoder),
                "parent": None if parent is None else parent.key,
                "task": self._part(("task", name), lambda: _card_identity(card)),
                "data": self._part(
                    ("test data", name, languages),
                    lambda: {code: self._identity(card, "test", code) for code in languages},
                ),
                "testing": self._part(testing, lambda: as_json(testing)),
            }
        )
        return ScoreStage(
            key=key, label=f"{encoder.name if parent is None else parent.label} on {name}",
            encoder=encoder, parent=None if parent is None else parent.key,
            card=card, testing=testing, languages=languages,
        )  # fmt: skip

    def encoder_faults(self, used: Sequence[Encoder]) -> list[str]:
        """Why encoders cannot be named, a line each: they are not there."""
        faults = []
        for encoder in used:
            try:
                self._fingerprint(encoder)
            except MetaselectError as error:
                faults.append(str(error))
        return faults

    def test_languages(self, card: TaskCard) -> tuple[str, ...]:
        """The card's languages for which there are test rows."""
        if card.name not in self._languages:
            self._languages[card.name] = tuple(self.corpora.test_languages(card))
        return self._languages[card.name]

    def hashes(self) -> dict[str, dict[str, str]]:
        """What named stages so far rest on: data by `task/split` or `task/test.language`."""
        data = {
            f"{task}/{split}" + (f".{language}" if split == "test" else ""): identity
            for (task, split, language), identity in sorted(self._identities.items())
        }
        found = {encoder.name: identity for encoder, identity in self._encoders.items()}
        return {"data": data, "encoders": found}

    def _extra(self, extra: ExtraSteps) -> dict[str, Any]:
        """What of a training fixes how many steps it takes."""
        return {
            "tasks": [_card_identity(card) for card in extra.cards],
            "data": [self._identity(card, "train", "en") for card in extra.cards],
            "recipe": as_json(extra.recipe),
        }

    def _part(self, name: Hashable, make: Callable[[], Any]) -> JsonText:
        """A part of identities that many stages share, written once."""
        if name not in self._parts:
            self._parts[name] = JsonText(_json(make()))
        return self._parts[name]

    def _identity(self, card: TaskCard, split: Split, language: str) -> str:
        name = (card.name, split, language)
        if name not in self._identities:
            self._identities[name] = self.corpora.identity(card, split, language)
        return self._identities[name]

    def _fingerprint(self, encoder: Encoder) -> str:
        if encoder not in self._encoders:
            self._encoders[encoder] = encoders.fingerprint(encoder)
        return self._encoders[encoder]


def stage_key(identity: Mapping[str, Any]) -> str:
    """Hex name of a stage: the same content gives the same name on any machine."""
    parts = sorted({"schema": STAGE_SCHEMA, **identity}.items())
    text = ", ".join(
        f'"{name}": {value if isinstance(value, JsonText) else _json(value)}'
        for name, value in parts
    )
    return hashlib.blake2b(f"{{{text}}}".encode(), digest_size=12).hexdigest()


def rows_key(card: TaskCard, identity: str) -> str:
    """Hex name of a file as a card reads it."""
    return stage_key({"kind": "rows", "task": _card_identity(card), "data": identity})


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def _card_identity(card: TaskCard) -> dict[str, Any]:
    """What of a card changes a result: published scores and notes do not."""
    return {
        "name": card.name,
        "head": card.head,
        "metric": card.metric,
        "labels": list(card.labels),
        "layouts": [
            [list(item.text), item.label, list(item.choices), item.groups, list(item.values)]
            for item in card.layouts
        ],
    }
