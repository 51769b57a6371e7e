"""A ranking, and a guess from a user's own rows, as records for programs and text for people."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from metaselect.catalogue.tasks import DIRECT, Kind, TaskCard
from metaselect.cli.console import print_table
from metaselect.wording import counted, few, points, share, some

if TYPE_CHECKING:
    import pandas as pd

    from metaselect.catalogue.newtask import NewTask
    from metaselect.selector.combine import Objective
    from metaselect.selector.doubts import Doubts
    from metaselect.selector.measured_gains import MeasuredGain

    Measured = dict[tuple[str, str], MeasuredGain]

_N_ALIKE = 3
_MANY_REPEATS = 0.1  # share of the rows


def record_of(
    table: "pd.DataFrame",
    target: str,
    objective: "Objective",
    own: "pd.DataFrame | None" = None,
    *,
    doubts: "Doubts | None" = None,
    simulated: bool,
) -> dict[str, Any]:
    """What `rank --json` prints, whole and without warnings: the same keys for one language and
    several; for one, `language` besides.

    Args:
        table: From `TaskSelector.rank`, whole.
        target: Its name.
        objective: Of several languages.
        own: Runs whose measured gains stand beside the expected ones; None where none were
            looked for.
        doubts: What forbids to advise the first; None where nothing was looked for.
        simulated: Whether the predictor learnt from simulated runs.
    """
    from metaselect.selector.advice import entries_of, ranking_and_answer
    from metaselect.selector.doubts import NO_DOUBTS
    from metaselect.selector.measured_gains import measured_gains

    codes = list(dict.fromkeys(table["language"]))
    several = len(codes) > 1
    ranking, told = ranking_and_answer(
        table, doubts or NO_DOUBTS, objective=objective, simulated=simulated
    )
    by_language = {code: entries_of(table[table["language"] == code]) for code in codes}
    by_language = by_language if several else {codes[0]: ranking}
    seen: Measured | None = None
    if own is not None:
        seen = measured_gains(own, target=target, languages=codes, study=None)
        for code, entries in by_language.items():
            for entry in entries:
                found = seen.get((code, entry["intermediate"]))
                entry["measured"] = None if found is None else asdict(found)
    return {
        "target": target,
        **({} if several else {"language": codes[0]}),
        "languages": codes,
        "answer": told,
        "objective": objective,
        "ranking": ranking,
        "by_language": by_language,
        **_control(seen, codes),
    }


def first_of(record: dict[str, Any], top: int | None) -> dict[str, Any]:
    """A record with the best entries alone; None keeps all."""
    by_language = {code: entries[:top] for code, entries in record["by_language"].items()}
    return {**record, "ranking": record["ranking"][:top], "by_language": by_language}


def _control(seen: "Measured | None", codes: Sequence[str]) -> dict[str, Any]:
    """Measured gains of as many steps on the target alone, by language, where there are any."""
    from metaselect.catalogue.tasks import DIRECT_PLUS

    known = seen or {}
    found = {code: asdict(known[cell]) for code in codes if (cell := (code, DIRECT_PLUS)) in known}
    return {"equal_steps": found} if found else {}


def show_ranking(table: "pd.DataFrame", *, target: str, doubts: "Doubts", simulated: bool) -> None:
    """A ranking in one language, from Python, as an answer and a table for people."""
    record = record_of(table, target, "mean", doubts=doubts, simulated=simulated)
    show(record, [], why=False, simulated=simulated)


def show(record: dict[str, Any], task_lines: Sequence[str], *, why: bool, simulated: bool) -> None:
    """The answer first, then what is known of a guessed task, the table, and reasons if asked."""
    where = some(record["languages"])
    goal = f" ({record['objective']} over languages)" if len(record["languages"]) > 1 else ""
    mark = ", by a predictor of SIMULATED RUNS" if simulated else ""
    print(record["answer"], *task_lines, sep="\n")
    told = any(entry.get("measured") for entry in record["ranking"])
    heads = [">", "fine-tune first on", ">gain", ">interval", ">P(gain>0)"]
    print_table(
        f"{record['target']} in {where}{goal}{mark}: expected gains in points",
        [*heads, *([">measured"] if told else [])],
        [_cells(place, entry, told) for place, entry in enumerate(record["ranking"], start=1)],
        note="\n".join(_notes(record, told)),
    )
    if why:
        print("Why, against the mean candidate:")
        for entry in record["ranking"]:
            print(f"  {entry['intermediate']}", *entry["reasons"], sep="\n    ")


def _cells(place: int, entry: dict[str, Any], told: bool) -> list[str]:
    return [
        str(place),
        entry["intermediate"],
        points(entry["gain"]),
        f"{points(entry['low'])} to {points(entry['high'])}",
        "–" if entry["intermediate"] == DIRECT else share(entry["p_positive"]),
        *([_measured_words(entry["measured"])] if told else []),
    ]


def _notes(record: dict[str, Any], told: bool) -> list[str]:
    from metaselect.selector.warnings import UNLIKELY_GAIN

    longer = [
        f"{code} {_measured_words(gain)}" for code, gain in record.get("equal_steps", {}).items()
    ]
    found = ["measured: in this language, ± standard error over seeds; test rows add more"]
    found += [f"direct+, as many steps on the target alone: {', '.join(longer)}"] if longer else []
    found = found if told or longer else []
    if any(entry.get("measured") for own in record["by_language"].values() for entry in own):
        found = found or ["gains were measured too: ask for one language, or --json, to see them"]
    return [*found, UNLIKELY_GAIN] if any(map(_is_unlikely, record["ranking"])) else found


def _is_unlikely(entry: dict[str, Any]) -> bool:
    """Whether a gain is shown above 0 with a chance of it below a half."""
    chance = entry["p_positive"]
    return chance is not None and round(chance * 100) < 50 and round(entry["gain"] * 100, 2) > 0


def _measured_words(found: dict[str, Any] | None) -> str:
    """A measured gain with its standard error."""
    if found is None:
        return ""
    error = "" if found["se"] is None else f" ± {points(found['se']).lstrip('+')}"
    return f"{points(found['gain'])}{error}"


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
