"""Scenarios of one and of several columns: shared histories, combinations never seen, and what a request may name."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from starlette.testclient import TestClient
from tests import small_data

from penchant.data.dataset import Dataset
from penchant.models.network_recommender import NetworkRecommender
from penchant.models.saved import read_network, write_network
from penchant.schema.event import Event
from penchant.schema.recipe import Recipe
from penchant.serving.app import create_app
from penchant.serving.engine import BundleEngine
from penchant.serving.protocol import RecommendationRequest
from penchant.storage.events import SQLiteEventLog
from penchant.storage.sqlite import Database
from penchant.storage.state import SQLiteRecordStore
from penchant.studies.scenarios import scenario_slices
from penchant.training.trainer import fit_network

COLUMNS = 'columns = ["tab", "daypart"]\nbuckets = { hour = 4 }'
SEVERAL = small_data.FILM_RECIPE.replace('column = "tab"', COLUMNS).replace('context.daypart = { kind = "category" }\n', "")
HOME_BY_NIGHT = {"tab": "home", "daypart": "night"}
NOW = {"timestamp": small_data.FILM_NOW}


def films(recipe: str = SEVERAL) -> Dataset:
    """The films without any event at home by night."""
    seen = small_data.film_events().filter(~((pl.col("tab") == "home") & (pl.col("daypart") == "night")))
    return Dataset.from_frames(seen, small_data.viewers(), small_data.films(), Recipe.parse(recipe), now=small_data.FILM_NOW)


@cache
def network(kind: str = "gates") -> NetworkRecommender:
    """Fitted on them; not to be changed."""
    data = films(SEVERAL.replace("[training]", f'scenario = {{ kind = "{kind}" }}\n[training]'))
    return fit_network(data.recipe, data)


def stars(engine: BundleEngine, scenario: Any, **more: Any) -> float:
    """What a viewer is said to give on average."""
    answer = engine.recommend(RecommendationRequest(user_id="u0", scenario=scenario, context=NOW, n=5, **more))
    assert not answer.degraded
    return float(np.mean([item.tasks["stars"] for item in answer.items]))


@pytest.mark.parametrize("kind", ["gates", "adapters"])
def test_that_a_combination_never_seen_works_through_its_factors(kind: str) -> None:
    """Viewers give 5 stars at home and 2 in a search, by day and by night; nobody was ever at home by night."""
    engine = BundleEngine(network(kind), "1")
    assert stars(engine, {"tab": "home", "daypart": "day"}) > 4
    in_search = stars(engine, {"tab": "search", "daypart": "night"})
    assert in_search < 2.6
    assert stars(engine, HOME_BY_NIGHT) > in_search + 0.7


@pytest.mark.parametrize("kind", ["gates", "adapters"])
def test_that_an_unknown_value_is_answered(kind: str) -> None:
    engine = BundleEngine(network(kind), "1")
    assert stars(engine, {"tab": "home", "daypart": "at dawn"}) > 3.5
    assert 1 <= stars(engine, {"tab": "aquarium", "daypart": "at dawn"}) <= 5


def test_that_a_combination_never_seen_is_said() -> None:
    engine = BundleEngine(network(), "1")

    def fallback(scenario: Any, user: str | None = "u0") -> str | None:
        return engine.recommend(RecommendationRequest(user_id=user, scenario=scenario, context=NOW)).fallback

    assert fallback({"tab": "home", "daypart": "day"}) is None
    assert fallback("tab=search, daypart=night") is None
    assert fallback(HOME_BY_NIGHT) == fallback("daypart=night,tab=home") == "scenario_factors"
    assert fallback({"tab": "aquarium", "daypart": "day"}) == "scenario_factors"
    assert fallback({"daypart": "day"}) is None  # the tab is then the most frequent, which was seen by day
    assert fallback(None, user=None) == "anonymous"


def test_that_factors_may_be_told_in_the_context_as_well() -> None:
    engine = BundleEngine(network(), "1")
    plain = RecommendationRequest(user_id="u0", scenario=HOME_BY_NIGHT, context=NOW)
    in_context = RecommendationRequest(user_id="u0", context=NOW | HOME_BY_NIGHT)
    assert engine.recommend(plain).items == engine.recommend(in_context).items


def test_that_offline_and_online_agree_and_a_bundle_keeps_it(tmp_path: Path) -> None:
    model = network("adapters")
    write_network(model, tmp_path)
    asked = {"k": 5, "context": NOW, "exclude_seen": False}
    listed = model.recommend(["u0"], scenario=HOME_BY_NIGHT, **asked)
    again = read_network(tmp_path).recommend(["u0"], scenario="tab=home,daypart=night", **asked)
    assert listed.equals(again)
    request = RecommendationRequest(user_id="u0", scenario=HOME_BY_NIGHT, context=NOW, n=5, exclude_seen=False)
    online = BundleEngine(read_network(tmp_path), "1").recommend(request)
    assert [item.item_id for item in online.items] == listed["item_id"].to_list()
    np.testing.assert_allclose([item.score for item in online.items], listed["score"], rtol=1e-5)


def test_that_the_clock_is_a_factor() -> None:
    """The same request is judged otherwise in another part of the day, and alike within one."""
    model = network()
    table = model.network.scenario
    assert table is not None
    assert [form.size for form in table.forms.values()] == [4, 4, 6]
    noon = small_data.FILM_NOW - small_data.FILM_NOW % small_data.DAY + 0.5 * small_data.DAY
    early, late, evening = (
        model.recommend(["u0"], 5, scenario=HOME_BY_NIGHT, context={"time": noon + 3600 * hours})["score"].to_list() for hours in (1, 2, 8)
    )
    assert early == late != evening


def test_that_what_was_done_in_one_scenario_counts_in_another() -> None:
    """A stranger's choices in the search tab alone decide what is recommended on the home tab."""
    engine = BundleEngine(small_data.film_network(), "1")
    context = {"timestamp": small_data.FILM_NOW, "daypart": "day"}

    def at_home(taste: str) -> list[str]:
        past = [
            Event("", "new", f"{taste}{number}", small_data.FILM_NOW - 60 * number, "rating", 5.0, "search", {"daypart": "day"})
            for number in (2, 4, 6)
        ]
        answer = engine.recommend(RecommendationRequest(session=tuple(past), scenario="home", context=context, n=5))
        return [item.item_id[0] for item in answer.items]

    assert at_home("a").count("a") >= 4
    assert at_home("b").count("b") >= 4


