"""What scripts rely on: JSON keys, exit codes, results on stdout and the rest on stderr."""

import json
import math
import re
from pathlib import Path
from typing import Any

import pytest

from metaselect.catalogue.cardfiles import shipped_catalogue
from metaselect.cli.evaluate import headline
from metaselect.errors import MetaselectError
from metaselect.files import read_manifest
from metaselect.runs.exchange import read_runs
from metaselect.runs.schema import check_runs
from metaselect.selector import TaskSelector
from metaselect.selector.shipped import shipped_runs
from metaselect.selector.warnings import floor_warning
from metaselect.wording import counted

MEASURES = {"regret@1", "regret@3", "ndcg@3", "gain@1", "hit@1"}
CONTRAST = {"method", "against", "measure", "difference", "low", "high", "p"}
METHODS = {
    *("random", "size", "history", "history_kind", "mnli", "composite", "rrf", "ridge"),
    *("ranker", "oracle", "ceiling"),
}
ENTRY = {"intermediate", "score", "gain", "low", "high", "p_positive", "reasons"}
COMMANDS = [
    *(["ls"], ["runs", "import"], ["runs", "export"], ["runs", "validate"], ["train"]),
    *(["evaluate"], ["ablate"], ["rank"], ["reproduce"]),
]
ONE = ("--trials", "1", "--workers", "1")


@pytest.fixture(scope="module")
def evaluated(call, runs_file, tmp_path_factory):
    folder = tmp_path_factory.mktemp("evaluate") / "out"
    done = call("evaluate", "--runs", runs_file, *ONE, "--out", folder, "--json")
    return done, folder


@pytest.fixture(scope="module")
def ablated(call, runs_file, tmp_path_factory):
    folder = tmp_path_factory.mktemp("ablate") / "out"
    done = call("ablate", "--runs", runs_file, *ONE, "--out", folder, "--json")
    return done, folder


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_answers_on_stdout_with_an_example(call, command):
    done = call(*command, "--help")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(f"Usage: metaselect {' '.join(command)}")
    assert "Example" in done.out
    assert f"metaselect {' '.join(command)}" in done.out.split("Example", 1)[1]


def test_help_names_every_command(call):
    done = call("--help")
    assert done.code == 0
    for name in ("ls", "runs", "run", "train", "evaluate", "ablate", "rank", "report", "reproduce"):
        assert f"\n  {name} " in done.out


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["nonsense"], "nonsense"),
        (["ls"], "what"),
        (["ls", "cats"], "cats"),
        (["rank", "--language", "sw"], "--target"),
        (["rank", "--target", "xnli"], "--language"),
        (["train"], "--out"),
        (["runs", "import"], "files"),
        (["rank", "--target", "xnli", "--language", "sw", "--colour", "red"], "--colour"),
        (["rank", "--target", "xnli", "--language", "sw", "--top", "0"], "--top"),
        (["train", "--out", "o", "--trials", "0"], "--trials"),
        (["train", "--out", "o", "--trials", "many"], "--trials"),
        (["train", "--out", "o", "--seed", "4294967296"], "--seed"),
        (["train", "--out", "o", "--level", "2"], "--level"),
        (["evaluate", "--level", "0"], "--level"),
        (["evaluate", "--workers", "0"], "--workers"),
        (["evaluate", "--protocol", "planet"], "--protocol"),
        (["ablate", "--protocol", "planet"], "--protocol"),
    ],
)
def test_wrong_usage_is_told_on_stderr_and_exits_with_2(call, place, arguments, named):
    done = call(*arguments)
    assert (done.code, done.out) == (2, "")
    told = [line for line in done.err.splitlines() if line.startswith("Error: ")]
    assert len(told) == 1
    assert named in told[0]
    assert "Value error" not in told[0]
    assert not list(place.iterdir())


