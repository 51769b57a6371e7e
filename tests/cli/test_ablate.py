"""What `ablate` and `evaluate` print of a record, of one made before a key came too."""

import json
from functools import partial
from pathlib import Path

from metaselect.cli.ablate import show_ablation
from metaselect.cli.evaluate import show_evaluation

RECORDS = Path(__file__).parents[2] / "artifacts" / "evaluation"


def read(name):
    return json.loads((RECORDS / f"{name}.json").read_text(encoding="utf-8"))


def test_a_record_that_ships_is_printed_and_ends_with_its_verdict(capsys):
    names = sorted(path.stem for path in RECORDS.glob("ablation-*.json"))
    assert len(names) >= 5
    for name in names:
        show_ablation(read(name), None)
        *table, difficulty, language, both = capsys.readouterr().out.splitlines()
        assert any("is the ranker with the feature groups of its name" in line for line in table)
        assert difficulty.startswith("Difficulty features ")
        assert language.startswith("Language and diversity features ")
        assert both.startswith("Difficulty, language and diversity features together ")


def test_an_ablation_that_leaves_out_intermediates_says_how_many_partitions_it_averages(capsys):
    told = (
        "Means over 3 partitions of the intermediates, which all arms share; `evaluate` takes 10."
    )
    for protocol, times in (("intermediate", 1), ("target", 0)):
        show_ablation(read(f"ablation-{protocol}"), None)
        assert capsys.readouterr().out.splitlines().count(told) == times


def test_an_ablation_says_where_arms_are_scored_on_other_seeds(capsys):
    told = "Methods learn from one half of the seeds and are scored on the other."
    record = read("ablation-family")
    for seeds, times in (("other seeds", 1), ("the same seeds", 0)):
        show_ablation(record | {"learnt_and_scored_on": seeds}, None)
        assert capsys.readouterr().out.splitlines().count(told) == times


def test_the_contrasts_of_a_group_left_out_are_explained_where_there_are_any(capsys):
    record = read("ablation-target")
    others = [item for item in record["contrasts"] if not item["against"].startswith("without ")]
    record |= {"contrasts": others}
    show_ablation(record, None)
    assert "all - without" not in capsys.readouterr().out
    left_out = record["contrasts"][0] | {"method": "all", "against": "without size"}
    show_ablation(record | {"contrasts": [*record["contrasts"], left_out]}, None)
    text = capsys.readouterr().out
    assert "all - without size" in text
    assert "all - without GROUP is what a group adds to all the others" in text


def test_an_ablation_shows_holm_s_p_and_no_column_without_a_value(capsys):
    record = read("ablation-target")
    show_ablation(record, None)
    lines = capsys.readouterr().out.splitlines()
    (head,) = [line for line in lines if line.startswith("contrast ")]
    assert "Holm" in head
    control = next(c for c in record["contrasts"] if c["against"] == "shuffled languages")
    (row,) = [line for line in lines if line.startswith("all - shuffled languages")]
    assert f"{control['p']:.4f}  {control['p_holm']:.4f}" in row
    assert any("+language: language and diversity" in line for line in lines)
    assert "on other seeds" in "".join(lines)
    arms = {name: row | {"gain_crossed": None} for name, row in record["arms"].items()}
    show_ablation(record | {"arms": arms}, None)
    assert "on other seeds" not in capsys.readouterr().out


def test_queries_left_out_are_told(capsys):
    left_out = {"all gains are equal": ["a in sw"]}
    show_evaluation(read("evaluation-target"), left_out=left_out)
    told = "1 query left out, all gains are equal: a in sw"
    assert told in capsys.readouterr().out.splitlines()


def test_methods_that_choose_alike_and_targets_of_clusters_are_shown(capsys):
    record = read("evaluation-target")
    first = record["contrasts"][0] | {"leading": "sentence-retrieval"}
    record |= {"contrasts": [first], "alike": [], "clusters": {}}
    show_evaluation(record)
    text = capsys.readouterr().out
    assert "sentence-retrieval" in text
    assert "same choices" not in text
    new = {
        "alike": [["history", "history_kind"], ["size", "mnli"]],
        "clusters": {"sentence-retrieval": ["bucc", "tatoeba"]},
    }
    show_evaluation(record | new)
    text = capsys.readouterr().out
    assert "\nthe same choices in every query: history, history_kind; size, mnli\n" in text
    assert "bucc, tatoeba" in text
    assert "sentence-retrieval" not in text


def test_what_stands_without_one_cluster_is_shown_and_marked_where_one_decides(capsys):
    mark = "* one cluster decides the sign: without it the difference is 0 or turns round"
    show_ablated = partial(show_ablation, coverage=None)
    for show, name in ((show_evaluation, "evaluation-target"), (show_ablated, "ablation-target")):
        record = read(name)
        first = next(item for item in record["contrasts"] if item["measure"] == "regret@1")
        ends = {"low_without_one": -0.0123, "high_without_one": 0.0045, "n_changed": 5}
        show(record | {"contrasts": [first | ends]})
        lines = capsys.readouterr().out.splitlines()
        (row,) = [line for line in lines if line.startswith(f"{first['method']} - ")]
        assert "  * -1.23 to +0.45  " in row
        assert mark in lines
        show(record | {"contrasts": [first | ends | {"high_without_one": -0.0045}]})
        text = capsys.readouterr().out
        assert " -1.23 to -0.45 " in text
        assert mark not in text
        assert "without one cluster" in text


def test_a_contrast_that_no_cluster_informs_is_not_shown(capsys):
    record = read("evaluation-target")
    unknown = {"difference": None, "low": None, "high": None, "n_clusters": 0}
    empty = record["contrasts"][0] | unknown | {"measure": "regret@3"}
    show_evaluation(record | {"contrasts": [record["contrasts"][0], empty]})
    assert "regret@3 ↓, paired" not in capsys.readouterr().out


def test_a_line_says_how_far_intervals_and_probabilities_can_be_believed(capsys):
    new = {
        "intervals": {
            "level": 0.8, "coverage": 0.91, "half_width": 0.141,
            "coverage_by_cluster": {"copa": 1.0, "squad": 0.3},
        },
        "calibration": {"brier": 0.248, "brier_of_share": 0.241, "bins": []},
        "clusters": {"copa": ["xcopa"], "squad": ["mlqa", "xquad"]},
    }  # fmt: skip
    covered = (
        "Intervals of gains: asked 80%, covered 91% (least: 30%, in mlqa, xquad), half-width 14.10 "
        "points"
    )
    said = "; P(gain>0): Brier score 0.248, of a constant share "
    record = read("evaluation-target") | new
    show_evaluation(record)
    assert f"{covered}{said}0.241: no better than a constant" in capsys.readouterr().out.split("\n")
    show_evaluation(record | {"calibration": new["calibration"] | {"brier_of_share": 0.25}})
    assert f"{covered}{said}0.250" in capsys.readouterr().out.split("\n")
    show_evaluation(record | {"calibration": {"brier": None, "brier_of_share": None, "bins": []}})
    assert covered in capsys.readouterr().out.split("\n")


def test_columns_say_which_way_is_better_and_ceiling_is_explained(capsys):
    show_evaluation(read("evaluation-target"))
    lines = capsys.readouterr().out.splitlines()
    (head,) = [line for line in lines if line.startswith("method ")]
    assert "regret@1 ↓  regret@3 ↓  ndcg@3 ↑  gain@1 ↑  on other seeds ↑  hit@1 ↑" in head
    assert "↓ lower is better, ↑ higher is better" in lines
    (told,) = [line for line in lines if line.startswith("ceiling: ")]
    assert "half of the seeds" in told
