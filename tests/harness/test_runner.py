"""Whole grids on a tiny encoder: shared stages, resuming, failures, the table."""

import json
import re
import resource
from pathlib import Path

import pandas as pd
import pytest

from metaselect.errors import MetaselectError
from metaselect.harness.grid import runner, workers
from metaselect.harness.grid.plan import Part
from metaselect.harness.grid.stages import ScoreStage, TrainStage
from metaselect.harness.train.dynamics import load_dynamics
from metaselect.runs.exchange import read_runs
from tests.harness.conftest import nli_rows, write_rows
from tests.harness.grids import run_tiny, tiny_config, tiny_grid


def test_a_grid_takes_one_training_an_intermediate_and_one_a_target_from_each(
    encoder_folder: Path, data_folder: Path, tmp_path: Path
) -> None:
    endings = {"ctx": "a cat", "endings": ["sings", "barks", "sleeps", "is"], "label": "0"}
    write_rows(data_folder / "hellaswag" / "train.jsonl", [endings])
    write_rows(data_folder / "sst2" / "train.jsonl", [{"sentence": "a cat", "label": 0}])
    config = tiny_config(
        encoder_folder, data_folder, seeds=[0, 1],
        intermediates=["direct", "copa", "hellaswag", "sst2"], targets=["xnli", "udpos", "xquad"],
    )  # fmt: skip
    plan = tiny_grid(config, tmp_path / "out").plan
    # I = 3, T = 3: 3 + (3 + 1) * 3 = 15 trainings a seed, where training each intermediate again
    # for each target would take 2 * 3 * 3 = 18, and 3 more directly; two seeds make 30.
    assert plan.n_trainings == 2 * (3 + (3 + 1) * 3)
    assert plan.n_scorings == 2 * 4 * 3
    assert len(plan.runs) == 2 * 4 * 3


def test_targets_that_share_english_data_share_the_fine_tuned_model(
    encoder_folder: Path, data_folder: Path, tmp_path: Path
) -> None:
    config = tiny_config(encoder_folder, data_folder, targets=["xquad", "mlqa", "tatoeba"])
    plan = tiny_grid(config, tmp_path / "out").plan
    # mnli once; squad once directly and once from mnli, for both of XQuAD and MLQA; Tatoeba none.
    assert plan.n_trainings == 1 + 2
    assert plan.n_scorings == 6


def test_a_finished_grid_gives_a_table_that_the_runs_reader_accepts(
    encoder_folder: Path, data_folder: Path, tmp_path: Path
) -> None:
    config = tiny_config(
        encoder_folder, data_folder,
        intermediates=["direct", "mnli+copa"],
        targets=["xnli", "udpos", "xquad", "tatoeba", "xcopa"],
    )  # fmt: skip
    lines: list[str] = []
    result = run_tiny(config, tmp_path / "out", lines)
    assert (result.planned, result.done, result.failed) == (10, 10, 0), result.failures
    table = read_runs(result.table)
    # 2 starts x (xnli 2 + udpos 2 + xquad 2 + tatoeba 2 + xcopa 2 languages)
    assert len(table) == 20
    assert set(table["language"]) == {"en", "sw", "fi", "de"}
    assert dict(table.groupby("target")["metric"].first()) == {
        "xnli": "accuracy", "udpos": "f1", "xquad": "mean(exact_match,f1)", "tatoeba": "accuracy",
        "xcopa": "accuracy",
    }  # fmt: skip
    # Three classes in turn, two choices in turn, no question without an answer.
    floors = table.groupby("target")["majority_score"].agg(["min", "max"])
    assert floors.loc["xnli"].tolist() == ["0.333333", "0.333333"]
    assert floors.loc["xcopa"].tolist() == ["0.5", "0.5"]
    assert floors.loc["xquad"].tolist() == ["0.0", "0.0"]
    assert floors.loc["tatoeba"].tolist() == ["0.083333", "0.1"]  # pools of 12 and 10 sentences
    assert set(table["collapsed"]) <= {"True", "False"}
    told = pd.read_csv(result.table.with_name("trainings.csv"))
    (examples,) = told.loc[told["label"] == "mnli+copa", "n_examples"].unique()
    assert examples > 0  # of the intermediate alone, trained targets or not
    assert table.groupby("intermediate")["train_examples"].unique().map(list).to_dict() == {
        "direct": ["0"], "mnli+copa": [str(examples)],
    }  # fmt: skip
    assert set(table.loc[table["accuracy"] != "", "target"]) == {"udpos"}
    assert len(lines) == 1 + 2 * (4 + 5)
    assert lines[-1].startswith("19/19 ")
    assert lines[-1].endswith(", 0s left")
    gains = [line for line in lines if line.split()[1].startswith("mnli+copa") and " on " in line]
    assert len(gains) == 5
    assert all(
        re.search(r"  [01]\.\d{3} \([+-]0\.\d{3}\) over 2 languages  ", line) for line in gains
    ), gains
    assert sum(" (direct) over 2 languages " in line for line in lines) == 5
    trained = pd.read_csv(result.table.with_name("trainings.csv"))
    # mnli+copa tells of both its tasks; then mnli, udpos, squad and copa after it and directly.
    assert len(trained) == 2 + 2 * 4
    shares = trained[["confidence", "variability", "correctness"]].dropna()
    assert len(shares) >= 9  # in four steps of two tasks, one may never have its turn
    assert ((shares >= 0) & (shares <= 1)).all(axis=None)
    for row in trained.itertuples():
        folder = tmp_path / "out" / "work" / "stages" / str(row.stage)
        dynamics, losses = load_dynamics(folder / f"dynamics.{row.task}.npz")
        assert len(losses) == row.n_steps == 4
        assert (dynamics.n_seen.sum() > 0) == (row.confidence == row.confidence)


