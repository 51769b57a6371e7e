"""`metaselect runs describe`: what a table of runs is made of."""

from typing import Any

from metaselect.cli import options
from metaselect.cli.inputs import catalogue_from, check_out, runs_from
from metaselect.console import points, print_json, print_table, share


def describe_command(  # noqa: PLR0913 - a parameter an option
    runs: options.Runs = None,
    percent: options.Percent = False,
    tasks: options.Tasks = None,
    measured: options.MeasuredTable = None,
    seed: options.Seed = 0,
    out: options.Out = None,
    as_json: options.Json = False,
) -> None:
    """What moves the gains, what choosing by language could add, how often intermediates hurt.

    Example: metaselect runs describe --runs mine.csv
    """
    from metaselect.cli.evaluate import save_record
    from metaselect.evaluation.anatomy import anatomy_record
    from metaselect.evaluation.definitions import definitions_record

    check_out(out, kind="anatomy")
    catalogue = catalogue_from(tasks, measured, runs=runs)
    table = runs_from(runs, percent=percent, catalogue=catalogue)
    record = anatomy_record(table, catalogue, seed=seed)
    record["definitions"] = definitions_record(table, catalogue, seed=seed)
    if out is not None:
        save_record(out, "anatomy", record, table)
    if as_json:
        print_json(record)
    else:
        show_anatomy(record)
        show_definitions(record["definitions"])


def show_anatomy(record: dict[str, Any]) -> None:
    """The anatomy of each study as tables for people."""
    mark = " (SIMULATED RUNS)" if record["simulated"] else ""
    for study in record["studies"]:
        title = (
            f"{study['study']}, {study['encoder']}, {study['adaptation']}{mark}: "
            f"{study['n_runs']:,} runs, {study['n_seeds']} seed{'s' * (study['n_seeds'] > 1)}"
        )
        rows = [[item["factor"], share(item["share"]), _interval(item)] for item in study["shares"]]
        print_table(title, ["factor", ">share of the gains' variance", ">95% interval"], rows)
        for line in _lines(study):
            print(line)
        print()


def show_definitions(record: dict[str, Any]) -> None:
    """Difficulty's definitions as choosers, as a table for people."""
    against = {
        (item["method"], item["against"]): item
        for item in record["contrasts"]
        if item["measure"] == "regret@1"
    }
    rows = [
        [
            name,
            points(row["regret@1"]).lstrip("+"),
            points(row["gain@1"]),
            *(_change(against.get((name, other))) for other in ("random", "size")),
        ]
        for name, row in record["methods"].items()
    ]
    heads = ["hardest first", ">regret@1", ">gain@1", ">against random", ">against size"]
    mark = " (SIMULATED RUNS)" if record["simulated"] else ""
    print_table(f"Definitions of difficulty{mark}: points, {record['n_clusters']} clusters", heads,
                rows)  # fmt: skip


def _change(item: dict[str, Any] | None) -> str:
    if item is None:
        return "-"
    low, high = points(item["low"]), points(item["high"])
    return f"{points(item['difference'])} ({low} to {high})"


def _interval(item: dict[str, Any]) -> str:
    known = item["low"] is not None and item["low"] == item["low"]
    return f"{share(item['low'])} to {share(item['high'])}" if known else "-"


def _lines(study: dict[str, Any]) -> list[str]:
    found = []
    gap, negative = study["language_gap"], study["negative"]
    if gap is not None:
        found.append(
            "Choosing for each language instead of each target: "
            f"{points(gap['in_sample'])} points on the same gains"
            + (
                f", {points(gap['cross_fitted'])} across seeds "
                f"({points(gap['low'])} to {points(gap['high'])}, {gap['n_clusters']} clusters)"
                if gap["cross_fitted"] is not None
                else ""
            )
        )
    if negative["negative"] is not None:
        found.append(
            f"Gains below 0: {share(negative['negative'])} of {negative['n_gains']:,}"
            f" (clearly: {share(negative['clearly'])}); no intermediate helps in "
            f"{share(negative['direct_is_best'])} of the queries"
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
        if max(value for value in parts.values() if value == value) > 0
    ]
    if gone:
        found.append(
            "Trainings that ended at chance level, direct and after an intermediate: "
            + ", ".join(gone)
        )
    return found
