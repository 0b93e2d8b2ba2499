"""Worlds: what is told of them is true, laws of behaviour hold, and nothing hangs on who chooses the lists but what was chosen."""

from importlib.resources import files

import numpy as np
import polars as pl
import pytest

from penchant.data.dataset import Dataset
from penchant.schema.errors import TargetError
from penchant.schema.recipe import Recipe
from penchant.simulation.theme import WORLDS, Theme, read_theme
from penchant.simulation.world import Ask, World

PLAIN = {"kinds": ("thing",), "topics": {"a": ("one", "two"), "b": ("three", "four")}, "places": {"home": {"share": 1.0}}}


def plain(**changes: object) -> Theme:
    """A theme without laws, but those that are named."""
    none = {"taste": 0, "quality": 0, "mood": 0, "season": 0, "fatigue": 0, "position": 0, "base": 0.0, "fresh": 0}
    return Theme.model_validate(PLAIN | none | changes)


def world(theme: Theme, **changes: int) -> World:
    return World(theme, **({"users": 20, "items": 15, "days": 10} | changes))


def first(one: World) -> Ask:
    return next(one.requests(1))


@pytest.mark.parametrize("name", WORLDS)
def test_a_world_is_its_seed(name: str) -> None:
    logs = [world(read_theme(name), seed=seed).log(2, 20) for seed in (3, 3, 4)]
    assert logs[0].equals(logs[1])
    assert not logs[0].equals(logs[2])


@pytest.mark.parametrize("name", WORLDS)
def test_requests_do_not_hang_on_what_is_shown(name: str) -> None:
    one, other = (world(read_theme(name)) for _ in range(2))
    for _ in range(2):
        for mine, theirs in zip(one.requests(15), other.requests(15), strict=True):
            assert mine == theirs
            one.show(mine, one.best(mine, 5))
        one.next_day()
        other.next_day()
    assert one.items().equals(other.items())


@pytest.mark.parametrize("name", WORLDS)
def test_lists_are_worth_on_average_what_is_expected(name: str) -> None:
    found, told, squares = 0.0, 0.0, 0.0
    one = world(read_theme(name), users=50, items=60)
    for _ in range(4):
        for ask in one.requests(300):
            items = one.best(ask, 10)
            told += one.expected(ask, items)
            value = one.show(ask, items).value
            found += value
            squares += value**2
        one.next_day()
    # the seed is fixed; four standard errors leave room for the moment's budget, which a list may use up while it is shown
    assert found == pytest.approx(told, abs=4 * np.sqrt(squares) + 0.02 * told)
    assert told > 100


@pytest.mark.parametrize("name", WORLDS)
def test_no_list_is_worth_more_than_the_best(name: str) -> None:
    one, rng = world(read_theme(name)), np.random.default_rng(0)
    names = one.items()["item_id"].to_list()
    for ask in one.requests(20):
        best = one.expected(ask, one.best(ask, 4))
        assert all(one.expected(ask, rng.choice(names, 4, replace=False).tolist()) <= best + 1e-12 for _ in range(50))


@pytest.mark.parametrize("name", WORLDS)
def test_the_recipe_reads_the_world(name: str) -> None:
    recipe = Recipe.parse(files("penchant.simulation").joinpath("worlds", f"{name}.recipe.toml").read_text(encoding="utf8"))
    one = world(read_theme(name))
    log = one.log(3, 40)
    data = Dataset.from_frames(log, one.users(), one.items(), recipe)
    assert len(data.log) == len(log) == 3 * 40 * 10
    assert {f"is_{task}" for task in recipe.tasks if task != "next"} == {column for column in log.columns if column.startswith("is_")}
    assert recipe.serving.events == one.labels()


def test_without_laws_every_item_is_clicked_half_the_time() -> None:
    one = world(plain())
    assert one.clicks(first(one)) == pytest.approx(0.5)
    assert one.expected(first(one), ["i1", "i2"]) == pytest.approx(1.0)


def test_later_places_are_looked_at_less() -> None:
    one = world(plain(position=1.0))
    assert one.expected(first(one), ["i1", "i2", "i3"]) == pytest.approx(0.5 * (1 + 1 / 2 + 1 / 3))


def odds(chance: float) -> float:
    return float(np.log(chance / (1 - chance)))


def test_what_was_shown_tires_and_rests_overnight() -> None:
    one = world(plain(fatigue=1.0))
    ask = first(one)
    one.show(ask, ["i3"])
    one.show(ask, ["i3"])
    assert odds(one.clicks(ask)[3]) == pytest.approx(-2)
    assert odds(one.clicks(ask)[4]) == pytest.approx(0)
    one.next_day()
    assert odds(one.clicks(ask)[3]) == pytest.approx(-1)


def test_what_is_old_fades() -> None:
    one = world(plain(ageing=0.5, fresh=2))
    one.next_day()
    ask = first(one)
    assert odds(one.clicks(ask)[0]) == pytest.approx(-0.5)
    assert odds(one.clicks(ask)[-1]) == pytest.approx(0)
    assert one.fresh == ["i15", "i16"]
    assert one.items().height == 17


