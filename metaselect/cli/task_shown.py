"""A task guessed from a user's own rows: as a record, in lines, and what to know of it."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from metaselect.catalogue.tasks import Kind, TaskCard
from metaselect.cli.rank_shown import record_of
from metaselect.wording import counted, few

if TYPE_CHECKING:
    import pandas as pd

    from metaselect.catalogue.newtask import NewTask
    from metaselect.selector.combine import Objective

_N_ALIKE = 3
_MANY_REPEATS = 0.1  # share of the rows


def task_lines(task: "NewTask") -> list[str]:
    """The guessed card in a few lines."""
    from metaselect.catalogue.newtask import METRICS

    card, layout = task.card, task.card.layouts[0]
    labels = f", {len(card.labels)} labels ({few(card.labels)})" if card.labels else ""
    choices = f", {card.n_choices} choices" if card.n_choices else ""
    entropy = "" if task.label_entropy is None else f", label entropy {task.label_entropy:.2f} bits"
    text = " + ".join((*layout.text, *layout.choices))
    languages = f"  languages {few(card.languages)} as asked"
    return [
        f"{card.name}: {card.head}{labels}{choices}",
        f"  kind {card.kind} ({task.because}), metric {card.metric}",
        f"  {_rows_words(task)}, text {text}, label {layout.label}",
        f"  {task.median_words:.0f} words a row in the median{entropy}",
        f"{languages}: a gain in one depends on the others",
        f"  texts alone {_alike_words(task)}",
        "  Not so? --kind, --text COLUMN[,COLUMN], --label COLUMN and --metric overrule,",
        f"  and --head: {', '.join(METRICS)}.",
    ]


def _alike_words(task: "NewTask") -> str:
    """The tasks whose texts are most alike, or that none are."""
    from metaselect.catalogue.kinds import ALIKE

    told = [f"{name} {value:.2f}" for name, value in _most_alike(task).items()]
    if told and max(task.likeness.values()) < ALIKE:
        return f"like those of no known task ({told[0]} at most)"
    return f"most like {', '.join(told)}"


def _rows_words(task: "NewTask") -> str:
    """Rows, their file, and how many of them can be trained on where not all can."""
    every = f"{counted(task.data.n_rows, 'row')} in {task.data.path}"
    if not task.n_unlabelled:
        return every
    about = "" if task.data.n_rows == len(task.data.rows) else "about "
    return f"{about}{task.card.train_size:,} of {every} have a label"


def task_record(task: "NewTask") -> dict[str, Any]:
    """The guessed card and its facts, for JSON."""
    card, layout = task.card, task.card.layouts[0]
    return {
        "name": card.name, "head": card.head, "kind": card.kind, "because": task.because,
        "by_likeness": task.by_likeness, "metric": card.metric, "text": list(layout.text),
        "choices": list(layout.choices), "label": layout.label, "labels": list(card.labels),
        "n_choices": card.n_choices, "file": str(task.data.path), "n_rows": task.data.n_rows,
        "train_size": card.train_size, "n_unlabelled": task.n_unlabelled,
        "n_repeats": task.n_repeats,
        "mean_words": task.mean_words, "median_words": task.median_words,
        "label_entropy": task.label_entropy, "likeness": _most_alike(task),
    }  # fmt: skip


def cards_by_kind(task: "NewTask") -> dict[Kind, TaskCard]:
    """The guessed card under each kind that it may have, where its kind is no more than likely."""
    return {
        kind: replace(task.card, name=f"{task.card.name}/{kind}", kind=kind) for kind in task.voted
    }


def first_by_kind(
    task: "NewTask", rank: "Callable[..., pd.DataFrame]", objective: "Objective"
) -> dict[Kind, str]:
    """What comes first over all languages under each kind that the task may have, ranked anew."""
    found = {}
    for kind, card in cards_by_kind(task).items():
        record = record_of(rank(target=card.name), card.name, objective, simulated=False)
        found[kind] = str(record["ranking"][0]["intermediate"])
    return found


def task_notes(
    task: "NewTask", known_kinds: Collection[Kind] | None, first_by_kind: Mapping[Kind, str]
) -> list[str]:
    """What should be known of the guess: a weak kind, faults of rows and labels, known data.

    Args:
        task: The guess.
        known_kinds: Kinds that move a gain, those of candidates and of targets that the predictor
            learnt from; None where that is not known.
        first_by_kind: The first choice under each kind that the task may have.
    """
    from metaselect.catalogue.likeness import SAME_DATA
    from metaselect.catalogue.newtask import LONG

    name, path = task.card.name, task.data.path
    found = []
    if unread := task.data.unread:
        others = " or ".join(other.name for other in unread)
        found.append(
            f"{name}: {path.name} was read, not {others} beside it: name another file with --data "
            f"{unread[0]}"
        )
    if task.by_likeness:
        found.append(_weak_kind(task, known_kinds, first_by_kind))
    if task.n_unlabelled:
        found.append(
            f"{name}: {task.n_unlabelled:,} of the {len(task.data.rows):,} rows read have no label "
            "and are not counted as training rows"
        )
    found += [*_point_numbers(task), *_repeated_rows(task), *_too_few_rows(task)]
    if task.n_rare is not None:
        n_labelled = len(task.data.rows) - task.n_unlabelled
        label = task.card.layouts[0].label
        found.append(
            f"{name}: the label column {label!r} has {task.n_rare:,} different values in "
            f"{n_labelled:,} rows, as an id has: they can hardly be learnt, name another with "
            "--label"
        )
    if task.variants:
        one, other = task.variants
        found.append(
            f"{name}: labels that differ in case or spaces alone, such as {one!r} and {other!r}, "
            "count as different classes: write them alike"
        )
    if task.n_long:
        found.append(
            f"{name}: {counted(task.n_long, 'row has', 'rows have')} over {LONG:,} words "
            f"({task.most_words:,} at most): is a quotation mark left open?"
        )
    same = {known: value for known, value in task.likeness.items() if value >= SAME_DATA}
    if same:
        told = ", ".join(f"{known} ({value:.2f})" for known, value in list(same.items())[:_N_ALIKE])
        found.append(
            f"{name} may have data of {told}: then the gain of such a candidate is partly that of "
            "training longer"
        )
    return found


def _weak_kind(
    task: "NewTask", known: Collection[Kind] | None, first_by_kind: Mapping[Kind, str]
) -> str:
    """That the kind is hardly known, what hangs on it, and which kinds may be said."""
    firsts = [f"{name} if it is {kind}" for kind, name in first_by_kind.items()]
    same = len({*first_by_kind.values()}) == 1
    told = f"{task.card.name}: its kind, {task.card.kind}, is a guess about as sure as a coin flip "
    told += "(right for 11 of 23 known tasks). "
    told += f"First comes {', '.join(firsts)}{', so it may not matter' if same else ''}. "
    if known is None:
        return told + "Say which it is with --kind"
    return f"{told}Say which it is with --kind; these move a gain: {', '.join(sorted(known))}"


def _point_numbers(task: "NewTask") -> list[str]:
    """That whole numbers written with a point count as amounts, where they may be classes."""
    from metaselect.catalogue.cells import values_of

    label = str(task.card.layouts[0].label)
    values = values_of(task.data.rows, label) if task.card.head == "regression" else []
    if not values or any(isinstance(value, int) or value % 1 for value in values):
        return []
    return [
        f"{task.card.name}: the label column {label!r} has whole numbers with a point, "
        f"{min(values):.1f} to {max(values):.1f}, which count as amounts: if they are classes, "
        "write them without the point, or as words"
    ]


def _repeated_rows(task: "NewTask") -> list[str]:
    """That many rows are copies of others, where they are."""
    n_read = len(task.data.rows) - task.n_unlabelled
    if task.n_repeats < _MANY_REPEATS * n_read:
        return []
    return [
        f"{task.card.name}: {task.n_repeats:,} of the {n_read:,} rows read repeat the text and "
        "label of another: a training learns nothing new from them, take them out"
    ]


def _too_few_rows(task: "NewTask") -> list[str]:
    """That a training would hardly learn from so few different rows, where it is so."""
    from metaselect.harness.recipe import NLI_ROWS_TO_LEARN, ROWS_TO_LEARN, usual_steps

    n_rows, nli = task.card.train_size, task.card.kind == "nli"
    needed = NLI_ROWS_TO_LEARN if nli else ROWS_TO_LEARN
    n_read = len(task.data.rows) - task.n_unlabelled
    if n_rows is None or (n_different := round(n_rows * (1 - task.n_repeats / n_read))) >= needed:
        return []
    told = counted(n_different, "different training row" if task.n_repeats else "training row")
    if not task.n_repeats:
        told += f", {counted(usual_steps(n_rows), 'step')} of a training"
    return [
        f"{task.card.name}: {told}: a small encoder took some {needed:,} rows"
        f"{' of NLI' if nli else ''} to leave chance, so its gains may be noise: give it more rows"
    ]


def _most_alike(task: "NewTask") -> dict[str, float]:
    return dict(list(task.likeness.items())[:_N_ALIKE])
