"""`metaselect rank`: which intermediate task to fine-tune on first."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from metaselect.catalogue.tasks import Kind
from metaselect.cli import options
from metaselect.cli.console import print_json, say, warn
from metaselect.cli.inputs import listed, runs_from
from metaselect.cli.options import offer_languages, offer_tasks
from metaselect.cli.rank_notes import (
    kinds_that_count,
    not_ranked,
    other_encoder,
    ranking_notes,
)
from metaselect.cli.rank_shown import first_of, record_of, show
from metaselect.cli.task_shown import (
    cards_by_kind,
    first_by_kind,
    task_lines,
    task_notes,
    task_record,
)
from metaselect.cli.trial import check_trial_files
from metaselect.errors import MetaselectError
from metaselect.wording import few

if TYPE_CHECKING:
    from metaselect.catalogue.newtask import NewTask, Overrules
    from metaselect.catalogue.tasks import Catalogue

_SHOWN = """\
metaselect rank says which English task to fine-tune on before a target task.

  metaselect rank --target xnli --language sw
      for a known task, one of {n_targets} with test languages (metaselect ls tasks):
      {targets}
  metaselect rank --data my_task/ --language sw,ta,qu
      for your own English training rows: my_task/train with
      .jsonl, .jsonl.gz, .csv, .tsv or .parquet, or such a file

Languages go by codes such as sw, ta, qu; any of metaselect ls languages.
--why gives the reasons, --out plan.toml a grid that tries the first three,
--help all options."""


def rank_command(  # noqa: PLR0913 - a parameter an option
    target: Annotated[
        str | None,
        typer.Option(
            help="Target task, as `metaselect ls tasks` names it.", autocompletion=offer_tasks
        ),
    ] = None,
    language: Annotated[
        str | None,
        typer.Option(
            help="Language code, or several with commas: sw,ta,qu", autocompletion=offer_languages
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            help="In place of --target: your English training rows, a folder with "
            "train.jsonl[.gz], .csv, .tsv or .parquet, or such a file."
        ),
    ] = None,
    head: Annotated[
        str | None,
        typer.Option(
            help="With --data: classification, regression, multiple-choice, extractive-qa or "
            "tagging, over the guess."
        ),
    ] = None,
    kind: Annotated[
        str | None,
        typer.Option(
            help=f"With --data: what the task asks, over the guess: {', '.join(get_args(Kind))}."
        ),
    ] = None,
    text: Annotated[
        str | None, typer.Option(help="With --data: its text columns, with commas.")
    ] = None,
    label: Annotated[str | None, typer.Option(help="With --data: its label column.")] = None,
    metric: Annotated[str | None, typer.Option(help="With --data: its score.")] = None,
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
    why: Annotated[bool, typer.Option("--why", help="Give the reasons too.")] = False,
    out: Annotated[
        Path | None,
        typer.Option(help="Grid for metaselect run (TOML) that tries direct and the first three."),
    ] = None,
    encoder: Annotated[
        str | None,
        typer.Option(
            metavar="[NAME=]PATH",
            help="With --out: the grid's encoder, a folder, a URL or a hub id. [default: the one "
            "that the ranking rests on, where the hub has it or a relative]",
        ),
    ] = None,
    costs: Annotated[
        Path | None,
        typer.Option(
            help="With --out: results of metaselect run, whose speed tells the trial's hours."
        ),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Rank intermediate tasks for a target task in one or several languages.

    Examples: metaselect rank --target xnli --language sw;
    metaselect rank --data my_task/ --language sw,ta,qu;
    metaselect rank --target udpos --language sw,ta,qu --objective worst
    """
    from metaselect.catalogue.cardfiles import load_catalogue
    from metaselect.catalogue.languages import resolve_languages
    from metaselect.catalogue.newtask import Overrules
    from metaselect.catalogue.tasks import Catalogue
    from metaselect.selector.combine import check_objective
    from metaselect.selector.doubts import doubts_about
    from metaselect.selector.selector import TaskSelector
    from metaselect.selector.shipped import shipped_predictor

    if target is None and data is None and language is None:
        return print(_what_can_be_asked())
    overrules = Overrules(
        head=head, kind=kind, metric=metric, label=label,
        text=None if text is None else listed(text),
    )  # fmt: skip
    _check_asked(target, data, language, overrules)
    if encoder is not None and out is None:
        raise typer.BadParameter("--encoder belongs to --out.")
    if costs is not None and out is None:
        raise typer.BadParameter("--costs tells the hours of a trial: name its grid with --out.")
    check_trial_files(out, own_task=data is not None)
    goal = check_objective(objective)
    codes = listed(language or "")
    _check_commas(codes)
    resolve_languages(codes)  # refuses before the work, and all at once
    names = None if candidates is None else listed(candidates)
    if names == []:
        raise MetaselectError("No candidate to rank: give --candidates at least one task name.")
    catalogue = load_catalogue(tasks, measured)
    new = None if data is None else _new_task(data, codes, catalogue, overrules)
    if new is not None:
        own_cards = [new.card, *cards_by_kind(new).values()]
        catalogue = Catalogue([*catalogue.values(), *own_cards], catalogue.measured)
    folder = str(shipped_predictor()) if predictor is None else predictor
    selector = TaskSelector.from_pretrained(folder, catalogue=catalogue)
    every = own = None
    if runs is not None or predictor is None:
        every = runs_from(runs, percent=percent, catalogue=selector.catalogue)
        own = every if study is None else every[every["study"] == study]
    name = new.card.name if new is not None else str(target)
    ask = partial(selector.rank, languages=codes, candidates=names, study=study)
    table = ask(target=name)
    notes = []
    if new is not None:
        firsts = first_by_kind(new, ask, goal)
        notes += task_notes(new, kinds_that_count(selector, table), firsts)
    notes += selector.warnings(target=name, languages=codes, candidates=names, study=study)
    notes += ranking_notes(selector, table, name, own, study)
    given = runs is not None
    asked = every if given else None
    kept = {} if selector.training_ is None else selector.training_.own_runs
    who = name, table["intermediate"], selector.catalogue
    doubts, told = doubts_about(*who, kept=kept, study=study, runs=asked)
    doubts = replace(doubts, unproven=selector.is_unproven(name))
    notes += told
    if given and every is not None:
        notes += other_encoder(selector, every)
        notes += not_ranked(every, name, table) if names is None else []
    record = record_of(table, name, goal, own, doubts=doubts, simulated=selector.simulated)
    if new is not None:
        record["task"] = task_record(new)
    if out is not None:
        by_study = {} if selector.training_ is None else selector.training_.encoder_by_study
        learnt = {*by_study.values()} if study is None else {by_study[study]}
        examples = selector.predictor_for(name).examples_of(study or next(iter(by_study), ""))
        notes += _write_grid(
            out, record, selector.catalogue, new, encoder=encoder, learnt=learnt, costs=costs,
            examples=examples,
        )  # fmt: skip
        record["grid"] = str(out)
    record = first_of(record, top)
    if as_json:
        warn(notes)
        print_json({**record, "warnings": notes})
    else:
        lines = task_lines(new) if new is not None else []
        show(record, lines, why=why, simulated=selector.simulated)
        warn(notes)


