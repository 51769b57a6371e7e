"""A bench with the harness's tiny encoder and data."""

from pathlib import Path

import pytest

from metaselect.catalogue.cardfiles import load_catalogue
from tests.harness.conftest import data_folder, encoder_folder

__all__ = ["data_folder", "encoder_folder"]


@pytest.fixture
def bench(encoder_folder: Path, data_folder: Path, tmp_path: Path):
    from metaselect.features.measured.bench import Bench
    from metaselect.harness.data.corpora import Corpora
    from metaselect.harness.grid.workfolder import WorkFolder
    from metaselect.harness.recipe import Machine
    from metaselect.harness.train.encoders import Encoder

    return Bench(
        corpora=Corpora(data_folder),
        catalogue=load_catalogue(None),
        encoder=Encoder(
            name="tiny", path=str(encoder_folder), revision=None, n_layers=None,
            random_weights=False,
        ),
        machine=Machine(
            device="cpu", threads=1, inference_tokens=512, compile=False, precision="float32"
        ),
        work=WorkFolder(tmp_path / "tuned"),
    )  # fmt: skip
