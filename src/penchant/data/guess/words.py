"""What the words in a column's name say about it."""

import keyword
import re

# In the order people do them; a task per word, in this order.
ACTIONS = (
    "click", "open", "view", "play", "like", "favorite", "favourite", "save", "collect", "comment", "share", "forward", "follow",
    "subscribe", "cart", "addtocart", "buy", "purchase", "order", "pay", "transaction", "conversion", "convert",
)  # fmt: skip
OUTCOMES = frozenset({
    *ACTIONS, "clicked", "liked", "bought", "purchased", "played", "watch", "watched", "stay", "dwell", "finish", "finished", "complete",
    "completed", "enter", "hate", "dislike", "report", "block", "skip", "cnt", "count", "counts", "revenue", "spent", "propensity",
    "reward",
})  # fmt: skip
COUNTERS = frozenset({"cnt", "count", "counts", "num", "rating", "ratings", "score", "votes", "views", "popularity", "rank", "sales"})
RATINGS = frozenset({"rating", "ratings", "stars", "score", "rate"})
SCENARIOS = frozenset({"tab", "scenario", "scene", "page", "channel", "device", "platform", "surface", "placement"})
TITLES = ("title", "name", "headline")
ORDERS = frozenset({"rank", "order", "index", "position", "sequence", "seq"})
TIMES = frozenset({"time", "date", "datetime", "timestamp", "ts", "day", "dt"})
CODES = frozenset(
    {"id", "code", "type", "feat", "feature", "category", "cat", "kind", "class", "tag", "brand", "level", "city", "region", "zip"}
)
OF_USERS = frozenset({
    "user", "users", "member", "members", "customer", "customers", "profile", "profiles", "avatar", "avatars", "people", "faces",
})  # fmt: skip
# What the product does, not the user; a page view is the user's.
IMPRESSIONS = frozenset({"impression", "impress", "show", "expose", "exposure", "display"})


def words(name: str) -> list[str]:
    """The words of a name in lower case, without digits.

    >>> words("is_profile_enter"), words("playTimeMs"), words("onehot_feat12")
    (['is', 'profile', 'enter'], ['play', 'time', 'ms'], ['onehot', 'feat'])
    """
    return [word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)]


def is_expressible(name: str) -> bool:
    """Whether an expression can name this column."""
    return name.isidentifier() and not keyword.iskeyword(name) and name not in ("true", "false", "null")
