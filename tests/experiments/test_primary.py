"""The primary comparisons of the second study: its measure by hand, and its verdicts."""

import importlib.util
import json
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest

from metaselect.catalogue.cardfiles import shipped_catalogue
from metaselect.errors import MetaselectError
from metaselect.evaluation.contrasts import Contrast
from metaselect.files import read_manifest
from metaselect.runs.exchange import read_runs
from metaselect.runs.schema import check_runs

FOLDER = Path(__file__).parents[2] / "experiments"
TARGETS = ("xcopa", "udpos", "xquad", "sib200")
INTERMEDIATES = ("direct", "mnli", "sts_semeval", "xsid_intent", "direct+")


def loaded(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def first_choices() -> ModuleType:
    return loaded("first_choices")


@pytest.fixture(scope="module")
def judging(first_choices: ModuleType) -> ModuleType:
    return loaded("judging")


@pytest.fixture(scope="module")
def primary(judging: ModuleType) -> ModuleType:
    loaded("primary_words")
    return loaded("primary")


@pytest.fixture(scope="module")
def runs() -> pd.DataFrame:
    """Two languages of four targets, of xcopa four; mnli helps most."""
    draw = np.random.default_rng(0)
    languages = {"xcopa": ("et", "ht", "qu", "sw")}
    rows = [
        {"study": "s", "encoder": "e", "adaptation": "finetune", "intermediate": name,
         "target": target, "language": language, "metric": "accuracy", "seed": seed,
         "score": 0.5 + 0.05 * (name == "mnli") + 0.01 * draw.normal(), "source": "test",
         "majority_score": "0.4"}
        for target in TARGETS for language in languages.get(target, ("fi", "tr"))
        for name in INTERMEDIATES for seed in (0, 1)
    ]  # fmt: skip
    return check_runs(pd.DataFrame(rows), percent=False)


@pytest.fixture(scope="module")
def both(first_choices: ModuleType, runs: pd.DataFrame) -> Any:
    """First choices with `direct` and among intermediates alone."""
    return first_choices.first_choices(runs, shipped_catalogue(), trials=1, seed=0, workers=1)


def test_the_measure_is_the_gain_on_the_other_seed(
    primary: ModuleType, judging: ModuleType, first_choices: ModuleType, runs: pd.DataFrame,
    both: Any,
) -> None:  # fmt: skip
    choices = both[True]
    found = choices.gains.set_index(["method", "target"])["gain"]
    scores = runs.pivot_table(
        index=["target", "language", "seed"], columns="intermediate", values="score"
    )
    gains = scores.sub(scores["direct"], axis=0)
    candidates = gains.drop(columns="direct+")
    by_target = candidates.mean(axis=1).groupby(["target", "language"]).mean()
    for target in TARGETS:
        assert found["random", target] == pytest.approx(by_target[target].mean(), abs=1e-9)
        control = gains["direct+"].groupby(["target", "language"]).mean()[target].mean()
        assert found["direct+", target] == pytest.approx(control, abs=1e-9)
        # mnli is best by far everywhere, so that what is best on average elsewhere is mnli.
        mnli = gains["mnli"].groupby(["target", "language"]).mean()[target].mean()
        assert found["history", target] == pytest.approx(mnli, abs=1e-9)
    over_clusters = judging.compared(choices, by="cluster", seed=0)
    pairs = [(item.method, item.against) for item in over_clusters]
    assert pairs == [*first_choices.COMPARISONS, *first_choices.BESIDE]
    last = over_clusters[len(first_choices.COMPARISONS) - 1]
    by_hand = np.mean([found["history", name] - found["direct+", name] for name in TARGETS])
    assert last.difference == pytest.approx(by_hand, abs=1e-9)
    record = primary.record(runs, both, seed=0)
    assert record["intermediates"] == ["mnli", "sts_semeval", "xsid_intent"]
    assert record["primary"]["gains"]["ranker"] == pytest.approx(
        np.mean([found["ranker", name] for name in TARGETS]), abs=1e-6
    )
    (first, *_) = record["primary"]["clusters"]
    assert first["verdict"] == judging.verdict(over_clusters[0], choices.direct, unasked=None)
    assert [item["verdict"] for item in record["primary"]["clusters"][5:]] == ["exploratory"] * 6
    table = list(primary.lines(record["primary"]["clusters"]))
    assert len(table) == 2 + 5 + 6
    assert all(line.count("|") == 10 for line in table)
    alone = {item["method"]: item["difference"] for item in record["by_intermediate"]}
    assert set(alone) == {"mnli", "sts_semeval", "xsid_intent"}
    mnli = [found["history", name] for name in TARGETS]  # mnli is what is best on average
    assert alone["mnli"] == pytest.approx(np.mean(mnli), abs=1e-6)
    by_target = record["primary"]["by_target"]["ranker"]
    assert by_target == pytest.approx({name: found["ranker", name] for name in TARGETS}, abs=1e-6)
    said = list(primary.sentences(record))
    assert f"mnli {100 * alone['mnli']:+.2f} points" in said[0]
    assert said[2].startswith("Its choice gains over the sum of signals ")
    assert said[3].startswith("Published difficulty changes the first choice in ")
    assert said[3].count("not asked: difficulty of one intermediate is known") == 1
    assert said[3].count("of 4 clusters, by ") == 4
    assert said[4].startswith("Published difficulty is known of 1 of 3 intermediates (mnli): what")
    assert record["difficulty"]["known"]["measured difficulty"] == [
        "mnli",
        "sts_semeval",
        "xsid_intent",
    ]
    assert set(record["agreeing"]["gains"]) == {f"{name} after mnli" for name in TARGETS}
    assert record["agreeing"]["losses"] == {}
    assert said[5].startswith("Both seeds of a cell agree on 0 losses and 4 gains")
    assert len(said) == 6
    draws = [{"random": 0.01, "history": 0.02}, {"random": 0.03, "history": 0.0}]
    (*_, last) = primary.sentences({**record, "permuted": draws})
    assert "+2.00 (SD 1.41) over random choice and +1.00 (SD 1.41) over best on average" in last
    among = [(item["method"], item["against"]) for item in record["among"]["clusters"]]
    assert among == [pair for pair in pairs if pair != ("ranker", "direct")]
    assert all(
        line.count("|") == 9 for line in primary.lines(record["among"]["kinds"], judged=False)
    )


def test_the_record_the_runs_and_the_figures_are_kept(
    primary: ModuleType, runs: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    table, out = tmp_path / "runs.csv", tmp_path / "out"
    more = runs[runs["target"] == "sib200"].assign(target="panx")
    pd.concat([runs, more]).to_csv(table, index=False)
    asked = ["primary.py", str(table), "--intermediates", "mnli,sts_semeval", "--out", str(out)]
    asked += ["--without", "panx"]
    asked += ["--trials", "1", "--workers", "1", "--permuted", "1"]
    monkeypatch.setattr(sys, "argv", asked)
    monkeypatch.syspath_prepend(str(FOLDER))
    primary.main()
    scope, targets, *_ = capsys.readouterr().out.splitlines()
    # xcopa in et, ht, qu and sw, three targets in fi and tr; both seeds, four candidates.
    assert scope == (
        "e, 80 scores: `direct` and 2 intermediates (mnli, sts_semeval) on 4 targets in 4 clusters "
        "and 6 languages, 2 seeds."
    )
    assert targets == "Targets: sib200, udpos, xcopa, xquad."
    manifest = read_manifest(out, kind="comparisons", schema=1)
    assert set(manifest.hashes) == {
        "primary.json", "anatomy.json", "runs.csv.gz", "gains.svg", "choices.svg", "expected.svg"
    }  # fmt: skip
    (draw,) = json.loads((out / "primary.json").read_text(encoding="utf-8"))["permuted"]
    assert set(draw) == {
        "random", "history", "history_kind", "composite", "ridge", "direct",
    }  # fmt: skip
    kept = read_runs(out / "runs.csv.gz")
    assert set(kept["intermediate"]) == {"direct", "direct+", "mnli", "sts_semeval"}


def test_a_block_is_the_targets_that_have_all_of_it_and_pass_the_gate(
    first_choices: ModuleType, runs: pd.DataFrame
) -> None:
    target, name, seed = runs["target"], runs["intermediate"], runs["seed"]
    unfinished = (target == "udpos") & (name == "sts_semeval") & (seed == 1)
    at_floor = target == "xquad"
    changed = runs.assign(majority_score=np.where(at_floor, "0.49", "0.4"))
    found = first_choices.block(changed[~unfinished], ["mnli", "sts_semeval"], shipped_catalogue())
    assert set(found["target"]) == {"xcopa", "sib200", "xquad"}  # lifted off its floor by mnli
    assert set(found["intermediate"]) == {"direct", "direct+", "mnli", "sts_semeval"}
    found = first_choices.block(changed, ["sts_semeval"], shipped_catalogue())
    assert set(found["target"]) == {"xcopa", "sib200", "udpos"}
    with pytest.raises(MetaselectError, match="No target has both seeds of qqp"):
        first_choices.block(runs, ["qqp"], shipped_catalogue())


def test_three_figures_are_drawn_of_the_choices(
    both: Any, runs: pd.DataFrame, tmp_path: Path
) -> None:
    choices = both[True]
    assert len(choices.candidates) == len(TARGETS) * 3  # mnli, sts_semeval and xsid_intent on each
    figures = loaded("study_figures")
    written = figures.write_figures(tmp_path, runs, choices.gains, choices.candidates, seed=0)
    texts = {path.stem: path.read_text(encoding="utf-8") for path in written}
    assert set(texts) == {"gains", "choices", "expected"}
    assert all(name in texts["gains"] for name in ("mnli", "sts_semeval", "xsid_intent", *TARGETS))
    means = figures.mean_gains(runs).set_index(["target", "intermediate"])["gain"]
    for (target, name), value in means.items():
        shown = f"{value:+.1f}".replace("-", "\N{MINUS SIGN}")
        assert f">{shown}<" in texts["gains"], (target, name)
    assert "language, diversity" in texts["choices"]
    assert "random choice" in texts["choices"]


def test_dealing_names_anew_keeps_scores_and_mixes_seeds(
    first_choices: ModuleType, runs: pd.DataFrame
) -> None:
    dealt = first_choices.permuted(runs, seed=0)
    cells = ["target", "language", "seed"]
    kept = runs[runs["intermediate"] != "direct+"]
    for table in (dealt, kept):
        assert not table.duplicated([*cells, "intermediate"]).any()
    scores = [table.groupby(cells)["score"].apply(sorted).to_dict() for table in (dealt, kept)]
    assert scores[0] == scores[1]
    best = dealt.loc[dealt.groupby(cells)["score"].idxmax()]
    assert best.groupby(["target", "seed"])["intermediate"].nunique().max() == 1  # one order
    assert best["intermediate"].nunique() > 1


def test_one_seed_is_refused(first_choices: ModuleType, runs: pd.DataFrame) -> None:
    one = runs[runs["seed"] == 0]
    with pytest.raises(MetaselectError, match="No cell has two seeds"):
        first_choices.first_choices(one, shipped_catalogue(), trials=1, seed=0, workers=1)


def test_without_the_control_its_comparison_is_left_out(
    judging: ModuleType, first_choices: ModuleType
) -> None:
    gains = pd.DataFrame(
        [(method, cluster, "k", 0.01 * place) for place, method in enumerate(("random", "ranker"))
         for cluster in "abc"],
        columns=["method", "cluster", "kind", "gain"],
    )  # fmt: skip
    (only,) = judging.compared(first_choices.Choices(gains, {}), by="cluster", seed=0)
    assert (only.method, only.against) == ("ranker", "random")
    assert only.difference == pytest.approx(0.01)
    assert only.p_holm == pytest.approx(min(1.0, 5 * only.p))  # of five, four not run yet


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"p_holm": 0.01, "difference": 0.02}, "yes"),
        ({"p_holm": 0.01, "difference": -0.02}, "the opposite"),
        ({"p_holm": 0.3, "high": 0.004}, "no"),
        ({"p_holm": 0.3, "high": 0.03}, "too little evidence"),
        ({"p_holm": 0.01, "method": "ladder: +both", "against": "ladder: +difficulty"},
         "too little evidence: both choose direct"),
    ],
)  # fmt: skip
def test_verdicts_follow_the_rules_written_down(
    judging: ModuleType, changes: dict[str, object], said: str
) -> None:
    base = Contrast(
        "ranker", "random", "gain", difference=0.01, low=-0.01, high=0.03, p=0.01, primary=True,
        p_holm=0.3, n_clusters=20, n_changed=20, leading="a", low_without_one=0.0,
        high_without_one=0.02, detectable=0.01,
    )  # fmt: skip
    direct = {"ladder: +both": 0.8, "ladder: +difficulty": 0.9}
    found = replace(base, **changes)
    assert judging.verdict(found, direct, unasked=None) == said
    assert judging.verdict(found, direct, unasked="not asked") == said
    first = replace(found, method="ladder: +difficulty", against="ladder: history")
    assert judging.verdict(first, {}, unasked="not asked") == "not asked"
