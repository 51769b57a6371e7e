"""Rows of a task from the hub, however its repository lies.

A configuration of the repository is asked for first. Where that fails (no such configuration, a
loading script, which no longer runs), the repository's own data files in a folder of that name are
read, then those of the branch `refs/convert/parquet`, which the hub makes of most data sets.

Downloaded files are checked: the hub's client keeps each one in its cache under the name that the
hub gave its content (the SHA-256 of a large file, Git's hash of a small one), and does not look
whether that is what arrived.
"""

import re
import shutil
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final

from metaselect.catalogue.tasks import Hub, TaskCard
from metaselect.errors import MetaselectError, first_line

if TYPE_CHECKING:
    from datasets import Dataset
import hashlib
from typing import Literal

from metaselect.files import sha256_of

_KNOWN: set[tuple[str, int, int]] = set()

CONVERTED: Final = "refs/convert/parquet"
"""The branch on which the hub keeps data sets as Parquet, a folder a configuration."""

_BUILDERS: Final = {".parquet": "parquet", ".jsonl": "json", ".json": "json", ".csv": "csv"}
_TABS: Final = ".tsv"
_ALSO: Final = {"validation": ("validation", "valid", "val", "dev")}  # names of one split


def check_downloads(repository: str, *, kind: Literal["model", "dataset"]) -> None:
    """Hash what the cache holds of a repository, each file once a process.

    Raises:
        MetaselectError: A file is not what the hub says; it has been removed.
    """
    from huggingface_hub import constants
    from huggingface_hub.file_download import repo_folder_name

    name = repo_folder_name(repo_id=repository, repo_type=kind)
    for path in sorted((Path(constants.HF_HUB_CACHE) / name / "blobs").glob("*")):
        if path.suffix == ".incomplete" or not path.is_file():
            continue
        state = path.stat()
        seen = (str(path), state.st_size, state.st_mtime_ns)
        if seen in _KNOWN:
            continue
        if not _is_named(path):
            path.unlink()
            raise MetaselectError(
                f"A file of {repository} is not what the hub says it is (a fault on the way, or of "
                "the server); it was removed: run the same command to fetch it again."
            )
        _KNOWN.add(seen)


def _is_named(path: Path) -> bool:
    """Whether a blob's content has the hash that is its name; other names say nothing."""
    if len(path.name) == 64:
        return sha256_of(path) == path.name
    if len(path.name) == 40:
        content = path.read_bytes()
        blob = b"blob %d\0" % len(content) + content
        return hashlib.sha1(blob, usedforsecurity=False).hexdigest() == path.name
    return True


def hub_of(card: TaskCard) -> Hub:
    """Where a task's data are on the hub.

    Raises:
        MetaselectError: The card does not say.
    """
    if card.hub is None:
        raise MetaselectError(f"The card of {card.name} names no data on the hub: use a folder.")
    return card.hub


@lru_cache(maxsize=256)
def commit_of(repository: str, revision: str | None) -> str:
    """The commit that a branch of a data set is at, asked once a process.

    Raises:
        MetaselectError: The hub does not give the data set.
    """
    from huggingface_hub import HfApi

    try:
        return str(HfApi().dataset_info(repository, revision=revision).sha)
    except hub_faults() as error:
        raise MetaselectError(
            f"The hub gives no data set {repository!r}: {hub_reason(error)}."
        ) from error


def hub_faults() -> tuple[type[Exception], ...]:
    """What the hub's client raises where it gives nothing, no network among it."""
    from huggingface_hub import errors

    http_error: type[Exception] = vars(errors)[
        "HTTPError"
    ]  # httpx's or its successor's, no OSError
    return http_error, errors.HFValidationError, OSError


def hub_reason(error: Exception) -> str:
    """Why the hub's client gives nothing, and what to do, in a line without its own advice."""
    from huggingface_hub import constants, errors

    known = {
        errors.HFValidationError: "an id is NAME or OWNER/NAME",
        errors.GatedRepoError: "accept its terms on its page, then hf auth login",
        errors.RepositoryNotFoundError: "there is none of that id; a private one needs hf auth "
        "login",
        errors.RevisionNotFoundError: "it has no such revision",
    }
    told = next((advice for kind, advice in known.items() if isinstance(error, kind)), None)
    if told is None and constants.is_offline_mode() and "offline" in str(error).lower():
        return "HF_HUB_OFFLINE is set, so only local folders can be read: name one, or unset it"
    return told or f"{first_line(error).rstrip('.')}; is the network there?"


def hub_table(card: TaskCard, split: str, language: str) -> Sequence[Mapping[str, Any]]:
    """Raw rows of one split, with classes by the card's names.

    Args:
        card: The task's.
        split: `train`, `validation`, `test` or `candidates`.
        language: Of the test rows, as on the card.

    Raises:
        MetaselectError: The card names no such split, or no way of reading it leads to rows.
    """
    hub = hub_of(card)
    name = "test" if split == "candidates" else getattr(hub, split)
    if name is None:
        raise MetaselectError(f"The card of {card.name} names no {split} split on the hub.")
    code = hub.languages.get(language, language)
    config = hub.config.format(language=code) if hub.config else None
    if split == "candidates":
        config = "candidate_entities"
    table = _loaded(hub, config, name)
    try:
        check_downloads(hub.id, kind="dataset")
    except MetaselectError:
        for made in {Path(item["filename"]).parent for item in table.cache_files}:
            shutil.rmtree(made, ignore_errors=True)  # the tables made of the broken file
        raise
    if hub.language_column is not None:
        column = hub.language_column
        table = table.filter(lambda row: _speaks(str(row[column]), code))
    return [named_classes(row, table.features, card.labels) for row in table]


