"""Whole plans: what is open, what is chosen, what it costs."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from metaselect.catalogue.cardfiles import shipped_catalogue
from metaselect.errors import MetaselectError, UnknownName
from metaselect.planning.costs import Costs, estimated_costs
from metaselect.planning.grids import Setting, grid_of, setting_of
from metaselect.planning.plan import PlanSettings, make_plan

CARDS = shipped_catalogue()
BEFORE = ("mnli", "snli", "squad", "qqp", "copa", "sst2")
TARGETS = ("rte", "wic", "boolq", "mrpc")


@pytest.fixture
def study(make_runs):
    """Runs of half of a grid; NLI tasks help, on one target most."""
    draw = np.random.default_rng(0)
    scores = {("direct", target): [0.5, 0.51] for target in TARGETS}
    for column, target in enumerate(TARGETS):
        for row, name in enumerate(BEFORE):
            if (row + column) % 2:
                gain = 0.04 * (name in ("mnli", "snli")) * (1 + column) + 0.02 * draw.normal()
                scores[name, target] = [0.5 + gain, 0.51 + gain + 0.005 * draw.normal()]
    return make_runs(scores)


def _setting(runs, **names):
    return setting_of(runs, **({"study": None, "encoder": None, "adaptation": None} | names))


def _grid(runs, intermediates=None, targets=None):
    return grid_of(runs, _setting(runs), CARDS, intermediates=intermediates, targets=targets)


def _plan(runs, grid=None, costs=None, **changes):
    grid = grid or _grid(runs)
    costs = costs or estimated_costs(grid.intermediates, grid.targets, CARDS, hours_per_run=1.0)
    settings = {"budget": 20.0, "n_seeds": 1, "rule": "gradient", "seed": 0} | changes
    return make_plan(runs, grid, CARDS, costs, PlanSettings(**settings))


def _equal_costs(grid, **dear):
    hours = dict.fromkeys(grid.intermediates, 1.0) | dear
    ones = dict.fromkeys(grid.targets, 1.0)
    return Costs(
        intermediates=hours, targets=ones, scorings=dict.fromkeys(grid.targets, 0.0),
        models={name: name for name in grid.targets}, assumed=(),
    )  # fmt: skip


def test_only_cells_that_were_not_run_are_open(study):
    grid = _grid(study)
    assert len(grid.open) == 12
    assert ("mnli", "wic") not in grid.open  # run
    assert ("mnli", "rte") in grid.open
    wider = _grid(study, intermediates=["rte", "mnli"], targets=["rte"])
    assert wider.open == [("mnli", "rte")]  # rte is not trained on before itself


@pytest.mark.parametrize("rule", ["gradient", "improvement"])
@pytest.mark.parametrize("budget", [3.0, 20.0, 60.0])
def test_the_budget_is_kept_and_no_cell_comes_twice(study, rule, budget):
    plan = _plan(study, budget=budget, rule=rule)
    cells = [(run.intermediate, run.target) for run in plan.runs]
    assert plan.hours <= budget
    assert plan.hours == pytest.approx(sum(run.hours for run in plan.runs))
    assert len(set(cells)) == len(cells) > 0
    assert set(cells) <= set(_grid(study).open)
    assert plan.expected_regret_after <= plan.expected_regret_now
    assert all(run.expected_reduction > 0 for run in plan.runs)


def test_a_larger_budget_is_expected_to_leave_less_regret(make_runs):
    draw = np.random.default_rng(5)
    scores = {("direct", target): [0.5, 0.51] for target in TARGETS}
    for name in BEFORE[:2]:
        for target in TARGETS:
            gain = 0.03 * draw.normal()
            scores[name, target] = [0.5 + gain, 0.515 + gain]
    runs = make_runs(scores)
    grid = _grid(runs, intermediates=BEFORE)
    costs = _equal_costs(grid)
    plans = [_plan(runs, grid, costs, budget=budget) for budget in (4.0, 10.0, 40.0)]
    left = [plan.expected_regret_after for plan in plans]
    assert plans[0].expected_regret_now > left[0] > left[1] > left[2]


def test_seeds_multiply_the_hours(study):
    grid = _grid(study)
    costs = _equal_costs(grid)
    one, three = (_plan(study, grid, costs, budget=6.0, n_seeds=n) for n in (1, 3))
    assert [run.hours for run in one.runs] == [1.0] * 6  # every intermediate is trained already
    assert [run.hours for run in three.runs] == [3.0] * 2


def test_the_same_runs_in_any_order_give_the_same_plan(study):
    mixed = study.sample(frac=1.0, random_state=1).reset_index(drop=True)
    plans = [_plan(study), _plan(study), _plan(mixed)]
    assert plans[0] == plans[1]
    cells = [[(run.intermediate, run.target) for run in plan.runs] for plan in plans]
    assert cells[0] == cells[2]


def test_a_dear_intermediate_waits(study):
    grid = _grid(study, intermediates=[*BEFORE, "imdb", "rotten_tomatoes"])
    cheap = _plan(study, grid, _equal_costs(grid), budget=4.0)
    dear = _equal_costs(grid, imdb=100.0, rotten_tomatoes=100.0)
    assert not {"imdb", "rotten_tomatoes"} & {
        run.intermediate for run in _plan(study, grid, dear, budget=4.0).runs
    }
    assert len(cheap.runs) > 0


def test_runs_go_where_the_choice_is_open(make_runs):
    # squad is far ahead on rte and nothing is known of wic: runs on wic come first
    scores = {("direct", target): [0.5, 0.5, 0.501] for target in ("rte", "wic")}
    for name in BEFORE[:3]:
        gain = 0.4 if name == "squad" else 0.0
        scores[name, "rte"] = [0.5 + gain, 0.501 + gain, 0.5 + gain]
    runs = make_runs(scores)
    grid = _grid(runs, intermediates=[*BEFORE[:3], "copa"])
    plan = _plan(runs, grid, _equal_costs(grid, copa=0.0), budget=3.0)
    assert {run.target for run in plan.runs} == {"wic"}


def test_a_new_target_brings_its_direct_run_along_once(study):
    grid = _grid(study, targets=["cb"])
    plan = _plan(study, grid, _equal_costs(grid), budget=3.0, n_seeds=1)
    assert [run.intermediate for run in plan.runs].count("direct") == 1
    assert (plan.runs[0].intermediate, plan.runs[0].target) == ("direct", "cb")
    assert [run.hours for run in plan.runs] == [1.0, 1.0, 1.0]


def test_a_target_without_direct_runs_is_left_out_with_a_note(study, make_runs):
    more = pd.concat([study, make_runs({("mnli", "cb"): [0.7]})], ignore_index=True)
    grid = _grid(more)
    assert "cb" not in grid.targets
    assert "1 target has no direct runs" in _plan(more, grid).notes[0]
    with pytest.raises(MetaselectError, match="has no 'direct' runs on cb"):
        _grid(more, targets=["cb"])


def test_a_study_can_start_from_direct_runs_alone(make_runs):
    runs = make_runs({("direct", target): [0.5] for target in TARGETS})
    grid = _grid(runs, intermediates=BEFORE)
    plan = _plan(runs, grid, _equal_costs(grid), budget=6.0)
    assert len(plan.runs) >= 3


def test_runs_of_another_study_inform_the_plan(study, make_runs):
    direct = make_runs({("direct", target): [0.5, 0.51] for target in TARGETS}, study="new")
    both = pd.concat([study, direct], ignore_index=True)
    grid = grid_of(both, _setting(both, study="new"), CARDS, intermediates=BEFORE, targets=None)
    gains = {
        (run.intermediate, run.target): run.gain
        for run in _plan(both, grid, _equal_costs(grid), budget=99.0).runs
    }
    assert gains["mnli", "wic"] > 0.02  # it gained 0.08 in the other study


def test_more_studies_than_a_belief_takes_are_told(study, make_runs, monkeypatch):
    monkeypatch.setattr("metaselect.planning.plan.MOST_CELLS", 15)
    other = study.assign(study="other")
    both = pd.concat([study, other], ignore_index=True)
    grid = grid_of(both, _setting(both, study="s"), CARDS, intermediates=None, targets=None)
    assert "9 measured cells of other studies are not used" in _plan(both, grid).notes


def test_single_seeds_are_told(study):
    plan = _plan(study[study["seed"] == 0].reset_index(drop=True))
    assert any(note.startswith("no seed repeats") for note in plan.notes)


def test_a_grid_without_open_cells_is_planned_for_further_seeds(make_runs):
    close = {"direct": [0.5, 0.5], "mnli": [0.49, 0.53], "squad": [0.52, 0.5]}  # within noise
    runs = make_runs({(name, target): close[name] for name in close for target in ("wic", "rte")})
    done = {*runs[["intermediate", "target"]].itertuples(index=False, name=None)}
    plan = _plan(runs, budget=1e6)
    assert (
        "every intermediate was run on every target: further seeds are all there is to plan"
        in plan.notes
    )
    cells = [(run.intermediate, run.target) for run in plan.runs]
    assert cells[0][0] == "direct"  # a new seed's gains need it
    assert set(cells) <= done
    assert plan.runs[1].expected_reduction > 0
    assert plan.expected_regret_after < plan.expected_regret_now


SETTLED = {"direct": [0.5, 0.501], "mnli": [0.9, 0.901], "squad": [0.5, 0.502]}


def test_nothing_is_planned_where_no_run_would_change_a_choice(make_runs):
    runs = make_runs({(name, task): SETTLED[name] for name in SETTLED for task in ("wic", "rte")})
    plan = _plan(runs, budget=1e6)
    assert plan.runs == ()
    assert plan.hours == 0.0
    assert plan.expected_regret_after == pytest.approx(plan.expected_regret_now, abs=1e-12)
    with pytest.raises(MetaselectError, match="pays for no run"):
        _plan(runs, budget=1e-6)


def test_a_larger_budget_is_advised_where_only_a_dearer_run_would_change_a_choice(make_runs):
    # rte is settled and its runs are cheap; on wic two are within noise, and beyond the budget
    close = {"direct": [0.5, 0.5], "mnli": [0.5, 0.54], "squad": [0.53, 0.51]}
    runs = make_runs(
        {(name, "rte"): SETTLED[name] for name in SETTLED}
        | {(name, "wic"): close[name] for name in close}
    )
    costs = replace(
        _equal_costs(_grid(runs), mnli=0.0, squad=0.0), targets={"rte": 0.1, "wic": 9.0}
    )
    plans = _plan(runs, costs=costs, budget=100.0)
    assert {run.target for run in plans.runs} == {"wic"}
    with pytest.raises(MetaselectError, match=r"within the budget .* plan a larger one"):
        _plan(runs, costs=costs, budget=1.0)


def test_what_cannot_be_planned_is_told(study):
    with pytest.raises(MetaselectError, match="s has no intermediate to run"):
        _grid(study, intermediates=["direct"], targets=["wic"])
    with pytest.raises(UnknownName, match=r"Unknown task 'mnlo'\. Did you mean mnli"):
        _grid(study, intermediates=["mnlo"])
    with pytest.raises(MetaselectError, match=r"pays for no run: the cheapest takes 0\.1"):
        _plan(study, budget=1e-6)


def test_one_setting_is_found_or_asked_for(study):
    assert _setting(study) == Setting(study="s", encoder="e", adaptation="finetune")
    two = pd.concat([study, study.assign(encoder="f")], ignore_index=True)
    assert _setting(two, encoder="f").encoder == "f"
    with pytest.raises(
        MetaselectError, match="holds 2 values of encoder; choose one with --encoder: e, f"
    ):
        _setting(two)
    with pytest.raises(MetaselectError, match="No runs with study 'x'; there are: s"):
        _setting(study, study="x")