@pytest.mark.parametrize(
    ("what", "keys", "at_least"),
    [
        ("tasks", {"name", "kind", "metric", "languages", "train_size", "same_source"}, 40),
        ("languages", {"code", "name", "family", "script", "vectors_code"}, 7000),
        ("features", {"name", "groups", "words", "unit", "missing", "source"}, 30),
        ("studies", {"study", "encoder", "adaptation", "n_runs", "n_targets", "n_languages"}, 1),
    ],
)
def test_ls_lists_items(call, what, keys, at_least):
    done = call("ls", what, "--json")
    assert done.code == 0
    assert set(done.json) == {"items"}
    assert len(done.json["items"]) >= at_least
    assert all(keys <= set(item) for item in done.json["items"])
    table = call("ls", what)
    assert table.code == 0
    many = {"studies": ("study", "studies")}.get(what, (what.removesuffix("s"), what))
    assert counted(len(done.json["items"]), *many) in table.out.splitlines()[0]


def test_studies_of_a_store_and_of_a_table_are_told_alike(call, runs_file, place):
    store = ("--store", "sqlite:///runs.db")
    assert call("runs", "import", runs_file, *store).code == 0
    stored, table = (
        call("ls", "studies", *source, "--json").json["items"]
        for source in (store, ("--runs", runs_file))
    )
    assert stored == table
    assert (stored[0]["n_runs"], stored[0]["n_intermediates"]) == (90, 4)  # and direct
    title, heads, *_ = call("ls", "studies", *store).out.splitlines()
    assert title == "1 study"
    told = ["study", "encoder", "adaptation", "scores", "intermediates"]
    assert heads.split() == [*told, "targets", "languages", "seeds"]


def test_percent_tables_can_be_listed(call, runs, place):
    runs.assign(score=runs["score"] * 100).to_csv("percent.csv", index=False)
    done = call("ls", "studies", "--runs", "percent.csv", "--percent", "--json")
    assert done.json["items"][0]["n_runs"] == 90


def test_own_cards_are_listed_beside_the_shipped(call, place):
    card = '[mine]\ntitle = "Mine"\nkind = "nli"\nhead = "classification"\nmetric = "accuracy"\n'
    Path("own.toml").write_text(card, encoding="utf-8")
    items = call("ls", "tasks", "--tasks", "own.toml", "--json").json["items"]
    assert {"mine", "mnli"} <= {item["name"] for item in items}


@pytest.mark.parametrize("suffix", ["csv", "csv.gz", "jsonl", "jsonl.gz", "parquet"])
def test_runs_go_into_the_store_and_out_again(call, runs, runs_file, place, suffix):
    store = ("--store", "sqlite:///runs.db")
    first = call("runs", "import", runs_file, *store, "--json")
    again = call("runs", "import", runs_file, *store, "--json")
    sound = {"errors": [], "warnings": []}
    assert (first.code, first.json) == (0, {"rows": 90, "already": 0, **sound})
    assert (again.code, again.json) == (0, {"rows": 0, "already": 90, **sound})
    out = call("runs", "export", f"new.{suffix}", *store, "--json")
    assert (out.code, out.json) == (0, {"rows": 90, "errors": []})
    checked = call("runs", "validate", f"new.{suffix}", "--json")
    assert (checked.code, checked.json) == (0, {"rows": 90, "errors": [], "warnings": []})
    assert read_runs(f"new.{suffix}")["score"].sum() == pytest.approx(runs["score"].sum())
    assert sorted(path.name for path in place.iterdir()) == [f"new.{suffix}", "runs.db"]


def test_an_export_takes_what_it_is_asked_for(call, runs_file, place):
    store = ("--store", "sqlite:///runs.db")
    call("runs", "import", runs_file, *store)
    done = call("runs", "export", "sw.csv", *store, "--language", "sw", "--target", "xnli")
    assert done.out == "sw.csv: 10 runs\n"  # direct and four intermediates, two seeds
    none = call("runs", "export", "none.csv", *store, "--target", "copa")
    assert none.code == 2
    assert none.faults == [
        "metaselect: sqlite:///runs.db has no such runs: "
        "see metaselect ls studies --store sqlite:///runs.db"
    ]
    assert not Path("none.csv").exists()


