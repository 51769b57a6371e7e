"""No command chooses `direct+`: with the control in its table it says what it says without."""

import pandas as pd
import pytest

from metaselect.catalogue.cardfiles import load_catalogue
from metaselect.cli.inputs import warnings_of
from metaselect.planning.landscape import cell_gains
from metaselect.runs.schema import check_runs
from metaselect.selector.provenance import summarise_training

NOT_THE_SAME = {"provenance", "runs", "runs_hash", "n_runs", "predictor", "out", "about"}


@pytest.fixture(scope="module")
def controlled_file(runs, tmp_path_factory):
    """The runs and beside them the control, better than anything."""
    direct = runs[runs["intermediate"] == "direct"]
    control = direct.assign(intermediate="direct+", score=(direct["score"] + 0.2).clip(upper=1.0))
    path = tmp_path_factory.mktemp("controlled") / "runs.csv"
    pd.concat([control, runs], ignore_index=True).to_csv(path, index=False)
    return path


def without_counts(value):
    """A record without what counts or names the rows of the table."""
    if isinstance(value, dict):
        return {k: without_counts(v) for k, v in value.items() if k not in NOT_THE_SAME}
    return [without_counts(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("command", ["evaluate", pytest.param("ablate", marks=pytest.mark.slow)])
def test_judgements_are_the_same_with_and_without_it(command, call, runs_file, controlled_file):
    told = []
    for path in (runs_file, controlled_file):
        done = call(command, "--runs", path, "--trials", 1, "--workers", 1, "--json")
        assert done.code == 0, done.err
        assert "direct+" not in done.out
        told.append(without_counts(done.json))
    assert told[0] == told[1]


def test_a_predictor_never_meets_it_and_a_ranking_shows_it_beside(
    call, runs_file, controlled_file, tmp_path
):
    for path, name in ((runs_file, "plain"), (controlled_file, "controlled")):
        done = call("train", "--runs", path, "--trials", 1, "--out", tmp_path / name, "--json")
        assert done.code == 0, done.err
    wanted = ("--target", "xnli", "--language", "sw,vi", "--json")
    plain, control = (
        call("rank", "--predictor", tmp_path / name, "--runs", path, *wanted)
        for path, name in ((runs_file, "plain"), (controlled_file, "controlled"))
    )
    assert plain.json["ranking"] == control.json["ranking"]
    assert "equal_steps" not in plain.json
    assert set(control.json["equal_steps"]) == {"sw", "vi"}
    assert control.json["equal_steps"]["sw"]["gain"] == pytest.approx(0.2, abs=0.02)
    text = call("rank", "--predictor", tmp_path / "controlled", "--runs", controlled_file,
                "--target", "xnli", "--language", "sw").out  # fmt: skip
    assert "direct+, as many steps on the target alone: sw +20.00" in text
    refused = call("rank", "--predictor", tmp_path / "plain", "--candidates", "direct+", *wanted)
    assert refused.code == 2


def test_describe_shows_it_beside_the_intermediates(call, controlled_file, runs_file):
    done = call("runs", "describe", "--runs", controlled_file, "--json")
    assert done.code == 0, done.err
    (study,) = done.json["studies"]
    assert study["equal_steps"]["xnli"]["direct+"] == pytest.approx(0.2, abs=0.02)
    plain = call("runs", "describe", "--runs", runs_file, "--json").json["studies"][0]
    assert plain["equal_steps"] == {}
    assert plain["shares"] == study["shares"]
    text = call("runs", "describe", "--runs", controlled_file).out
    assert "Gains of as many steps on the target alone, direct+ (of its intermediates): " in text


def test_plans_and_warnings_know_it_as_no_task(runs, controlled_file):
    table = check_runs(pd.read_csv(controlled_file, keep_default_na=False), percent=False)
    plain = check_runs(runs, percent=False)
    pd.testing.assert_frame_equal(cell_gains(table), cell_gains(plain))
    assert summarise_training(table).intermediates == summarise_training(plain).intermediates
    assert warnings_of(table, load_catalogue(None)) == warnings_of(plain, load_catalogue(None))


def test_its_name_is_kept_for_it(call, runs, tmp_path):
    runs.assign(target=runs["target"].replace("xnli", "direct+")).to_csv(tmp_path / "a.csv")
    done = call("runs", "validate", tmp_path / "a.csv")
    assert done.code == 2
    assert "a task name, never 'direct+'" in done.err
    runs.assign(intermediate=runs["intermediate"].replace("mnli", "Direct+")).to_csv(
        tmp_path / "b.csv"
    )
    assert "or 'direct+' for none" in call("runs", "validate", tmp_path / "b.csv").err
    (tmp_path / "cards.toml").write_text(
        '["direct+"]\ntitle = "x"\nkind = "nli"\nhead = "classification"\nmetric = "accuracy"\n'
    )
    assert "are not 'direct' or 'direct+'" in call(
        "ls", "tasks", "--tasks", tmp_path / "cards.toml"
    ).err  # fmt: skip