def test_the_same_command_again_does_nothing_and_gives_the_same_bytes(
    encoder_folder: Path, data_folder: Path, tmp_path: Path
) -> None:
    config = tiny_config(encoder_folder, data_folder, targets=["udpos"])
    first = run_tiny(config, tmp_path / "out")
    before = first.table.read_bytes()
    lines: list[str] = []
    again = run_tiny(config, tmp_path / "out", lines)
    assert lines == []
    assert again.done == 2
    assert again.table.read_bytes() == before


def test_two_grids_in_two_places_give_the_same_bytes_whatever_the_workers(
    encoder_folder: Path, data_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "STAGES_A_PROCESS", 2)  # workers are replaced on the way
    config = tiny_config(encoder_folder, data_folder, targets=["udpos", "tatoeba"])
    alone = run_tiny(config, tmp_path / "alone")
    side_by_side = run_tiny(config.model_copy(update={"workers": 2}), tmp_path / "workers")
    assert alone.table.read_bytes() == side_by_side.table.read_bytes()
    assert alone.done == side_by_side.done == 4


def test_a_grid_that_grows_keeps_what_is_done(
    encoder_folder: Path, data_folder: Path, tmp_path: Path
) -> None:
    run_tiny(tiny_config(encoder_folder, data_folder, targets=["udpos"]), tmp_path / "out")
    lines: list[str] = []
    wider = tiny_config(encoder_folder, data_folder, targets=["udpos", "tatoeba"])
    result = run_tiny(wider, tmp_path / "out", lines)
    assert result.done == 4
    assert len(lines) == 2  # Tatoeba is scored on the encoder and on mnli, nothing is trained


def test_a_grid_that_lacks_runs_of_its_folder_is_refused(
    encoder_folder: Path, data_folder: Path, tmp_path: Path
) -> None:
    wide = run_tiny(tiny_config(encoder_folder, data_folder), tmp_path / "out")
    before = wide.table.read_bytes()
    narrow = tiny_config(encoder_folder, data_folder, targets=["udpos"])
    with pytest.raises(MetaselectError, match="holds 2 runs that this grid does not make") as found:
        run_tiny(narrow, tmp_path / "out")
    assert "tiny, tiny, finetune, direct, xnli, 0" in str(found.value)
    assert wide.table.read_bytes() == before
    settings = (tmp_path / "out" / "grid.json").read_text(encoding="utf-8")
    assert '"xnli"' in settings
    wide.table.unlink()
    lines: list[str] = []
    alone = run_tiny(narrow, tmp_path / "out", lines)
    assert (alone.done, lines) == (2, [])  # all its stages were there


