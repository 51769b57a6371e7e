"""A card for a user's own task, guessed from its English training rows alone.

Rules on columns and labels decide (`catalogue.columns`, `catalogue.kinds`); where they do not, the
catalogue's tasks of the same head vote by their likeness (`catalogue.likeness`). Every guess says
what decided it, and whoever knows better overrules it.

Measured by `experiments/profiles.py measure` on the 79 tasks with English training rows at hand,
each with its own profile and those of tasks that share its data left out: the head is right for
77, the kind for 66; rules decide 56 kinds, 55 of them rightly, likeness 23, 11 of them rightly. The
rules were written with these tasks in sight, so on other tasks they will do less well.
"""

import math
import statistics
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args

from metaselect.catalogue.cells import cell_of, tells_rows_apart, values_of
from metaselect.catalogue.columns import Columns, find_columns, text_of
from metaselect.catalogue.datafile import DataFile, Row, read_data_file
from metaselect.catalogue.kinds import Shape, kind_by_likeness, kind_by_rule, kind_of_same_data
from metaselect.catalogue.likeness import shipped_profiles
from metaselect.catalogue.tasks import DIRECT, Catalogue, Head, Kind, Layout, TaskCard
from metaselect.errors import MetaselectError, UnknownChoice

METRICS: Mapping[Head, tuple[str, ...]] = {
    "classification": (
        *("accuracy", "macro_f1", "f1", "matthews_correlation"),
        *("mean(accuracy,f1)", "mean(accuracy,macro_f1)"),
    ),
    "regression": ("mean(pearson,spearman)", "pearson", "spearman"),
    "multiple-choice": ("accuracy",),
    "extractive-qa": ("mean(exact_match,f1)", "exact_match", "f1"),
    "tagging": ("entity_f1", "accuracy", "f1"),
}
"""Scores that a head gives, the usual one first."""

LONG = 20_000
"""Words of a row above which it may be many rows in one, as after a quotation mark left open."""

_UNLABELLED = -1
_EVEN = 0.9  # label entropy against that of equal classes, below which macro F1 is the metric
_LONGEST_NAME = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrules:
    """What a user says of the task; None leaves it to the guess.

    Attributes:
        head: Its output.
        kind: What the task asks.
        metric: Its score.
        text: Text columns.
        label: Label column.
    """

    head: str | None = None
    kind: str | None = None
    metric: str | None = None
    text: Sequence[str] | None = None
    label: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTask:
    """A guessed card, and what it rests on.

    Attributes:
        card: For the catalogue; its name is none of the catalogue's.
        data: The file.
        because: What decided the kind, in words.
        voted: Kinds that the most similar tasks have, the guess first, where no rule decided.
        n_unlabelled: Rows read that have no label.
        n_repeats: Rows read with the texts and label of an earlier one.
        mean_words: Mean words of a row's texts, without rows of over 20,000 where others are there.
        median_words, most_words: Words of a row's texts.
        n_long: Rows read of over 20,000 words.
        variants: Two labels that differ in case or spaces alone; None where no two do.
        n_rare: Different labels where hardly any can be learnt, for want of rows that share one;
            else None.
        label_entropy: Of the classes or tags, in bits; None for other heads.
        likeness: To each task with a profile, in [-1, 1], most alike first.
    """

    card: TaskCard
    data: DataFile
    because: str
    voted: tuple[Kind, ...]
    n_unlabelled: int
    n_repeats: int
    mean_words: float
    median_words: float
    most_words: int
    n_long: int
    variants: tuple[str, str] | None
    n_rare: int | None
    label_entropy: float | None
    likeness: Mapping[str, float] = field(default_factory=dict)

    @property
    def by_likeness(self) -> bool:
        """Whether no rule decided the kind, so that the guess is less sure."""
        return bool(self.voted)


