"""The funnel in answers: filter, variety and rules of the recipe and of a request, as offline, for items old and new, and over HTTP."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from small_engine import wait_until_ready
from starlette.testclient import TestClient
from tests import small_data
from tests.models.test_candidate_source import BOTH, fitted
from tests.serving.test_engine import DAY, ask, ids

from penchant.models.classic import classic
from penchant.models.network_recommender import NetworkRecommender
from penchant.models.recommender import Recommender
from penchant.models.saved import read, write
from penchant.schema.errors import FilterError, RecipeError, UnsupportedError
from penchant.schema.recipe import Recipe
from penchant.schema.sections.part import Part
from penchant.serving.app import create_app
from penchant.serving.engine import BundleEngine
from penchant.serving.keys import Keys
from penchant.serving.protocol import RankRequest, RecommendationAnswer, RecommendationRequest
from penchant.storage.events import SQLiteEventLog
from penchant.storage.sqlite import Database
from penchant.storage.state import SQLiteRecordStore

WHEN = {"time": small_data.FILM_NOW, "daypart": "day"}
RULES = """
filter = "year == 1980 or genre == 'beta'"
diversity = { method = "mmr", strength = 0.3, candidates = 12 }

[[serving.pin]]
item = "b4"
place = 2
where = "context.daypart == 'day'"
name = "promoted"

[[serving.boost]]
where = "item_id in ('a2', 'a4')"
factor = 3.0

[[serving.quota]]
where = "genre == 'beta'"
first = 5
at_least = 3
name = "beta"

[serving.scenarios.search]
filter = "genre == 'beta'"
pin = []
quota = [{ by = "year", first = 4, at_most = 2 }]
"""


def with_serving(model: Recommender, lines: str, folder: Path) -> Recommender:
    """A model of one's own whose recipe says more of `[serving]`."""
    folder.mkdir(parents=True, exist_ok=True)
    write(model, folder)
    own = read(folder)
    own.recipe_ = Recipe.parse((BOTH if isinstance(own, NetworkRecommender) and own.sources else small_data.FILM_RECIPE) + lines)
    if isinstance(own, NetworkRecommender):
        own.recipe = own.recipe_
    return own


def classic_model(kind: str = "ease") -> Recommender:
    settings = {"regularisation": 5.0} if kind == "ease" else {"factors": 4, "seed": 0}
    return classic(Part.model_validate({"kind": kind, **settings})).fit(small_data.film_dataset())


MODELS = {"network": small_data.film_network, "ease": classic_model, "als": lambda: classic_model("als")}


def names(reasons: Any) -> list[tuple[str, str]]:
    return [(each["kind"], each["name"]) for each in reasons]


# As offline.


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("scenario", ["home", "search"])
@pytest.mark.parametrize(
    ("filter", "diversity"),
    [
        (None, None),
        ("user.colour == 'red' or missing(user.colour)", None),
        (None, {"method": "dpp", "strength": 0.5, "by": "genre"}),
        ("year == 1980", {"method": "calibrated", "strength": 0.7}),
    ],
)
def test_that_the_service_lists_what_the_model_does_offline(
    model: str, scenario: str, filter: str | None, diversity: Any, tmp_path: Path
) -> None:
    own = with_serving(MODELS[model](), RULES, tmp_path)
    engine = BundleEngine(own, "7")
    asked = {"filter": filter, "diversity": diversity if model != "ease" or diversity else {"by": "genre"}}
    for user in ("u0", "u1", "u5", "nobody"):
        wanted = own.recommend([user], 6, context=WHEN, scenario=scenario, explain=True, **asked)
        answer = ask(engine, user, n=6, scenario=scenario, explain=True, **asked)
        assert not answer.degraded
        if user == "nobody" and model != "network":
            continue  # of whom a classic model knows nothing gets what most have had, online
        assert ids(answer) == wanted["item_id"].to_list()
        rules = [[name for kind, name in names(item.reasons) if kind == "rule"] for item in answer.items]
        assert rules == wanted["rules"].to_list()


