"""Predictors on the hub: a copy of a repository as a folder, and a folder as a commit.

A token of the hub is passed on and never shown: not in errors, not in logs.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from metaselect.errors import MetaselectError, MissingExtra, first_line

_PATTERNS = ["*.json", "*.txt", "*.md", "*.csv"]  # what a predictor's folder holds


@dataclass(frozen=True, slots=True)
class Commit:
    """How an upload is committed.

    Attributes:
        message: Its first line.
        private: Whether a repository made for it is private; None leaves it to the hub.
        branch: `main` if None.
        create_pr: On a pull request instead.
    """

    message: str
    private: bool | None
    branch: str | None
    create_pr: bool


def local_folder(name: str, *, revision: str | None = None, token: str | None = None) -> Path:
    """The folder of that name, or a copy of the hub repository `owner/name`.

    Args:
        name: Of a folder, or of a repository.
        revision: Branch, tag or commit of a repository; `main` by default.
        token: Of the hub; None takes the one that is kept on this computer, if any.

    Raises:
        MetaselectError: Neither is there.
    """
    folder = Path(name)
    if folder.is_dir():
        return folder
    if name.count("/") != 1 or name.startswith((".", "/", "~")):
        raise MetaselectError(f"No predictor folder {name}: make one with metaselect train.")
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HTTPError, LocalEntryNotFoundError  # type: ignore[attr-defined]
    except ImportError as error:
        raise MissingExtra(f"Reading {name} from the hub", "hub") from error
    _check_token(token)
    try:
        return Path(
            snapshot_download(name, revision=revision, token=token, allow_patterns=_PATTERNS)
        )
    except (HTTPError, LocalEntryNotFoundError, OSError, ValueError) as error:
        raise MetaselectError(
            f"Neither a folder nor readable on the hub: {name} ({_shown_line(error, token)})."
        ) from error


def upload(write: Callable[[Path], None], name: str, commit: Commit, *, token: str | None) -> str:
    """Put what `write` writes into a folder into the hub repository `owner/name`.

    Args:
        write: Writes the whole folder.
        name: Of the repository, which is made where there is none.
        commit: How it is committed.
        token: Of the hub; None takes the one that is kept on this computer.

    Returns:
        URL of the commit.

    Raises:
        MissingExtra: huggingface_hub is not installed.
        MetaselectError: The hub refuses or cannot be reached.
    """
    try:
        from huggingface_hub import HfApi
        from huggingface_hub.errors import HTTPError  # type: ignore[attr-defined]
    except ImportError as error:
        raise MissingExtra(f"Uploading to {name}", "hub") from error
    _check_token(token)
    api = HfApi(token=token)
    try:
        repository = api.create_repo(name, private=commit.private, exist_ok=True).repo_id
        with TemporaryDirectory() as temp:
            folder = Path(temp) / "predictor"
            write(folder)
            url = api.upload_folder(
                repo_id=repository,
                folder_path=folder,
                commit_message=commit.message,
                revision=commit.branch,
                create_pr=commit.create_pr,
                delete_patterns=_PATTERNS,  # trees of the predictor that was there before
            )
    except (HTTPError, OSError, ValueError) as error:
        raise MetaselectError(
            f"{name} could not be uploaded ({_shown_line(error, token)})."
        ) from error
    return str(url)


def _check_token(token: str | None) -> None:
    """Refuse what no header can hold, before a library repeats it in its error."""
    if token is not None and not re.fullmatch(r"[\w-]+", token, re.ASCII):
        raise MetaselectError("A hub token is one word of ASCII letters, digits, _ and -.")


def _shown_line(error: BaseException, token: str | None) -> str:
    line = first_line(error)
    return line.replace(token, "***") if token else line