def test_that_reports_show_every_scenario_and_every_factor() -> None:
    data = films()
    frame = data.log.take(["tab", "daypart", "timestamp"], data.rows)
    slices = scenario_slices(data.recipe, frame)
    tab, daypart = (frame[name].to_numpy() for name in ("tab", "daypart"))
    assert set(slices) >= {"tab=home, daypart=day", "tab=search, daypart=night", "tab=home", "daypart=night"}
    assert "tab=home, daypart=night" not in slices
    assert np.array_equal(slices["tab=search, daypart=night"], (tab == "search") & (daypart == "night"))
    assert np.array_equal(slices["tab=home"], tab == "home")
    hours = {name: mask for name, mask in slices.items() if name.startswith("hour=")}
    assert np.array_equal(sum(mask.astype(int) for mask in hours.values()), np.ones(len(frame)))
    assert scenario_slices(small_data.recipe(), frame) == {}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """The network of several columns over HTTP."""
    folder = tmp_path_factory.mktemp("http")
    write_network(network(), folder)
    database = Database(folder / "penchant.db")
    app = create_app(BundleEngine(read_network(folder), "1"), SQLiteEventLog(database), SQLiteRecordStore(database), None)
    with TestClient(app) as client:
        while client.get("/health/ready").status_code != 200:
            pass
        yield client


def test_that_the_facts_list_combinations_and_factors(client: TestClient) -> None:
    told = client.get("/v1/scenarios").json()
    assert told["scenarios"] == ["tab=home, daypart=day", "tab=search, daypart=day", "tab=search, daypart=night"]
    assert {name: sorted(values) for name, values in told["factors"].items()} == {"tab": ["home", "search"], "daypart": ["day", "night"]}


@pytest.mark.parametrize(
    ("scenario", "status", "said"),
    [
        ({"tab": "home", "daypart": "day"}, 200, None),
        ("tab=home, daypart=day", 200, None),
        (HOME_BY_NIGHT, 200, "scenario_factors"),
        ("tab=home,daypart=night", 200, "scenario_factors"),
        ({"tab": "aquarium"}, 200, "scenario_factors"),
        ({"tabs": "home"}, 404, "unknown_scenario"),
        ("home", 404, "unknown_scenario"),
        ({"tab": ["home"]}, 422, "malformed"),
        (7, 422, "malformed"),
        ("", 422, "malformed"),
    ],
)
def test_that_requests_name_scenarios_in_words_or_by_columns(client: TestClient, scenario: Any, status: int, said: str | None) -> None:
    body = {"user_id": "u0", "scenario": scenario}
    for path, more in (("recommendations", {}), ("rank", {"items": ["a1", "b1"]})):
        answer = client.post(f"/v1/{path}", json=body | more)
        assert answer.status_code == status
        assert answer.json()["fallback" if status == 200 else "code"] == said


def test_that_events_may_tell_their_factors(client: TestClient) -> None:
    event = {"user_id": "u0", "item_id": "a1", "event": "rating", "value": 5}
    scenarios = [HOME_BY_NIGHT, "tab=home,daypart=day", "neither of them", None]
    answer = client.post("/v1/events", json={"events": [event | {"scenario": scenario} for scenario in scenarios]}).json()
    assert (answer["accepted"], answer["rejected"]) == (4, [])
    assert client.post("/v1/recommendations", json={"user_id": "u0"}).json()["degraded"] is False


def test_that_one_column_takes_only_declared_values_in_either_form(tmp_path: Path) -> None:
    database = Database(tmp_path / "penchant.db")
    engine = BundleEngine(small_data.copy_of(small_data.film_network(), tmp_path / "copy"), "1")
    with TestClient(create_app(engine, SQLiteEventLog(database), SQLiteRecordStore(database), None)) as client:
        while client.get("/health/ready").status_code != 200:
            pass
        asked = [("home", 200), ({"tab": "home"}, 200), ("moon", 404), ({"tab": "moon"}, 404), ({"daypart": "day"}, 404)]
        for scenario, status in asked:
            assert client.post("/v1/recommendations", json={"user_id": "u0", "scenario": scenario}).status_code == status
        assert client.get("/v1/scenarios").json()["factors"].keys() == {"tab"}
