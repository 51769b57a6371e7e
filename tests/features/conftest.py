"""Cards made up by hand, and rows over them."""

import pandas as pd
import pytest

from metaselect.catalogue.tasks import Catalogue, PublishedScore, TaskCard


def card(name, *, kind="nli", head="classification", scores=None, **facts):
    """A card of what a test is about."""
    published = tuple(
        PublishedScore(measure=measure, value=value, source="by hand")
        for measure, value in (scores or {}).items()
    )
    fixed = {"title": name, "metric": "accuracy", "scores": published}
    return TaskCard(name=name, kind=kind, head=head, **fixed, **facts)


@pytest.fixture(scope="session")
def cards() -> Catalogue:
    return Catalogue(
        [
            card("big", train_size=100_000, labels=("a", "b", "c"), scores={"rasch_b": 0.5}),
            card(
                "small",
                kind="paraphrase",
                train_size=100,
                labels=("a", "b"),
                same_source=("other",),
                scores={
                    **{"rasch_b": -1.0, "headroom": 0.25, "error_normalised_roberta": 0.125},
                    "item_total_r": 0.5,
                },
            ),
            card("other", kind="commonsense", head="multiple-choice", train_size=1000, n_choices=2),
            card("target", train_size=10_000, labels=("a", "b", "c"), scores={"rasch_b": 2.0}),
            card("bare", kind="ner", head="tagging", train_size=0),
        ]
    )


@pytest.fixture(scope="session")
def pairs() -> pd.DataFrame:
    """Each card, a task without one and `direct`, before the target and before a bare one."""
    names = ["big", "small", "other", "bare", "nobody", "direct"]
    rows = [(name, target) for target in ("target", "bare") for name in names]
    return pd.DataFrame(rows, columns=["intermediate", "target"]).assign(study="s")
