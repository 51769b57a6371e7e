"""Records of evaluations and ablations, in the folders that commands make."""

import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, TypeVar, overload

import typer

from metaselect.cli.console import print_json, say, warn
from metaselect.cli.inputs import check_out, say_if_replaced
from metaselect.errors import MetaselectError
from metaselect.evaluation.folds import PROTOCOLS
from metaselect.evaluation.question import Findings, RecordPart
from metaselect.evaluation.records import AblationRecord, EvaluationRecord
from metaselect.evaluation.results import SCHEMA
from metaselect.files import folder_kind, read_manifest, sealed_folder, write_json
from metaselect.runs.schema import table_hash
from metaselect.wording import counted

if TYPE_CHECKING:
    import pandas as pd

Record = TypeVar("Record")

FINDINGS: Final = "findings"
"""Kind of the folder in which `metaselect reproduce` keeps all its records."""


@dataclass(frozen=True, slots=True)
class Records(Generic[Record]):
    """What one folder holds.

    Attributes:
        folder: Its path.
        runs_hash: Of the runs behind the records; None where the folder does not tell.
        records: As `evaluation.results` makes them; several where `reproduce` made the folder.
    """

    folder: Path
    runs_hash: str | None
    records: tuple[Record, ...]


@overload
def read_records(
    folders: Iterable[Path], kind: Literal["evaluation"]
) -> list[Records[EvaluationRecord]]: ...
@overload
def read_records(
    folders: Iterable[Path], kind: Literal["ablation"]
) -> list[Records[AblationRecord]]: ...
def read_records(
    folders: Iterable[Path], kind: Literal["evaluation", "ablation"]
) -> list[Records[Any]]:
    """The records of one kind in folders of `evaluate`, `ablate` or `reproduce`, hashes checked.

    Raises:
        MetaselectError: A folder is of another kind, unfinished or changed, or has no such record.
    """
    return [_read(folder, kind) for folder in folders]


def deliver(
    record: Mapping[str, Any],
    kind: str,
    *,
    runs: "pd.DataFrame",
    out: Path | None,
    show: Callable[[], None] | None,
) -> None:
    """Write a record into a folder, if there is one to be, and print it.

    Args:
        record: An evaluation's, say.
        kind: Of the folder, and the file's name.
        runs: What it was made of; the manifest names them by their hash.
        out: The folder.
        show: Prints the record for people; None prints it as JSON.
    """
    if out is not None:
        made_by = {**made_from(runs), "search": record.get("search")}
        say_if_replaced(out, kind=kind)
        _write_records(out, kind, {kind: record}, made_by)
    if show is None:
        print_json(record)
    else:
        show()


def made_from(runs: "pd.DataFrame") -> dict[str, Any]:
    """For a manifest: how many runs, and their hash."""
    return {"n_runs": len(runs), "runs_hash": table_hash(runs)}


@contextmanager
def saying_what_is_left(words: str = "nothing was written") -> Iterator[None]:
    """Where Ctrl-C stops the work inside, say in one line what it leaves; end with code 130."""
    try:
        yield
    except KeyboardInterrupt:
        say(f"stopped: {words}")
        raise typer.Exit(130) from None


def save_findings(folder: Path, findings: Findings, made_by: Mapping[str, Any]) -> None:
    """Write every record, and the reasons of those that are none, into one sealed folder.

    Args:
        folder: Takes the place of a folder of findings, if there is one.
        findings: All records, or some.
        made_by: For its manifest; `key` is what `read_findings` goes by.
    """
    records = {**findings.records, "skipped": dict(findings.skipped)}
    _write_records(folder, FINDINGS, records, made_by)


def _write_records(
    folder: Path, kind: str, records: Mapping[str, Any], made_by: Mapping[str, Any]
) -> None:
    with sealed_folder(folder, kind=kind, schema=SCHEMA, made_by=made_by) as temp:
        for name, record in records.items():
            write_json(temp / f"{name}.json", record)


