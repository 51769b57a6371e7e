"""Predictors on the hub, by huggingface_hub's mixin; imported only where the hub is asked for."""

from collections.abc import Callable
from pathlib import Path

from huggingface_hub import ModelHubMixin


class HubUpload(ModelHubMixin, library_name="metaselect"):
    """Whatever can write itself into a folder, as the mixin wants it.

    Args:
        write: Writes the whole folder, card and all.
    """

    def __init__(self, write: Callable[[Path], None]) -> None:
        self._write = write

    def _save_pretrained(self, save_directory: Path) -> None:
        self._write(save_directory)