def test_that_a_recipe_without_rules_gives_what_it_gave(tmp_path: Path) -> None:
    plain, engine = small_data.film_network(), BundleEngine(small_data.film_network(), "7")
    both = plain.recommend(["u0", "u1"], 5, context=WHEN, scenario="home")
    assert ids(ask(engine, "u0")) + ids(ask(engine, "u1")) == both["item_id"].to_list()
    wanted = plain.recommend(["u0"], 5, context=WHEN, scenario="home")
    assert plain.recommend(["u0"], 5, context=WHEN, scenario="home", diversity=0.0).equals(wanted)
    assert plain.recommend(["u0"], 5, context=WHEN, scenario="home", filter="true").equals(wanted)


def test_that_many_users_with_filters_of_their_own_get_their_own_lists() -> None:
    table = small_data.film_network().recommend(
        ["u0", "u1", "u2", "nobody"],
        3,
        context=WHEN,
        scenario="home",
        filter="(user.colour == 'red' and genre == 'beta') or missing(user.colour)",
    )
    genres = {user: {name[0] for name in part["item_id"]} for (user,), part in table.group_by("user_id")}
    assert genres["u0"] == {"b"}
    assert "u1" not in genres
    assert len(table.filter(user_id="u2")) == len(table.filter(user_id="nobody")) == 3


# The recipe's rules.


def test_that_rules_hold_in_their_scenario_and_say_so(tmp_path: Path) -> None:
    engine = BundleEngine(with_serving(small_data.film_network(), RULES, tmp_path), "7")
    answer = ask(engine, "u0", n=5, explain=True)
    listed = ids(answer)
    assert listed[1] == "b4"
    assert ("rule", "promoted") in names(answer.items[1].reasons)
    assert sum(name[0] == "b" for name in listed) >= 3
    assert all(int(name[1:]) % 2 == 0 or name[0] == "b" for name in listed)
    assert answer.dropped_rules == []
    assert any(("source", "retrieval") in names(item.reasons) for item in answer.items)
    night = ask(engine, "u0", n=5, context={**DAY, "daypart": "night"}, explain=True)
    assert all(("rule", "promoted") not in names(item.reasons) for item in night.items)
    search = ids(ask(engine, "u0", n=4, scenario="search"))
    assert all(name[0] == "b" for name in search)
    assert sorted(int(name[1:]) % 2 for name in search) == [0, 0, 1, 1]
    assert all(item.reasons == [] for item in ask(engine, "u0", n=5).items), "reasons are given when asked for"


def test_that_a_rule_that_cannot_be_kept_is_told(tmp_path: Path) -> None:
    pins = "".join(f'[[serving.pin]]\nitem = "{item}"\nplace = {place}\n' for item, place in (("a1", 1), ("a3", 1), ("gone", 3)))
    lines = f"{pins}[[serving.quota]]\nwhere = \"genre == 'none'\"\nat_least = 1\n"
    answer = ask(BundleEngine(with_serving(small_data.film_network(), lines, tmp_path), "7"), "u1", n=3)
    assert ids(answer)[0] == "a1"
    assert list(answer.dropped_rules) == ["pin 2", "pin 3", "quota 1"]


def test_that_what_was_seen_or_filtered_out_is_not_pinned(tmp_path: Path) -> None:
    own = small_data.film_network()
    (seen, *_) = own.log_.series("item_id", own.log_.user == 0).to_list()
    lines = f'filter = "item_id != \'b9\'"\n[[serving.pin]]\nitem = "{seen}"\n[[serving.pin]]\nitem = "b9"\nplace = 2\n'
    answer = ask(BundleEngine(with_serving(own, lines, tmp_path), "7"), "u0", n=5)
    assert not {seen, "b9"} & set(ids(answer))
    assert list(answer.dropped_rules) == ["pin 1", "pin 2"]
    offline = with_serving(own, lines, tmp_path / "offline").recommend(["u0"], 5, context=WHEN, scenario="home")
    assert offline["item_id"].to_list() == ids(answer)


def test_that_a_scenario_has_otherwise_only_what_it_names() -> None:
    serving = Recipe.parse(small_data.FILM_RECIPE + RULES).serving
    everywhere, search = serving.funnel(None), serving.funnel("search")
    assert (search.filter, search.pin) == ("genre == 'beta'", ())
    assert [quota.by for quota in search.quota] == ["year"]
    assert (search.boost, search.diversity) == (everywhere.boost, everywhere.diversity)
    assert everywhere.boost
    assert serving.funnel("home") == everywhere


