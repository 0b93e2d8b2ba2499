"""One item as several people find it in several contexts, for a report of a model whose items move."""

from dataclasses import dataclass

from penchant.report.charts import Bar, BarChart, Vector, VectorChart
from penchant.report.page import Charts, Section

SHOWN = 8
"""Features drawn of each sight, those with the largest weights anywhere."""


@dataclass(frozen=True)
class Sight:
    """The item as one user finds it in one context.

    Attributes:
        user, context: Who and when, in words; of the circumstances those that are not the same for all.
        vector: The item's, moved.
        moved: How far from where it usually stands, as a share of that vector's length.
        weights: What each of its features adds to the score.
    """

    user: str
    context: str
    vector: tuple[float, ...]
    moved: float
    weights: dict[str, float]

    @property
    def name(self) -> str:
        """Who and when."""
        return f"{self.user} · {self.context}"


@dataclass(frozen=True)
class MovingItem:
    """An item, and how it moves.

    Attributes:
        item: Its name.
        usual: Its vector as it is moved on the average.
        sights: As it is found.
        chosen: How the item, the users and the contexts were chosen, in a sentence.
        shared: The circumstances that are the same for all, in words.
    """

    item: str
    usual: tuple[float, ...]
    sights: tuple[Sight, ...]
    chosen: str
    shared: str = ""


def moving_item_section(moving: MovingItem) -> Section:
    """The vectors as rows of one picture; beside it what each feature is worth to whom, all on one scale."""
    rows = [Vector("usually", moving.usual), *(Vector(each.name, each.vector, f"moved by {each.moved:.0%}") for each in moving.sights)]
    names = _strongest(moving)
    most = max((abs(weight) for each in moving.sights for weight in each.weights.values()), default=0.0)
    charts = [_bars(each, names, most) for each in moving.sights]
    intro = f"{moving.item}. {moving.chosen}" + (f" The same for all: {moving.shared}." if moving.shared else "")
    note = "Bars: what each feature of the item adds to its score (Shapley values), all on one scale; the largest is marked."
    return Section("How an item moves with user and context", [Charts([VectorChart("The item's vector", rows), *charts], note)], intro)


def _strongest(moving: MovingItem) -> list[str]:
    names = dict.fromkeys(name for each in moving.sights for name in each.weights)
    return sorted(names, key=lambda name: -max(abs(each.weights.get(name, 0.0)) for each in moving.sights))[:SHOWN]


def _bars(sight: Sight, names: list[str], most: float) -> BarChart:
    first = max(sight.weights, key=lambda name: sight.weights[name], default=None)
    bars = [Bar(name, sight.weights[name], strong=name == first) for name in names if name in sight.weights]
    return BarChart(f"What matters to {sight.name}", bars, span=(-most, most))
