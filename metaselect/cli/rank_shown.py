"""A ranking as a record for programs and as text for people."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from metaselect.catalogue.tasks import DIRECT
from metaselect.cli.console import print_table
from metaselect.wording import points, share, some

if TYPE_CHECKING:
    import pandas as pd

    from metaselect.selector.combine import Objective
    from metaselect.selector.doubts import Doubts
    from metaselect.selector.measured_gains import MeasuredGain

    Measured = dict[tuple[str, str], MeasuredGain]


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
