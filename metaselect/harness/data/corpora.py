"""Where rows come from: a folder of tasks, here or at a URL, or the hub.

A folder holds `<task>/{train,validation,test.<language>}` as `.jsonl`, `.jsonl.gz` or `.parquet`
with the hub's column names, and `<task>/candidates` where retrieval has a pool of its own. The
codes in test files may be any that name the language (`swh`, `sw`): they are matched by meaning.
"""

import gzip
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, cast

import pandas as pd

from metaselect.catalogue.languages import matching_code
from metaselect.catalogue.tasks import TaskCard
from metaselect.errors import MetaselectError
from metaselect.files import sha256_of
from metaselect.harness.data.hubtables import commit_of, hub_table
from metaselect.harness.data.reading import read_rows, row_faults
from metaselect.harness.data.rows import Row
from metaselect.harness.data.sources import HUB, is_url, mirrored

Split = Literal["train", "validation", "test", "candidates"]
_SUFFIXES = (".jsonl.gz", ".jsonl", ".parquet")
_MAY_LACK_LABELS = ("train", "validation")


@dataclass(frozen=True, slots=True)
class Corpora:
    """Where all tasks' rows come from.

    Attributes:
        folder: Local folder of tasks; None reads the hub.
        url: Where the folder is a copy of, if it is one.
    """

    folder: Path | None
    url: str | None = None

    @classmethod
    def at(cls, place: str, *, base: Path = Path()) -> "Corpora":
        """What a user names: `hub`, a URL, or a folder relative to `base`.

        Raises:
            MetaselectError: The URL cannot be read.
        """
        if is_url(place):
            return cls(mirrored(place), place)
        return cls(None if place == HUB else base / place)

    def anywhere(self) -> "Corpora":
        """The same from any working folder."""
        return self if self.folder is None else replace(self, folder=self.folder.resolve())

    def here(self) -> "Corpora":
        """The same on another machine, which copies what is at a URL."""
        return self if self.url is None else Corpora.at(self.url)

    def rows(self, card: TaskCard, split: Split, language: str) -> list[Row]:
        """Rows of one split, normalised; the language matters for tests alone.

        Rows without a label are left out of training and validation, and told.

        Raises:
            MetaselectError: No such file or split, a broken file, or rows that do not fit.
        """
        where = _where(card, split, language)
        if self.folder is not None:
            path = self._file(card, split, language)
            table, where = _read_table(path), f"{where}, {path.name}"
        else:
            table, where = hub_table(card, split, language), f"{where} on the hub"
        return read_rows(card, table, where=where, drop_unlabelled=split in _MAY_LACK_LABELS)

    def faults(self, card: TaskCard, split: Split, language: str) -> list[str]:
        """What `rows` would refuse in a file that is there, a line each; none on the hub.

        The hub's rows come over the network and are not fetched for a check.
        """
        if self.folder is None:
            return []
        path = self._file(card, split, language)
        try:
            table = _read_table(path)
        except MetaselectError as error:
            return [str(error)]
        where = f"{_where(card, split, language)}, {path.name}"
        return row_faults(card, table, where=where, drop_unlabelled=split in _MAY_LACK_LABELS)

    def identity(self, card: TaskCard, split: Split, language: str) -> str:
        """What the rows are: the file's hash, the hub's commit, or `missing`."""
        if self.folder is None:
            if card.hub is None:
                return "missing"
            hub = card.hub
            return f"{hub.id}@{commit_of(hub.id, hub.revision)}:{hub.config}:{split}:{language}"
        try:
            path = self._file(card, split, language)
        except MetaselectError:
            return "missing"
        return _hash(path, path.stat().st_size, path.stat().st_mtime_ns)

    def has(self, card: TaskCard, split: Split, language: str) -> bool:
        """Whether a split is there; the hub is not asked, the card is believed."""
        if self.folder is None:
            return card.hub is not None and getattr(card.hub, split, None) is not None
        return self.identity(card, split, language) != "missing"

    def test_languages(self, card: TaskCard) -> list[str]:
        """The card's languages for which there are test rows, in the card's order."""
        return [code for code in card.languages if self.has(card, "test", code)]

    def _file(self, card: TaskCard, split: Split, language: str) -> Path:
        assert self.folder is not None  # callers ask for files of a folder only
        folder = self.folder / card.name
        if not folder.is_dir():
            raise MetaselectError(f"{self.folder} has no folder {card.name}.")
        stems = _stems(folder)
        if split != "test":
            found = stems.get(split)
        else:
            found = stems.get(f"test.{language}") or _by_meaning(card, stems, language)
        if found is None:
            name = f"test.{language}" if split == "test" else split
            raise MetaselectError(f"{folder.name} has no file {name} ({', '.join(_SUFFIXES)}).")
        return found


def _where(card: TaskCard, split: Split, language: str) -> str:
    return f"{card.name} {split}" + (f" ({language})" if split == "test" else "")


def _stems(folder: Path) -> Mapping[str, Path]:
    return {
        path.name.removesuffix(suffix): path
        for path in sorted(folder.iterdir())
        for suffix in _SUFFIXES
        if path.name.endswith(suffix)
    }


def _by_meaning(card: TaskCard, stems: Mapping[str, Path], language: str) -> Path | None:
    """A test file under another code of the same language: the hub's code, or any alias."""
    hub_code = card.hub.languages.get(language) if card.hub is not None else None
    if hub_code is not None and f"test.{hub_code}" in stems:
        return stems[f"test.{hub_code}"]
    codes = [stem.removeprefix("test.") for stem in stems if stem.startswith("test.")]
    others = set(card.languages) - {language}  # whose files are theirs: bar, bar-IT
    code = matching_code(language, [code for code in codes if code not in others])
    return None if code is None else stems[f"test.{code}"]


def _read_table(path: Path) -> Sequence[Any]:
    try:
        if path.suffix == ".parquet":
            return cast("list[dict[str, Any]]", pd.read_parquet(path).to_dict("records"))
        opened = gzip.open if path.suffix == ".gz" else open
        with opened(path, "rt", encoding="utf-8") as file:
            return [_parsed(line, row) for row, line in enumerate(file, start=1) if line.strip()]
    except (OSError, EOFError, ValueError) as error:
        raise MetaselectError(
            f"{path} is broken: {error}. Mend it, or fetch the file again."
        ) from error


def _parsed(line: str, row: int) -> Any:
    try:
        return json.loads(line)
    except json.JSONDecodeError as error:
        raise ValueError(f"row {row} is no JSON ({error.msg}, character {error.colno})") from error


@lru_cache(maxsize=4096)
def _hash(path: Path, size: int, changed_ns: int) -> str:
    return sha256_of(path)
