"""What a guess from a user's own rows says: for people, for programs, and as warnings."""

from typing import TYPE_CHECKING, Any

from metaselect.console import few

if TYPE_CHECKING:
    from metaselect.catalogue.newtask import NewTask

_N_ALIKE = 3


def task_lines(task: "NewTask") -> list[str]:
    """The guessed card in a few lines."""
    card, layout = task.card, task.card.layouts[0]
    labels = f", {len(card.labels)} labels ({few(card.labels)})" if card.labels else ""
    choices = f", {card.n_choices} choices" if card.n_choices else ""
    entropy = "" if task.label_entropy is None else f", label entropy {task.label_entropy:.2f} bits"
    text = " + ".join((*layout.text, *layout.choices))
    alike = ", ".join(f"{name} {value:.2f}" for name, value in _most_alike(task).items())
    return [
        f"{card.name}: {card.head}{labels}{choices}",
        f"  kind {card.kind} ({task.because}), metric {card.metric}",
        f"  {task.data.n_rows:,} rows, text {text}, label {layout.label}",
        f"  {task.mean_words:.0f} words a row{entropy}",
        f"  texts most like {alike}",
        "  Not so? --kind, --text COLUMN[,COLUMN], --label COLUMN and --metric overrule.",
    ]


def task_record(task: "NewTask") -> dict[str, Any]:
    """The guessed card and its facts, for JSON."""
    card, layout = task.card, task.card.layouts[0]
    return {
        "name": card.name, "head": card.head, "kind": card.kind, "because": task.because,
        "by_likeness": task.by_likeness, "metric": card.metric, "text": list(layout.text),
        "choices": list(layout.choices), "label": layout.label, "labels": list(card.labels),
        "n_choices": card.n_choices, "n_rows": task.data.n_rows,
        "n_unlabelled": task.n_unlabelled, "mean_words": task.mean_words,
        "label_entropy": task.label_entropy, "likeness": _most_alike(task),
    }  # fmt: skip


def task_notes(task: "NewTask") -> list[str]:
    """What should be known of the guess: a weak kind, rows without labels, known data."""
    from metaselect.catalogue.likeness import SAME_DATA

    name = task.card.name
    found = []
    if task.by_likeness:
        found.append(
            f"{name}: its kind is guessed by likeness alone, which was right for 11 of 23 known "
            f"tasks: say --kind if it is not {task.card.kind}"
        )
    if task.n_unlabelled:
        found.append(f"{name}: {task.n_unlabelled} of the rows read have no label")
    same = {known: value for known, value in task.likeness.items() if value >= SAME_DATA}
    if same:
        told = ", ".join(f"{known} ({value:.2f})" for known, value in list(same.items())[:_N_ALIKE])
        found.append(
            f"{name} may have data of {told}: then the gain of such a candidate is partly that of "
            "training longer"
        )
    return found


def _most_alike(task: "NewTask") -> dict[str, float]:
    return dict(list(task.likeness.items())[:_N_ALIKE])