@pytest.mark.parametrize("command", [["validate"], ["import", "--store", "sqlite:///x.db"]])
@pytest.mark.parametrize(
    ("bad", "columns"),
    [
        (lambda text: text.replace(",sw,", ",zzzz,", 2), ["language", "language"]),
        (lambda text: f"{text}a,b\n", [""]),
    ],
)
def test_faults_of_a_table_are_json_too(call, runs_file, place, command, bad, columns):
    Path("bad.csv").write_text(bad(runs_file.read_text(encoding="utf-8")), encoding="utf-8")
    done = call("runs", command[0], "bad.csv", *command[1:], "--json")
    assert done.code == 2
    assert [fault["column"] for fault in done.json["errors"]] == columns
    assert all(set(fault) == {"row", "column", "value", "allowed"} for fault in done.json["errors"])
    assert "rows" in done.json
    assert len(done.faults) == 1
    assert [path.name for path in place.iterdir()] == ["bad.csv"]


def test_runs_that_contradict_the_store_are_json_too(call, runs, place):
    runs.to_csv("one.csv", index=False)
    other = runs.copy()
    other.loc[0, "score"] += 0.001
    other.to_csv("other.csv", index=False)
    store = ("--store", "sqlite:///runs.db")
    call("runs", "import", "one.csv", *store)
    done = call("runs", "import", "other.csv", *store, "--json")
    assert done.code == 2
    assert [fault["column"] for fault in done.json["errors"]] == ["score"]
    assert done.json["rows"] == 0


def test_train_makes_a_sealed_folder_that_ranks(call, runs, runs_file, place):
    done = call("train", "--runs", runs_file, "--trials", "1", "--out", "made", "--json")
    assert done.code == 0
    found = done.json
    assert (found["predictor"], found["trials"], found["runs"]) == ("made", 2, 90)
    assert set(found["best"]) == {"target", "family"}
    assert math.isfinite(found["best"]["target"]["loss"])
    assert read_manifest(Path("made"), kind="predictor", schema=2).made_by["n_runs"] == 90
    table = TaskSelector.from_pretrained("made").rank(target="xnli", languages=["sw"])
    assert set(table["intermediate"]) == set(runs["intermediate"])
    assert [path.name for path in place.iterdir()] == ["made"]


def test_a_search_goes_on_from_its_journal(call, runs_file, place):
    given = ("--runs", runs_file, "--storage", "search/journal.log", "--json")
    first = call("train", *given, "--trials", "2", "--out", "made")
    again = call("train", *given, "--trials", "2", "--out", "again")
    assert (first.code, again.code) == (0, 0)
    assert re.search(r"trial 2/2  best mean regret \d+\.\d\d points", first.err)
    assert "trial" not in again.err  # all is there already
    assert first.json["best"] == again.json["best"]


def test_evaluate_prints_the_record_that_it_keeps(evaluated):
    done, folder = evaluated
    assert done.code == 0
    assert json.loads((folder / "evaluation.json").read_text(encoding="utf-8")) == done.json
    manifest = read_manifest(folder, kind="evaluation", schema=2)
    assert manifest.made_by["n_runs"] == 90
    assert "9/9 steps" in done.err  # three targets, with all seeds and both ways across them


def test_evaluate_has_every_method_and_measure(evaluated):
    found = evaluated[0].json
    assert (found["protocol"], found["n_queries"], found["n_clusters"]) == ("target", 9, 3)
    assert set(found["methods"]) >= METHODS
    assert all(set(row) >= MEASURES for row in found["methods"].values())
    assert found["methods"]["oracle"]["regret@1"] == 0
    assert all(set(item) >= CONTRAST for item in found["contrasts"])
    assert {item["method"] for item in found["contrasts"]} <= {"ranker", "ceiling"}
    assert {item["against"] for item in found["contrasts"]} >= METHODS - {
        *("ranker", "oracle", "ceiling")
    }


