"""The grid that tries a ranking: `direct` and the first three, on the target's own data."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from metaselect.catalogue.tasks import DIRECT, Catalogue, TaskCard
from metaselect.cli.grids import ON_HUB, check_grid_file, planned_grid
from metaselect.errors import MetaselectError
from metaselect.files import write_text
from metaselect.wording import counted, few

if TYPE_CHECKING:
    from metaselect.catalogue.datafile import DataFile
    from metaselect.planning.costs import Speed

N_TRIED = 3
SEEDS = (0, 1)  # two, so that a gain has an error
_READ = (".jsonl", ".jsonl.gz", ".parquet")  # what the harness reads of a folder


def write_trial(  # noqa: PLR0913 - what a grid takes
    out: Path,
    card: TaskCard,
    first: Sequence[str],
    languages: Sequence[str],
    *,
    catalogue: Catalogue,
    encoder: str | None,
    learnt_from: Collection[str],
    data: "DataFile | None",
    costs: Path | None,
    examples: Mapping[str, float],
) -> tuple[str, list[str]]:
    """Write the grid, and beside it the card of a task that was guessed.

    Args:
        out: The grid's file, `.toml`.
        card: Of the target.
        first: Candidates, best first, `direct` among them; the first three others are tried.
        languages: To test in.
        catalogue: Cards of the candidates.
        encoder: As `[NAME=]PATH`; None takes the one that the ranking rests on, or its nearest
            relative on the hub, else XLM-R base.
        learnt_from: Encoders of the training runs that the ranking rests on.
        data: Where the target's rows are; None takes the hub's.
        costs: Results of a grid whose speed tells the hours; None leaves them to `--dry-run`.
        examples: Examples that intermediates were trained on in the runs that the ranking rests
            on, repeats counted, by name; those that it lacks train on all their rows.

    Returns:
        How to run it and what it costs, and what is lacking, a line each.
    """
    import tomli_w

    from metaselect.catalogue.cardfiles import cards_text
    from metaselect.harness.config import check_config
    from metaselect.planning.costs import measured_speed
    from metaselect.planning.grids import Setting

    place = "hub" if data is None else str(_folder_of_tasks(data))
    tried, unobtainable = _obtainable(first, place, catalogue)
    rows = _train_rows(tried, catalogue, examples)
    named = encoder_of(encoder, learnt_from)
    assumed = [] if encoder is not None else assumed_encoder(named["name"], learnt_from)
    setting = Setting(study=f"try-{card.name}", encoder=named["name"], adaptation="finetune")
    cells = [(name, card.name) for name in (DIRECT, *tried)]
    values = planned_grid(setting, cells, seeds=SEEDS, config=None, base=Path(), done=[])
    del values["cells"]  # they are the whole cross
    values |= {"data": place, "task_testing": {card.name: {"languages": list(languages)}}}
    values |= {"encoders": [named], "task_training": {
        name: {"train_rows": count} for name, count in rows.items()
    }}  # fmt: skip
    check_config(values, where=f"the grid for {out}")
    speed = None
    if costs is not None:
        try:
            speed = measured_speed(costs, encoder=named["name"], adaptation=setting.adaptation)
        except MetaselectError as error:
            raise MetaselectError(" ".join([str(error), *assumed])) from error
    write_text(out, tomli_w.dumps(values))
    command = f"metaselect run {out} --dry-run"
    if data is not None:
        beside = card_file(out)
        write_text(beside, cards_text([card]))
        command += f" --tasks {beside}"
    lacking = [
        *assumed,
        *unobtainable,
        *_unread(data, card),
        *_missing(place, card, tried, languages, catalogue),
    ]
    how = [f"{out}: tries {', '.join((DIRECT, *tried))}; {command}"]
    how.append(f"  {_trial_cost(card, tried, catalogue, rows, speed)}")
    if rows:
        how.append(
            f"  {few(list(rows))}: as many examples as in the runs that the ranking rests on; "
            "without their [task_training] they train on all rows"
        )
    other = ""
    if learnt_from and named["name"] not in learnt_from and not assumed:
        other = f", while the predictor learnt from {few(sorted(learnt_from))}"
    how.append(f"  encoder {named['name']}, from {named['path']}; --encoder names another{other}")
    return "\n".join(how), lacking


def encoder_of(asked: str | None, learnt_from: Collection[str]) -> dict[str, str]:
    """Name and place of a trial's encoder.

    Args:
        asked: `[NAME=]PATH`, a folder, a URL or a hub id; None leaves it to the ranking.
        learnt_from: Encoders that the ranking rests on; of several the choice is open.

    Example:
        >>> encoder_of(None, ["multilingual-e5-small-4bit"])
        {'name': 'multilingual-e5-small', 'path': 'intfloat/multilingual-e5-small'}
    """
    from metaselect.harness.data.sources import absolute_if_folder

    if asked is not None:
        name, _, path = asked.rpartition("=")
        return {"name": name or path.rstrip("/").split("/")[-1], "path": absolute_if_folder(path)}
    own = next(iter(learnt_from)) if len(learnt_from) == 1 else ""
    if own.count("/") == 1:
        return {"name": own, "path": own}
    name = _like(own) or next(iter(ON_HUB))
    return {"name": name, "path": f"{ON_HUB[name]}/{name}"}


def assumed_encoder(name: str, learnt_from: Collection[str]) -> list[str]:
    """That an encoder stands in for one that is not known; nothing where none does.

    Args:
        name: Of the encoder that was taken.
        learnt_from: Encoders that the ranking rests on.
    """
    learnt = sorted(learnt_from)
    if len(learnt) == 1 and (learnt[0].count("/") == 1 or _like(learnt[0])):
        return []
    if not learnt:
        why, own = "the predictor does not say which encoder it learnt from", "[NAME=]PATH"
    elif len(learnt) == 1:
        why = f"{learnt[0]}, which the ranking rests on, is not known as an encoder of the hub"
        own = f"{learnt[0]}=PATH"
    else:
        why, own = f"the ranking rests on several encoders ({few(learnt)})", "[NAME=]PATH"
    return [
        f"{why}: {name} is assumed, whose gains and hours may differ; --encoder {own} takes yours"
    ]


def _like(name: str) -> str | None:
    """The encoder that anyone can fetch by this name or by what it begins with."""
    found = (known for known in ON_HUB if name == known or name.startswith(f"{known}-"))
    return next(found, None)


def _obtainable(
    ranked: Sequence[str], place: str, catalogue: Catalogue
) -> tuple[list[str], list[str]]:
    """The candidates to try, and what is left aside since the hub has no training data of it.

    The first three; in place of what is left aside others that stand above `direct`. What a user's
    own folder lacks can be put there, so nothing is left aside of it.
    """
    from metaselect.harness.data.corpora import Corpora

    def is_there(name: str) -> bool:
        cards = [catalogue[part] for part in catalogue.parts(name) if part in catalogue]
        return place != "hub" or all(corpora.has(card, "train", "en") for card in cards)

    corpora = Corpora.at(place)
    first = [name for name in ranked if name != DIRECT][:N_TRIED]
    above = ranked[: ranked.index(DIRECT)] if DIRECT in ranked else ()
    found = [name for name in dict.fromkeys((*first, *above)) if is_there(name)][:N_TRIED]
    aside = [name for name in first if name not in found]
    told = f"left out of the trial, without training data on the hub by the card: {few(aside)}"
    return found, [told] if aside else []


def _train_rows(
    tried: Sequence[str], catalogue: Catalogue, examples: Mapping[str, float]
) -> dict[str, int]:
    """Rows that give intermediates as many examples as they had, where that is less than all."""
    from metaselect.harness.recipe import EPOCHS
    from metaselect.planning.costs import card_rows

    known = {name: round(examples[name] / EPOCHS) for name in tried if name in examples}
    sizes = {name: card_rows(name, catalogue) for name in known}
    return {name: n for name, n in known.items() if (size := sizes[name]) is None or n < size}


def _trial_cost(
    card: TaskCard,
    tried: Sequence[str],
    catalogue: Catalogue,
    rows: Mapping[str, int],
    speed: "Speed | None",
) -> str:
    """Trainings of a trial with their steps in all, the rows of each, and the hours where a speed
    is known; a start that two share is trained once.
    """
    from metaselect.harness.recipe import BATCH_EXAMPLES, usual_steps
    from metaselect.planning.costs import card_rows

    def size_of(name: str) -> int | None:
        return rows.get(name) or card_rows(name, catalogue)

    def told(name: str) -> str:
        size = size_of(name)
        return f"{name} ({'rows unknown' if size is None else counted(size, 'row')})"

    before = ", ".join(map(told, tried))
    source = card.train_task
    own = card.name if source is None or source not in catalogue else source
    trainings: set[tuple[str, ...]] = {(name,) for name in tried}
    if card.train_size == 0:
        then = f"{card.name} is scored without training"
    else:
        trainings |= {(own,), *((name, own) for name in tried)}
        then = f"then {told(own)} after each and alone" if tried else told(own)
    number = counted(len(trainings) * len(SEEDS), "training")
    sizes = [size_of(training[-1]) for training in trainings]
    steps = len(SEEDS) * sum(usual_steps(size) for size in sizes if size is not None)
    least = "at least" if None in sizes else "about"
    number += f" over {len(SEEDS)} seeds, {least} {counted(steps, 'step')} in all"
    hours = "--dry-run measures the hours"
    if speed is not None:
        took = f"{steps * BATCH_EXAMPLES / speed.examples_s / 3600:.1f} hours without scoring"
        hours = (
            f"{least} {took}, at {speed.examples_s:,.0f} examples a second (the median of "
            f"{counted(speed.n_trainings, 'training')} of --costs; --dry-run measures yours)"
        )
    return f"{number}: {'; '.join(filter(None, (before, then)))}; {hours}"


def _folder_of_tasks(data: "DataFile") -> Path:
    """The folder that holds the task's folder, or would hold it."""
    from metaselect.catalogue.datafile import stem_of

    path = data.path.resolve()
    return path.parent.parent if stem_of(path) == "train" else path.parent


