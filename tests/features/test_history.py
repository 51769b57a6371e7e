"""Pooled history against a mixed model solved another way, and what it must not see."""

import numpy as np
import pandas as pd
import pytest

from metaselect.catalogue.tasks import Catalogue
from metaselect.features.base import World, compute
from metaselect.features.history import EFFECTS, FEATURES, History, Pooling, prior_gain

POOLING = Pooling(
    {"popularity": 0.4, "study": 0.3, "kind": 0.5, "kinds": 0.2, "siblings": 0.25, "pair": 0.35}
    | {"family": 0.15},
    level=0.6,
    noise=0.9,
)
KIND = {"a": "nli", "b": "nli", "c": "qa", "d": "qa"}
TARGETS = {"t1": ("nli", "u1"), "t2": ("qa", "u2"), "t3": ("qa", "u3"), "t4": ("nli", "u3")}
FAMILY = {"sw": "Bantu", "ta": "Dravidian"}


def _table(*, seed=0):
    """Gains of four intermediates on four targets of three units, in two languages and studies."""
    random = np.random.default_rng(seed)
    rows = [
        (study, target, language, name, random.normal(0.01, 0.03), random.uniform(0, 0.02))
        for study in ("s1", "s2")
        for target in TARGETS
        for language in FAMILY
        for name in KIND
        if not (study == "s2" and target == "t1") and random.random() < 0.8
    ]
    table = pd.DataFrame(
        rows, columns=["study", "target", "language", "intermediate", "gain", "score_se"]
    )
    return table.assign(
        query=table["study"] + "|" + table["target"] + "|" + table["language"],
        held_out=table["target"].map(lambda name: TARGETS[name][1]),
        target_kind=table["target"].map(lambda name: TARGETS[name][0]),
        intermediate_kind=table["intermediate"].map(KIND),
        family=table["language"].map(FAMILY),
    )


UNITS = {"target": "held_out", "language": "language"}  # what may be left out, by column


def _by(unit):
    """The table with its units by target, or by language."""
    rows = _table()
    return rows.assign(held_out=rows[UNITS[unit]])


def _dense(rows, pooling, *, effects):
    """Effects by the textbook: u = G Z' V^-1 y with V = Z G Z' + Q level^2 Q' + R.

    Everything in gain units; the usual spread is the median over queries of the sd of gains.
    """
    scale = rows.groupby("query")["gain"].std().dropna().median()
    queries = pd.get_dummies(rows["query"]).to_numpy(float)
    variance = np.diag((pooling.noise * scale) ** 2 + rows["score_se"].to_numpy() ** 2)
    variance += (pooling.level * scale) ** 2 * queries @ queries.T
    indicators = {}
    for effect in effects:
        labels = rows[list(effect.columns)].agg("|".join, axis=1)
        indicators[effect.name] = pd.get_dummies(labels).astype(float)
        table = indicators[effect.name].to_numpy()
        variance += (pooling.spreads[effect.name] * scale) ** 2 * table @ table.T
    solved = np.linalg.solve(variance, rows["gain"].to_numpy())
    return {
        (name, label): (pooling.spreads[name] * scale) ** 2 * float(table[label] @ solved)
        for name, table in indicators.items()
        for label in table.columns
    }


def _values(history, rows):
    """History features of rows, one column an effect."""
    table = compute(FEATURES, rows, World(Catalogue([]), history))
    return table.rename(columns=lambda name: name.removeprefix("history_"))


def _fit(rows, *, leave_out=True, pooling=POOLING):
    return History.fit(rows, pooling=pooling, leave_out=leave_out)


def _kept(history):
    return [effect for effect in EFFECTS if effect.name in history.levels]


@pytest.mark.parametrize(("unit", "n_effects"), [("target", 5), ("language", 6)])
def test_effects_are_those_of_the_mixed_model_solved_densely(unit, n_effects):
    # siblings and pair lie within a target, family within a language: there they are left out
    rows = _by(unit)
    history = _fit(rows)
    kept = _kept(history)
    assert len(kept) == n_effects
    found = _values(history, rows.assign(held_out=""))
    expected = _dense(rows, POOLING, effects=kept)
    for effect in kept:
        labels = rows[list(effect.columns)].agg("|".join, axis=1)
        values = [expected[effect.name, label] for label in labels]
        np.testing.assert_allclose(found[effect.name], values, rtol=1e-4, atol=1e-8)