@pytest.mark.parametrize(
    "protocol", ["family", pytest.param("intermediate", marks=pytest.mark.slow)]
)
def test_other_protocols_are_judged_too(call, runs_file, protocol):
    done = call("evaluate", "--runs", runs_file, *ONE, "--protocol", protocol, "--json")
    assert done.code == 0
    assert done.json["protocol"] == protocol
    assert set(done.json["methods"]) >= {"random", "ranker", "oracle"}


def test_one_query_and_one_cluster_are_told_in_the_singular():
    record = {"simulated": False, "protocol": "target", "n_queries": 1, "n_clusters": 1}
    assert headline(record) == (
        "target left out: 1 query, 1 cluster of targets (points; means over clusters)"
    )


def test_people_get_tables_of_an_evaluation(call, runs_file, place):
    done = call("evaluate", "--runs", runs_file, *ONE)
    lines = done.out.splitlines()
    shown = "target left out: 9 queries, 3 clusters of targets (points; means over clusters)"
    assert lines[0] == f"SIMULATED RUNS, {shown}"
    assert {line.split()[0] for line in lines if line.strip()} >= METHODS
    assert "warning: simulated runs" in done.err
    assert not list(place.iterdir())


@pytest.mark.parametrize("command", ["evaluate", "ablate"])
def test_a_narrower_question_is_named_in_record_and_table(call, runs_file, place, command):
    ladder = ("--ladder",) if command == "ablate" else ()
    given = (command, "--runs", runs_file, *ONE, "--without-direct", "--without-same-source")
    given = (*given, *ladder)
    title = call(*given, "--out", place / "made").out.splitlines()[0]
    kind = {"evaluate": "evaluation", "ablate": "ablation"}[command]
    found = json.loads((place / "made" / f"{kind}.json").read_text(encoding="utf-8"))
    assert (found["with_direct"], found["with_same_source"]) == (False, False)
    assert "the choice among intermediates alone, without shared training data" in title
    assert not any(name.endswith(" alone") for name in found.get("arms", ()))


def test_ablate_has_the_ladder_and_its_contrasts(ablated):
    done, folder = ablated
    assert done.code == 0
    found = done.json
    ladder = {"random", "size", "history", "+difficulty", "+language", "+both", "oracle"}
    assert ladder <= set(found["arms"])
    assert set(found["coverage"]["known"]) == {"difficulty", "measured difficulty"}
    assert all(set(row) >= MEASURES for row in found["arms"].values())
    assert all(set(item) >= CONTRAST for item in found["contrasts"])
    assert read_manifest(folder, kind="ablation", schema=2).made_by["n_runs"] == 90
    assert json.loads((folder / "ablation.json").read_text(encoding="utf-8")) == found


def _checked_entries(entries: list[dict[str, Any]]) -> None:
    assert all(set(entry) == ENTRY for entry in entries)
    scores = [entry["score"] for entry in entries]
    assert scores == sorted(scores, reverse=True)
    assert [entry["gain"] for entry in entries if entry["intermediate"] == "direct"] == [0.0]
    assert all(entry["reasons"] for entry in entries)


def test_rank_gives_one_language_a_ranking(call, predictor):
    done = call("rank", "--predictor", predictor, "--target", "xnli", "--language", "sw", "--json")
    assert done.code == 0
    found = done.json
    several = {"target", "languages", "answer", "objective", "ranking", "by_language", "warnings"}
    assert set(found) == {*several, "language"}
    assert (found["target"], found["language"], found["languages"]) == ("xnli", "sw", ["sw"])
    assert found["by_language"] == {"sw": found["ranking"]}
    assert len(found["ranking"]) == 5
    _checked_entries(found["ranking"])
    told = [line.removeprefix("warning: ") for line in done.err.splitlines()]
    assert told == found["warnings"]
    assert any("simulated" in line for line in told)


