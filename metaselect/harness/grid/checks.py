"""What must fail in a grid, found before its first training: all of it, a line each."""

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path

from metaselect.catalogue.languages import find_language, resolve_languages
from metaselect.catalogue.tasks import DIRECT, DIRECT_PLUS, Catalogue, TaskCard
from metaselect.errors import MetaselectError
from metaselect.harness.config import GridConfig
from metaselect.harness.data.corpora import Corpora, Split
from metaselect.harness.defaults import resolve_grid, unknown_tasks, without_tasks
from metaselect.harness.grid.plan import WHOLE, Grid, Part, training_card
from metaselect.harness.grid.stages import UNTRAINED, Naming, rows_key
from metaselect.harness.grid.workfolder import WorkFolder
from metaselect.harness.recipe import Recipe


@dataclass(frozen=True, slots=True)
class _Taught:
    """Tasks that one training takes together, by the name that joins them, and how."""

    name: str
    cards: Sequence[TaskCard]
    recipe: Recipe


@dataclass(frozen=True, slots=True)
class _Tested:
    """A target and the languages that are asked for; None takes those with data."""

    card: TaskCard
    languages: tuple[str, ...] | None


def check_grid(
    grid: Grid,
    catalogue: Catalogue,
    corpora: Corpora,
    work: WorkFolder,
    part: Part = WHOLE,
    *,
    also: Sequence[str] = (),
) -> None:
    """Refuse a grid whose data are not there or cannot be read; the hub's cards are believed.

    Every row of the files that the grid reads is looked at. Files without a fault are remembered
    in the work folder, so that the next call need not read them for this.

    Args:
        grid: Whole.
        catalogue: Cards of its tasks.
        corpora: Where their data are.
        work: The grid's.
        part: What is to be made now; the rest may lack data.
        also: Faults that were found before, to be told with the others.

    Raises:
        MetaselectError: Every fault, each on a line.
    """
    if corpora.folder is not None and not corpora.folder.is_dir():
        lacking = f"There is no folder of task data {corpora.folder}."
        raise MetaselectError("\n  ".join([lacking, *also]))
    needs = list(_needs(grid, catalogue, corpora, part))
    faults = dict.fromkeys(also)  # each once, in order
    files: dict[tuple[str, Split, str], TaskCard] = {}
    for need in needs:
        if isinstance(need, _Taught):
            faults |= dict.fromkeys(_joint_faults(need, grid))
            faults |= dict.fromkeys(_training_faults(need.cards, need.recipe, corpora))
        else:
            faults |= dict.fromkeys(_test_faults(need, corpora))
        files |= {(card.name, split, code): card for card, split, code in _files(need, corpora)}
    sound, wrong = _sound_and_wrong(files, corpora, work.sound_files())
    faults |= dict.fromkeys(wrong)
    if faults:
        lines = list(faults)
        head = "" if len(lines) == 1 else f"{len(lines)} faults in the grid:\n  "
        raise MetaselectError(head + "\n  ".join(lines))
    if sound - work.sound_files():
        work.keep_sound_files(sound)


def check_rest(
    config: GridConfig,
    faults: Sequence[str],
    catalogue: Catalogue,
    *,
    base: Path,
    out: Path,
    part: Part = WHOLE,
) -> None:
    """Refuse a grid for faults of its settings, told with what the data of the rest lack.

    Args:
        config: What is sound of it.
        faults: Of its settings, at least one.
        catalogue: Cards of tasks.
        base: The config's folder, which its paths are relative to.
        out: Folder of results.
        part: What is to be made now.

    Raises:
        MetaselectError: Every fault, each on a line.
    """
    unknown = unknown_tasks(config, catalogue)
    told = [*faults, *map(str, unknown.values())]
    try:
        corpora = Corpora.at(config.data, base=base)
    except MetaselectError as error:
        told.append(str(error))
        raise MetaselectError("\n  ".join([f"{len(told)} faults in the grid:", *told])) from error
    rest = resolve_grid(without_tasks(config, unknown), catalogue, base=base)
    told += Naming(corpora, catalogue).encoder_faults(rest.encoders)
    check_grid(rest, catalogue, corpora, WorkFolder(out / "work"), part, also=told)


