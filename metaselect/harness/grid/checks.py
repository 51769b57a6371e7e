"""What must fail in a grid, found before its first training: all of it, a line each."""

from collections.abc import Iterator, Sequence

from metaselect.catalogue.tasks import DIRECT, DIRECT_PLUS, Catalogue, TaskCard
from metaselect.errors import MetaselectError
from metaselect.harness.data.corpora import Corpora
from metaselect.harness.grid.plan import WHOLE, Budget, Grid, Part, training_card
from metaselect.harness.grid.stages import UNTRAINED
from metaselect.harness.recipe import Recipe


def check_grid(grid: Grid, catalogue: Catalogue, corpora: Corpora, part: Part = WHOLE) -> None:
    """Refuse a grid whose data cannot be there; on the hub what cards say is believed.

    Args:
        grid: Whole.
        catalogue: Cards of its tasks.
        corpora: Where their data are.
        part: What is to be made now; the rest may lack data.

    Raises:
        MetaselectError: Every fault, each on a line.
    """
    if corpora.folder is not None and not corpora.folder.is_dir():
        raise MetaselectError(f"There is no folder of task data {corpora.folder}.")
    targets_of = {
        name: [target for target in grid.targets_of(name) if part.has_cell(name, target)]
        for name in grid.intermediates
    }
    targets = [name for name in grid.targets if any(name in own for own in targets_of.values())]
    faults: dict[str, None] = {}  # each once, in order
    for budget in grid.budgets:
        for name in grid.intermediates:
            if not targets_of[name]:
                continue
            task = budget.equal_steps if name == DIRECT_PLUS else name
            if task is None or task == DIRECT:
                continue
            parts, recipe = catalogue.parts(task), budget.intermediates[task]
            if task == name:
                faults |= dict.fromkeys(_joint_faults(name, parts, grid))
            cards = [catalogue[part] for part in parts]
            faults |= dict.fromkeys(_training_faults(cards, recipe, corpora))
        for name in targets:
            faults |= dict.fromkeys(_target_faults(catalogue[name], budget, catalogue, corpora))
    if faults:
        lines = list(faults)
        head = "" if len(lines) == 1 else f"{len(lines)} faults in the grid:\n  "
        raise MetaselectError(head + "\n  ".join(lines))


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


def _joint_faults(name: str, parts: Sequence[str], grid: Grid) -> Iterator[str]:
    if len(parts) > 1 and "lora" in grid.adaptations:
        yield f"{name}: LoRA trains one task at a time; give it the adaptation 'finetune'."


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


def _target_faults(
    card: TaskCard, budget: Budget, catalogue: Catalogue, corpora: Corpora
) -> Iterator[str]:
    there = corpora.test_languages(card)
    asked = budget.testing[card.name].languages
    if not there and asked is None:
        yield f"{card.name} is no target: there are no test data of it."
    lacking = [code for code in asked or () if not corpora.has(card, "test", code)]
    if lacking:
        has = f"there are {', '.join(there)}" if there else "there are none of it"
        yield f"{card.name} has no test data in {', '.join(lacking)} ({has})."
    if card.head in UNTRAINED:
        return
    own = training_card(card, catalogue, corpora)
    before = [catalogue[name] for name in budget.preliminaries.get(card.name, ())]
    for trained in (*before, own):
        yield from _training_faults([trained], budget.targets[card.name], corpora)
