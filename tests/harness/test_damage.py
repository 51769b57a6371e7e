"""A grid whose files were damaged after the fact: found, made again, never taken for results."""

import random
from pathlib import Path

import pytest

from tests.harness.grids import run_tiny, tiny_config


def flip_a_bit(path: Path, rng: random.Random) -> None:
    """One bit of a file, anywhere."""
    content = bytearray(path.read_bytes())
    content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    path.write_bytes(content)


def tear(path: Path, rng: random.Random) -> None:
    """A file cut off anywhere."""
    content = path.read_bytes()
    path.write_bytes(content[: rng.randrange(len(content))])


DAMAGES = {"a flipped bit": flip_a_bit, "a torn file": tear}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("n_times", [6, pytest.param(40, marks=pytest.mark.slow)])
def test_damaged_files_of_a_grid_are_made_again(
    damage: str, n_times: int, encoder_folder: Path, data_folder: Path, tmp_path: Path
) -> None:
    config = tiny_config(encoder_folder, data_folder, targets=["udpos", "tatoeba"])
    first = run_tiny(config, tmp_path / "out")
    assert first.done == 4
    sound, rng = first.table.read_bytes(), random.Random(n_times)
    for _ in range(n_times):
        files = sorted(
            path for path in (tmp_path / "out" / "work").rglob("*")
            if path.is_file() and path.stat().st_size
        )  # fmt: skip
        path = rng.choice(files)
        DAMAGES[damage](path, rng)
        result = run_tiny(config, tmp_path / "out")
        if (
            result.failures
        ):  # weights are read, and found broken, only when something builds on them
            result = run_tiny(config, tmp_path / "out")
        assert (result.done, result.failed) == (4, 0), path
        assert result.table.read_bytes() == sound, path


def test_damaged_weights_are_not_built_upon(
    encoder_folder: Path, data_folder: Path, tmp_path: Path
) -> None:
    config = tiny_config(encoder_folder, data_folder, intermediates=["mnli"], targets=["udpos"])
    run_tiny(config, tmp_path / "out")
    for path in (tmp_path / "out" / "work" / "weights").glob("*"):
        flip_a_bit(path, random.Random(1))
    more = tiny_config(
        encoder_folder, data_folder, intermediates=["mnli"], targets=["udpos", "tatoeba"]
    )
    failed = run_tiny(more, tmp_path / "out")
    assert failed.failed == 1
    assert any("has changed since it was made: run the same" in why
               for why in failed.failures.values())  # fmt: skip
    assert run_tiny(more, tmp_path / "out").done == 2
    fresh = run_tiny(more, tmp_path / "fresh")
    assert fresh.table.read_bytes() == (tmp_path / "out" / "runs.csv").read_bytes()
