"""Features made of measured values: looked up by what they are of, missing where not measured."""

import numpy as np
import pandas as pd
import pytest

from metaselect.catalogue.cardfiles import load_catalogue
from metaselect.catalogue.measured import Measured, Value
from metaselect.catalogue.tasks import Catalogue
from metaselect.errors import MetaselectError
from metaselect.features.base import DEFAULT_GROUPS, GROUPS, World, compute
from metaselect.features.measured.recorded import from_responses, from_trainings
from metaselect.features.measured.records import FEATURES, MEASURES, RANKED
from metaselect.features.registry import features_of

ROWS = pd.DataFrame(
    {
        "encoder": ["e", "e", "e"], "intermediate": ["mnli", "cb", "direct"],
        "target": ["xnli", "xnli", "xnli"], "language": ["sw", "fi", "sw"],
    }
)  # fmt: skip


def world(*values):
    cards = load_catalogue(None)
    return World(Catalogue(cards.values(), Measured(Value(*item, 1.0) for item in values)))


def computed(name, *values):
    (feature,) = [item for item in FEATURES if item.name == name]
    return compute([feature], ROWS, world(*values))[name].to_numpy(dtype=np.float64)


def test_a_task_s_value_is_the_intermediate_s_and_its_gap_to_the_target_s() -> None:
    values = [("unlearnt_share", "e", "mnli", "", "", 0.75), ("unlearnt_share", "e", "xnli", "",
              "", 0.5)]  # fmt: skip
    np.testing.assert_allclose(computed("unlearnt_share_intermediate", *values), [0.75, np.nan,
                               np.nan])  # fmt: skip
    np.testing.assert_allclose(computed("unlearnt_share_gap", *values), [0.25, np.nan, np.nan])


def test_pairs_and_languages_are_looked_up_by_all_their_names() -> None:
    found = computed("logme", ("logme", "e", "cb", "xnli", "", 1.5))
    np.testing.assert_allclose(found, [np.nan, 1.5, np.nan])
    found = computed("drift", ("drift", "e", "mnli", "", "sw", 0.25))
    np.testing.assert_allclose(found, [0.25, np.nan, np.nan])
    found = computed("fertility", ("fertility", "e", "", "", "fi", 2.0))
    np.testing.assert_allclose(found, [np.nan, 2.0, np.nan])
    found = computed("target_doubt", ("target_doubt", "e", "xnli", "", "sw", 0.5))
    np.testing.assert_allclose(found, [0.5, np.nan, 0.5])


def test_measured_features_go_when_either_of_their_groups_goes() -> None:
    names = {feature.name for feature in RANKED}
    assert not names & {feature.name for feature in features_of(DEFAULT_GROUPS)}
    assert names <= {feature.name for feature in features_of(GROUPS)}
    left = features_of([group for group in GROUPS if group != "affinity"])
    assert "logme" not in {feature.name for feature in left}
    assert "drift" in {feature.name for feature in left}


def test_every_measure_says_what_it_costs_and_needs() -> None:
    for measure in MEASURES:
        assert measure.seconds > 0
        assert "data" in measure.needs
        assert measure.low < measure.high
        assert measure.source


class TestTrainings:
    """Difficulty from a grid's own records."""

    HEAD = "encoder,label,task,english_dev,confidence,variability,correctness,n_forgotten\n"

    def test_dynamics_of_straight_trainings_and_collapse_of_all(self, tmp_path) -> None:
        path = tmp_path / "trainings.csv"
        path.write_text(
            self.HEAD
            + "e,mnli,mnli,0.6,0.5,0.1,0.7,0.2\n"
            + "e,mnli,mnli,0.36,0.3,0.1,0.5,0.4\n"  # chance is 1/3: collapsed
            + "e,qqp→mnli,mnli,0.34,0.2,0.1,0.3,0.6\n"
            + "e,squad,squad,0.2,0.4,0.2,0.4,0.1\n"
        )
        found = {
            (item.measure, item.task): item.value
            for item in from_trainings(path, load_catalogue(None))
        }
        assert found["low_confidence", "mnli"] == pytest.approx(0.6)
        assert found["forgetting", "mnli"] == pytest.approx(0.3)
        assert found["collapse_share", "mnli"] == pytest.approx(2 / 3)
        assert ("collapse_share", "squad") not in found  # no chance level
        assert found["incorrectness", "squad"] == pytest.approx(0.6)

    def test_another_table_is_refused(self, tmp_path) -> None:
        path = tmp_path / "runs.csv"
        path.write_text("study,score\na,0.5\n")
        with pytest.raises(MetaselectError, match="lacks columns"):
            from_trainings(path, load_catalogue(None))


class TestResponses:
    """Item-response difficulty from a matrix."""

    def test_the_task_that_fewer_models_solve_is_harder(self, tmp_path) -> None:
        rows = ["model,task,item,correct"]
        for model in range(8):
            for item in range(6):
                rows.append(f"m{model},easy,{item},{int(model >= 1)}")
                rows.append(f"m{model},hard,{item},{int(model >= 6)}")
        path = tmp_path / "responses.csv"
        path.write_text("\n".join(rows) + "\n")
        found = {item.task: item for item in from_responses(path, load_catalogue(None))}
        assert found["hard"].value > 0 > found["easy"].value
        assert found["hard"].measure == "response_difficulty"

    def test_answers_other_than_right_and_wrong_are_refused(self, tmp_path) -> None:
        path = tmp_path / "responses.csv"
        path.write_text("model,task,item,correct\nm,a,1,0.5\n")
        with pytest.raises(MetaselectError, match="0, 1"):
            from_responses(path, load_catalogue(None))
