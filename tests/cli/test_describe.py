"""`runs describe` shows every view of the gains; all that reads runs warns of twins."""

import pandas as pd
import pytest


@pytest.fixture(scope="module")
def twin_file(runs, tmp_path_factory):
    copy = runs[runs["target"] == "xnli"].assign(target="mine")
    path = tmp_path_factory.mktemp("twins") / "runs.csv"
    pd.concat([runs, copy]).to_csv(path, index=False)
    return path


def test_describe_shows_shares_of_every_view_and_what_could_have_been_seen(call, runs_file):
    record = call("runs", "describe", "--runs", runs_file, "--json").json
    views = record["studies"][0]["by_view"]
    assert {"all", "all_scaled"} <= set(views)
    assert views["all"]["shares"] == record["studies"][0]["shares"]
    text = call("runs", "describe", "--runs", runs_file).out
    assert "scaled: gains over their SD within the target" in text
    assert "scoring on the fixed test rows" in text
    assert "smallest SD recovered" in text
    detectable = views["all_scaled"]["sensitivity"]["detectable"]
    assert detectable is None or f"{detectable:.2f} of a target's SD" in text


def test_a_twin_is_warned_of_wherever_runs_are_read_until_its_card_tells(call, twin_file, tmp_path):
    warned = "targets with nearly the same gains (concordance mine and xnli 1.000)"
    for command in (
        ["runs", "validate", twin_file],
        ["runs", "describe", "--runs", twin_file],
        ["evaluate", "--runs", twin_file, "--trials", "1", "--workers", "1"],
    ):
        done = call(*command)
        assert done.code == 0, done.err
        assert warned in done.err
    cards = tmp_path / "cards.toml"
    cards.write_text(
        '[mine]\ntitle = "x"\nkind = "nli"\nhead = "classification"\nmetric = "accuracy"\n'
        'same_source = ["xnli"]\n'
    )
    told = call("runs", "validate", twin_file, "--tasks", cards)
    assert (told.code, warned in told.err) == (0, False)