@pytest.mark.parametrize("objective", ["mean", "balanced", "worst"])
def test_rank_gives_several_languages_one_ranking_and_each_its_own(call, predictor, objective):
    asked = ("--target", "udpos", "--language", "ta, qu,sw", "--objective", objective)
    done = call("rank", "--predictor", predictor, *asked, "--json")
    assert done.code == 0
    found = done.json
    assert found["languages"] == ["ta", "qu", "sw"]
    assert found["objective"] == objective
    assert list(found["by_language"]) == ["ta", "qu", "sw"]
    for entries in (found["ranking"], *found["by_language"].values()):
        assert len(entries) == 5
        _checked_entries(entries)


def test_a_ranking_of_many_languages_names_some_and_counts_the_others(call, predictor):
    codes = "af,ar,az,bg,bn,de,el,en,es,et,eu,fa"
    done = call("rank", "--predictor", predictor, "--target", "xnli", "--language", codes)
    title = "xnli in af, ar, az, bg, bn and 7 more (mean over languages), by a predictor of"
    assert done.out.splitlines()[1].startswith(title)


def test_rank_puts_the_measured_gains_of_runs_beside_the_expected_ones(call, predictor, runs_file):
    asked = ("rank", "--predictor", predictor, "--target", "xnli", "--runs", runs_file)
    one = call(*asked, "--language", "sw", "--json").json["ranking"]
    assert {entry["intermediate"]: entry["measured"] is None for entry in one} == {
        entry["intermediate"]: entry["intermediate"] == "direct" for entry in one
    }
    assert all(
        set(entry["measured"]) == {"gain", "se", "n_seeds", "n_studies"} for entry in one[:1]
    )
    shown = call(*asked, "--language", "sw")
    assert shown.out.splitlines()[2].endswith("  measured")
    assert shown.out.splitlines()[-1].startswith("measured: in this language, ± standard error")
    wrong = call(*asked[:-1], "nothing.csv", "--language", "sw")
    assert (wrong.code, wrong.err) == (2, "metaselect: There is no file nothing.csv.\n")
    several = call(*asked, "--language", "sw,cy", "--json").json
    assert all("measured" not in entry for entry in several["ranking"])
    assert all(entry["measured"] is None for entry in several["by_language"]["cy"])
    assert "measured" not in call(*asked, "--language", "cy").out
    note = "gains were measured too: ask for one language, or --json, to see them"
    assert note in call(*asked, "--language", "sw,cy").out


def test_rank_warns_without_the_runs_as_it_does_with_them(call, runs, place):
    runs.assign(score=runs["score"].where(runs["target"] != "xnli", 0.34)).to_csv(
        "low.csv", index=False
    )
    made = call("train", "--runs", "low.csv", "--trials", 1, "--out", "made")
    assert made.code == 0, made.err
    asked = ("rank", "--predictor", "made", "--target", "xnli", "--language", "sw,vi", "--json")
    alone, beside = call(*asked).json, call(*asked, "--runs", "low.csv").json
    assert any("no better than a constant answer" in line for line in alone["warnings"])
    assert alone["warnings"] == beside["warnings"]
    assert alone["answer"] == beside["answer"]


def test_rank_keeps_to_the_candidates_and_the_top(call, predictor):
    asked = ("rank", "--predictor", predictor, "--target", "xnli", "--language", "sw", "--json")
    named = call(*asked, "--candidates", "mnli, scitail,").json["ranking"]
    assert {entry["intermediate"] for entry in named} == {"mnli", "scitail", "direct"}
    best = call(*asked, "--top", "2").json["ranking"]
    assert best == call(*asked).json["ranking"][:2]


def test_rank_works_out_of_the_box(call):
    done = call("rank", "--target", "sib200", "--language", "ta")
    assert done.code == 0
    answer, title = done.out.splitlines()[:2]
    assert answer.startswith(("Fine-tune on ", "Nothing is clearly better than the target alone"))
    assert title == "sib200 in ta: expected gains in points"
    assert all(len(line) <= 80 for line in done.out.splitlines()[1:])
    assert "simulated" not in done.err


