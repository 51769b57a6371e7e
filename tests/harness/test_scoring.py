"""What a scored language's row says beside its score."""

from pathlib import Path

from metaselect.runs.exchange import read_runs
from metaselect.runs.floors import at_floor
from tests.harness.conftest import nli_rows, write_rows
from tests.harness.grids import TESTING, run_tiny, tiny_config


def test_a_model_that_answers_alike_everywhere_is_marked_and_is_at_the_floor(
    encoder_folder: Path, data_folder: Path, tmp_path: Path
) -> None:
    # One text over and over: every prediction is the same, whatever the model has learned.
    same = [{**nli_rows(1)[0], "label": row["label"]} for row in nli_rows(30)]
    write_rows(data_folder / "xnli" / "test.en.jsonl", same)
    config = tiny_config(
        encoder_folder, data_folder, intermediates=["direct"], targets=["xnli"],
        task_testing={"xnli": {**TESTING, "languages": ["en"], "rows": 12}},
    )  # fmt: skip
    result = run_tiny(config, tmp_path / "out")
    table = read_runs(result.table)
    assert len(table) == 1
    # Twelve of thirty rows, a third of each class, so any constant is right in a third.
    assert (table.loc[0, "score"], table.loc[0, "majority_score"]) == (0.333333, "0.333333")
    assert table.loc[0, "collapsed"] == "True"
    assert at_floor(table).tolist() == [True]
