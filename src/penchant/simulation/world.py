"""A world with a known truth: people with tastes, moods, friends and budgets, who are shown lists and do what they would.

Whoever chooses the lists is told what a real service is told, and nothing else. Requests and whatever chance decides after them hang on
the seed and the number of the request alone, so that two ways of choosing meet the same people in the same moments.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from penchant.schema.event import Event
from penchant.simulation.theme import Theme

Floats = NDArray[np.float64]
START = datetime(2026, 1, 5, tzinfo=UTC)
"""A Monday."""
DAYPARTS = ("night", "morning", "noon", "evening")
DEVICES = ("phone", "tablet", "desktop")
AGES = ("under 18", "18-29", "30-49", "50+")
MOST_LEVELS = 5
SHOWN_KEPT = 0.5
"""How much of being tired of an item is left after a day."""
MOOD_KEPT = 0.6
"""How much of a mood is left after a day."""


@dataclass(frozen=True)
class Ask:
    """A request.

    Attributes:
        number: Counted from 0 over the life of the world.
        user_id: Who.
        time: Seconds since 1970.
        scenario: Where.
        context: Columns of the moment.
    """

    number: int
    user_id: str
    time: float
    scenario: str
    context: Mapping[str, Any]


@dataclass(frozen=True)
class Outcome:
    """What came of a list.

    Attributes:
        events: One for each item shown: "skip", or the last that was done ("click", an action).
        value: What it was worth.
        clicks: How many items were clicked.
    """

    events: Sequence[Event]
    value: float
    clicks: int


@dataclass
class _Items:
    """A row per item that there ever is; those born later come later."""

    topics: Floats
    quality: Floats
    price: Floats
    level: Floats
    kind: NDArray[np.int64]
    born: NDArray[np.int64]
    spent: Floats = field(default_factory=lambda: np.zeros(0))


class World:
    """People, items and days.

    Args:
        theme: What it is about.
        users, items: How many; more items come every day.
        seed: Of everything.
        days: The longest it will live; items of later days would not be there.

    Attributes:
        day: Days that have passed.
    """

    def __init__(self, theme: Theme, users: int = 500, items: int = 300, seed: int = 0, days: int = 60) -> None:
        self.theme, self.seed, self.day, self.number = theme, seed, 0, 0
        rng = np.random.default_rng([seed, 1])
        topics, total = len(theme.topics), items + theme.fresh * days
        self._catalogue = _Items(
            topics=rng.dirichlet(np.full(topics, 0.15), total),
            quality=rng.normal(size=total),
            price=theme.price * np.exp(0.5 * rng.normal(size=total)),
            level=rng.integers(0, MOST_LEVELS, total).astype(np.float64),
            kind=rng.integers(0, len(theme.kinds), total),
            born=np.repeat(np.arange(days + 1), [items, *[theme.fresh] * days]),
            spent=np.zeros(total),
        )
        self._words = [self._describe(row, rng) for row in range(total)]
        self._taste = rng.dirichlet(np.full(topics, 0.3), users)
        self._age = rng.integers(0, len(AGES), users)
        self._taste += 0.15 * np.eye(topics)[self._age % topics]  # people of an age have something in common
        self._taste /= self._taste.sum(axis=1, keepdims=True)
        self._device = rng.integers(0, len(DEVICES), users)
        self._activity = rng.pareto(2.0, users) + 0.2
        self._level = rng.integers(0, MOST_LEVELS - 1, users).astype(np.float64)
        self._mood = theme.mood * rng.normal(size=(users, topics))
        self._shifts = rng.normal(size=(2, topics))  # of the year and of the hours
        self._friends = self._befriended(rng)
        self._left = np.full(users, theme.budget)
        self._shown, self._had = np.zeros((users, total)), np.zeros((users, total), dtype=bool)
        self._by_friends = np.zeros((users, total))
        self._item_rows = {self.item_id(row): row for row in range(total)}
        self._user_rows = {f"u{row}": row for row in range(users)}

    @staticmethod
    def item_id(row: int) -> str:
        """An item's name."""
        return f"i{row}"

    @property
    def here(self) -> NDArray[np.int64]:
        """Rows of the items that there are by now."""
        return np.flatnonzero(self._catalogue.born <= self.day)

    @property
    def fresh(self) -> list[str]:
        """Items that came today."""
        return [self.item_id(row) for row in np.flatnonzero(self._catalogue.born == self.day).tolist()]

    def users(self) -> pl.DataFrame:
        """What is told of people."""
        return pl.DataFrame(
            {"user_id": list(self._user_rows), "age": [AGES[row] for row in self._age], "device": [DEVICES[row] for row in self._device]}
        )

    def items(self) -> pl.DataFrame:
        """What is told of the items that there are by now."""
        rows, catalogue = self.here.tolist(), self._catalogue
        names = list(self.theme.topics)
        return pl.DataFrame(
            {
                "item_id": [self.item_id(row) for row in rows],
                "title": [self._words[row][0] for row in rows],
                "text": [self._words[row][1] for row in rows],
                "topic": [names[int(catalogue.topics[row].argmax())] for row in rows],
                "kind": [self.theme.kinds[int(catalogue.kind[row])] for row in rows],
                "price": [round(float(catalogue.price[row]), 2) for row in rows],
                "level": [int(catalogue.level[row]) for row in rows],
                "day": [int(catalogue.born[row]) for row in rows],
            }
        )

    def friends(self) -> pl.DataFrame:
        """Who knows whom, both ways."""
        one, other = np.nonzero(self._friends)
        return pl.DataFrame({"user_id": [f"u{row}" for row in one.tolist()], "friend_id": [f"u{row}" for row in other.tolist()]})

    def picture(self, item_id: str, size: int = 32) -> NDArray[np.uint8]:
        """An item's picture `[size, size, 3]`: stripes in the colours of its topics, each as wide as the topic's share."""
        row = self._item_rows[item_id]
        colours = np.random.default_rng([self.seed, 2]).integers(0, 256, (len(self.theme.topics), 3))
        shares = self._catalogue.topics[row].cumsum()
        stripes = np.minimum((np.arange(size)[:, None] / size >= shares).sum(axis=1), len(shares) - 1)
        noise = np.random.default_rng([self.seed, 3, row]).integers(-20, 21, (size, size, 3))
        picture: NDArray[np.uint8] = np.clip(colours[stripes][:, None, :] + noise, 0, 255).astype(np.uint8)
        return picture

    def requests(self, n: int) -> Iterator[Ask]:
        """The n requests of today, in the order of time."""
        rng = np.random.default_rng([self.seed, 4, self.day])
        who = rng.choice(len(self._activity), n, p=self._activity / self._activity.sum())
        seconds = np.sort(rng.uniform(0, 86_400, n))
        shares = np.array([place.share for place in self.theme.places.values()])
        where = rng.choice(len(shares), n, p=shares / shares.sum())
        other = rng.random(n) < 0.2
        devices = np.where(other, rng.integers(0, len(DEVICES), n), self._device[who])
        names = list(self.theme.places)
        for user, second, place, device in zip(who.tolist(), seconds.tolist(), where.tolist(), devices.tolist(), strict=True):
            moment = START + timedelta(days=self.day, seconds=second)
            context = {"daypart": DAYPARTS[moment.hour // 6], "device_now": DEVICES[device], "weekend": str(moment.weekday() >= 5).lower()}
            yield Ask(self.number, f"u{user}", moment.timestamp(), names[place], context)
            self.number += 1

    def clicks(self, ask: Ask) -> Floats:
        """The chance that each item that there is would be clicked if it were looked at `[items]`."""
        theme, catalogue, user = self.theme, self._catalogue, self._user_rows[ask.user_id]
        here = self.here
        topics = catalogue.topics[here]
        place = theme.places[ask.scenario]
        year = np.sin(2 * np.pi * (ask.time - START.timestamp()) / (28 * 86_400))  # a year of four weeks
        hour = np.cos(2 * np.pi * (ask.time % 86_400) / 86_400)
        wanted = theme.taste * self._taste[user] + self._mood[user] + theme.season * (year * self._shifts[0] + hour * self._shifts[1])
        if place.favours is not None:
            wanted = wanted + 1.5 * (np.array(list(theme.topics)) == place.favours)
        odds = theme.base + place.lift + topics @ wanted + theme.quality * catalogue.quality[here]
        odds = odds - theme.fatigue * self._shown[user, here] - theme.ageing * (self.day - catalogue.born[here])
        odds = odds + theme.friends * np.log1p(self._by_friends[user, here])
        odds = odds - theme.levels * np.abs(catalogue.level[here] - self._level[user])
        if theme.budget:
            odds = odds - 2.0 * (catalogue.price[here] > self._left[user])
        chance: Floats = 1 / (1 + np.exp(-odds))
        return chance

    def worth(self, ask: Ask) -> Floats:
        """What each item that there is is worth if it is looked at, on average `[items]`."""
        worth: Floats = self.clicks(ask) * self._after(self.here)
        return worth

    def expected(self, ask: Ask, items: Sequence[str]) -> float:
        """What a list is worth, on average, if it is shown now."""
        rows = np.array([self._item_rows[item] for item in items], dtype=np.int64)
        worth = np.zeros(len(self._catalogue.born))
        worth[self.here] = self.worth(ask)
        return float((self._looked_at(len(rows)) * worth[rows]).sum())

    def best(self, ask: Ask, n: int) -> list[str]:
        """The list of n items that is worth most now."""
        order = np.argsort(-self.worth(ask), kind="stable")[:n]
        return [self.item_id(row) for row in self.here[order].tolist()]

    def show(self, ask: Ask, items: Sequence[str], request_id: str | None = None) -> Outcome:
        """Shows a list; what is done changes the world."""
        user, rows = self._user_rows[ask.user_id], [self._item_rows[item] for item in items]
        chance = np.zeros(len(self._catalogue.born))
        chance[self.here] = self.clicks(ask)
        luck = np.random.default_rng([self.seed, 5, ask.number]).random((len(chance), 2 + len(self.theme.actions)))
        looked = self._looked_at(len(rows))
        events, value, clicks = [], 0.0, 0
        for place, (item, row) in enumerate(zip(items, rows, strict=True)):
            done, won = "skip", 0.0
            if luck[row, 0] < looked[place] and luck[row, 1] < chance[row]:
                done, won = self._act(user, row, luck[row, 2:])
                clicks += 1
            value += won
            self._shown[user, row] += 1
            events.append(
                Event(
                    f"{ask.number}-{place}", ask.user_id, item, ask.time + place, done, scenario=ask.scenario, context=dict(ask.context),
                    request_id=request_id, impressions=tuple(items),
                )
            )  # fmt: skip
        return Outcome(events, value, clicks)

    def next_day(self) -> None:
        """Night falls: moods change, people rest, items come."""
        rng = np.random.default_rng([self.seed, 6, self.day])
        self.day += 1
        fresh = self.theme.mood * rng.normal(size=self._mood.shape)
        self._mood = MOOD_KEPT * self._mood + np.sqrt(1 - MOOD_KEPT**2) * fresh
        self._shown *= SHOWN_KEPT
        self._catalogue.spent[:] = 0
        if self.day % 7 == 0:
            self._left[:] = self.theme.budget

    def log(self, days: int, requests: int, n: int = 10) -> pl.DataFrame:
        """The events of so many days on which n items were shown that were drawn by their quality with much noise; a row per item shown.

        The world has lived through them. Columns: those of an event, of its moment, and `is_click`, `is_` each action: 0 or 1.
        """
        rng, rows = np.random.default_rng([self.seed, 7]), []
        for _ in range(days):
            for ask in self.requests(requests):
                here = self.here
                noisy = 0.3 * self._catalogue.quality[here] + rng.gumbel(size=len(here))
                items = [self.item_id(row) for row in here[np.argsort(-noisy)[:n]].tolist()]
                rows += [self.row(event) for event in self.show(ask, items).events]
            self.next_day()
        return pl.DataFrame(rows)

    def row(self, event: Event) -> dict[str, Any]:
        """An event as a row of a log."""
        told = {"user_id": event.user_id, "item_id": event.item_id, "timestamp": event.timestamp, "scenario": event.scenario}
        return told | event.context | self.labels()[event.event]

    def labels(self) -> dict[str, dict[str, int]]:
        """What each name of an event says of the columns of a log."""
        names = ["click", *(action.name for action in self.theme.actions)]
        return {
            done: {f"is_{name}": int(place <= reached) for place, name in enumerate(names)}
            for reached, done in enumerate(["skip", *names], -1)
        }

    def _act(self, user: int, row: int, luck: Floats) -> tuple[str, float]:
        """A click and what follows it: the last thing done, and what all was worth."""
        theme, catalogue = self.theme, self._catalogue
        done, won = "click", theme.click_value
        for action, own in zip(theme.actions, luck.tolist(), strict=True):
            if own >= _chance(action.odds):
                break
            done = action.name
            won += action.value + action.value_of_price * catalogue.price[row]
            if action.spends:
                self._left[user] -= catalogue.price[row]
        if theme.item_budget:
            won = won if catalogue.spent[row] < theme.item_budget else 0.0
            catalogue.spent[row] += won
        if theme.actions and done == theme.actions[-1].name and theme.levels:
            self._level[user] = min(self._level[user] + 0.2 * (catalogue.level[row] >= self._level[user]), MOST_LEVELS - 1)
        if not self._had[user, row]:
            self._had[user, row] = True
            self._by_friends[self._friends[user], row] += 1
        return done, float(won)

    def _after(self, rows: NDArray[np.int64]) -> Floats:
        """What a click on each item is worth with all that may follow `[items]`."""
        theme, catalogue = self.theme, self._catalogue
        worth, reached = np.full(len(rows), theme.click_value), 1.0
        for action in theme.actions:
            reached *= _chance(action.odds)
            worth = worth + reached * (action.value + action.value_of_price * catalogue.price[rows])
        if theme.item_budget:
            worth = worth * (catalogue.spent[rows] < theme.item_budget)
        return worth

    def _looked_at(self, n: int) -> Floats:
        return np.arange(1, n + 1, dtype=np.float64) ** -self.theme.position

    def _befriended(self, rng: np.random.Generator) -> NDArray[np.bool_]:
        """Friends are alike more often than not `[users, users]`."""
        alike = self._taste @ self._taste.T + 0.15 * rng.random((len(self._taste),) * 2)
        alike = alike + alike.T
        np.fill_diagonal(alike, -1)
        most = min(6, len(alike) - 1)
        nearest = np.argsort(-alike, axis=1)[:, :most]
        known = np.zeros(alike.shape, dtype=bool)
        np.put_along_axis(known, nearest, True, axis=1)
        return known | known.T

    def _describe(self, row: int, rng: np.random.Generator) -> tuple[str, str]:
        """A title of two words of the main topic, and a text of words of all its topics."""
        names = list(self.theme.topics)
        shares = self._catalogue.topics[row]
        main = self.theme.topics[names[int(shares.argmax())]]
        title = " ".join(str(word).capitalize() for word in rng.choice(main, 2, replace=False)) + f" {row}"
        words = [str(rng.choice(self.theme.topics[names[topic]])) for topic in rng.choice(len(names), 12, p=shares)]
        return title, " ".join(words)


def _chance(odds: float) -> float:
    return float(1 / (1 + np.exp(-odds)))