def guess_task(
    place: Path, catalogue: Catalogue, overrules: Overrules, *, unseen: Collection[str] = ()
) -> NewTask:
    """Read training rows and guess their task's card.

    Args:
        place: A file, or a folder with a `train` file.
        catalogue: Cards that vote, and whose names are taken.
        overrules: What is known better.
        unseen: Tasks that do not vote and whose likeness is left out.

    Raises:
        MetaselectError: Data that cannot be read or used, or an unknown column, head, kind or
            metric.
    """
    asked, head = _asked_kind(overrules.kind), _asked_head(overrules.head)
    data = read_data_file(place)
    columns = find_columns(data, head=head, text=overrules.text, label=overrules.label)
    metric = _asked_metric(overrules.metric, columns.head)
    rows = [row for row in data.rows if not _is_unlabelled(row, columns)]
    labels = _label_counts(rows, columns)
    _check_labels(data, columns, rows, labels)
    texts = [text_of(row, columns) for row in rows]
    n_words = [len(text.split()) for text in texts]
    names = _label_names(labels, columns)
    shape = _shape(rows, columns, names, n_words)
    likeness = {
        name: value
        for name, value in sorted(
            shipped_profiles().likeness(texts).items(), key=lambda item: -item[1]
        )
        if name in catalogue and name not in unseen
    }
    ruled = asked or kind_by_rule(shape) or kind_of_same_data(shape, likeness, catalogue)
    voted: tuple[Kind, ...] = ()
    if ruled is None:
        voted, why = kind_by_likeness(shape, likeness, catalogue)
        ruled = voted[0], why
    kind, because = ruled
    layout = Layout(
        text=columns.text,
        label=columns.label,
        choices=columns.choices,
        groups=columns.groups,
        values=_choice_names(rows, columns),
    )
    card = TaskCard(
        name=_free_name(data.name, catalogue),
        title=f"{data.name}, guessed from {data.path.name}",
        kind=kind,
        head=columns.head,
        metric=metric or _usual_metric(columns.head, labels, spans=shape.spans, kind=kind),
        train_size=round(data.n_rows * len(rows) / len(data.rows)),
        labels=names,
        n_choices=_n_choices(rows, columns),
        layouts=(layout,),
    )
    return NewTask(
        card=card, data=data, because=because, voted=voted,
        n_unlabelled=len(data.rows) - len(rows),
        n_repeats=len(rows) - len({(text, str(cell_of(row, columns.label)))
                                   for row, text in zip(rows, texts, strict=True)}),
        mean_words=shape.mean_words, median_words=shape.n_words,
        most_words=max(n_words), n_long=sum(count > LONG for count in n_words),
        variants=_variants(names), n_rare=_n_rare(rows, columns),
        label_entropy=_entropy(labels) if labels else None,
        likeness=likeness,
    )  # fmt: skip


def _asked_kind(name: str | None) -> tuple[Kind, str] | None:
    """The kind that a user names, and that it is so."""
    for kind in get_args(Kind):
        if name is not None and kind == name.lower():
            return kind, "as you say"
    if name is not None:
        raise UnknownChoice("--kind", name, get_args(Kind))
    return None


def _asked_head(name: str | None) -> Head | None:
    """The head that a user names."""
    for head in METRICS:
        if name is not None and head == name.lower():
            return head
    if name is not None:
        raise UnknownChoice("--head", name, METRICS)
    return None


def _asked_metric(name: str | None, head: Head) -> str | None:
    if name is not None and name not in METRICS[head]:
        raise UnknownChoice(f"--metric of a {head} task", name, METRICS[head])
    return name


def _is_unlabelled(row: Row, columns: Columns) -> bool:
    value = row.get(columns.label)
    withheld = columns.head in ("classification", "multiple-choice") and value == _UNLABELLED
    return value is None or value == "" or value != value or withheld


def _label_counts(rows: Sequence[Row], columns: Columns) -> Counter[str]:
    """How often each class or tag stands; empty for heads without."""
    values = values_of(rows, columns.label)
    if columns.head == "tagging":
        return Counter(str(tag) for tags in values for tag in tags)
    return Counter(map(str, values)) if columns.head == "classification" else Counter()


