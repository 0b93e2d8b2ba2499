"""What a world is about: its topics, places, actions, and how strongly each law of behaviour holds there."""

import tomllib
from importlib.resources import files

from pydantic import Field

from penchant.schema.errors import TargetError, did_you_mean
from penchant.schema.settings import Settings, read_settings


class Place(Settings):
    """A scenario."""

    share: float = Field(gt=0)
    """Of all requests, beside the other places' shares."""
    lift: float = 0.0
    """Added to the log-odds of every click."""
    favours: str | None = None
    """A topic that is wanted more here."""


class Action(Settings):
    """What may follow a click, or the action before it."""

    name: str
    odds: float
    """Log-odds that it follows."""
    value: float = 0.0
    """What it is worth."""
    value_of_price: float = 0.0
    """What it is worth per unit of the item's price."""
    spends: bool = False
    """Whether it takes the price from the user's budget."""


class Theme(Settings):
    """A world's settings. Strengths are in log-odds; 0 switches a law off."""

    kinds: tuple[str, ...] = Field(min_length=1)
    """What there is to be had ("product", "coupon")."""
    topics: dict[str, tuple[str, ...]] = Field(min_length=2)
    """Words of each topic, from which titles and texts are made."""
    places: dict[str, Place] = Field(min_length=1)
    actions: tuple[Action, ...] = ()
    click_value: float = 1.0
    base: float = -2.5
    """Log-odds of a click on a middling item by somebody it says nothing to."""
    taste: float = 3.0
    quality: float = 0.5
    mood: float = 0.8
    """How far a day's mood moves what a user wants."""
    season: float = 0.6
    """How far the time of year and the hour do."""
    fatigue: float = 0.8
    """What an item loses with each time the user was shown it lately."""
    friends: float = 0.0
    """What an item gains by each friend who has had it, less with each."""
    ageing: float = 0.0
    """What an item loses with each day."""
    levels: float = 0.0
    """What an item loses with each level that it is above or below the user's, who rises by what is finished."""
    budget: float = 0.0
    """Money that a user has for a week; 0 = nobody counts."""
    item_budget: float = 0.0
    """Money that an item's owner has for a day; once it is spent the item is worth nothing that day. 0 = nobody counts."""
    price: float = 10.0
    """The middling price of an item."""
    position: float = 0.7
    """A place is looked at with the chance `place ** -position`, places counted from 1."""
    fresh: int = Field(3, ge=0)
    """New items a day."""


WORLDS = ("shop", "content", "social", "advertising", "education")


def read_theme(name: str) -> Theme:
    """One of the worlds that come with Penchant. Raises TargetError."""
    if name not in WORLDS:
        raise TargetError("a world", must=f"one of {', '.join(WORLDS)}", came=f"'{name}'", do=did_you_mean(name, WORLDS))
    text = files("penchant.simulation").joinpath("worlds", f"{name}.toml").read_text(encoding="utf8")
    return read_settings(Theme, tomllib.loads(text), f"world '{name}'")