def test_that_a_boost_lifts_and_a_quota_by_kind_spreads(tmp_path: Path) -> None:
    plain = BundleEngine(small_data.film_network(), "7")
    last = ids(ask(plain, "u0", n=12))[-1]
    lines = (
        f'[[serving.boost]]\nwhere = "item_id == \'{last}\'"\nfactor = 1000000.0\n[[serving.quota]]\nby = "genre"\nfirst = 4\nat_most = 2\n'
    )
    answer = ask(BundleEngine(with_serving(small_data.film_network(), lines, tmp_path), "7"), "u0", n=4, explain=True)
    assert sorted(name[0] for name in ids(answer)) == ["a", "a", "b", "b"]
    assert any(("rule", "boost 1") in names(item.reasons) for item in answer.items) == (last in ids(answer))
    assert any(name.startswith("quota 1: ") for item in answer.items for kind, name in names(item.reasons) if kind == "rule")


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ('filter = "prize < 3"', "serving.filter, character 1"),
        ('[[serving.quota]]\nby = "colour"\nat_most = 2', "serving.quota.0.by"),
        ('diversity = { by = "genres" }', "serving.diversity"),
        ('[[serving.boost]]\nwhere = "title > 3"\nfactor = 2.0', "serving.boost.0.where, character 9"),
        ('[serving.scenarios.home]\nfilter = "yeer > 3"', "serving.scenarios.home.filter"),
    ],
)
def test_that_a_recipe_over_columns_that_are_not_there_is_refused_before_it_is_fitted(lines: str, told: str) -> None:
    data = small_data.film_dataset(small_data.FILM_RECIPE + lines)
    with pytest.raises(RecipeError, match=told):
        classic(Part.model_validate({"kind": "ease"})).fit(data)


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ('filter = "year <"', "serving.filter"),
        ('[[serving.boost]]\nwhere = "true"\nfactor = 0.0', "factor"),
        ('[[serving.quota]]\nwhere = "true"', "at_least or at_most"),
        ("[[serving.quota]]\nat_most = 1", "one of `where` and `by`"),
        ('[[serving.quota]]\nby = "genre"\nat_least = 1', "at_least"),
        ("shares = { retrieval = 0.5 }", "ranked"),
        ("ranked = 10\nshares = { retreival = 0.5 }", "Did you mean 'retrieval'"),
        ("ranked = 10\nshares = { retrieval = 1.5 }", "less than or equal to 1"),
        ("diversity = { method = 'mmrr' }", "mmr"),
    ],
)
def test_that_a_recipe_that_contradicts_itself_is_refused_as_it_is_read(lines: str, told: str) -> None:
    with pytest.raises(RecipeError, match=told):
        Recipe.parse(small_data.FILM_RECIPE + lines)


# Requests.


def test_that_items_put_since_pass_by_what_they_are_now(tmp_path: Path) -> None:
    engine = BundleEngine(small_data.copy_of(small_data.film_network(), tmp_path), "7")
    stock = {"filter": "item.stock > 0"}
    with pytest.raises(FilterError, match="Known"):
        engine.check(RecommendationRequest(**stock))
    engine.upsert_items(
        {"a0": {"title": "Alpha 0", "genre": "alpha", "year": 1980, "stock": 2}, "new": {"genre": "alpha", "year": 1980, "stock": 5}}
    )
    engine.check(RecommendationRequest(**stock))
    assert set(ids(ask(engine, "fresh", n=9, **stock))) == {"a0", "new"}
    engine.upsert_items({"a0": {"title": "Alpha 0", "genre": "alpha", "year": 1980, "stock": 0}})
    assert ids(ask(engine, "fresh", n=9, **stock)) == ["new"]
    assert "new" not in ids(ask(engine, "fresh", n=30, filter="year > 1980"))