def test_what_friends_have_had_is_wanted_more() -> None:
    one = world(plain(friends=1.0, base=5.0))
    ask = first(one)
    friends = one.friends().filter(pl.col("user_id") == ask.user_id)["friend_id"]
    assert len(friends) >= 6
    before = odds(one.clicks(ask)[2])
    moment = Ask(10**6, friends[0], ask.time, ask.scenario, ask.context)
    assert one.show(moment, ["i2"]).clicks == 1
    assert odds(one.clicks(ask)[2]) == pytest.approx(before + np.log(2))


def test_lessons_of_ones_own_level_are_wanted_and_raise_it() -> None:
    one = world(plain(levels=1.0, base=8.0, actions=({"name": "finish", "odds": 30.0},)), items=60)
    ask = first(one)
    level = one.items()["level"].to_numpy()
    off = 8 - np.array([odds(chance) for chance in one.clicks(ask)])
    own = int(level[off.argmin()])
    assert off == pytest.approx(np.abs(level - own))
    lesson = f"i{int(np.flatnonzero(level == own)[0])}"
    assert one.show(ask, [lesson]).events[0].event == "finish"
    after = 8 - np.array([odds(chance) for chance in one.clicks(ask)])
    assert after[level == own] == pytest.approx(0.2)


def test_what_cannot_be_paid_is_wanted_less_until_the_week_ends() -> None:
    buy = {"name": "buy", "odds": 30.0, "value_of_price": 1.0, "spends": True}
    one = world(plain(budget=1e-6, base=8.0, click_value=0.0, actions=(buy,)))
    ask = first(one)
    assert [odds(chance) for chance in one.clicks(ask)] == pytest.approx([6.0] * 15)
    rich = world(plain(budget=1e6, base=8.0, click_value=0.0, actions=(buy,)))
    ask = first(rich)
    assert [odds(chance) for chance in rich.clicks(ask)] == pytest.approx([8.0] * 15)
    price = rich.items()["price"][4]
    assert rich.show(ask, ["i4"]).value == pytest.approx(price, abs=0.01)
    once = world(plain(budget=float(price) + 0.01, base=8.0, click_value=0.0, actions=(buy,)))
    once.show(ask, ["i4"])
    assert odds(once.clicks(ask)[4]) == pytest.approx(6)
    for _ in range(6):
        once.next_day()
    assert odds(once.clicks(ask)[4]) == pytest.approx(6)
    once.next_day()
    assert odds(once.clicks(ask)[4]) == pytest.approx(8)


def test_a_spent_advertiser_is_worth_nothing_until_tomorrow() -> None:
    one = world(plain(item_budget=2.5, base=30.0))
    values = [one.show(ask, ["i1"]).value for ask in one.requests(5)]
    assert values == [1, 1, 1, 0, 0]
    assert one.expected(first(one), ["i1"]) == 0
    one.next_day()
    assert one.expected(first(one), ["i1"]) == pytest.approx(1)


def test_a_place_favours_its_topic() -> None:
    places = {"home": {"share": 1.0}, "b": {"share": 1.0, "lift": 0.5, "favours": "b"}}
    one = world(plain(places=places))
    ask = first(one)
    there, here = (one.clicks(Ask(0, ask.user_id, ask.time, place, ask.context)) for place in ("b", "home"))
    gain = np.array([odds(chance) for chance in there]) - np.array([odds(chance) for chance in here])
    topic = one.items()["topic"].to_numpy()
    assert gain.min() >= 0.5
    assert gain[topic == "b"].mean() > gain[topic == "a"].mean() + 0.5


def test_events_tell_what_was_done_and_where() -> None:
    one = world(read_theme("shop"))
    ask = first(one)
    outcome = one.show(ask, one.best(ask, 5), "request 7")
    assert len(outcome.events) == 5
    for event in outcome.events:
        assert (event.user_id, event.scenario, event.request_id) == (ask.user_id, ask.scenario, "request 7")
        row = one.row(event)
        assert {key: row[key] for key in ask.context} == ask.context
        assert row["is_click"] >= row["is_cart"] >= row["is_buy"]
    assert one.labels()["cart"] == {"is_click": 1, "is_cart": 1, "is_buy": 0}
    assert one.labels()["skip"] == {"is_click": 0, "is_cart": 0, "is_buy": 0}


def test_tables_do_not_tell_what_nobody_can_know() -> None:
    one = world(read_theme("education"))
    assert one.users().columns == ["user_id", "age", "device"]
    assert set(one.items().columns) == {"item_id", "title", "text", "topic", "kind", "price", "level", "day"}


def test_titles_and_pictures_tell_the_topic() -> None:
    theme = read_theme("shop")
    one = world(theme, items=60)
    for row in one.items().iter_rows(named=True):
        assert row["title"].split()[0].lower() in theme.topics[row["topic"]]
    pictures = np.stack([one.picture(name).astype(float) for name in one.items()["item_id"]]).reshape(60, -1)
    topics = one.items()["topic"].to_numpy()
    apart = np.linalg.norm(pictures[:, None] - pictures[None], axis=2)
    np.fill_diagonal(apart, np.inf)
    assert np.mean(topics[apart.argmin(axis=1)] == topics) > 0.6
    assert (one.picture("i0") == one.picture("i0")).all()


def test_friends_know_each_other() -> None:
    pairs = set(world(read_theme("social")).friends().iter_rows())
    assert all((other, one) in pairs and one != other for one, other in pairs)


def test_a_world_that_there_is_not_is_refused_by_name() -> None:
    with pytest.raises(TargetError, match=r"'shops'.*shop"):
        read_theme("shops")
