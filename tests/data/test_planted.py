"""The corpus of planted defects: each is found where it was put, counted right, and mended by the rule that the report names."""

import tomllib
from functools import cache

import polars as pl
import pytest

from penchant.data.check import CheckReport, check
from penchant.data.clean import clean
from penchant.data.dataset import Tables
from penchant.data.defects.defect import Defect
from penchant.schema.recipe import Recipe
from tests.data.planted import NOW, PLANTED, Planted, all_at_once, clean_export, recipe

each = pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: planted.name.replace(" ", "-"))


def checked(tables: Tables, settings: Recipe | None = None) -> CheckReport:
    return check(tables.events, tables.users, tables.items, settings or recipe(), now=NOW)


@cache
def dirty(planted: Planted) -> tuple[Tables, CheckReport]:
    tables = planted.plant(clean_export())
    return tables, checked(tables)


def found(planted: Planted) -> list[Defect]:
    report = dirty(planted)[1]
    wanted = (planted.code, planted.table, planted.column, planted.count)
    return [one for one in report.defects if (one.code, one.table, one.column, one.count) == wanted]


def test_that_the_clean_export_has_no_error_and_no_warning() -> None:
    report = checked(clean_export())
    assert report.of("error", "warning") == ()
    assert [(defect.code, defect.column) for defect in report.defects] == [("near_unique_column", "title"), ("near_unique_column", "plays")]


def test_that_the_corpus_has_thirty_kinds_and_more() -> None:
    assert len(PLANTED) == 47
    assert len({planted.code for planted in PLANTED}) == 42


@each
def test_that_a_planted_defect_is_found_with_its_count_and_first_row_and_nothing_else_is(planted: Planted) -> None:
    report = dirty(planted)[1]
    (defect,) = found(planted)
    if planted.first is not None:
        assert defect.first_rows[0] == planted.first
    assert {one.code for one in report.of("error", "warning")} - {planted.code} == planted.also


@each
def test_that_the_rule_that_is_named_mends_it(planted: Planted) -> None:
    (defect,) = found(planted)
    if defect.rule is None or not defect.rule.startswith("data.clean"):
        return
    tomllib.loads(defect.rule)
    settings = recipe(defect.rule)
    tables = dirty(planted)[0]
    cleaned = clean(tables.events, tables.users, tables.items, settings.data.clean, now=NOW)
    assert cleaned.actions
    left = {one.code for one in check(cleaned.events, cleaned.users, cleaned.items, settings, now=NOW).of("error", "warning")}
    assert planted.code not in left
    assert left <= planted.also


def test_that_every_rule_of_cleaning_is_named_by_some_defect() -> None:
    named = {
        next(iter(tomllib.loads(defect.rule)["data"]["clean"]))
        for planted in PLANTED
        for defect in found(planted)
        if defect.rule and defect.rule.startswith("data.clean")
    }
    rules = set(recipe().data.clean.model_dump())
    assert rules - named == {"impossible_values", "minimum_events_per_user", "minimum_events_per_item"}


def test_that_they_are_found_together_too() -> None:
    tables, together = all_at_once()
    assert len(together) >= 40
    codes = {defect.code for defect in checked(tables).defects}
    assert {planted.code for planted in together} <= codes


def test_that_what_is_rejected_and_what_stays_are_all_the_rows_with_their_numbers() -> None:
    tables, _ = all_at_once()
    lines = 'data.clean.ids = "casefold"\ndata.clean.bots = "drop"\ndata.clean.stand_ins = "missing"\ndata.clean.early_times = "drop"'
    events = tables.events.with_row_index("number", offset=1)
    cleaned = clean(events, tables.users, tables.items, recipe(lines).data.clean, now=NOW)
    gone = cleaned.rejected["events"]
    assert gone["row"].to_list() == gone["number"].to_list()
    assert pl.concat([gone["number"], cleaned.events["number"]]).sort().to_list() == list(range(1, events.height + 1))
    assert set(gone["reason"]) == {"missing_ids", "missing_time", "early_times", "future_times", "bots", "duplicates"}
