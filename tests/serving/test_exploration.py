"""Exploration in answers: declared places alone, by propensities that hold, the same for one request, never where the recipe forbids."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from small_engine import wait_until_ready
from starlette.testclient import TestClient
from tests import small_data
from tests.serving.test_funnel import classic_model, with_serving

from penchant.funnel.plan import Plans
from penchant.schema.errors import RecipeError
from penchant.schema.recipe import Recipe
from penchant.serving.app import create_app
from penchant.serving.engine import BundleEngine
from penchant.serving.keys import Keys
from penchant.serving.protocol import RankRequest, RecommendationAnswer, RecommendationRequest
from penchant.storage.events import SQLiteEventLog
from penchant.storage.sqlite import Database
from penchant.storage.state import SQLiteRecordStore

ANY = 'exploration = { method = "epsilon_greedy", epsilon = 1.0, places = [2, 4] }\n'
WHEN = {"time": small_data.FILM_NOW, "daypart": "day"}


def engine(lines: str, folder: Path) -> BundleEngine:
    return BundleEngine(with_serving(classic_model(), lines, folder), "v1")


def asked(service: BundleEngine, number: int | None, **changes: object) -> RecommendationAnswer:
    told = {"user_id": "nobody", "context": WHEN, "n": 5, "request_id": None if number is None else f"request {number}"} | changes
    return service.recommend(RecommendationRequest(**told))  # type: ignore[arg-type]  # a dictionary of keywords


def names(answer: RecommendationAnswer) -> list[str]:
    return [item.item_id for item in answer.items]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("exploring")


@pytest.fixture(scope="module")
def explored(folder: Path) -> BundleEngine:
    return engine(ANY, folder / "any")


def test_declared_places_alone_are_left_to_chance(explored: BundleEngine) -> None:
    usual = asked(explored, None)
    assert [item.propensity for item in usual.items] == [1] * 5
    second = set()
    for number in range(60):
        found = asked(explored, number)
        assert [names(found)[place] for place in (0, 2, 4)] == [names(usual)[place] for place in (0, 2, 4)]
        assert [found.items[place].propensity for place in (0, 2, 4)] == [1, 1, 1]
        assert len(set(names(found))) == 5
        assert 0 < found.items[1].propensity < 1
        second.add(names(found)[1])
    assert len(second) > 2


def test_the_same_request_has_the_same_list(explored: BundleEngine) -> None:
    assert all(names(asked(explored, number)) == names(asked(explored, number)) for number in range(20))


def test_items_come_as_often_as_their_propensities_say(explored: BundleEngine) -> None:
    answers = [asked(explored, number) for number in range(1500)]
    count = Counter(answer.items[1].item_id for answer in answers)
    told = {answer.items[1].item_id: answer.items[1].propensity for answer in answers}
    assert sum(told.values()) == pytest.approx(1)
    for item, chance in told.items():
        assert count[item] / 1500 == pytest.approx(chance, abs=4 * np.sqrt(chance / 1500))


def test_rank_requests_and_requests_of_nobody_leave_nothing_to_chance(explored: BundleEngine) -> None:
    given = tuple(names(asked(explored, None)))
    for number in range(20):
        ranked = explored.rank(RankRequest(user_id="nobody", items=given, n=5, request_id=f"request {number}"))
        assert [item.propensity for item in ranked.items] == [1] * len(ranked.items)
    assert names(explored.recommend(RecommendationRequest(user_id="nobody", context=WHEN, n=5))) == names(asked(explored, None))


def test_what_the_recipe_forbids_is_never_explored(folder: Path) -> None:
    never = engine(ANY.replace("}", ", never = \"user.user_id == 'u0' or item.genre == 'alpha'\" }"), folder / "never")
    usual = asked(never, None)
    for number in range(60):
        assert [item.propensity for item in asked(never, number, user_id="u0").items] == [1] * 5
        found = asked(never, number)
        moved = [one for one, before in zip(found.items, usual.items, strict=True) if one.item_id != before.item_id]
        assert all(str(never.item(one.item_id)["genre"]) != "alpha" for one in moved)  # type: ignore[index]  # it is there


def test_only_items_that_may_be_explored_are(folder: Path) -> None:
    where = engine(ANY.replace("}", ", where = \"item.genre == 'beta'\" }"), folder / "where")
    for number in range(40):
        found = asked(where, number)
        assert all(where.item(one.item_id)["genre"] == "beta" for one in found.items if one.propensity < 1)  # type: ignore[index]


def test_pins_and_quotas_hold(folder: Path) -> None:
    lines = ANY + '[[serving.pin]]\nitem = "b4"\nplace = 2\n[[serving.quota]]\nwhere = "genre == \'beta\'"\nfirst = 5\nat_least = 3\n'
    ruled = engine(lines, folder / "ruled")
    for number in range(60):
        found = asked(ruled, number)
        assert names(found)[1] == "b4"
        assert found.items[1].propensity == 1
        assert sum(ruled.item(name)["genre"] == "beta" for name in names(found)) >= 3  # type: ignore[index]
        assert not found.dropped_rules


def test_reasons_name_exploration(explored: BundleEngine) -> None:
    usual = names(asked(explored, None))
    moved = 0
    for number in range(20):
        for place, item in enumerate(asked(explored, number, explain=True).items):
            told = any(each["kind"] == "rule" and each["name"] == "exploration" for each in item.reasons)
            assert told == (item.item_id != usual[place])
            moved += told
    assert moved


def test_gumbel_prefers_the_better_ones(folder: Path) -> None:
    sharp = engine('exploration = { method = "gumbel", temperature = 0.05, places = [2] }\n', folder / "gumbel")
    usual = names(asked(sharp, None))[1]
    assert Counter(names(asked(sharp, number))[1] for number in range(60)).most_common(1)[0][0] == usual


def test_a_score_that_does_not_know_how_unsure_it_is_cannot_be_explored_by_that(folder: Path) -> None:
    model = classic_model()
    model.recipe_ = Recipe.parse(small_data.FILM_RECIPE + 'exploration = { method = "thompson", places = [2] }\n')
    with pytest.raises(RecipeError, match=r"serving\.exploration"):
        Plans(model.recipe_.serving).check(model.item_table, model.has_vectors)


@pytest.mark.parametrize("places", ["[]", "[0]", "[1001]", '["two"]'])
def test_places_that_cannot_be_are_refused(places: str) -> None:
    with pytest.raises(RecipeError, match="places"):
        Recipe.parse(small_data.FILM_RECIPE + f"exploration = {{ places = {places} }}\n")


def test_every_request_over_http_is_drawn_by_its_own_id(explored: BundleEngine, tmp_path: Path) -> None:
    database = Database(tmp_path / "penchant.db")
    records = SQLiteRecordStore(database)
    keys = Keys(records)
    app = create_app(explored, SQLiteEventLog(database), records, keys)
    with TestClient(app, headers={"X-API-Key": keys.add("test")}) as client:
        wait_until_ready(client)
        answers = [client.post("/v1/recommendations", json={"user_id": "nobody", "n": 5, "context": WHEN}).json() for _ in range(30)]
    assert len({answer["items"][1]["item_id"] for answer in answers}) > 1
    one = answers[0]
    again = asked(explored, None, request_id=one["request_id"])
    assert names(again) == [item["item_id"] for item in one["items"]]
    assert [item.propensity for item in again.items] == [item["propensity"] for item in one["items"]]
    assert one["items"][1]["propensity_error"] == 0