def test_that_a_request_is_checked_for_columns_and_what_the_model_can_do(tmp_path: Path) -> None:
    engine = BundleEngine(small_data.film_network(), "7")
    with pytest.raises(FilterError, match=r"Did you mean 'user\.colour'"):
        engine.check(RecommendationRequest(filter="colour == 'red'"))
    engine.check(RecommendationRequest(filter="context.coupon == 'x'", context={"coupon": "x"}))
    engine.check(RecommendationRequest(diversity=0.5))
    with pytest.raises(UnsupportedError, match="item column"):
        engine.check(RecommendationRequest(diversity={"by": "genres"}))
    with pytest.raises(FilterError):
        engine.check(RankRequest(items=("a0",), filter="prize > 1"))
    BundleEngine(classic_model(), "7").check(RecommendationRequest(diversity=0.5))


def test_that_the_users_own_columns_are_those_told_last(tmp_path: Path) -> None:
    engine = BundleEngine(small_data.copy_of(small_data.film_network(), tmp_path), "7")
    asked = {"filter": "genre == user.wish", "profile": {"wish": "beta"}}
    assert {name[0] for name in ids(ask(engine, "u0", **asked))} == {"b"}
    engine.upsert_users({"u0": {"colour": "blue"}})
    assert ids(ask(engine, "u0", filter="user.colour == 'red'")) == []
    assert len(ids(ask(engine, "u0", filter="user.colour == 'blue'"))) == 5


def test_that_requests_answered_together_keep_their_own_funnels() -> None:
    engine = BundleEngine(small_data.film_network(), "7")
    requests = [
        RecommendationRequest(user_id="u0", n=4, context=DAY, scenario="home", **more)
        for more in ({}, {"filter": "genre == 'beta'"}, {"diversity": 0.9}, {"explain": True}, {"filter": "year == 1981", "diversity": 0.2})
    ]
    together = engine.recommend_many(requests)
    assert [ids(answer) for answer in together] == [ids(engine.recommend(request)) for request in requests]
    assert [bool(answer.items[0].reasons) for answer in together] == [False, False, False, True, False]


def test_that_popular_items_of_a_failing_model_pass_the_filter_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    engine = BundleEngine(with_serving(small_data.film_network(), 'filter = "year == 1980"', tmp_path), "7")

    def fail(*_: Any) -> RecommendationAnswer:
        raise RuntimeError

    monkeypatch.setattr(engine.model, "recommend", fail)
    answer = ask(engine, "u0", n=9, filter="genre == 'beta'")
    assert (answer.degraded, answer.fallback) == (True, "popular")
    assert answer.items
    assert all(name[0] == "b" and int(name[1:]) % 2 == 0 for name in ids(answer))


def test_that_given_items_are_filtered_and_spread_as_the_request_asks_and_no_rule_of_the_recipe_moves_them(tmp_path: Path) -> None:
    engine = BundleEngine(with_serving(small_data.film_network(), RULES, tmp_path), "7")
    given = RankRequest(user_id="u0", context=DAY, scenario="home", n=6, items=("a1", "a3", "b1", "b3", "a2", "b4"))
    plain = ids(engine.rank(given))
    assert set(plain) == set(given.items)
    filtered = RankRequest(user_id="u0", context=DAY, scenario="home", n=6, items=given.items, filter="genre == 'beta'")
    assert ids(engine.rank(filtered)) == [name for name in plain if name[0] == "b"]
    spread = RankRequest(user_id="u0", context=DAY, scenario="home", n=6, items=given.items, diversity={"strength": 1.0, "by": "genre"})
    assert {name[0] for name in ids(engine.rank(spread))[:2]} == {"a", "b"}


# Sources.


def test_that_candidates_are_limited_and_shared_as_offline_and_told(tmp_path: Path) -> None:
    everywhere = "ranked = 6\nshares = { retrieval = 0.5, neighbours = 0.5 }\n"
    search = "\n[serving.scenarios.search]\nranked = 7\nshares = { neighbours = 1.0 }\n"
    before, after = BOTH.split("[serving.sources.neighbours]")
    recipe = Recipe.parse(f"{before}{everywhere}[serving.sources.neighbours]{after}{search}")
    own = fitted(BOTH)
    write(own, tmp_path)
    own = read(tmp_path)
    assert isinstance(own, NetworkRecommender)
    own.recipe = own.recipe_ = recipe
    engine = BundleEngine(own, "7")
    for scenario in ("home", "search"):
        for user in ("u0", "u1", "u7", "nobody"):
            wanted = own.recommend([user], 4, context=WHEN, scenario=scenario)
            answer = ask(engine, user, n=4, scenario=scenario, explain=True)
            assert (ids(answer), answer.degraded) == (wanted["item_id"].to_list(), False)
            proposed = [{name for kind, name in names(item.reasons) if kind == "source"} for item in answer.items]
            assert all(each and each <= set(engine.model.sources) for each in proposed)
    sizes = []
    judge = own.judge
    own.judge = lambda encoding, rows, moments: sizes.append(rows.shape[1]) or judge(encoding, rows, moments)  # type: ignore[method-assign]
    ask(engine, "u0", n=2)
    ask(engine, "u0", n=2, scenario="search")
    assert sizes == [6, 7]


