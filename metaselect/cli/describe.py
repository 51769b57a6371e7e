"""`metaselect runs describe`: what a table of runs is made of."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from metaselect.cli import options
from metaselect.cli.console import print_table, warn
from metaselect.cli.inputs import check_out, runs_from
from metaselect.errors import MetaselectError
from metaselect.evaluation.records import ContrastEntry, DefinitionsRecord
from metaselect.wording import counted, points, share

if TYPE_CHECKING:
    from metaselect.evaluation.mean_gains import MeanGain, TargetGains

_VIEW_WORDS = {
    "all": "as they are", "trained": "without untrained targets", "all_scaled": "scaled",
    "trained_scaled": "scaled, without untrained",
}  # fmt: skip
_FACTOR_WORDS = {"scoring": "scoring on the fixed test rows"}
_NO_DIRECT = "the choice among intermediates, without direct (`evaluate` has it among them)"
_NOISE_WORDS = {
    "noise in all": "share", "... of training": "training",
    "... of scoring on the fixed test rows": "fixed_test_rows",
}  # fmt: skip


def describe_command(  # noqa: PLR0913 - a parameter an option
    file: Annotated[Path | None, typer.Argument(help="Runs table, as --runs takes it.")] = None,
    runs: options.Runs = None,
    percent: options.Percent = False,
    tasks: options.Tasks = None,
    measured: options.MeasuredTable = None,
    seed: options.Seed = 0,
    out: options.Out = None,
    as_json: options.Json = False,
) -> None:
    """What each intermediate gained, what moves gains, what choosing by language could add.

    Example: metaselect runs describe mine.csv
    """
    from metaselect.catalogue.cardfiles import load_catalogue
    from metaselect.cli.records import deliver
    from metaselect.evaluation.anatomy import anatomy_record
    from metaselect.evaluation.definitions import definitions_record
    from metaselect.evaluation.mean_gains import mean_gains
    from metaselect.runs.remarks import twin_notes

    if file is not None and runs is not None:
        raise MetaselectError(f"Two tables, {file} and --runs {runs}: give one.")
    runs = file or runs
    check_out(out, kind="anatomy")
    catalogue = load_catalogue(tasks, measured)
    table = runs_from(runs, percent=percent, catalogue=catalogue)
    warn(twin_notes(table, catalogue))
    anatomy = anatomy_record(table, catalogue, seed=seed)
    definitions = definitions_record(table, catalogue, seed=seed)
    gains = mean_gains(table)

    def show() -> None:
        show_gains(gains)
        show_anatomy(anatomy)
        show_definitions(definitions)

    whole = {**anatomy, "definitions": definitions, "mean_gains": gains}
    deliver(whole, "anatomy", runs=table, out=out, show=None if as_json else show)


def show_gains(found: "Sequence[TargetGains]") -> None:
    """What lifted each target most and least, a table for each study."""
    by_study: dict[str, list[TargetGains]] = {}
    for item in found:
        by_study.setdefault(f"{item['study']}, {item['encoder']}", []).append(item)
    heads = ["target", ">direct", ">languages", "most", "", "least", ""]
    note = "± standard error over seeds; --json has every intermediate"
    for study, items in by_study.items():
        rows = [
            [item["target"], points(item["direct"]).lstrip("+"), str(item["n_languages"]),
             *_ends(item["gains"])]
            for item in items
        ]  # fmt: skip
        print_table(f"{study}: mean gains over languages in points", heads, rows, note=note)


def _ends(gains: "Mapping[str, MeanGain]") -> list[str]:
    """The intermediates of the highest and the lowest gain, with these gains."""
    names = list(gains)
    ends = [names[0], *names[-1:]] if len(names) > 1 else names
    cells = [cell for name in ends for cell in (name, _gain_words(gains[name]))]
    return cells + [""] * (4 - len(cells))


def _gain_words(found: "MeanGain") -> str:
    error = "" if found["se"] is None else f" ± {points(found['se']).lstrip('+')}"
    return points(found["gain"]) + error


def show_anatomy(record: Mapping[str, Any]) -> None:
    """The anatomy of each study as tables for people."""
    mark = " (SIMULATED RUNS)" if record["simulated"] else ""
    for study in record["studies"]:
        title = (
            f"{study['study']}, {study['encoder']}, {study['adaptation']}{mark}: "
            f"{counted(study['n_runs'], 'score')}, {counted(study['n_seeds'], 'seed')}"
        )
        if study["by_view"]:
            _show_shares(title, study)
            _show_sensitivity(study["by_view"])
        else:
            print(f"{title}: no gain is known, for want of `direct` runs or of others beside them")
        for line in _lines(study):
            print(line)
        print()


def _show_shares(title: str, study: dict[str, Any]) -> None:
    """Shares of the variance, a column for each view; the interval is of the gains as they are."""
    by_view = study["by_view"]
    found = [
        {item["factor"]: share(item["share"]) for item in view["shares"]}
        for view in by_view.values()
    ]
    rows = [
        [
            _FACTOR_WORDS.get(item["factor"], item["factor"]),
            share(item["share"]),
            _interval(item),
            *(own.get(item["factor"], "–") for own in found[1:]),
        ]
        for item in study["shares"]
    ]
    for words, part in _NOISE_WORDS.items():
        cells = [share(view["noise"][part]) if view["noise"] else "–" for view in by_view.values()]
        if set(cells) != {"–"}:
            rows.append([words, cells[0], "", *cells[1:]])
    heads = [f">{_VIEW_WORDS[name]}" for name in by_view]
    heads = ["share of the gains' variance", *heads[:1], ">95% interval", *heads[1:]]
    print_table(title, heads, rows, note=_scaled_note(by_view))


def _scaled_note(by_view: dict[str, Any]) -> str:
    untrained = by_view.get("trained", {}).get("left_out", [])
    still = by_view.get("all_scaled", {}).get("left_out", [])
    noise = (
        "training: noise that a run's languages share; scoring: noise of each language's score\n"
    )
    return f"{noise}scaled: gains over their SD within the target" + "".join(
        f"; {words}: {', '.join(names)}"
        for words, names in (
            ("untrained", untrained),
            ("left out when scaled, gains all alike", still),
        )
        if names
    )


def _show_sensitivity(by_view: dict[str, Any]) -> None:
    """The smallest three-way effect that the shares would have shown, a row for each view."""
    rows = [
        [
            _VIEW_WORDS[name],
            _size(found["detectable"], scaled=name.endswith("scaled")),
            *(f"{found[part]:.1%}" for part in ("observed", "threshold")),
            f"{found['p']:.3f}",
        ]
        for name, view in by_view.items()
        if (found := view["sensitivity"]) is not None
    ]
    if rows:
        heads = ["effects of intermediate x target x language", ">smallest SD recovered"]
        heads += [">share observed", ">share without an effect (95%)", ">p"]
        note = (
            "recovered: in 80% of draws the share is above that of 95% of draws without an effect"
        )
        print_table("What could have been seen", heads, rows, note=note)


def _size(sd: float | None, *, scaled: bool) -> str:
    if sd is None:
        return "none"
    return f"{sd:.2f} of a target's SD" if scaled else f"{points(sd).lstrip('+')} points"


def show_definitions(record: DefinitionsRecord) -> None:
    """Difficulty's definitions as choosers, as a table for people."""
    against = {
        (item["method"], item["against"]): item
        for item in record["contrasts"]
        if item["measure"] == "regret@1"
    }
    alike = _choose_as_size(record["contrasts"])
    rows = [
        [
            name,
            points(row["regret@1"]).lstrip("+"),
            points(row["gain@1"]),
            *(_change(against.get((name, other))) for other in ("random", "size")),
        ]
        for name, row in record["methods"].items()
        if name not in alike
    ]
    heads = ["hardest first", ">regret@1", ">gain@1", ">against random", ">against size"]
    mark = " (SIMULATED RUNS)" if record["simulated"] else ""
    clusters = counted(record["n_clusters"], "cluster")
    note = f"the same figures as size: {', '.join(alike)}" if alike else ""
    title = f"Definitions of difficulty{mark}: points, {clusters}, {_NO_DIRECT}"
    print_table(title, heads, rows, note=note)