def test_many_effects_are_solved_alike_by_the_iterative_way():
    rows = _table()
    exact = _values(_fit(rows), rows)
    # a hundred copies of the world push the system over the dense limit of 3,000 effects
    many = pd.concat(
        [
            rows,
            *(
                rows.assign(
                    intermediate=rows["intermediate"] + str(number),
                    query=rows["query"] + str(number),
                    study=rows["study"] + str(number),
                    target=rows["target"] + str(number),
                    intermediate_kind=rows["intermediate_kind"] + str(number),
                    target_kind=rows["target_kind"] + str(number),
                    family=rows["family"] + str(number),
                )
                for number in range(100)
            ),
        ],
        ignore_index=True,
    )
    history = _fit(many)
    assert sum(map(len, history.levels.values())) > 3000
    found = _values(history, many.iloc[: len(rows)])
    # copies share nothing with the first world: it is solved as if it were alone
    np.testing.assert_allclose(found, exact, rtol=1e-3, atol=1e-6)


def test_one_mean_by_hand():
    # one intermediate, one query of level 0: two rows of gain .02 and .04 in another's company
    # usual spread s: sd of (.02, .04) = .0141421; popularity 1 s, noise 1 s, no known error
    # u = s^2 (y1 + y2) / (s^2 + 2 s^2) = .06 / 3
    rows = (
        _table()
        .iloc[:2]
        .assign(intermediate="a", gain=[0.02, 0.04], score_se=0.0, query="q", held_out=["u1", "u2"])
    )
    pooling = Pooling({"popularity": 1.0}, level=0.0, noise=1.0)
    history = _fit(rows, pooling=pooling)
    assert _values(history, rows.assign(held_out=""))["popularity"].tolist() == pytest.approx(
        [0.02, 0.02]
    )
    # without its own unit, each row sees the other alone: y / (1 + 1)
    assert _values(history, rows)["popularity"].tolist() == pytest.approx([0.02, 0.01])


def test_a_row_never_sees_its_own_unit():
    rows = _table()
    before = _values(_fit(rows), rows)
    own = (rows["held_out"] == "u2").to_numpy()
    # turned round within each query, so that the usual spread of gains stays what it is
    changed = rows.assign(gain=rows["gain"].where(~own, -rows["gain"]))
    after = _values(_fit(changed), changed)
    pd.testing.assert_frame_equal(before[own], after[own])
    assert not np.allclose(before[~own], after[~own], equal_nan=True)


@pytest.mark.parametrize(("unit", "away"), [("target", "u2"), ("language", "sw")])
def test_without_a_unit_means_as_if_it_had_not_been_there(unit, away):
    rows = _by(unit)
    own = (rows["held_out"] == away).to_numpy()
    history = _fit(rows)
    found = _values(history, rows)[own]
    # the usual spread is that of all rows: give the model without the unit the same
    whole, rest = (
        table.groupby("query")["gain"].std().dropna().median() for table in (rows, rows[~own])
    )
    spreads = {name: value * whole / rest for name, value in POOLING.spreads.items()}
    pooling = Pooling(spreads, POOLING.level * whole / rest, POOLING.noise * whole / rest)
    alone = _dense(rows[~own], pooling, effects=_kept(history))
    for effect in _kept(history):
        labels = rows.loc[own, list(effect.columns)].agg("|".join, axis=1)
        values = [alone.get((effect.name, label), np.nan) for label in labels]
        np.testing.assert_allclose(found[effect.name], values, rtol=1e-4, atol=1e-8)
    assert found["popularity"].notna().all()


def test_a_level_of_the_left_out_unit_alone_is_unknown_to_it():
    # d helped on the targets of u2 only: without u2 nothing is known of it
    rows = _table()
    rows = rows[(rows["intermediate"] != "d") | (rows["held_out"] == "u2")]
    own = (rows["intermediate"] == "d").to_numpy()
    found = _values(_fit(rows), rows)[own]
    assert found[["popularity", "study", "kind"]].isna().all(axis=None)
    assert found["kinds"].notna().all()