# Over HTTP.


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    """A service on a real engine with rules."""
    engine = BundleEngine(with_serving(small_data.film_network(), RULES, tmp_path / "model"), "7")
    database = Database(tmp_path / "penchant.db")
    log, records = SQLiteEventLog(database), SQLiteRecordStore(database)
    keys = Keys(records)
    with TestClient(create_app(engine, log, records, keys), headers={"X-API-Key": keys.add("test")}) as client:
        wait_until_ready(client)
        yield client


def test_that_a_filter_and_diversity_go_over_http(client: TestClient) -> None:
    body = {"user_id": "u0", "scenario": "search", "context": {"daypart": "day"}, "n": 4, "filter": "item.year == 1980", "explain": True}
    answer = client.post("/v1/recommendations", json=body)
    assert answer.status_code == 200
    told = answer.json()
    assert told["dropped_rules"] == ["quota 1: 1980.0"]
    assert all(item["item_id"][0] == "b" and int(item["item_id"][1:]) % 2 == 0 for item in told["items"])
    moved = [reason for item in told["items"] for reason in item["reasons"] if reason["kind"] in ("source", "rule")]
    assert moved
    assert all(reason.keys() == {"kind", "name"} for reason in moved)
    for diversity in (0.7, 0, {"method": "dpp", "strength": 0.4}, {"by": "genre"}):
        assert client.post("/v1/recommendations", json={"user_id": "u0", "diversity": diversity}).status_code == 200
    ranked = client.post("/v1/rank", json={"user_id": "u0", "items": ["a1", "b1"], "filter": "genre == 'beta'"})
    assert [item["item_id"] for item in ranked.json()["items"]] == ["b1"]
    assert client.put("/v1/items/hot", json={"genre": "beta", "year": 1980, "stock": 1}).status_code == 200
    found = client.post("/v1/recommendations", json={"n": 50, "scenario": "search", "filter": "stock > 0"}).json()
    assert [item["item_id"] for item in found["items"]] == ["hot"]


@pytest.mark.parametrize(
    ("body", "code", "fault", "told"),
    [
        ({"filter": "year <"}, "malformed", "filter_syntax", "character 7"),
        ({"filter": "a == 1 " * 2000}, "malformed", "string_too_long", "4096"),
        ({"filter": "not " * 40 + "year"}, "malformed", "filter_limit", "nested"),
        ({"filter": 3}, "malformed", "string_type", "string"),
        (
            {"filter": "yeer > 1"},
            "filter",
            "filter_column",
            "character 1: must be a column of item that is known here. Did you mean 'year'?",
        ),
        ({"filter": "year == 'x'"}, "filter", "filter_types", "quotes"),
        ({"diversity": 1.5}, "malformed", "less_than_equal", "1"),
        ({"diversity": {"method": "random"}}, "malformed", "literal_error", "mmr"),
        ({"diversity": {"strong": 1}}, "malformed", "extra_forbidden", ""),
        ({"diversity": {"by": "genres"}}, "unsupported", None, "Did you mean 'genre'?"),
    ],
)
def test_that_what_cannot_be_asked_is_422_with_a_place_and_a_code(
    client: TestClient, body: dict[str, Any], code: str, fault: str | None, told: str
) -> None:
    answer = client.post("/v1/recommendations", json=body)
    assert answer.status_code == 422
    problem = answer.json()
    assert problem["code"] == code
    if fault is not None:
        assert fault in [error["code"] for error in problem["errors"]]
        assert problem["errors"][0]["path"].startswith(next(iter(body)))
    assert told in answer.text
    assert "yeer" not in answer.text, "nothing a caller sent is repeated back"