def _what_can_be_asked() -> str:
    """Targets, languages and own data, in a few lines of at most 80 columns."""
    from metaselect.catalogue.cardfiles import shipped_catalogue

    targets = [card for card in shipped_catalogue().values() if len(card.languages) > 1]
    known_first = sorted(targets, key=lambda card: ("xtreme_r" not in card.benchmarks, card.name))
    return _SHOWN.format(targets=few([card.name for card in known_first]), n_targets=len(targets))


def _write_grid(  # noqa: PLR0913 - what a trial is made of
    out: Path,
    record: Mapping[str, Any],
    catalogue: "Catalogue",
    new: "NewTask | None",
    *,
    encoder: str | None,
    learnt: Collection[str],
    costs: Path | None,
    examples: Mapping[str, float],
) -> list[str]:
    """Write the grid that tries the first three, say how to run it; what is lacking."""
    from metaselect.cli.trial import write_trial

    how, lacking = write_trial(
        out,
        catalogue[record["target"]],
        [entry["intermediate"] for entry in record["ranking"]],
        record["languages"],
        catalogue=catalogue,
        encoder=encoder,
        learnt_from=learnt,
        data=None if new is None else new.data,
        costs=costs,
        examples=examples,
    )
    say(how)
    return lacking


def _check_asked(
    target: str | None, data: Path | None, language: str | None, overrules: "Overrules"
) -> None:
    if target is None and data is None:
        raise typer.BadParameter("name a task with --target, or rows of your own with --data.")
    if target is not None and data is not None:
        raise typer.BadParameter("--target and --data exclude each other.")
    if language is None:
        raise typer.BadParameter("name at least one language with --language.")
    if data is None and overrules != type(overrules)():
        raise typer.BadParameter("--head, --kind, --text, --label and --metric belong to --data.")


def _check_commas(codes: Sequence[str]) -> None:
    """Refuse codes that are parted by anything but commas, as in `sw;ta` or "sw ta"."""
    from metaselect.catalogue.languages import find_language

    for code in codes:
        parts = re.split(r"[;|/\s]+", code)
        if len(parts) > 1 and all(map(find_language, parts)):
            raise MetaselectError(
                f"Commas part languages: --language {','.join(parts)}, not {code!r}."
            )


def _new_task(
    data: Path, codes: Sequence[str], catalogue: "Catalogue", overrules: "Overrules"
) -> "NewTask":
    """The task of a user's rows, scored in the languages asked for."""
    from metaselect.catalogue.languages import resolve_languages
    from metaselect.catalogue.newtask import guess_task

    found = guess_task(data, catalogue, overrules)
    languages = dict.fromkeys(["en", *(language.code for language in resolve_languages(codes))])
    return replace(found, card=replace(found.card, languages=tuple(languages)))
