"""Queries that an evaluation leaves out are named with the reason."""

import pandas as pd

from metaselect.evaluation.leftout import queries_left_out
from metaselect.runs.gains import query_key
from metaselect.runs.schema import check_runs


def table(*rows: tuple[str, str, float]) -> pd.DataFrame:
    """Runs by (target, intermediate, score), each in Swahili."""
    runs = pd.DataFrame(rows, columns=["target", "intermediate", "score"]).assign(
        study="ours", encoder="e", adaptation="finetune", language="sw", metric="accuracy", seed=0
    )
    return check_runs(runs, percent=False)


RUNS = table(
    *[("xnli", "direct", 0.5), ("xnli", "mnli", 0.6), ("xnli", "rte", 0.4)],
    *[("panx", "direct", 0.5), ("panx", "mnli", 0.5), ("panx", "rte", 0.5)],
    *[("udpos", "mnli", 0.5), ("udpos", "rte", 0.6)],
    *[("xcopa", "direct", 0.5), ("xcopa", "mnli", 0.6)],
    *[("xquad", "direct", 0.5)],
)


def evaluated(*targets: str) -> set[str]:
    return set(query_key(RUNS[RUNS["target"].isin(targets)]))


def test_queries_left_out_are_named_by_the_reason() -> None:
    assert queries_left_out(RUNS, evaluated("xnli", "xcopa"), with_direct=True) == {
        "all gains are equal": ["panx in sw"],
        "no `direct` run, which others have": ["udpos in sw"],
        "fewer than two candidates": ["xquad in sw"],
    }
    among = queries_left_out(RUNS, evaluated("xnli"), with_direct=False)
    assert among["fewer than two candidates"] == ["xcopa in sw", "xquad in sw"]
    known = evaluated("xnli", "panx", "udpos", "xcopa", "xquad")
    assert queries_left_out(RUNS, known, with_direct=True) == {}


def test_of_several_studies_the_name_is_told() -> None:
    both = pd.concat([RUNS, RUNS.assign(study="theirs")], ignore_index=True)
    found = queries_left_out(both, evaluated("xnli"), with_direct=True)
    assert found["all gains are equal"] == ["ours: panx in sw", "theirs: panx in sw"]
    protocol = "nothing to choose in the folds of this protocol"
    assert found[protocol] == ["ours: xcopa in sw", "theirs: xnli in sw", "theirs: xcopa in sw"]


def test_a_target_with_few_of_the_intermediates_is_named() -> None:
    more = table(*[("xnli", name, 0.5) for name in ("copa", "cola", "sst2")])
    runs = check_runs(pd.concat([RUNS, more], ignore_index=True), percent=False)
    found = queries_left_out(runs, evaluated("xnli", "panx", "udpos"), with_direct=True)
    assert found["fewer than half of the intermediates of its study"] == ["xcopa in sw"]