def _unread(data: "DataFile | None", card: TaskCard) -> list[str]:
    """Why the harness does not find the rows where they are."""
    from metaselect.catalogue.cells import values_of

    if data is None:
        return []
    path = data.path.resolve()
    wanted = [_folder_of_tasks(data) / card.name / f"train{suffix}" for suffix in _READ]
    found = []
    if path not in wanted:
        found.append(
            f"metaselect run reads {wanted[0]} (or .parquet): put the rows of {data.path} there"
        )
    values = values_of(data.rows, str(card.layouts[0].label))
    if any(row.get(str(card.layouts[0].label)) in (None, "") for row in data.rows):
        found.append(
            f"metaselect run refuses rows with an empty label: take them out of {data.path}"
        )
    places = list(map(str, range(len(card.labels))))
    if card.head == "classification" and isinstance(values[0], int | float) and (
        list(card.labels) != places and not isinstance(values[0], bool)
    ):  # fmt: skip
        found.append(
            f"metaselect run reads numbers as places from 0: write the labels of {data.path} as "
            "texts"
        )
    return found


def _missing(
    place: str, card: TaskCard, tried: Sequence[str], languages: Sequence[str], cards: Catalogue
) -> list[str]:
    """Data that a run needs and that are not there."""
    from metaselect.harness.data.corpora import Corpora

    corpora = Corpora.at(place)
    known = [cards[name] for name in tried if name in cards]
    lacking = [f"{own.name}/train" for own in known if not corpora.has(own, "train", "en")]
    lacking += [
        f"{card.name}/test.{code}" for code in languages if not corpora.has(card, "test", code)
    ]
    where = "the hub's data" if place == "hub" else f"{place} (.jsonl or .parquet)"
    return [f"a run still needs {', '.join(lacking)} in {where}"] if lacking else []


def check_trial_files(out: Path | None, *, own_task: bool) -> None:
    """Refuse files for a trial's grid and card that are there, before the work that fills them.

    Args:
        out: The grid's file.
        own_task: Whether a card of a guessed task goes beside it.

    Raises:
        MetaselectError: It is no file for a grid, or the grid or the card is there already.
    """
    check_grid_file(out)
    if out is None:
        return
    there = [path for path in (out, *([card_file(out)] if own_task else [])) if path.exists()]
    if there:
        raise MetaselectError(
            f"{' and '.join(map(str, there))} {'is' if len(there) == 1 else 'are'} there already: "
            f"choose another --out, or remove {'it' if len(there) == 1 else 'them'}."
        )


def card_file(out: Path) -> Path:
    """Where the card of a guessed task goes, beside its grid."""
    return out.with_suffix(".tasks.toml")