def test_runs_of_one_seed_see_the_same_examples_in_the_same_order(
    encoder_folder: Path, data_folder: Path, tmp_path: Path
) -> None:
    config = tiny_config(encoder_folder, data_folder, targets=["udpos"], seeds=[0, 1])
    grid = tiny_grid(config, tmp_path / "out")
    grid.run(lambda line: None)
    seen = {}
    for key, stage in grid.plan.stages.items():
        if isinstance(stage, TrainStage) and stage.cards[0].name == "udpos":
            folder = grid.shop.work.stage(key)
            dynamics, losses = load_dynamics(folder / "dynamics.udpos.npz")
            assert len(losses) == 4
            seen[stage.label, stage.seed] = dynamics.n_seen.tolist()
    assert len(seen) == 4
    assert seen["udpos", 0] == seen["mnli→udpos", 0]
    assert seen["udpos", 0] != seen["udpos", 1]


def test_a_language_whose_file_breaks_later_fails_alone_and_is_done_once_it_is_mended(
    encoder_folder: Path, data_folder: Path, tmp_path: Path
) -> None:
    broken = data_folder / "xnli" / "test.th.jsonl"
    write_rows(broken, nli_rows(5))
    config = tiny_config(
        encoder_folder, data_folder, intermediates=["direct"], targets=["xnli", "tatoeba"],
        task_testing={"xnli": {"languages": ["en", "sw", "th"]}},
    )  # fmt: skip
    grid = tiny_grid(config, tmp_path / "out")
    broken.write_text("{")
    result = grid.run(lambda line: None)
    assert (result.done, result.failed) == (1, 1)
    (reason,) = result.failures.values()
    assert "test.th.jsonl is broken" in reason
    assert set(read_runs(result.table)["language"]) == {"en", "sw", "de"}
    write_rows(broken, nli_rows(5))
    lines: list[str] = []
    after = run_tiny(config, tmp_path / "out", lines)
    assert (after.done, after.failed) == (2, 0)
    assert set(read_runs(after.table)["language"]) == {"en", "sw", "de", "th"}


def test_labels_that_change_after_the_check_fail_that_run_and_the_rest_goes_on(
    encoder_folder: Path, data_folder: Path, tmp_path: Path
) -> None:
    grid = tiny_grid(tiny_config(encoder_folder, data_folder), tmp_path / "out")
    rows = [{**row, "label": "maybe"} for row in nli_rows(12)]
    write_rows(data_folder / "mnli" / "train.jsonl", rows)
    result = grid.run(lambda line: None)
    assert (result.planned, result.done, result.failed) == (4, 1, 3)
    assert any("'maybe' does not match the labels" in why for why in result.failures.values())
    assert set(read_runs(result.table)["target"]) == {"udpos"}


def test_a_file_that_breaks_after_the_check_fails_with_its_name(
    encoder_folder: Path, data_folder: Path, tmp_path: Path
) -> None:
    config = tiny_config(encoder_folder, data_folder, intermediates=["direct"])
    grid = tiny_grid(config, tmp_path / "out")
    (data_folder / "udpos" / "train.jsonl").write_text('{"tokens": ["the"], "up')
    result = grid.run(lambda line: None)
    assert (result.done, result.failed) == (1, 1)
    assert any("train.jsonl is broken" in why for why in result.failures.values())


def test_a_loss_that_is_no_number_is_a_failed_run(
    encoder_folder: Path, data_folder: Path, tmp_path: Path
) -> None:
    from tests.harness.grids import TRAINING

    config = tiny_config(
        encoder_folder, data_folder, intermediates=["direct"],
        task_training={"udpos": {"learning_rate": 1e38, "warmup": 0.0}},
    )  # fmt: skip
    assert TRAINING["steps"] == 4
    result = run_tiny(config, tmp_path / "out")
    assert (result.done, result.failed) == (1, 1)
    assert any("The loss became nan at step" in why for why in result.failures.values())
    stage = next((tmp_path / "out" / "work" / "failures").glob("*.json"))
    assert "traceback" in stage.read_text()


