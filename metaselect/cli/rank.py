"""`metaselect rank`: which intermediate task to fine-tune on first."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from metaselect.catalogue.tasks import DIRECT
from metaselect.cli import options
from metaselect.cli.completion import offer_languages, offer_tasks
from metaselect.cli.inputs import listed, runs_from
from metaselect.console import points, print_json, print_table, share, warn
from metaselect.errors import MetaselectError

if TYPE_CHECKING:
    import pandas as pd

    from metaselect.selector.combine import Objective
    from metaselect.selector.measured_gains import MeasuredGain

    Measured = dict[tuple[str, str], MeasuredGain]


def rank_command(  # noqa: PLR0913 - a parameter an option
    target: Annotated[
        str,
        typer.Option(
            help="Target task, as `metaselect ls tasks` names it.", autocompletion=offer_tasks
        ),
    ],
    language: Annotated[
        str,
        typer.Option(
            help="Language code, or several with commas: sw,ta,qu", autocompletion=offer_languages
        ),
    ],
    predictor: Annotated[
        str | None, typer.Option(help="Predictor folder or hub id. [default: the one that ships]")
    ] = None,
    candidates: Annotated[
        str | None,
        typer.Option(
            help="Intermediates to choose among, with commas.", autocompletion=offer_tasks
        ),
    ] = None,
    study: Annotated[
        str | None, typer.Option(help="Training study whose encoder you will use.")
    ] = None,
    objective: Annotated[
        str, typer.Option(help="For several languages: mean, balanced (by family) or worst.")
    ] = "mean",
    top: Annotated[int | None, typer.Option(min=1, help="Show only the best.")] = None,
    runs: Annotated[
        Path | None,
        typer.Option(
            help="Runs table whose measured gains stand beside the expected ones. "
            "[default: for the predictor that ships, its runs]"
        ),
    ] = None,
    percent: options.Percent = False,
    tasks: options.Tasks = None,
    measured: options.MeasuredTable = None,
    as_json: options.Json = False,
) -> None:
    """Rank intermediate tasks for a target task in one or several languages.

    Examples: metaselect rank --target xnli --language sw;
    metaselect rank --target udpos --language sw,ta,qu --objective worst
    """
    from metaselect.catalogue.cardfiles import load_catalogue
    from metaselect.selector.measured_gains import measured_gains
    from metaselect.selector.selector import TaskSelector
    from metaselect.selector.shipped import shipped_predictor
    from metaselect.selector.warnings import ranking_warnings, runs_warnings

    goal = _objective(objective)
    folder = str(shipped_predictor()) if predictor is None else predictor
    selector = TaskSelector.from_pretrained(folder, catalogue=load_catalogue(tasks, measured))
    codes = listed(language)
    names = None if candidates is None else listed(candidates)
    if names == []:
        raise MetaselectError("No candidate to rank: give --candidates at least one task name.")
    known = runs is not None or predictor is None
    own = runs_from(runs, percent=percent, catalogue=selector.catalogue) if known else None
    table = selector.rank(target=target, languages=codes, candidates=names, study=study)
    notes = [
        *selector.warnings(target=target, languages=codes, candidates=names, study=study),
        *ranking_warnings(table, target, selector.catalogue, level=selector.level),
    ]
    if own is not None:
        firsts = table.loc[table["rank"] == 1, "intermediate"].tolist()
        in_study = own if study is None else own[own["study"] == study]
        notes += runs_warnings(in_study, firsts, target, selector.catalogue)
    warn(notes)
    seen: Measured | None = None
    if own is not None:
        ranked = list(dict.fromkeys(table["language"]))
        seen = measured_gains(own, target=target, languages=ranked, study=study)
    record = _record(table, target, goal, top, seen)
    if as_json:
        print_json({**record, "warnings": notes})
    else:
        _show(record, simulated=selector.simulated)


def _objective(name: str) -> "Objective":
    from typing import get_args

    from metaselect.errors import UnknownChoice
    from metaselect.selector.combine import Objective

    for known in get_args(Objective):
        if name == known:
            return known  # type: ignore[no-any-return]
    raise UnknownChoice("--objective", name, get_args(Objective))


def _record(
    table: "pd.DataFrame",
    target: str,
    objective: "Objective",
    top: int | None,
    seen: "Measured | None" = None,
) -> dict[str, Any]:
    from metaselect.selector.combine import combine_languages

    codes = list(dict.fromkeys(table["language"]))
    by_language = {code: _entries(table[table["language"] == code], top) for code in codes}
    if seen is not None:
        for code, entries in by_language.items():
            for entry in entries:
                found = seen.get((code, entry["intermediate"]))
                entry["measured"] = None if found is None else asdict(found)
    if len(codes) == 1:
        one = {"target": target, "language": codes[0], "ranking": by_language[codes[0]]}
        return {**one, **_control(seen, codes)}
    ranking = _entries(combine_languages(table, objective=objective), top)
    return {
        "target": target,
        "languages": codes,
        "objective": objective,
        "ranking": ranking,
        "by_language": by_language,
        **_control(seen, codes),
    }


def _control(seen: "Measured | None", codes: Sequence[str]) -> dict[str, Any]:
    """Measured gains of as many steps on the target alone, by language, where there are any."""
    from metaselect.catalogue.tasks import DIRECT_PLUS

    known = seen or {}
    found = {code: asdict(known[cell]) for code in codes if (cell := (code, DIRECT_PLUS)) in known}
    return {"equal_steps": found} if found else {}


def _entries(rows: "pd.DataFrame", top: int | None) -> list[dict[str, Any]]:
    keys = ("intermediate", "score", "gain", "low", "high", "p_positive", "reasons")
    entries = rows[list(keys)].to_dict("records")
    return [
        {str(key): None if value != value else value for key, value in entry.items()}
        for entry in (entries if top is None else entries[:top])
    ]


def show_ranking(table: "pd.DataFrame", *, target: str, simulated: bool) -> None:
    """A ranking in one language, from Python, as a table for people."""
    _show(_record(table, target, "mean", None), simulated=simulated)


def _show(record: dict[str, Any], *, simulated: bool) -> None:
    where = record.get("language") or ", ".join(record["languages"])
    goal = f" ({record['objective']} over languages)" if "objective" in record else ""
    told = any(entry.get("measured") for entry in record["ranking"])
    rows = [
        [
            str(place),
            entry["intermediate"],
            points(entry["gain"]),
            f"{points(entry['low'])} to {points(entry['high'])}",
            "–" if entry["intermediate"] == DIRECT else share(entry["p_positive"]),
            *([_measured_words(entry["measured"])] if told else []),
            "; ".join(entry["reasons"]),
        ]
        for place, entry in enumerate(record["ranking"], start=1)
    ]
    heads = [">", "fine-tune first on", ">gain (points)", ">interval", ">P(gain > 0)"]
    heads += [*([">measured"] if told else []), "why (against the mean one)"]
    mark = ", by a predictor of SIMULATED RUNS" if simulated else ""
    note = "measured: mean ± standard error over seeds, without that of the test rows"
    longer = [
        f"{code} {_measured_words(gain)}" for code, gain in record.get("equal_steps", {}).items()
    ]
    if longer:
        note += f"\ndirect+, as many steps on the target alone: {', '.join(longer)}"
    title = f"{record['target']} in {where}{goal}{mark}"
    print_table(title, heads, rows, note=note if told or longer else "")


def _measured_words(found: dict[str, Any] | None) -> str:
    """A measured gain with its standard error."""
    if found is None:
        return ""
    error = "" if found["se"] is None else f" ± {points(found['se']).lstrip('+')}"
    return f"{points(found['gain'])}{error}"