def _loaded(hub: Hub, config: str | None, split: str) -> "Dataset":
    """The table by its configuration, else by folder, else from the converted branch."""
    import datasets

    commit = commit_of(hub.id, hub.revision)
    try:
        return datasets.load_dataset(hub.id, config, split=split, revision=commit)
    except (OSError, ValueError, RuntimeError, datasets.exceptions.DatasetsError) as error:
        check_downloads(hub.id, kind="dataset")  # a broken file is named, and fetched again
        first = error
    tried = [f"its configuration: {first_line(first)}"]
    for revision, what in ((hub.revision, "its files by folder"), (CONVERTED, CONVERTED)):
        try:
            return _by_folder(hub, config, split, commit_of(hub.id, revision))
        except (OSError, ValueError, datasets.exceptions.DatasetsError, MetaselectError) as error:
            check_downloads(hub.id, kind="dataset")
            tried.append(f"{what}: {first_line(error)}")
    raise MetaselectError(
        f"The hub's {hub.id} ({config}, {split}) cannot be read. Tried {'; '.join(tried)}"
    ) from first


def _by_folder(hub: Hub, config: str | None, split: str, commit: str) -> "Dataset":
    """The table of the data files that lie in a folder of the configuration's name."""
    import datasets
    from huggingface_hub import HfApi

    api = HfApi()
    there = api.list_repo_files(hub.id, repo_type="dataset", revision=commit)
    names = split_files(there, config, split)
    if not names:
        raise MetaselectError(
            f"no data file of split {split!r} under {config or 'its top folder'!r} "
            f"among {len(there)} files"
        )
    paths = [
        api.hf_hub_download(hub.id, name, repo_type="dataset", revision=commit) for name in names
    ]
    check_downloads(hub.id, kind="dataset")
    suffix = _suffix(names[0]) or ""
    options = {"sep": "\t"} if suffix == _TABS else {}
    builder = "csv" if suffix == _TABS else _BUILDERS[suffix]
    table: Dataset = datasets.load_dataset(
        builder, data_files={split: paths}, split=split, **options
    )
    return table


def split_files(names: Sequence[str], config: str | None, split: str) -> list[str]:
    """The data files of one split, of one format: Parquet where there is any.

    Args:
        names: A repository's files.
        config: Folder on their way (`eng` in `data/eng/train.tsv`); None takes files that lie
            in no folder, or in one named `data`, `default` or like the split.
        split: Part of the file's name (`train-00000-of-00002.parquet`), or its folder
            (`eng/train/0000.parquet`).

    Example:
        >>> split_files(["eng/train.tsv", "amh/train.tsv", "README.md"], "eng", "train")
        ['eng/train.tsv']
    """
    found: dict[str, list[str]] = {}
    for name in sorted(names):
        suffix = _suffix(name)
        if suffix and _is_of(PurePosixPath(name), config, split):
            found.setdefault(suffix, []).append(name)
    return next((found[suffix] for suffix in (*_BUILDERS, _TABS) if suffix in found), [])


def _is_of(path: PurePosixPath, config: str | None, split: str) -> bool:
    folders = path.parent.parts
    names = _ALSO.get(split, (split,))
    named = any(re.search(rf"(^|[-_.]){re.escape(name)}([-.]|$)", path.name) for name in names)
    in_split = bool(folders) and folders[-1] in names
    if config is None:
        return (named or in_split) and set(folders) <= {"data", "default", *names}
    return (named or in_split) and config in folders


def _suffix(name: str) -> str | None:
    """The ending of a data file's name, packed or not; None for other files."""
    plain = PurePosixPath(name.removesuffix(".gz"))
    return plain.suffix if plain.suffix in (*_BUILDERS, _TABS) else None


def _speaks(value: str, code: str) -> bool:
    return value == code or value.startswith(f"{code}-")


def named_classes(
    row: Mapping[str, Any], features: Mapping[str, Any], labels: Sequence[str]
) -> Mapping[str, Any]:
    """Class numbers as the card's labels, by name: another order of classes cannot go unseen.

    Classes whose names are not the card's labels (digits, other words) keep their numbers.
    """
    by_name = {label.lower(): label for label in labels}
    out = dict(row)
    for column, feature in features.items():
        names = getattr(getattr(feature, "feature", feature), "names", None)
        if names is None or not all(str(name).lower() in by_name for name in names):
            continue
        known = [by_name[str(name).lower()] for name in names]
        value = out[column]
        if isinstance(value, list):
            out[column] = [known[item] if item >= 0 else item for item in value]
        elif value is not None and value >= 0:
            out[column] = known[value]
    return out
