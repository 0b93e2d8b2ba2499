"""KuaiRand by rolling origin: nothing of the future is read, and models are compared by the draws everything else is."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from penchant.evaluation.metrics.auc import auc
from tests.real_data import real_data

DAY = "20220501"
FEW = 40
"""The tests read one user in so many."""


@pytest.fixture(scope="module")
def days() -> Any:
    from studies.kuairand_days import Days

    return Days(real_data("kuairand"), FEW)


def test_that_a_day_is_learnt_from_the_days_before_alone(days: Any) -> None:
    train, judged = days.parts(DAY)
    date = days.dates
    assert np.nanmax(date[train.rows]) < float(DAY)
    assert np.isnan(date[train.rows]).any()  # the earlier sequences are learnt from too
    assert set(date[judged.rows]) == {float(DAY)}
    assert len(judged.rows) == (date == float(DAY)).sum()


def test_that_what_rivals_read_is_strictly_before_the_moment(days: Any, tmp_path: Path) -> None:
    from studies.kuairand_export import PAST, Export

    folder = Export(days, tmp_path).write(DAY)
    names = np.array(json.loads((folder / "columns.json").read_text(encoding="utf8"))["numbers"])
    number, judged = np.load(folder / "number.npy"), np.load(folder / "judged.npy")
    log = days.data.log
    rows = days.impressions[days.dates[days.impressions] <= float(DAY)]
    assert len(rows) == len(number) == len(np.load(folder / "past.npy"))
    assert judged.sum() == (days.dates == float(DAY)).sum()
    click, tab = (log.series(name).cast(pl.Float64).to_numpy() for name in ("is_click", "tab"))
    mean = click[rows[~judged]].mean()

    def told(name: str) -> NDArray[np.float32]:
        (place,) = np.flatnonzero(names == name)
        column: NDArray[np.float32] = number[:, place]
        return column

    for place in np.random.default_rng(0).choice(len(rows), 60, replace=False):
        row = rows[place]
        before = (log.user == log.user[row]) & (log.time < log.time[row])
        counts = before & (log.time >= log.time[row] - 3600) & ~np.isnan(click)
        assert told("past.user_id click 1h events")[place] == pytest.approx(np.log1p(counts.sum()), abs=1e-5)
        counts = before & (tab == tab[row]) & ~np.isnan(click)
        rate = (click[counts].sum() + 3 * mean) / (counts.sum() + 3)
        assert told("past.user_id+tab click infh rate")[place] == pytest.approx(rate, abs=1e-5)
        last = np.flatnonzero(before & ~np.isnan(days.dates))[-1:]
        assert told("past.last 1 click")[place] == (click[last[0]] if len(last) else -1)
        assert (np.load(folder / "past_kind.npy")[place] > 0).sum() == min(before.sum(), PAST)


def test_that_draws_are_those_of_every_other_study() -> None:
    from studies.paired import Draws, interval, weighted
    from studies.study import BOOTSTRAP, gap

    random = np.random.default_rng(1)
    user, label = random.integers(30, size=400), (random.random(400) < 0.4).astype(np.float32)
    score, other = label + random.normal(size=400), random.normal(size=400)
    draws, everything = Draws(user), np.ones(400, dtype=bool)
    found = [draws.of(auc, label, each, everything) for each in (score, other)]
    expected = gap(BOOTSTRAP.metric_difference(auc, label, score, other, user))
    told = interval(found[0] - found[1], 400)
    assert {name: told[name] for name in ("value", "low", "high")} == {name: expected[name] for name in ("value", "low", "high")}
    whole = weighted([found[0], np.full_like(found[0], np.nan)], [1, 5])
    assert np.array_equal(whole, found[0])


def test_that_the_best_of_what_was_tried_with_these_features_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from studies.kuairand_days import what_is_read
    from studies.study import mark_of

    from studies import kuairand_rivals as rivals

    now = mark_of(what_is_read())
    tried = [("mmoe", now, 1, 0.7, 0.7), ("mmoe", now, 2, 0.6, 0.9), ("mmoe", "of before", 3, 0.9, 0.9), ("ple", now, 4, 0.9, 0.9)]
    lines = [
        {"rival": rival, "read": read, "setting": {"rate": rate}, "auc": {"click": click, "long_view": long, "like": 0.5}}
        for rival, read, rate, click, long in tried
    ]
    file = tmp_path / "trials.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf8")
    monkeypatch.setattr(rivals, "TRIALS", file)
    assert rivals.chosen("mmoe") == {task: {"rate": 2} for task in ("click", "long_view", "like")}
    assert len(rivals.untried("mmoe")) == rivals.MOST - 2


def test_that_each_scenario_keeps_as_many_training_rows_as_told(days: Any) -> None:
    from studies.kuairand import KuaiRand
    from studies.kuairand_judged import SCENARIOS

    train, _ = days.parts(DAY)
    study = KuaiRand(real_data("kuairand"))
    cut = study._cut(train, 20, DAY, 0)
    tab = [part.log.series("tab", part.rows).cast(pl.Float64).fill_null(-1).to_numpy() for part in (train, cut)]
    for scenario in SCENARIOS:
        assert (tab[1] == scenario).sum() == min((tab[0] == scenario).sum(), 20)
    others = [~np.isin(each, SCENARIOS) for each in tab]
    assert np.array_equal(train.rows[others[0]], cut.rows[others[1]])


def test_that_a_tabs_own_log_has_its_impressions_in_order_and_no_other_tabs(days: Any) -> None:
    from studies.kuairand_days import Days

    own = Days(real_data("kuairand"), FEW, 4)
    judged, everywhere = (each.parts(DAY)[1] for each in (own, days))
    tab = own.data.log.series("tab").cast(pl.Float64)
    assert set(tab.drop_nulls()) == {4.0}
    assert tab.is_null().sum() == (np.isnan(days.dates)).sum()
    here = everywhere.rows[everywhere.log.series("tab", everywhere.rows).cast(pl.Float64).to_numpy() == 4]
    assert np.array_equal(judged.log.time[judged.rows], days.data.log.time[here])
    named = [log.users["user_id"].gather(log.user[rows]).to_list() for log, rows in ((judged.log, judged.rows), (days.data.log, here))]
    assert named[0] == named[1]


def test_that_predictions_say_where_they_come_from_and_are_made_once(days: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from studies import kuairand

    monkeypatch.setattr(kuairand, "CACHE", tmp_path)
    study = kuairand.KuaiRand(real_data("kuairand"), say=lambda text: None)
    study.days = days
    first = study._predictions("item_mean", 0)
    file = study._folder("item_mean", 0) / kuairand.FITS
    fits = [json.loads(line) for line in file.read_text(encoding="utf8").splitlines()]
    assert [fit["day"] for fit in fits] == list(kuairand.DAYS)
    assert all(fit["commit"] and fit["cpu_seconds"] >= 0 for fit in fits)
    monkeypatch.setattr(study, "_fitted", None)
    assert np.array_equal(study._predictions("item_mean", 0), first)
    assert len(first) == len(study.judged[kuairand.DAYS].data)
