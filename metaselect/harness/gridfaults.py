"""What is wrong between a grid's settings, and the grid without what is faulty in it.

Types and ranges of single settings are the models' own (`harness.config`).
"""

import copy
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pydantic_core import InitErrorDetails, PydanticCustomError

from metaselect.catalogue.tasks import DIRECT, DIRECT_PLUS
from metaselect.catalogue.tomltext import Place
from metaselect.errors import nearest

if TYPE_CHECKING:
    from metaselect.harness.config import BudgetPart, GridConfig

ACROSS = "across"
"""The type of a fault between settings, among pydantic's own."""

_NAMES = ("intermediates", "targets")
_CONTROL = ("intermediates", "equal_steps")
_GONE = object()


def across_faults(config: "GridConfig") -> list[InitErrorDetails]:
    """Every fault between the settings of a grid, with the place of one of them."""
    found = [*_axis_faults(config), *_control_faults(config), *_cell_faults(config)]
    found += _table_faults(config, config, ())
    for at, budget in enumerate(config.budgets):
        found += _table_faults(config, budget, ("budgets", at))
    return found


def across_fault(place: Place, told: str, *, of: Iterable[str] = ()) -> InitErrorDetails:
    """A fault between settings; `of` names those whose own faults may have made it."""
    error = PydanticCustomError(ACROSS, "{told}", {"told": told, "of": tuple(of)})
    return InitErrorDetails(type=error, loc=place, input=None)


def _axis_faults(config: "GridConfig") -> Iterator[InitErrorDetails]:
    for axis in ("intermediates", "targets", "seeds", "adaptations"):
        values = getattr(config, axis)
        for at in _repeated(values):
            yield across_fault((axis, at), f"{values[at]!r} is there twice; name it once")
    for at in _repeated([encoder.name for encoder in config.encoders]):
        yield across_fault(("encoders", at), "two encoders have one name; give it another")
    names = [budget.name for budget in config.budgets]
    for at in sorted({*_repeated(names), *(at for at, name in enumerate(names) if not name)}):
        yield across_fault(("budgets", at), "every budget needs a name of its own")
    for at, name in enumerate(config.targets):
        if name in (DIRECT, DIRECT_PLUS):
            yield across_fault(("targets", at), f"{name!r} is no target; take it out")


def _control_faults(config: "GridConfig") -> Iterator[InitErrorDetails]:
    names, steps = config.intermediates, config.equal_steps
    if (DIRECT_PLUS in names) != (steps is not None):
        at: Place = ("equal_steps",)
        if steps is None:
            at = ("intermediates", names.index(DIRECT_PLUS))
        told = (
            f"the control {DIRECT_PLUS!r} among the intermediates and equal_steps, the "
            "intermediate whose steps it takes besides a target's, belong together"
        )
        yield across_fault(at, told, of=_CONTROL)
    elif steps is not None and (steps in (DIRECT, DIRECT_PLUS) or steps not in names):
        yield across_fault(("equal_steps",), f"{steps!r} is no task of intermediates", of=_CONTROL)


def _cell_faults(config: "GridConfig") -> Iterator[InitErrorDetails]:
    cells = config.cells or []
    for at in _repeated([tuple(cell) for cell in cells]):
        yield across_fault(("cells", at), f"{cells[at]} is there twice; name it once")
    for at, cell in enumerate(cells):
        if cell[0] not in config.intermediates or cell[1] not in config.targets:
            told = f"{cell} is outside of intermediates x targets"
            yield across_fault(("cells", at), told, of=_NAMES)


def _table_faults(
    config: "GridConfig", part: "GridConfig | BudgetPart", before: Place
) -> Iterator[InitErrorDetails]:
    for name in ("training", "intermediate_training"):
        if getattr(part, name).after is not None:
            told = "belongs to a target's table, [task_training.<target>]"
            yield across_fault((*before, name, "after"), told)
    known = list(dict.fromkeys([*config.intermediates, *config.targets]))
    for name in ("task_training", "task_testing"):
        for task in sorted({*getattr(part, name)} - {*known}):
            told = f"no intermediate or target of the grid.{nearest(task, known)}"
            yield across_fault((*before, name, task), told.rstrip("."), of=_NAMES)


def _repeated(values: Sequence[Hashable]) -> list[int]:
    """Where a value stands that stood before."""
    return [at for at, value in enumerate(values) if value in values[:at]]


class Remainder:
    """Tables of a grid from which faulty settings are taken out, round by round.

    Attributes:
        tables: What is left.
        lost: Settings of which something was taken out.
        stood_in: Settings of which nothing is left but what holds their place.
    """

    def __init__(self, tables: Mapping[str, Any]) -> None:
        self.tables = copy.deepcopy(dict(tables))
        self.lost: set[str] = set()
        self.stood_in: set[str] = set()
        self._places = {
            name: list(range(len(value)))
            for name, value in self.tables.items()
            if isinstance(value, list)
        }

    def original(self, place: Place) -> Place:
        """Where something stood before entries of its list were taken out."""
        if len(place) > 1 and isinstance(place[1], int):
            return (place[0], self._places[str(place[0])][place[1]], *place[2:])
        return place

    def explains(self, fault: Mapping[str, Any]) -> bool:
        """Whether a fault may be there only because of what was taken out."""
        return fault["type"] == ACROSS and bool(self.lost & {*fault["ctx"]["of"]})

    def take_out(self, places: Iterable[Place]) -> None:
        """Take out faulty settings, and of lists on top the faulty entries."""
        for place in map(_whole, places):
            self.lost.add(str(place[0]))
            _mark(self.tables, place)
        for name, value in self.tables.items():
            if isinstance(value, list):
                kept = [at for at, entry in enumerate(value) if entry is not _GONE]
                self._places[name] = [self._places[name][at] for at in kept]
        left = _without_gone(self.tables)
        self.tables = {
            name: own for name, own in left.items() if own != [] or not self.tables[name]
        }

    def stand_in(self, values: Mapping[str, Any]) -> None:
        """Put these in where nothing is left of a setting."""
        for name, value in values.items():
            if name not in self.tables:
                self.tables[name] = copy.deepcopy(value)
                self._places[name] = [0]
                self.stood_in.add(name)


def _whole(place: Place) -> Place:
    """What has to go for a fault at a place: an entry of a list on top, else a setting."""
    start = 1
    if len(place) > 1 and isinstance(place[1], int):
        if place[0] != "budgets" or place[2:] == ("name",):
            return place[:2]
        start = 2
    ends = [at for at, part in enumerate(place) if at >= start and isinstance(part, int)]
    return place[: ends[0]] if ends else place


def _mark(tables: dict[str, Any], place: Place) -> None:
    """Mark as gone what stands at a place, or the innermost table around it."""
    holder: Any = None
    value: Any = tables
    for part in place:
        if not _has(value, part):
            break
        holder, last, value = value, part, value[part]
    if holder is not None:
        holder[last] = _GONE


def _has(value: object, part: str | int) -> bool:
    """Whether a list or a table has an entry; pydantic names those of lists that are there."""
    return isinstance(value, list) or (isinstance(value, dict) and part in value)


def _without_gone(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_gone(own) for name, own in value.items() if own is not _GONE}
    if isinstance(value, list):
        return [_without_gone(own) for own in value if own is not _GONE]
    return value
