"""The check on real sets as they lie: what is known to be wrong with them is found, and what is not is not said."""

from pathlib import Path

import pytest

from penchant import cli
from penchant.data.check import CheckReport, check
from penchant.data.dataset import Tables
from penchant.schema.recipe import Recipe
from tests.real_data import real_data

RECIPES = Path(cli.__file__).parent / "recipes"
NOW = 1_795_000_000.0

pytestmark = pytest.mark.long


def report(recipe: str, folder: str) -> CheckReport:
    settings = Recipe.parse((RECIPES / f"{recipe}.toml").read_text(encoding="utf8"), directory=real_data(folder))
    tables = Tables.read(settings)
    return check(tables.events, tables.users, tables.items, settings, now=NOW)


def told(found: CheckReport) -> list[tuple[str, str, int]]:
    return [(defect.severity, defect.code, defect.count) for defect in found.of("error", "warning")]


def test_that_frappe_has_one_description_that_is_broken() -> None:
    assert told(report("frappe", "frappe")) == [("warning", "broken_text", 1)]


def test_that_movielens_1m_lacks_598_times() -> None:
    assert told(report("movielens-1m", "ml-1m")) == [("error", "missing_time", 598)]


def test_that_the_counts_of_kuairand_tell_the_future_and_its_honest_columns_do_not() -> None:
    found = report("kuairand", "kuairand")
    (future,) = (defect for defect in found.defects if defect.code == "future_aggregate")
    columns = (future.column or "").split(", ")
    assert (future.table, future.severity, len(columns)) == ("items", "information", 51)
    assert not {"author_id", "video_duration", "server_width", "server_height", "music_id", "music_type", "upload_date"} & set(columns)
    assert {"show_cnt", "play_progress", "report_cnt", "counts"} <= set(columns)
    assert [code for _, code, _ in told(found)] == ["training_after_test", "shared_event", *["label_conflict"] * 3]
