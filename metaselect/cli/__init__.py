"""The command line: each verb a few lines around a library call; heavy imports in handlers."""

import os
import sys
from importlib import metadata
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from metaselect.cli import (
    ablate,
    describe,
    doctor,
    evaluate,
    features,
    ls,
    plan,
    publish,
    rank,
    report,
    reproduce,
    run,
    runs,
    train,
)
from metaselect.cli.console import quiet_stopped_pools, ready_streams
from metaselect.errors import MetaselectError


class _Program(TyperGroup):
    """The commands; a wrong choice is told without the words of the library that checks it."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:
            error.message = error.message.removeprefix("Value error, ")
            raise


app = typer.Typer(
    name="metaselect",
    cls=_Program,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # Rich would cost --help half of its time
    help=(
        "Choose the English intermediate task to fine-tune on before a cross-lingual target: "
        "train a predictor on transfer runs, judge it, rank tasks for new languages."
    ),
    epilog="Example: metaselect reproduce",
)


def _print_version(asked: bool) -> None:
    if asked:
        print(f"metaselect {metadata.version('metaselect')}")
        raise typer.Exit


@app.callback()
def _program(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    pass


app.command("ls")(ls.ls_command)
runs.app.command("describe")(describe.describe_command)
runs.app.command("publish")(publish.publish_command)
app.add_typer(runs.app, name="runs")
app.command("run")(run.run_command)
app.add_typer(features.app, name="features")
app.command("train")(train.train_command)
app.command("evaluate")(evaluate.evaluate_command)
app.command("ablate")(ablate.ablate_command)
app.command("rank")(rank.rank_command)
app.command("plan")(plan.plan_command)
app.command("report")(report.report_command)
app.command("reproduce")(reproduce.reproduce_command)
app.command("doctor")(doctor.doctor_command)


def main() -> None:
    """Run a command; what a user can fix ends in one line and exit code 2."""
    ready_streams()
    quiet_stopped_pools()
    try:
        app(prog_name="metaselect")
    except MetaselectError as error:
        sys.exit(_told(str(error), code=2))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # a reader that left early
        sys.exit(1)
    except OSError as error:
        sys.exit(_told(f"{error.filename or 'system'}: {error.strerror or error}", code=2))
    except KeyboardInterrupt:
        sys.exit(_told("stopped", code=130))


def _told(message: str, *, code: int) -> int:
    print(f"metaselect: {message}", file=sys.stderr)
    return code