def test_weights_stay_within_the_disk_budget_and_are_made_again_when_needed(
    encoder_folder: Path, data_folder: Path, tmp_path: Path
) -> None:
    size = (encoder_folder / "model.safetensors").stat().st_size
    config = tiny_config(
        encoder_folder, data_folder, targets=["udpos", "xquad"], disk_gb=2.5 * size / 1e9
    )
    grid = tiny_grid(config, tmp_path / "out")
    result = grid.run(lambda line: None)
    assert result.done == 4
    assert sum(grid.shop.work.weights_sizes().values()) <= 2.5 * size
    wider = tiny_config(
        encoder_folder, data_folder, targets=["udpos", "xquad", "mlqa"], disk_gb=2.5 * size / 1e9
    )
    plain = tiny_config(encoder_folder, data_folder, targets=["udpos", "xquad", "mlqa"])
    resumed = run_tiny(wider, tmp_path / "out")
    assert resumed.done == 6
    assert resumed.table.read_bytes() == run_tiny(plain, tmp_path / "plain").table.read_bytes()


def test_a_part_keeps_weights_for_the_rest_and_the_whole_goes_on_from_it(
    encoder_folder: Path, data_folder: Path, tmp_path: Path
) -> None:
    config = tiny_config(encoder_folder, data_folder, targets=["udpos", "xquad"], disk_gb=1.0)
    part = Part(intermediates=["mnli"], targets=["udpos"])
    first = tiny_grid(config, tmp_path / "out", part=part).run(lambda line: None)
    assert (first.planned, first.done) == (1, 1)
    assert set(read_runs(first.table)["target"]) == {"udpos"}
    lines: list[str] = []
    rest = tiny_grid(config, tmp_path / "out", part=Part(targets=["xquad"])).run(lines.append)
    assert (rest.planned, rest.done) == (2, 2)
    assert not any(" mnli seed 0 " in line for line in lines)  # its weights were kept
    whole = run_tiny(config, tmp_path / "out")
    assert (whole.planned, whole.done) == (4, 4)
    unbroken = run_tiny(config, tmp_path / "unbroken")
    assert whole.table.read_bytes() == unbroken.table.read_bytes()


def test_timings_stand_apart_from_the_runs(
    encoder_folder: Path, data_folder: Path, tmp_path: Path
) -> None:
    config = tiny_config(encoder_folder, data_folder, intermediates=["direct"], targets=["udpos"])
    result = run_tiny(config, tmp_path / "out")
    times = pd.read_csv(result.table.with_name("timings.csv"))
    assert (times["score_s"] > 0).all()
    assert (times["train_s"] > 0).all()
    assert not {"wall_s", "score_s", "train_s"} & set(read_runs(result.table).columns)


def test_every_scoring_of_a_grid_names_a_stage_that_the_plan_holds(
    encoder_folder: Path, data_folder: Path, tmp_path: Path
) -> None:
    plan = tiny_grid(tiny_config(encoder_folder, data_folder), tmp_path / "out").plan
    assert len(plan.runs) == 4
    for run in plan.runs:
        assert isinstance(plan.stages[run.score_key], ScoreStage)


def test_a_target_may_train_on_other_tasks_before_its_own(
    encoder_folder: Path, data_folder: Path, tmp_path: Path
) -> None:
    write_rows(
        data_folder / "socialiqa" / "train.jsonl",
        [
            {"context": "the cat is loud .", "question": "who is ?", "answerA": "a cat",
             "answerB": "a dog", "answerC": "a bird", "label": i % 3}
            for i in range(12)
        ],
    )  # fmt: skip
    config = tiny_config(
        encoder_folder, data_folder, targets=["xcopa"],
        task_training={"xcopa": {"after": ["socialiqa"]}},
    )  # fmt: skip
    grid = tiny_grid(config, tmp_path / "out")
    labels = [stage.label for stage in grid.plan.stages.values() if isinstance(stage, TrainStage)]
    assert labels == [
        "socialiqa",
        "socialiqa→copa",
        "mnli",
        "mnli→socialiqa",
        "mnli→socialiqa→copa",
    ]
    kept = [
        stage.teaching.keep_head
        for stage in grid.plan.stages.values()
        if isinstance(stage, TrainStage)
    ]
    assert kept == [False, True, False, False, True]
    assert grid.run(lambda line: None).done == 2