def test_own_runs_do_not_make_an_answer_of_what_was_learnt_at_the_floor(call, place):
    runs, catalogue = shipped_runs(), shipped_catalogue()
    after = runs.loc[runs["intermediate"] == "mnli", ["target", "language"]]
    learnt = {name: floor_warning(runs, name, catalogue) is None for name in {*after["target"]}}
    low = next(name for name, above in sorted(learnt.items()) if not above)
    high = next(name for name, above in sorted(learnt.items()) if above)
    own = runs[runs["target"].isin([low, high])].copy()
    own["score"] = 0.7 + 0.2 * own["score"]  # in the user's hands both are learnt well
    own["intermediate"] = own["intermediate"].replace({"mnli": "squad"})
    own.drop(columns=["majority_score", "collapsed"]).to_csv("own.csv", index=False)

    def ranked(target):
        language = after.loc[after["target"] == target, "language"].iloc[0]
        return call("rank", "--target", target, "--language", language, "--runs", "own.csv")

    done = ranked(low)
    alone = ("No intermediate can be advised, so fine-tune on the", "Fine-tune on the target alone")
    assert done.out.startswith(alone)
    assert "the runs that the predictor learnt from score like a constant answer" in done.err
    # A target that was learnt is answered by the user's own runs.
    told = ranked(high).err
    assert "score like a constant answer" not in told
    assert f"squad: in your runs of {high}, but not in the predictor's" in told


@pytest.mark.parametrize("objective", ["mean", "worst"])
@pytest.mark.parametrize("own", [False, True])
def test_python_gives_the_answer_of_the_command(call, runs, predictor, place, objective, own):
    own_rows = runs["target"] == "xquad"
    lost = (runs["intermediate"] == "direct").map({True: 0.9, False: 0.6})
    runs.assign(score=runs["score"].where(~own_rows, lost)).to_csv("own.csv", index=False)
    asked = ("--target", "xquad", "--language", "sw,vi", "--objective", objective)
    given = ("--runs", "own.csv") if own else ()
    found = call("rank", "--predictor", predictor, *asked, *given, "--json").json
    selector = TaskSelector.from_pretrained(predictor)
    told = selector.answer(
        target="xquad", languages=["sw", "vi"], objective=objective,
        runs=read_runs("own.csv") if own else None,
    )  # fmt: skip
    assert told == found["answer"]
    assert ("lost, averaged over" in told or "every candidate lost" in told) == own
    with pytest.raises(MetaselectError, match="--objective is one of mean, balanced, worst"):
        selector.answer(target="xquad", languages=["sw"], objective="best")


def test_a_predictor_of_simulated_runs_says_so(call, predictor):
    done = call("rank", "--predictor", predictor, "--target", "xnli", "--language", "sw")
    assert done.code == 0
    answer, title = done.out.splitlines()[:2]
    assert answer.startswith("By SIMULATED RUNS: ")
    assert title == "xnli in sw, by a predictor of SIMULATED RUNS: expected gains in points"
    assert "simulated" in done.err


def test_minnan_and_norwegian_are_languages(call, runs, predictor, place):
    named = {"sw": "nan", "vi": "no"}
    runs.assign(language=runs["language"].replace(named)).to_csv("runs.csv", index=False)
    assert call("runs", "validate", "runs.csv").code == 0
    done = call(
        *("rank", "--predictor", predictor, "--target", "xnli", "--language", "nan,no", "--json")
    )
    assert done.json["languages"] == ["nan", "no"]


def test_a_finished_folder_of_the_same_kind_is_replaced(call, runs_file, place):
    made = ("train", "--runs", runs_file, "--trials", "1", "--out", "made")
    assert call(*made).code == 0
    before = read_manifest(Path("made"), kind="predictor", schema=2)
    assert call(*made, "--seed", "1").code == 0
    assert read_manifest(Path("made"), kind="predictor", schema=2).hashes != before.hashes
    assert [path.name for path in place.iterdir()] == ["made"]


def test_the_small_table_is_sound(runs):
    assert len(check_runs(runs, percent=False)) == 90
