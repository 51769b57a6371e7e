"""Records of evaluations and ablations, from the folders that commands made."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from metaselect.errors import MetaselectError
from metaselect.evaluation.protocols import PROTOCOLS
from metaselect.evaluation.results import SCHEMA
from metaselect.files import folder_kind, read_manifest

FINDINGS: Final = "findings"
"""Kind of the folder in which `metaselect reproduce` keeps all its records."""


@dataclass(frozen=True, slots=True)
class Records:
    """What one folder holds.

    Attributes:
        folder: Its path.
        runs_hash: Of the runs behind the records; None where the folder does not tell.
        records: As `evaluation.results` makes them; several where `reproduce` made the folder.
    """

    folder: Path
    runs_hash: str | None
    records: tuple[dict[str, Any], ...]


def read_records(folders: Iterable[Path], kind: Literal["evaluation", "ablation"]) -> list[Records]:
    """The records of one kind in folders of `evaluate`, `ablate` or `reproduce`, hashes checked.

    Raises:
        MetaselectError: A folder is of another kind, unfinished or changed, or has no such record.
    """
    return [_read(folder, kind) for folder in folders]


def _read(folder: Path, kind: str) -> Records:
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