def test_a_disk_budget_that_nothing_fits_into_fails_what_is_left(
    encoder_folder: Path, data_folder: Path, tmp_path: Path
) -> None:
    size = (encoder_folder / "model.safetensors").stat().st_size
    config = tiny_config(encoder_folder, data_folder, targets=["udpos"], disk_gb=1.5 * size / 1e9)
    result = run_tiny(config, tmp_path / "out")
    # UD-POS is trained directly, scored and dropped; mnli stays for UD-POS after it, which no
    # longer fits beside it.
    assert (result.done, result.failed) == (1, 1)
    advised = {
        float(why.split("raise disk_gb to ")[1].split()[0]) for why in result.failures.values()
    }
    assert len(advised) == 1
    enough = config.model_copy(update={"disk_gb": advised.pop()})
    assert run_tiny(enough, tmp_path / "out").done == 2


def test_weights_that_only_failed_stages_build_on_make_room(
    encoder_folder: Path, data_folder: Path, tmp_path: Path
) -> None:
    size = (encoder_folder / "model.safetensors").stat().st_size
    config = tiny_config(
        encoder_folder, data_folder, intermediates=["mnli", "copa"], targets=["udpos"],
        seeds=[0, 1], disk_gb=2.5 * size / 1e9,
    )  # fmt: skip
    grid = tiny_grid(config, tmp_path / "out")
    udpos = data_folder / "udpos" / "train.jsonl"
    there = udpos.read_text()
    udpos.write_text("{")  # after the check: every branch fails once its intermediate is trained
    result = grid.run(lambda line: None)
    # Four intermediates of which two files fit: each is trained, and no failure is for room.
    assert len(result.failures) == 8
    assert all("is broken" in why for why in result.failures.values())
    assert sum(grid.shop.work.weights_sizes().values()) <= 2.5 * size
    udpos.write_text(there)
    roomy = config.model_copy(update={"disk_gb": 1.0})
    assert run_tiny(roomy, tmp_path / "out").done == 4


def test_a_full_disk_fails_the_run_and_leaves_the_rest(
    encoder_folder: Path, data_folder: Path, tmp_path: Path
) -> None:
    config = tiny_config(encoder_folder, data_folder, targets=["udpos", "tatoeba"])
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, limits[1]))  # weights take more, tables less
    try:
        full = run_tiny(config, tmp_path / "out")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (full.planned, full.done, full.failed) == (4, 1, 3)
    assert any("File too large" in why for why in full.failures.values())
    assert not [path for path in (tmp_path / "out").rglob(".*") if path.is_file()]
    after = run_tiny(config, tmp_path / "out")
    assert (after.done, after.failed) == (4, 0)


def test_failures_stay_on_record_while_a_grid_goes_on(
    encoder_folder: Path, data_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "TABLE_EVERY_S", 0.0)
    monkeypatch.setattr(runner, "_RARELY", 0)
    out = tmp_path / "out"
    seen: list[dict[str, str]] = []

    def report(line: str) -> None:
        if (out / "failures.json").is_file():
            seen.append(json.loads((out / "failures.json").read_text()))

    config = tiny_config(
        encoder_folder, data_folder, intermediates=["direct"], targets=["udpos", "xnli"]
    )
    grid = tiny_grid(config, out)
    (data_folder / "udpos" / "train.jsonl").write_text("{")  # it breaks after the check
    result = grid.run(report)
    # The training of udpos fails first, and its scoring with it. The record is looked at before
    # each later stage ends: xnli's training and its scoring.
    assert [len(found) for found in seen] == [2, 2]
    assert json.loads((out / "failures.json").read_text()) == result.failures == seen[-1]
    assert result.failed == 1


def test_scores_of_other_settings_that_leave_the_table_are_told_and_come_back(
    encoder_folder: Path, data_folder: Path, tmp_path: Path
) -> None:
    from tests.harness.grids import TRAINING

    config = tiny_config(encoder_folder, data_folder, intermediates=["direct"], targets=["udpos"])
    other = config.model_copy(
        update={"training": tiny_config(
            encoder_folder, data_folder, training={**TRAINING, "steps": 5}
        ).training}
    )  # fmt: skip
    told: list[list[str]] = [[], [], [], []]
    first = run_tiny(config, tmp_path / "out", told[0]).table.read_bytes()
    run_tiny(config, tmp_path / "out", told[1])
    run_tiny(other, tmp_path / "out", told[2])
    again = run_tiny(config, tmp_path / "out", told[3]).table.read_bytes()
    n_scores = len(first.splitlines()) - 1
    held = [
        any(f"held {n_scores} scores of other settings" in line for line in own) for own in told
    ]
    assert held == [False, False, True, True]
    assert again == first