def test_more_units_than_solves_are_left_out_together():
    # 25 units, 10 solves: u0 is left out with u10 and u20 (in order of name) and sees neither
    rows = pd.concat(
        [_table(seed=number).assign(held_out=f"u{number:02}") for number in range(25)],
        ignore_index=True,
    )
    rows["query"] += rows["held_out"]
    history = _fit(rows)
    assert {len(table) for table in history.values.values()} == {11}
    own = (rows["held_out"] == "u07").to_numpy()
    changed = rows.assign(gain=rows["gain"].where(~own, -rows["gain"]))
    before, after = (_values(_fit(table), table)[own] for table in (rows, changed))
    pd.testing.assert_frame_equal(before, after)


def test_direct_has_gained_nothing_by_definition():
    rows = _table()
    history = _fit(rows)
    direct = rows.iloc[:3].assign(intermediate="direct", intermediate_kind="direct")
    assert (_values(history, direct) == 0).all(axis=None)
    with_direct = pd.concat([rows, direct.assign(gain=0.0)], ignore_index=True)
    pd.testing.assert_frame_equal(_values(_fit(with_direct), rows), _values(history, rows))


def test_what_is_unknown_is_missing_and_not_nothing():
    history = _fit(_table())
    new = _table().iloc[:1].assign(intermediate="new", held_out="")
    found = _values(history, new).iloc[0]
    assert found[["popularity", "study", "kind", "pair", "family"]].isna().all()
    assert np.isfinite(found["kinds"])
    assert _values(None, new).isna().all(axis=None)


def test_the_order_of_rows_does_not_matter():
    rows = _table()
    shuffled = rows.sample(frac=1, random_state=3)
    first, second = _values(_fit(rows), rows), _values(_fit(shuffled), rows)
    np.testing.assert_allclose(first, second, rtol=1e-5, atol=1e-9)


def test_rows_with_larger_errors_count_less():
    rows = _table()
    first = rows["intermediate"] == "a"
    pooling = Pooling({"popularity": 1.0}, level=0.0, noise=0.5)
    sure, unsure = (
        _values(_fit(rows.assign(score_se=np.where(first, se, 0.0)), pooling=pooling), rows)
        for se in (0.0, 0.5)
    )
    assert abs(unsure.loc[first, "popularity"]).max() < abs(sure.loc[first, "popularity"]).min()


def test_missing_gains_and_unknown_errors_are_no_trouble():
    rows = _table()
    gap = rows.assign(gain=rows["gain"].where(rows.index != 0))
    pd.testing.assert_frame_equal(_values(_fit(gap), rows), _values(_fit(rows.iloc[1:]), rows))
    unknown = _values(_fit(rows.assign(score_se=np.nan)), rows)
    pd.testing.assert_frame_equal(unknown, _values(_fit(rows.assign(score_se=0.0)), rows))


def test_no_rows_know_nothing():
    rows = _table()
    assert _values(_fit(rows.iloc[:0]), rows).isna().all(axis=None)


def test_an_effect_that_cannot_reach_another_unit_is_left_out():
    # each unit is of one study alone: the study's effect tells nothing of another unit
    rows = _table().assign(study=lambda table: table["held_out"])
    assert "study" not in _fit(rows).levels
    assert "popularity" in _fit(rows).levels


def test_effects_without_spread_play_no_part():
    history = _fit(_table(), pooling=Pooling({"popularity": 0.5, "kind": 0.0}, level=1, noise=1))
    assert set(history.levels) == {"popularity"}


def test_the_prior_is_the_sum_of_what_is_known():
    parts = pd.DataFrame({"a": [0.01, np.nan, np.nan], "b": [0.02, 0.03, np.nan]})
    assert prior_gain(parts).tolist() == pytest.approx([0.03, 0.03, 0.0])


def test_the_known_best_comes_out_on_top_with_much_data():
    # a gains 4 points on targets of its kind, others nothing: shrinkage leaves much of it, and
    # queries in which nothing varies do not make gains look small
    rows = pd.concat([_table(seed=number) for number in range(20)], ignore_index=True)
    rows["query"] += (rows.index // len(_table())).astype(str)
    best = (rows["intermediate"] == "a") & (rows["target_kind"] == "nli")
    rows["gain"] = np.where(best, 0.04, 0.0)
    found = prior_gain(_values(_fit(rows, leave_out=False), rows.assign(held_out="")))
    assert found[best].min() > 0.015
    assert found[best].min() > found[~best].max()
