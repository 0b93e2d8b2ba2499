"""The picture of one item that moves."""

from dataclasses import replace

import pytest

from penchant.evaluation.moving_item import SHOWN, MovingItem, Sight, moving_item_section
from penchant.evaluation.page import evaluation_page
from penchant.evaluation.summary import Evaluation
from penchant.report.charts import BarChart, VectorChart
from penchant.report.page import Charts, render
from tests.evaluation.given import given_evaluation

MOVING = MovingItem(
    item="Item i7, <Tea>",
    usual=(0.5, -0.25),
    sights=(
        Sight("user a", "sky sun", (0.5, -0.5), 0.447, {"genre": 0.9, "year": -0.2}),
        Sight("user a", "sky rain", (0.0, 0.5), 1.6, {"genre": 0.1, "year": 0.3}),
    ),
    chosen="Not a typical one.",
)


def charts(moving: MovingItem) -> list[VectorChart | BarChart]:
    (part,) = moving_item_section(moving).parts
    assert isinstance(part, Charts)
    return list(part.charts)  # type: ignore[arg-type]  # there are no others


def test_that_the_vector_stands_beside_what_matters_to_whom() -> None:
    vectors, sun, rain = charts(MOVING)
    assert [row.name for row in vectors.rows] == ["usually", "user a · sky sun", "user a · sky rain"]
    assert [row.text for row in vectors.rows] == ["", "moved by 45%", "moved by 160%"]
    assert [row.values for row in vectors.rows] == [(0.5, -0.25), (0.5, -0.5), (0.0, 0.5)]
    assert [(bar.name, bar.value, bar.strong) for bar in sun.bars] == [("genre", 0.9, True), ("year", -0.2, False)]
    assert [(bar.name, bar.value, bar.strong) for bar in rain.bars] == [("genre", 0.1, False), ("year", 0.3, True)]
    assert sun.span == rain.span == (-0.9, 0.9)


def test_that_what_is_the_same_for_all_is_told_once() -> None:
    assert "The same for all" not in (moving_item_section(MOVING).intro or "")
    told = moving_item_section(replace(MOVING, shared="city Oslo, weekday Monday"))
    assert str(told.intro).endswith("The same for all: city Oslo, weekday Monday.")


def test_that_of_many_features_the_strongest_are_drawn() -> None:
    weights = {f"f{place}": (-1.0) ** place * place for place in range(SHOWN + 5)}
    bars = charts(replace(MOVING, sights=(replace(MOVING.sights[0], weights=weights),)))[1].bars
    assert [bar.name for bar in bars] == [f"f{place}" for place in range(SHOWN + 4, 4, -1)]


def test_that_the_page_has_the_section_only_where_something_moves() -> None:
    still, moves = given_evaluation(), replace(given_evaluation(), moving_item=MOVING)
    title = "How an item moves with user and context"
    assert title not in [section.title for section in evaluation_page(still).sections]
    html = render(evaluation_page(moves))
    assert title in html
    assert "Item i7, &lt;Tea&gt;" in html
    assert html.count("moved by 45%") >= 1


def test_that_it_is_kept_in_the_file() -> None:
    moves = replace(given_evaluation(), moving_item=MOVING)
    assert Evaluation.from_json(moves.to_json()).moving_item == MOVING
    assert Evaluation.from_json(given_evaluation().to_json()).moving_item is None


@pytest.mark.parametrize("moving", [replace(MOVING, sights=()), replace(MOVING, sights=(replace(MOVING.sights[0], weights={}),))])
def test_that_nothing_to_draw_is_still_a_page(moving: MovingItem) -> None:
    assert "Item i7" in render(evaluation_page(replace(given_evaluation(), moving_item=moving)))