def _choose_as_size(contrasts: Sequence[ContrastEntry]) -> list[str]:
    """Definitions whose regret and gain are those of size in every cluster."""
    against = [item for item in contrasts if item["against"] == "size"]
    changed = {item["method"] for item in against if item["n_changed"]}
    return [name for name in dict.fromkeys(item["method"] for item in against)
            if name not in changed]  # fmt: skip


def _change(item: ContrastEntry | None) -> str:
    if item is None:
        return "-"
    low, high = points(item["low"]), points(item["high"])
    return f"{points(item['difference'])} ({low} to {high})"


def _interval(item: dict[str, Any]) -> str:
    return "–" if item["low"] is None else f"{share(item['low'])} to {share(item['high'])}"


def _lines(study: dict[str, Any]) -> list[str]:
    found = []
    gap, negative = study["language_gap"], study["negative"]
    if gap is not None:
        found.append(
            "Choosing for each language instead of each target "
            f"looks {_side(gap['in_sample'])} on the very seeds that it was chosen on"
            + (
                f" and is {_side(gap['cross_fitted'])} on others ({points(gap['low'])} to "
                f"{points(gap['high'])}, {counted(gap['n_clusters'], 'cluster')})"
                if gap["cross_fitted"] is not None
                else ""
            )
        )
    if negative["negative"] is not None:
        found.append(
            f"Gains below 0: {share(negative['negative'])} of {negative['n_gains']:,}"
            f" (clearly: {share(negative['clearly'])}); in {share(negative['direct_is_best'])} of "
            "the queries every intermediate is worse than training directly"
        )
    longer = [
        f"{target} {points(mean['direct+'])} ({points(mean['intermediates'])})"
        for target, mean in study["equal_steps"].items()
    ]
    if longer:
        found.append(
            "Gains of as many steps on the target alone, direct+ (of its intermediates): "
            + ", ".join(longer)
        )
    gone = [
        f"{name} {share(parts['direct'])} and {share(parts['after_intermediates'])}"
        for name, parts in study["collapsed"].items()
        if any(parts.values())
    ]
    if gone:
        found.append(
            "Trainings that ended at chance level, direct and after an intermediate: "
            + ", ".join(gone)
        )
    return found


def _side(change: float) -> str:
    """A change in points, as better or worse."""
    told = points(abs(change)).lstrip("+")
    return f"{told} points {'better' if change >= 0 else 'worse'}"
