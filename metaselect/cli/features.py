"""`metaselect features`: measure difficulty, affinity and language features with an encoder."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from metaselect.cli import options
from metaselect.cli.console import print_json, say
from metaselect.cli.inputs import chosen_from, listed
from metaselect.errors import MetaselectError, MissingExtra
from metaselect.wording import counted

if TYPE_CHECKING:
    from metaselect.catalogue.tasks import Catalogue
    from metaselect.features.measured.bench import Bench
    from metaselect.features.measured.jobs import MeasureRequest

app = typer.Typer(
    help="Measure features of tasks and languages, where cards say nothing.",
    epilog="Example: metaselect features compute --data pack --encoder minilm --out measured.csv",
    no_args_is_help=True,
    rich_markup_mode=None,
)

_GROUPS = ("difficulty", "affinity", "language")


@app.callback()
def _features() -> None:
    """Measure features of tasks and languages, where cards say nothing."""


@app.command("compute")
def compute_command(  # noqa: PLR0913 - a parameter an option
    data: Annotated[str, typer.Option(help="Folder of task data, or 'hub'.")],
    encoder: Annotated[
        str, typer.Option(metavar="[NAME=]PATH", help="The encoder: a folder or a hub id.")
    ],
    out: Annotated[Path, typer.Option(help="Table of values (CSV); new values join it.")],
    groups: Annotated[str, typer.Option(help="Feature groups, separated by commas.")] = ",".join(
        _GROUPS
    ),
    measures: Annotated[
        str | None, typer.Option(help="Only these measures, with commas; over --groups.")
    ] = None,
    intermediates: Annotated[
        str | None, typer.Option(help="Tasks. [default: the English tasks that have data]")
    ] = None,
    targets: Annotated[
        str | None, typer.Option(help="Tasks. [default: the cross-lingual tasks that have data]")
    ] = None,
    languages: Annotated[
        str | None, typer.Option(help="Codes. [default: those of the targets that have data]")
    ] = None,
    layers: Annotated[
        int | None, typer.Option(min=1, help="Keep the encoder's first layers only.")
    ] = None,
    trainings: Annotated[
        Path | None, typer.Option(help="A grid's trainings.csv: dynamics, and collapse over seeds.")
    ] = None,
    responses: Annotated[
        Path | None,
        typer.Option(help="CSV of model,task,item,correct: item-response difficulty."),
    ] = None,
    tasks: options.Tasks = None,
    workers: options.Workers = None,
    executor: options.Executor = "local",
    precision: Annotated[str, typer.Option(help="float32, or bfloat16.")] = "float32",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what it would cost.")] = False,
    as_json: options.Json = False,
) -> None:
    """Measure what the feature groups need, keep it, and write the table.

    What was measured before is kept in the cache folder (METASELECT_CACHE) and not measured again;
    the same command goes on after a stop.

    Example: metaselect features compute --data pack --encoder minilm --out measured.csv
    """
    from metaselect.catalogue.cardfiles import load_catalogue
    from metaselect.catalogue.measured import Measured, measured_text, read_measured
    from metaselect.files import write_text

    catalogue = load_catalogue(tasks)
    before = read_measured(out) if out.is_file() else Measured()
    try:
        import joblib

        from metaselect.catalogue.cache import cache_folder
        from metaselect.features.measured.compute import compute_jobs
        from metaselect.features.measured.jobs import cost_of, plan_jobs
        from metaselect.features.measured.recorded import from_responses, from_trainings
    except ImportError as error:
        raise MissingExtra("Measuring features", "harness") from error
    bench = _bench(data, encoder, catalogue, precision=precision, n_layers=layers)
    wanted = _measures(measures, groups)
    request = _wish(bench, wanted, (intermediates, targets, languages))
    jobs = plan_jobs(bench, request)
    if dry_run:
        seconds = cost_of(
            request.measures, n_tasks=len(request.tasks), n_targets=len(request.targets),
            n_languages=len(request.languages),
        )  # fmt: skip
        found = {"jobs": len(jobs), "seconds": seconds, "measures": list(request.measures)}
        if as_json:
            print_json(found)
        else:
            print(f"{counted(len(jobs), 'job')}, about {seconds / 60:.0f} min on one CPU core")
        return
    recorded = [] if trainings is None else from_trainings(trainings, catalogue)
    recorded += [] if responses is None else from_responses(responses, catalogue)
    result = compute_jobs(
        bench, jobs, folder=cache_folder() / "measured", progress=say,
        n_workers=workers or joblib.cpu_count(), executor=executor,
    )  # fmt: skip
    write_text(out, measured_text(before.joined([*result.values, *recorded])))
    summary = {
        "rows": len(result.values) + len(recorded), "jobs": result.n_jobs, "known": result.n_known,
        "failed": len(result.failures), "failures": dict(result.failures), "table": str(out),
    }  # fmt: skip
    if as_json:
        print_json(summary)
    else:
        values, n_jobs = counted(len(result.values), "value"), counted(result.n_jobs, "job")
        print(f"{out}: {values} from {n_jobs}, "
              f"{result.n_known:,} known before, {len(result.failures)} failed")  # fmt: skip
    if result.failures:
        raise typer.Exit(1)


def _bench(data: str, encoder: str, catalogue: "Catalogue", *, precision: str,
           n_layers: int | None) -> "Bench":  # fmt: skip
    from metaselect.catalogue.cache import cache_folder
    from metaselect.features.measured.bench import Bench
    from metaselect.harness.data.corpora import Corpora
    from metaselect.harness.data.sources import absolute_if_folder
    from metaselect.harness.grid.workfolder import WorkFolder
    from metaselect.harness.recipe import Machine
    from metaselect.harness.train.encoders import Encoder

    if precision not in ("float32", "bfloat16"):
        raise MetaselectError(f"--precision {precision}: say float32 or bfloat16.")
    corpora = Corpora.at(data).anywhere()
    if corpora.folder is not None and not corpora.folder.is_dir():
        raise MetaselectError(f"--data {data} is no folder: name the folder of task data, or hub.")
    name, _, path = encoder.rpartition("=")
    return Bench(
        corpora=corpora,
        catalogue=catalogue,
        encoder=Encoder(
            name=name or Path(path).name, path=absolute_if_folder(path), revision=None,
            n_layers=n_layers, random_weights=False,
        ),
        machine=Machine(
            device="cpu", threads=1, inference_tokens=2048, compile=False,
            precision="bfloat16" if precision == "bfloat16" else "float32",
        ),
        work=WorkFolder(cache_folder() / "tuned"),
    )  # fmt: skip


def _measures(named: str | None, groups: str) -> list[str]:
    """Names of the measures asked for, by themselves or by their groups."""
    from metaselect.features.measured.jobs import measures_of

    wanted = measures_of(chosen_from("--groups", groups, _GROUPS))
    return wanted if named is None else chosen_from("--measures", named, measures_of(_GROUPS))


def _wish(
    bench: "Bench", measures: list[str], asked: tuple[str | None, str | None, str | None]
) -> "MeasureRequest":
    """What to measure: as asked, else whatever there are data for."""
    from metaselect.catalogue.languages import resolve_languages
    from metaselect.features.measured.jobs import MeasureRequest

    cards = bench.catalogue
    intermediates, targets, languages = asked
    if intermediates is None:
        tasks = [name for name, card in cards.items() if card.languages == ("en",)]
        tasks = [name for name in tasks if bench.corpora.has(cards[name], "train", "en")]
    else:
        tasks = [cards[name].name for name in listed(intermediates)]
    if targets is None:
        crossed = [card for card in cards.values() if card.languages != ("en",)]
        wanted = [card.name for card in crossed if bench.corpora.test_languages(card)]
    else:
        wanted = [cards[name].name for name in listed(targets)]
    if languages is None:
        found = [code for name in wanted for code in bench.corpora.test_languages(cards[name])]
    else:
        found = [language.code for language in resolve_languages(listed(languages))]
    codes = [code for code in dict.fromkeys(found) if code != "en"]
    return MeasureRequest(tasks=tasks, targets=wanted, languages=sorted(codes), measures=measures)
