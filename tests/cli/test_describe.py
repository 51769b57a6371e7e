"""`runs describe` shows every view of the gains; it and `validate` warn of twins."""

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
    first, heads, *_ = text.splitlines()
    assert first.endswith(": mean gains over languages in points")
    assert heads.split() == ["target", "direct", "languages", "most", "least"]
    gains = {item["target"]: item["gains"] for item in record["mean_gains"]}
    assert set(gains) == {"xnli", "xquad", "udpos"}
    best, *_ = gains["xnli"]
    assert any(line.startswith("xnli ") and f" {best} " in line for line in text.splitlines())
    assert ": 90 scores, 2 seeds" in text
    assert "scaled: gains over their SD within the target" in text
    assert "scoring on the fixed test rows" in text
    assert "smallest SD recovered" in text
    detectable = views["all_scaled"]["sensitivity"]["detectable"]
    assert detectable is None or f"{detectable:.2f} of a target's SD" in text


def test_validate_and_describe_warn_of_a_twin_until_its_card_tells(call, twin_file, tmp_path):
    warned = "targets with nearly the same gains (concordance mine and xnli 1.000)"
    for command in (
        ["runs", "validate", twin_file],
        ["runs", "describe", "--runs", twin_file],
    ):
        done = call(*command)
        assert done.code == 0, done.err
        assert warned in done.err
    assert warned not in call("ls", "studies", "--runs", twin_file).err
    assert warned not in call("plan", "--runs", twin_file, "--budget", "1").err
    cards = tmp_path / "cards.toml"
    cards.write_text(
        '[mine]\ntitle = "x"\nkind = "nli"\nhead = "classification"\nmetric = "accuracy"\n'
        'same_source = ["xnli"]\n'
    )
    told = call("runs", "validate", twin_file, "--tasks", cards)
    assert (told.code, warned in told.err) == (0, False)


def test_describe_takes_the_table_as_an_argument_too(call, runs_file):
    named = call("runs", "describe", "--runs", runs_file)
    assert call("runs", "describe", runs_file).out == named.out
    both = call("runs", "describe", runs_file, "--runs", runs_file)
    assert both.code == 2
    assert "Two tables" in both.err


def test_runs_without_a_gain_are_described_or_refused_in_a_line(call, runs, place):
    direct = runs["intermediate"] == "direct"
    runs[~direct].to_csv("others.csv", index=False)
    done = call("runs", "describe", "others.csv")
    assert (done.code, "90 scores" in done.out) == (0, False)
    assert ", 2 seeds: no gain is known, for want of `direct` runs" in done.out.splitlines()[0]
    runs[direct].to_csv("direct.csv", index=False)
    done = call("runs", "describe", "direct.csv")
    assert (done.code, done.out) == (2, "")
    assert "metaselect: No query has two candidates with different gains" in done.err


def test_definitions_that_choose_as_size_are_one_line(capsys):
    from metaselect.cli.describe import show_definitions

    names = ("random", "size", "rasch", "rasch+size", "headroom")
    contrasts = [
        {"method": name, "against": against, "measure": measure, "n_changed": changed,
         "difference": changed / 100, "low": 0.0, "high": 0.0}
        for name, changed in (("rasch", 0), ("rasch+size", 0), ("headroom", 3))
        for against in ("random", "size")
        for measure in ("regret@1", "gain@1")
    ]  # fmt: skip
    methods = {name: {"regret@1": 0.02, "gain@1": 0.01} for name in names}
    record = {"methods": methods, "contrasts": contrasts, "simulated": False, "n_clusters": 4}
    show_definitions(record)
    title, _, *rows, note = capsys.readouterr().out.splitlines()
    assert [row.split()[0] for row in rows] == ["random", "size", "headroom"]
    assert note == "the same figures as size: rasch, rasch+size"
    assert "4 clusters, the choice among intermediates, without direct" in title


def test_what_describe_says_of_negative_gains_and_of_choosing_by_language():
    from metaselect.cli.describe import _lines

    gap = {"in_sample": 0.0005, "cross_fitted": -0.0022, "low": -0.004, "high": 0.001}
    negative = {"negative": 0.5, "n_gains": 100, "clearly": 0.1, "direct_is_best": 0.03}
    study = {
        "language_gap": gap | {"n_clusters": 6}, "negative": negative, "equal_steps": {},
        "collapsed": {},
    }  # fmt: skip
    assert _lines(study) == [
        "Choosing for each language instead of each target looks 0.05 points better on the very "
        "seeds that it was chosen on and is 0.22 points worse on others (-0.40 to +0.10, "
        "6 clusters)",
        "Gains below 0: 50% of 100 (clearly: 10%); in 3% of the queries every intermediate is "
        "worse than training directly",
    ]
