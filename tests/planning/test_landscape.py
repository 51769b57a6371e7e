"""Which cells are alike."""

import numpy as np
import pandas as pd

from metaselect.catalogue.cardfiles import shipped_catalogue
from metaselect.planning.landscape import landscape_of


def _cells(*pairs, study="s"):
    table = pd.DataFrame(pairs, columns=["intermediate", "target"])
    return table.assign(study=study, encoder="e", adaptation="finetune", language="en")


PAIRS = [("mnli", "rte"), ("mnli", "qqp"), ("snli", "rte"), ("squad", "cb"), ("snli", "cb")]


def test_cells_share_the_effects_of_their_tasks_and_kinds():
    land = landscape_of(_cells(*PAIRS), shipped_catalogue())
    assert land.query.tolist() == [0, 1, 0, 2, 2]
    assert land.kernels["mean"].tolist() == np.ones((5, 5)).tolist()
    assert land.kernels["cell"].tolist() == np.eye(5).tolist()
    assert land.kernels["level"][0].tolist() == [1, 0, 1, 0, 0]
    assert land.kernels["popularity"][0].tolist() == [1, 1, 0, 0, 0]
    assert land.kernels["kinds"][0].tolist() == [1, 0, 1, 0, 1]  # nli before nli
    assert land.kernels["siblings"][0].tolist() == [1, 0, 1, 0, 0]  # nli before rte
    assert set(land.kernels) >= {"features", "kinds"}
    # one study: its own popularity groups cells as popularity does; so does a pair as the cell
    assert not set(land.kernels) & {"study", "pair", "family"}


def test_a_second_study_has_a_popularity_of_its_own():
    both = pd.concat([_cells(*PAIRS), _cells(*PAIRS, study="other")], ignore_index=True)
    land = landscape_of(both, shipped_catalogue())
    assert land.n_queries == 6
    assert land.kernels["study"][0].tolist() == [1, 1, *[0] * 8]
    assert land.kernels["pair"][0, 5] == 1
    assert land.kernels["cell"][0, 5] == 0


def test_tasks_without_cards_are_alike_by_name_alone():
    land = landscape_of(_cells(("a", "b"), ("a", "c")), shipped_catalogue())
    assert set(land.kernels) == {"mean", "cell"}  # popularity is the mean, a target has one cell


def test_every_kernel_is_a_covariance():
    land = landscape_of(_cells(*PAIRS, ("copa", "wic")), shipped_catalogue())
    assert len(land.kernels) >= 5
    for kernel in land.kernels.values():
        assert (kernel == kernel.T).all()
        assert np.linalg.eigvalsh(kernel).min() > -1e-9