def _check_labels(
    data: DataFile, columns: Columns, rows: Sequence[Row], labels: Counter[str]
) -> None:
    if not rows:
        raise MetaselectError(
            f"{data.path}: the label column {columns.label!r} is empty. Name another with --label."
        )
    if columns.head == "regression" and any(map(math.isinf, values_of(rows, columns.label))):
        raise MetaselectError(
            f"{data.path}: the label column {columns.label!r} has infinite numbers. Take these "
            "rows out, or name another with --label."
        )
    if columns.head in ("classification", "tagging") and len(labels) < 2:
        raise MetaselectError(
            f"{data.path}: the label column {columns.label!r} has one value alone, "
            f"{next(iter(labels), '')!r}. Name another with --label, or give rows of every class."
        )
    if columns.head == "classification" and len(labels) == len(rows):
        raise MetaselectError(
            f"{data.path}: the label column {columns.label!r} is different in each of "
            f"{len(rows):,} rows, as an id is: there is no class to learn. Name another with "
            "--label, or give several rows of each class."
        )


def _n_rare(rows: Sequence[Row], columns: Columns) -> int | None:
    """How many labels there are, if they are classes of under two rows or hardly repeat."""
    values = values_of(rows, columns.label)
    if columns.head == "regression":
        return len({*values}) if tells_rows_apart(values) else None
    if columns.head != "classification":
        return None
    n_classes = len({str(value) for value in values})
    return n_classes if n_classes * 2 > len(values) else None


def _variants(names: Sequence[str]) -> tuple[str, str] | None:
    """The first two labels that differ in case or spaces alone."""
    first: dict[str, str] = {}
    for name in names:
        other = first.setdefault(" ".join(name.casefold().split()), name)
        if other != name:
            return other, name
    return None


def _label_names(labels: Counter[str], columns: Columns) -> tuple[str, ...]:
    """Classes in order: numbers by size, names by the alphabet, O first among tags."""
    if all(label.lstrip("-").isdigit() for label in labels):
        return tuple(sorted(labels, key=int))
    return tuple(sorted(labels, key=lambda label: (label != "O", label)))


def _shape(
    rows: Sequence[Row], columns: Columns, names: Sequence[str], n_words: Sequence[int]
) -> Shape:
    spans = columns.head == "tagging" and "O" in names and all(
        name == "O" or name[1:2] in ("-", "_") for name in names
    )  # fmt: skip
    kinds = dict.fromkeys(name[2:] for name in names if name != "O") if spans else names
    each = [
        statistics.median(len(str(row.get(name, "")).split()) for row in rows)
        for name in columns.text
    ]
    return Shape(
        head=columns.head, text=columns.text, label=columns.label, labels=tuple(kinds), spans=spans,
        mean_words=statistics.fmean([count for count in n_words if count <= LONG] or n_words),
        n_words=statistics.median(n_words), n_words_each=tuple(each),
    )  # fmt: skip


def _usual_metric(head: Head, labels: Counter[str], *, spans: bool, kind: Kind) -> str:
    if head == "tagging":
        return "entity_f1" if spans else "accuracy"
    if kind == "acceptability" and head == "classification" and len(labels) == 2:
        return "matthews_correlation"
    uneven = head == "classification" and _entropy(labels) < _EVEN * math.log2(len(labels))
    return "macro_f1" if uneven else METRICS[head][0]


def _entropy(labels: Counter[str]) -> float:
    """Entropy of the classes in bits."""
    shares = [count / labels.total() for count in labels.values()]
    return -sum(share * math.log2(share) for share in shares)


def _choice_names(rows: Sequence[Row], columns: Columns) -> tuple[str, ...]:
    """What stands for the choices, such as A, B and C; nothing where their places do."""
    values = {value for value in values_of(rows, columns.label) if isinstance(value, str)} if (
        columns.head == "multiple-choice"
    ) else set()  # fmt: skip
    return tuple(sorted(values))


def _n_choices(rows: Sequence[Row], columns: Columns) -> int | None:
    if columns.head != "multiple-choice":
        return None
    if len(columns.choices) > 1:
        return len(columns.choices)
    return max(len(cell_of(row, columns.choices[0]) or ()) for row in rows)


def _free_name(name: str, catalogue: Catalogue) -> str:
    """The name with safe letters alone, and none that the catalogue has."""
    safe = "".join(char if char.isascii() and (char.isalnum() or char in "._-+") else "_"
                   for char in name.lower()).strip("._-+")[:_LONGEST_NAME]  # fmt: skip
    safe = safe or "task"
    return f"my-{safe}" if safe in catalogue or safe == DIRECT else safe
