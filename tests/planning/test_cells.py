"""Gains of cells: means over languages, against direct, with both errors."""

import numpy as np
import pandas as pd
import pytest

from metaselect.errors import MetaselectError
from metaselect.planning.landscape import cell_gains


def test_a_gain_is_the_mean_over_languages_and_pairs_seeds(make_runs):
    one = make_runs({("direct", "xnli"): [0.5, 0.6], ("mnli", "xnli"): [0.6, 0.8]}, language="sw")
    two = make_runs({("direct", "xnli"): [0.3, 0.3], ("mnli", "xnli"): [0.3, 0.4]}, language="th")
    (cell,) = cell_gains(pd.concat([one, two])).itertuples()
    # seed 0: 0.1 and 0; seed 1: 0.2 and 0.1: means 0.05 and 0.15, together 0.1
    assert cell.gain == pytest.approx(0.1)
    # mnli: seeds' means 0.45 and 0.60, sd 0.15/sqrt 2, over sqrt 2 seeds: 0.075
    assert cell.own_se == pytest.approx(0.075)
    # direct: 0.40 and 0.45: 0.025
    assert cell.direct_se == pytest.approx(0.025)
    assert cell.n_seeds == 2


def test_a_language_or_target_without_direct_is_left_out(make_runs):
    known = make_runs({("direct", "xnli"): [0.5], ("mnli", "xnli"): [0.6], ("mnli", "qqp"): [0.9]})
    other = make_runs({("mnli", "xnli"): [0.0]}, language="sw")
    (cell,) = cell_gains(pd.concat([known, other])).itertuples()
    assert (cell.target, cell.gain) == ("xnli", pytest.approx(0.1))
    assert np.isnan(cell.own_se)


def test_direct_alone_gives_no_cell_and_no_direct_is_refused(make_runs):
    assert len(cell_gains(make_runs({("direct", "xnli"): [0.5]}))) == 0
    with pytest.raises(MetaselectError, match="has no 'direct' runs"):
        cell_gains(make_runs({("mnli", "xnli"): [0.5]}))
