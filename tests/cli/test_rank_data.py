"""`metaselect rank --data`: from rows without a card to an answer and a grid."""

import json
from pathlib import Path

import pytest

from metaselect.catalogue.cardfiles import shipped_catalogue
from metaselect.cli.trial import assumed_encoder, encoder_of
from metaselect.harness.config import read_config

NLI = [
    {"premise": f"the cat {i} sits", "hypothesis": f"a cat {i} is there", "label": label}
    for i, label in enumerate(["entailment", "neutral", "contradiction"] * 4)
]


def _write(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


@pytest.fixture
def rows(place):
    """Rows of a task of one's own in data/mine."""
    _write(Path("data/mine/train.jsonl"), NLI)
    return Path("data/mine")


def test_own_rows_are_ranked_with_the_answer_first(call, predictor, rows):
    done = call("rank", "--predictor", predictor, "--data", rows, "--language", "sw,ta")
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    assert lines[0].startswith("By SIMULATED RUNS: ")
    assert lines[1:3] == [
        "mine: classification, 3 labels (contradiction, entailment, neutral)",
        "  kind nli (a premise and a hypothesis), metric accuracy",
    ]
    assert f"  12 rows in {rows / 'train.jsonl'}, text premise + hypothesis, label label" in lines
    assert "  languages en, sw, ta as asked: a gain in one depends on the others" in lines
    assert any("--kind, --text COLUMN[,COLUMN], --label COLUMN" in line for line in lines)
    heads = "classification, regression, multiple-choice, extractive-qa, tagging"
    assert f"  and --head: {heads}." in lines
    table = lines[lines.index(next(line for line in lines if line.startswith("mine in sw, ta"))) :]
    assert len(table) == 2 + 5  # title and heads; four candidates and direct
    assert all(len(line) <= 80 for line in table[1:])


def test_json_has_the_card_and_the_answer_beside_the_ranking(call, predictor, rows):
    asked = ("rank", "--predictor", predictor, "--data", rows, "--language", "sw", "--json")
    found = call(*asked).json
    own = {"target", "languages", "answer", "objective", "ranking", "by_language", "warnings"}
    assert set(found) == {*own, "language", "task"}
    task = found["task"]
    assert (found["target"], task["kind"], task["head"]) == ("mine", "nli", "classification")
    assert (task["n_rows"], task["text"], task["label"]) == (12, ["premise", "hypothesis"], "label")
    assert len(task["likeness"]) == 3
    topic = call(*asked, "--kind", "topic", "--text", "premise").json["task"]
    assert call(*asked, "--head", "nil").err.startswith(
        "metaselect: --head is one of classificatio"
    )
    assert (topic["kind"], topic["text"], topic["because"]) == ("topic", ["premise"], "as you say")


def test_a_kind_guessed_by_likeness_alone_is_told_with_what_hangs_on_it(call, predictor, place):
    labels = ["red", "green", "blue"]
    _write(
        Path("odd/train.jsonl"), [{"text": f"it {i}", "label": labels[i % 3]} for i in range(20)]
    )
    asked = ("rank", "--predictor", predictor, "--data", "odd", "--language", "sw,ta")
    done = call(*asked, "--json")
    assert "  texts alone like those of no known task (" in call(*asked).out
    kind = done.json["task"]["kind"]
    told = f"warning: odd: its kind, {kind}, is a guess about as sure as a coin flip (right for "
    assert told in done.err
    firsts = done.err.split("First comes ")[1].split(". Say")[0].split(", so it may")[0].split(", ")
    assert len(firsts) == 3
    for first in firsts:
        name, other = first.split(" if it is ")
        assert call(*asked, "--json", "--kind", other).json["ranking"][0]["intermediate"] == name
    known = done.err.split("; these move a gain: ")[1].split("\n")[0].split(", ")
    assert {"nli", "paraphrase"} <= {*known}


def test_the_kinds_are_listed(call):
    assert "nli" in " ".join(call("rank", "--help").out.split("--kind")[1].split()[:60])


def test_faults_of_rows_and_labels_are_told(call, predictor, place):
    labels = ["loan", "LOAN ", "card", None]
    rows = [{"text": f"it is {i}", "label": label} for i, label in enumerate(labels * 5)]
    rows[0]["text"] = "word " * 20_001
    _write(Path("odd/train.jsonl"), rows)
    asked = ("rank", "--predictor", predictor, "--data", "odd", "--language", "sw")
    done = call(*asked, "--out", "plan.toml")
    assert "\n  15 of 20 rows in odd/train.jsonl have a label, text text, label label\n" in done.out
    assert "odd: 5 of the 20 rows read have no label and are not counted" in done.err
    assert "such as 'LOAN ' and 'loan', count as different classes" in done.err
    assert "odd: 1 row has over 20,000 words (20,001 at most)" in done.err
    assert "metaselect run refuses rows with an empty label: take them out of" in done.err
    assert "train_size = 15\n" in Path("plan.tasks.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("n_rows", "kind", "told"),
    [  # steps: three times the rows over 32
        (
            152,
            "topic",
            "152 training rows, 14 steps of a training: a small encoder took some 1,000",
        ),
        (1000, "topic", None),
        (
            2999,
            "nli",
            "2,999 training rows, 281 steps of a training: a small encoder took some 3,0",
        ),
    ],
)
def test_too_few_rows_to_learn_from_are_warned_of(call, predictor, place, n_rows, kind, told):
    _write(Path("odd/train.jsonl"), [{"text": f"it {i}", "label": i % 2} for i in range(n_rows)])
    asked = ("rank", "--predictor", predictor, "--data", "odd", "--language", "sw", "--kind", kind)
    err = call(*asked).err
    assert f"warning: odd: {told}" in err if told else "steps of a training" not in err


def test_copied_rows_are_told_and_not_counted_as_enough(call, predictor, place):
    _write(Path("odd/train.jsonl"), [{"text": f"it {i}", "label": i % 2} for i in range(60)] * 20)
    err = call("rank", "--predictor", predictor, "--data", "odd", "--language", "sw").err
    assert "odd: 1,140 of the 1,200 rows read repeat the text and label of another" in err
    assert "odd: 60 different training rows: a small encoder took some 1,000" in err


def test_whole_numbers_with_a_point_are_told_to_be_amounts(call, predictor, place):
    told = "has whole numbers with a point, 0.0 to 2.0, which count as amounts: if they are classes"
    asked = ("rank", "--predictor", predictor, "--data", "odd.csv", "--language", "sw")
    for label, warned in (("{}.0", True), ("{}", False), ("{}.5", False)):
        lines = [f"it is {i},{label.format(i % 3)}" for i in range(30)]
        Path("odd.csv").write_text("\n".join(["text,label", *lines]), encoding="utf-8")
        assert (told in call(*asked).err) == warned


def test_a_label_that_tells_rows_apart_is_warned_of(call, predictor, place):
    _write(Path("odd/train.jsonl"), [{"text": f"a {i}", "ticket_no": i} for i in range(30)])
    asked = ("rank", "--predictor", predictor, "--data", "odd", "--language", "sw")
    assert call(*asked).code == 2
    done = call(*asked, "--label", "ticket_no")
    assert (
        "warning: odd: the label column 'ticket_no' has 30 different values in 30 rows, as an id "
        "has: they can hardly be learnt, name another with --label\n"
    ) in done.err


def test_the_file_that_was_read_is_named(call, predictor, rows):
    Path(rows, "train.csv").write_text("text,label\n" + "good,yes\nbad,no\n" * 5, encoding="utf-8")
    asked = ("rank", "--predictor", predictor, "--language", "sw", "--data")
    done = call(*asked, rows, "--json")
    assert done.json["task"]["file"] == str(rows / "train.jsonl")
    told = "warning: mine: train.jsonl was read, not train.csv beside it: name another file with"
    assert f"{told} --data {rows / 'train.csv'}\n" in done.err
    done = call(*asked, rows / "train.csv")
    assert f"\n  10 rows in {rows / 'train.csv'}, text text, label label\n" in done.out
    assert "was read" not in done.err


def test_reasons_come_when_asked_for(call, predictor):
    asked = ("rank", "--predictor", predictor, "--target", "xnli", "--language", "sw")
    assert "Why" not in call(*asked).out
    told = call(*asked, "--why").out.split("Why, against the mean candidate:\n")[1]
    assert "  direct\n    no intermediate: gain 0 by definition\n" in told


def test_a_grid_of_own_rows_names_what_is_lacking(call, predictor, rows):
    asked = ("rank", "--predictor", predictor, "--data", rows, "--language", "sw")
    done = call(*asked, "--out", "plan.toml")
    assert done.code == 0, done.err
    grid = read_config(Path("plan.toml"))
    assert (grid.targets, grid.intermediates[0], len(grid.intermediates)) == (["mine"], "direct", 4)
    assert Path(grid.data) == Path("data").resolve()
    assert grid.task_testing["mine"].languages == ["sw"]
    assert "metaselect run plan.toml --dry-run --tasks plan.tasks.toml" in done.err
    tried = grid.intermediates[1:]
    rows_of = [f"{name} ({shipped_catalogue()[name].train_size:,} rows)" for name in tried]
    # three intermediates, and the own task after each and alone: 7 trainings a seed
    # three times the rows over 32 are steps: one of 12 rows
    steps = 2 * (sum(round(3 * shipped_catalogue()[name].train_size / 32) for name in tried) + 4)
    told = (
        f"\n  14 trainings over 2 seeds, about {steps:,} steps in all: {', '.join(rows_of)}; then "
        "mine (12 rows) after each and alone; --dry-run measures the hours\n"
    )
    assert told in done.err
    assert (
        "  encoder xlm-roberta-base, from FacebookAI/xlm-roberta-base; --encoder names another\n"
    ) in done.err
    assert "warning: encoder-base, which the ranking rests on, is not known as an" in done.err
    (lacking,) = [line for line in done.err.splitlines() if "a run still needs" in line]
    assert "mine/test.sw" in lacking
    assert "mine/train" not in lacking
    assert call("ls", "tasks", "--tasks", "plan.tasks.toml").code == 0


def test_a_grid_of_a_known_target_takes_the_hubs_data(call, predictor, place):
    asked = ("rank", "--predictor", predictor, "--target", "xnli", "--language", "sw")
    assert call(*asked, "--out", "plan.toml").code == 0
    assert read_config(Path("plan.toml")).data == "hub"
    assert not Path("plan.tasks.toml").exists()


def test_costs_count_a_training_once(call, predictor, place):
    asked = ("rank", "--predictor", predictor, "--target", "xnli", "--language", "sw")
    study = ("--candidates", "mnli,rte", "--study", "simulated/encoder-base")
    done = call(*asked, *study, "--out", "plan.toml")
    # mnli, rte, mnli after mnli, mnli after rte: mnli alone is the first
    assert "  8 trainings over 2 seeds, about " in done.err
    assert (
        "then mnli (392,702 rows) after each and alone; --dry-run measures the hours\n" in done.err
    )
    done = call(*asked[:3], "--target", "tatoeba", *asked[5:], *study[:2], "--out", "other.toml")
    assert "  4 trainings over 2 seeds, about " in done.err
    assert "; tatoeba is scored without training; --dry-run measures the hours\n" in done.err


def test_the_encoder_of_a_grid_is_told_and_one_option_changes_it(call, predictor, place):
    asked = ("rank", "--predictor", predictor, "--target", "xnli", "--language", "sw")
    done = call(*asked, "--encoder", "FacebookAI/xlm-roberta-large", "--out", "hub.toml")
    assert "  encoder xlm-roberta-large, from FacebookAI/xlm-roberta-large; --encoder" in done.err
    Path("mine").mkdir()
    done = call(*asked, "--encoder", "encoder-base=mine", "--out", "own.toml")
    (encoder,) = read_config(Path("own.toml")).encoders
    assert (encoder.name, encoder.path) == ("encoder-base", str(Path("mine").resolve()))
    assert "--encoder belongs to --out." in call(*asked, "--encoder", "mine").err


@pytest.mark.parametrize(
    ("learnt_from", "path"),
    [
        (["xlm-roberta-large"], "FacebookAI/xlm-roberta-large"),
        (["owner/encoder"], "owner/encoder"),
        (["multilingual-e5-small-4bit"], "intfloat/multilingual-e5-small"),  # the predictor's
        (["ours"], "FacebookAI/xlm-roberta-base"),
        (["xlm-roberta-large", "ours"], "FacebookAI/xlm-roberta-base"),
        ([], "FacebookAI/xlm-roberta-base"),
    ],
)
def test_a_grid_names_the_encoder_that_the_ranking_rests_on_where_the_hub_has_it(learnt_from, path):
    assert encoder_of(None, learnt_from)["path"] == path


@pytest.mark.parametrize(
    ("learnt_from", "told"),
    [
        (["xlm-roberta-large"], ""),
        (["owner/encoder"], ""),
        (["multilingual-e5-small-4bit"], ""),
        (["ours"], "ours, which the ranking rests on, is not known as an encoder of the hub: "),
        (["xlm-roberta-large", "ours"], "the ranking rests on several encoders (ours, xlm-robe"),
        ([], "the predictor does not say which encoder it learnt from: xlm-roberta-base is assum"),
    ],
)
def test_an_encoder_that_stands_in_for_an_unknown_one_is_told(learnt_from, told):
    found = assumed_encoder("xlm-roberta-base", learnt_from)
    assert len(found) == bool(told)
    assert "".join(found).startswith(told)


def test_an_assumed_encoder_is_among_the_warnings_and_the_faults_of_costs(call, predictor, place):
    asked = ("rank", "--predictor", predictor, "--target", "xnli", "--language", "sw")
    asked += ("--study", "simulated/encoder-base", "--out", "plan.toml", "--json")
    told = "encoder-base, which the ranking rests on, is not known as an encoder of the hub"
    Path("results").mkdir()
    rows = ["encoder,adaptation,stage,n_examples", "encoder-base,finetune,a,1000"]
    Path("results/trainings.csv").write_text("\n".join(rows), encoding="utf-8")
    refused = call(*asked, "--costs", "results")
    assert "no timed training of xlm-roberta-base" in refused.err
    assert f"{told}: xlm-roberta-base is assumed" in refused.err
    assert "--encoder encoder-base=PATH takes yours" in refused.err
    assert any(line.startswith(told) for line in call(*asked).json["warnings"])


def test_the_hours_of_a_trial_follow_from_the_speed_of_a_grid(call, predictor, place):
    asked = ("rank", "--predictor", predictor, "--target", "xnli", "--language", "sw")
    asked += ("--candidates", "rte", "--study", "simulated/encoder-base", "--costs", "results")
    assert "--costs tells the hours of a trial: name its grid with --out" in call(*asked).err
    asked += ("--encoder", "encoder-base=mine", "--out", "plan.toml")
    rows = ["encoder-base,finetune,a,1000", "encoder-base,finetune,b,3000", "other,finetune,c,9"]
    Path("results").mkdir()
    Path("results/trainings.csv").write_text(
        "\n".join(["encoder,adaptation,stage,n_examples", *rows]), encoding="utf-8"
    )
    refused = call(*asked)
    assert refused.err.endswith("leave it out and run the plan with --dry-run.\n")
    assert "metaselect: results has no timed training of encoder-base with finetune" in refused.err
    assert (refused.code, Path("plan.toml").exists()) == (2, False)
    for stage in "abc":
        _write(Path("results/work/stages", stage, "timing.json"), [{"wall_s": 10.0}])
    done = call(*asked)
    # 100 and 300 examples a second, median 200; rte (2,490 rows, 233 steps) and mnli (392,702 rows,
    # 36,816 steps) after it and alone: 2 * 73,865 steps of 32 examples are 4,727,360 in 6.6 hours
    assert "about 147,730 steps in all" in done.err
    assert (
        "; about 6.6 hours without scoring, at 200 examples a second (the median of 2 trainings of "
        "--costs; --dry-run measures yours)\n"
    ) in done.err


def test_a_grid_or_card_that_is_there_is_not_replaced(call, predictor, rows):
    Path("plan.toml").write_text("other", encoding="utf-8")
    Path("plan.tasks.toml").write_text("other", encoding="utf-8")
    asked = ("rank", "--predictor", predictor, "--language", "sw", "--out", "plan.toml")
    done = call(*asked, "--data", rows)
    assert (done.code, done.out) == (2, "")
    assert (
        "plan.toml and plan.tasks.toml are there already: choose another --out, or remove them."
        in done.err
    )
    Path("plan.toml").unlink()
    assert "plan.tasks.toml is there already" in call(*asked, "--data", rows).err
    assert Path("plan.tasks.toml").read_text(encoding="utf-8") == "other"
    assert call(*asked, "--target", "xnli").code == 0  # no card goes beside it
    assert "plan.toml is there already" in call(*asked, "--target", "xnli").err


def test_a_grid_tries_three_however_few_are_shown(call, predictor, place):
    asked = ("rank", "--predictor", predictor, "--target", "xnli", "--language", "sw,ta")
    done = call(*asked, "--top", "1", "--out", "plan.toml", "--json")
    assert len(json.loads(done.out)["ranking"]) == 1
    assert len(json.loads(done.out)["by_language"]["ta"]) == 1
    assert len(read_config(Path("plan.toml")).intermediates) == 4


def test_rows_that_the_harness_cannot_read_are_told(call, predictor, place):
    Path("mine.csv").write_text("text,label\n" + "good,1\nbad,2\n" * 5, encoding="utf-8")
    asked = ("rank", "--predictor", predictor, "--data", "mine.csv", "--language", "sw")
    done = call(*asked, "--out", "plan.toml")
    assert f"metaselect run reads {Path('mine/train.jsonl').resolve()}" in done.err
    assert "numbers as places from 0" in done.err


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--target", "xnli", "--data", "data/mine", "--language", "sw"], "exclude each other"),
        (["--data", "data/mine"], "--language"),
        (["--target", "xnli", "--language", "sw", "--kind", "nli"], "belong to --data"),
    ],
)
def test_options_that_do_not_fit_are_wrong_usage(call, rows, arguments, named):
    done = call("rank", *arguments)
    assert (done.code, done.out) == (2, "")
    assert named in done.err


def test_rank_alone_shows_what_can_be_asked(call):
    done = call("rank")
    assert (done.code, done.err) == (0, "")
    for words in ("--target xnli", "--data my_task/", "--language", "metaselect ls tasks"):
        assert words in done.out
    assert all(len(line) <= 80 for line in done.out.splitlines())


def test_the_version_is_told(call):
    done = call("--version")
    assert (done.code, done.out, done.err) == (0, "metaselect 0.1.0\n", "")