def _needs(
    grid: Grid, catalogue: Catalogue, corpora: Corpora, part: Part
) -> Iterator[_Taught | _Tested]:
    """What the cells of a part train on and are tested on."""
    targets_of = {
        name: [target for target in grid.targets_of(name) if part.has_cell(name, target)]
        for name in grid.intermediates
    }
    targets = [name for name in grid.targets if any(name in own for own in targets_of.values())]
    for budget in grid.budgets:
        for name in grid.intermediates:
            task = budget.equal_steps if name == DIRECT_PLUS else name
            if targets_of[name] and task is not None and task != DIRECT:
                cards = [catalogue[part] for part in catalogue.parts(task)]
                yield _Taught(task, cards, budget.intermediates[task])
        for name in targets:
            card = catalogue[name]
            yield _Tested(card, budget.testing[name].languages)
            if card.head in UNTRAINED:
                continue
            before = [catalogue[other] for other in budget.preliminaries.get(name, ())]
            for trained in (*before, training_card(card, catalogue, corpora)):
                yield _Taught(trained.name, [trained], budget.targets[name])


def _files(need: _Taught | _Tested, corpora: Corpora) -> Iterator[tuple[TaskCard, Split, str]]:
    """The splits that are there of those that a training or a test reads."""
    if isinstance(need, _Tested):
        codes = need.languages or corpora.test_languages(need.card)
        yield from (
            (need.card, "test", code) for code in codes if corpora.has(need.card, "test", code)
        )
        return
    for card in need.cards:
        if corpora.has(card, "train", "en"):
            yield card, "train", "en"
        if need.recipe.validation_rows and corpora.has(card, "validation", "en"):
            yield card, "validation", "en"


def _sound_and_wrong(
    files: Mapping[tuple[str, Split, str], TaskCard], corpora: Corpora, before: AbstractSet[str]
) -> tuple[set[str], list[str]]:
    """Keys of the sound files, those from before included, and what is wrong in the others."""
    sound, wrong = {*before}, []
    for (_, split, language), card in files.items() if corpora.folder is not None else ():
        key = rows_key(card, corpora.identity(card, split, language))
        found = [] if key in sound else corpora.faults(card, split, language)
        wrong += found
        if not found:
            sound.add(key)
    return sound, wrong


def grid_warnings(grid: Grid) -> list[str]:
    """What a grid lacks without being wrong."""
    direct = grid.targets_of(DIRECT) if DIRECT in grid.intermediates else ()
    without = [name for name in grid.targets if name not in direct]
    if not without:
        return []
    return [
        f"no {DIRECT!r} run on {', '.join(without)}: gains there stay unknown unless another "
        "table of the study has it"
    ]


def _joint_faults(need: _Taught, grid: Grid) -> Iterator[str]:
    if len(need.cards) > 1 and "lora" in grid.adaptations:
        yield f"{need.name}: LoRA trains one task at a time; give it the adaptation 'finetune'."


def _training_faults(cards: Sequence[TaskCard], recipe: Recipe, corpora: Corpora) -> Iterator[str]:
    for card in cards:
        if not corpora.has(card, "train", "en"):
            yield f"{card.name} has no training data: {_where_looked(card, corpora)}."
    chooses = recipe.checkpoint == "best-english"
    if chooses and not recipe.validation_rows:
        yield f"{cards[0].name}: checkpoint = 'best-english' needs validation_rows above 0."
    elif chooses and not any(corpora.has(card, "validation", "en") for card in cards):
        yield f"{cards[0].name}: checkpoint = 'best-english' needs a validation split."


def _where_looked(card: TaskCard, corpora: Corpora) -> str:
    """Where training rows would be, and are not."""
    if corpora.folder is not None:
        folder = (corpora.folder / card.name).resolve()
        return f"there is no train.jsonl (or .jsonl.gz, .parquet) in {folder}"
    if card.hub is None:
        return "its card names no data set of the hub"
    return f"its card names no training split of the hub's {card.hub.id}"


def _test_faults(need: _Tested, corpora: Corpora) -> Iterator[str]:
    card, asked = need.card, need.languages or ()
    there = corpora.test_languages(card)
    if not there and need.languages is None:
        yield f"{card.name} is no target: there are no test data of it."
    believed = corpora.folder is None  # the hub has any code
    lacking = [
        code
        for code in asked
        if (code not in card.languages if believed else not corpora.has(card, "test", code))
    ]
    try:
        resolve_languages(lacking)
    except MetaselectError as error:
        yield f"{card.name}: {error}"
    lacking = [code for code in lacking if find_language(code) is not None and not believed]
    if lacking:
        has = f"there are {', '.join(there)}" if there else "there are none of it"
        yield f"{card.name} has no test data in {', '.join(lacking)} ({has})."