def read_findings(folder: Path, *, key: str) -> Findings:
    """The records of a folder of `save_findings`, hashes checked; none where it has another key.

    Raises:
        MetaselectError: The folder is damaged.
    """
    if folder_kind(folder) != FINDINGS:
        return Findings({}, {})
    manifest = read_manifest(folder, kind=FINDINGS, schema=SCHEMA)
    if manifest.made_by.get("key") != key:
        return Findings({}, {})
    records = {
        name.removesuffix(".json"): json.loads((folder / name).read_text(encoding="utf-8"))
        for name in manifest.hashes
    }
    return Findings(records, records.pop("skipped", {}))


def known_findings(
    parts: Iterable[RecordPart], sources: Mapping[str, Iterable[Path]], *, key: str
) -> Findings:
    """The records of parts that folders hold under a key; says how many each source gave.

    Args:
        parts: Whose records are wanted.
        sources: Folders by what is said of their records; earlier ones win.
        key: As in `read_findings`. A damaged folder gives nothing but a warning.
    """
    found = Findings({}, {})
    wanted = {name for part in parts for name in part.names}
    for words, folders in sources.items():
        n_before = len(wanted & set(found.records))
        for folder in folders:
            try:
                found = read_findings(folder, key=key) | found
            except MetaselectError as error:
                warn([f"{error} Its records are made anew."])
        n_new = len(wanted & set(found.records)) - n_before
        if n_new:
            say(f"{counted(n_new, 'record is', 'records are')} {words}")
    return found


class Unfinished:
    """The records that a call has made so far, each part's in a sealed folder of its own.

    As a context it removes them at the end of the call. Where that is stopped, it says what is
    kept, and the command ends with code 130.

    Args:
        folder: Of these folders.
        parts: All that the call makes.
        made_by: For the manifests, as in `save_findings`.

    Raises:
        MetaselectError: Something else is in a part's place.
    """

    def __init__(
        self, folder: Path, parts: Iterable[RecordPart], made_by: Mapping[str, Any]
    ) -> None:
        self._folder, self._made_by = folder, made_by
        self.places = {part.names[0]: folder / part.names[0] for part in parts}
        for place in self.places.values():
            check_out(place, kind=FINDINGS)

    def __enter__(self) -> "Unfinished":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._remove()
        elif issubclass(kind, KeyboardInterrupt):
            say(f"stopped: {self._kept()}")
            raise typer.Exit(130)

    def keep(self, part: RecordPart, findings: Findings) -> None:
        """Write a part whole."""
        save_findings(self.places[part.names[0]], findings, self._made_by)

    def _kept(self) -> str:
        found = known_findings([], {"": self.places.values()}, key=self._made_by["key"])
        n_kept = len(found.records)
        if not n_kept:
            return "no record was finished; the same command starts anew"
        kept = counted(n_kept, "record is", "records are")
        return f"{kept} kept in {self._folder}; the same command goes on from there"

    def _remove(self) -> None:
        for place in self.places.values():
            shutil.rmtree(place, ignore_errors=True)
        if self._folder.is_dir() and not any(self._folder.iterdir()):
            self._folder.rmdir()


def _read(folder: Path, kind: str) -> Records[Any]:
    held = FINDINGS if folder_kind(folder) == FINDINGS else kind
    manifest = read_manifest(folder, kind=held, schema=SCHEMA)
    whole = f"{kind}.json"
    names = [name for name in manifest.hashes if name == whole or name.startswith(f"{kind}-")]
    if not names:
        raise MetaselectError(f"{folder} holds no {whole}: make it again with --out.")
    try:
        records = [json.loads((folder / name).read_text(encoding="utf-8")) for name in names]
        ordered = tuple(sorted(records, key=_place))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise MetaselectError(
            f"{folder} holds a record that is broken ({error!r}): make it again with --out."
        ) from error
    return Records(folder, manifest.made_by.get("runs_hash"), ordered)


def _place(record: dict[str, Any]) -> tuple[int, bool, bool]:
    """The whole question before its narrower forms, in the order of the protocols."""
    narrower = (not record.get("with_same_source", True), not record.get("with_direct", True))
    return PROTOCOLS.index(record["protocol"]), *narrower
