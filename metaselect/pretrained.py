"""Folders that predictors are read from: here or on the hub, and never with a pickle in them."""

from pathlib import Path

from metaselect.errors import MetaselectError, MissingExtra
from metaselect.files import MANIFEST

_PICKLES = (".pkl", ".pickle", ".joblib", ".pt", ".pth", ".bin", ".npy", ".npz")


def refuse_pickles(folder: Path) -> None:
    """Refuse a folder that holds a file which can run code when it is read.

    A folder without a manifest is no predictor, may be anything (`/`, a home), and is not searched.
    """
    if not (folder / MANIFEST).is_file():
        return
    for path in sorted(folder.rglob("*")):
        if path.is_file() and (path.suffix.lower() in _PICKLES or _starts_like_a_pickle(path)):
            raise MetaselectError(
                f"{path} looks like a pickle, which can run code when read: refused. Predictor "
                "folders hold JSON and text only."
            )


def local_folder(name: str) -> Path:
    """The folder of that name, or a copy of the hub repository `owner/name`.

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
        from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError
    except ImportError as error:
        raise MissingExtra(f"Reading {name} from the hub", "harness") from error
    try:
        return Path(snapshot_download(name, allow_patterns=["*.json", "*.txt", "*.md"]))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError, ValueError) as error:
        line = (str(error).splitlines() or [type(error).__name__])[0]
        raise MetaselectError(
            f"Neither a folder nor readable on the hub: {name} ({line})."
        ) from error


def _starts_like_a_pickle(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(1) == b"\x80"
