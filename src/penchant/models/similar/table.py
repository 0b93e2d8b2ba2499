"""Questions about several items or users at once, and their answer as a table."""

import warnings
from collections.abc import Mapping, Sequence
from numbers import Integral
from typing import Any

import numpy as np
import polars as pl

from penchant.models.similar.likeness import Found, Likeness
from penchant.models.similar.spaces import Floats, Friends, Mask, Owner, Rows, Unknown, one_of
from penchant.schema.errors import TargetError, UnsupportedError, did_you_mean

PLACES = {"item": "the catalogue", "user": "the log"}


def similar(
    likeness: Likeness, of: Owner, ids: pl.Series, asked: Sequence[Any], k: int, *, friends: Friends = "any", unknown: Unknown = "raise"
) -> pl.DataFrame:
    """The k most like each: `item_id, rank, other_id, score` (of users `user_id` and `related` too), the most alike first.

    Args:
        likeness: How they are held against each other.
        of: What they are.
        ids: Of all of them, in row order.
        asked: Ids, or columns of somebody or something new as a mapping.
        k: Of each, 1 up to as many as there are; fewer come where fewer are known in the space.
        friends: Whether related users are listed like all others, alone, or not at all.
        unknown: What to do about ids nobody knows, and what has no place in the space.

    Raises:
        TargetError: for a wrong argument, or something unknown when `unknown = "raise"`.
    """
    if isinstance(asked, str | Mapping):
        came = f"the text '{asked}'" if isinstance(asked, str) else "one mapping"
        raise TargetError(f"{of}s", must=f"a list of {of} ids", came=came, do="Put it in a list.")
    _check(of, len(ids), k, friends, unknown)
    names, rows, vectors, left_out = _found(likeness, of, ids, asked)
    known = likeness.knows(vectors)
    _tell([left_out, _unplaced(likeness, of, names, known)], unknown)
    kept = np.flatnonzero(known)
    found = find(likeness, vectors[kept], rows[kept], k, friends)
    return _table(of, ids, [names[place] for place in kept], rows[kept], *found(), likeness)


def find(likeness: Likeness, asked: Any, rows: Rows, k: int, friends: Friends) -> Found:
    """The search for the k most like each of those asked `[n, *]`, in rows `[n]` (-1 for what is in none), without themselves.

    Raises:
        TargetError: when related users are meant and none are known.
    """
    own = np.flatnonzero(rows >= 0)
    if friends == "any":
        return likeness.search(asked, k, (own, rows[own]))
    if not len(likeness.related[0]):
        do = 'Add a table of them to the recipe, for example [tasks.friend] kind = "relation", and train again; or ask for any.'
        raise UnsupportedError(f"friends '{friends}'", must="asked of a model that knows relations of users", came="one without", do=do)
    pairs = pairs_of(likeness.related, rows)
    if friends == "only":
        return likeness.among(asked, k, pairs)
    return likeness.search(asked, k, (np.concatenate([own, pairs[0]]), np.concatenate([rows[own], pairs[1]])))


def pairs_of(related: tuple[Rows, Rows], rows: Rows) -> tuple[Rows, Rows]:
    """Who is related to each of some rows `[n]`: places in them and rows, `[m]`, `[m]`; related pairs come in the order of their first."""
    start, end = np.searchsorted(related[0], rows), np.searchsorted(related[0], rows, side="right")
    count = end - start
    place = np.repeat(np.arange(len(rows)), count)
    within = np.arange(len(place)) - np.repeat(np.cumsum(count) - count, count)
    return place, related[1][start[place] + within]


def _check(of: Owner, count: int, k: Any, friends: Friends, unknown: Unknown) -> None:
    one_of("friends", friends, Friends)
    one_of("unknown", unknown, Unknown)
    whole = isinstance(k, Integral) and not isinstance(k, bool)
    if not whole or not 1 <= k <= count:
        do = f"Ask for at least one {of}." if not whole or k < 1 else "Ask for no more than there are."
        raise TargetError("k", must=f"a whole number from 1 to {count:,} ({PLACES[of]})", came=repr(k), do=do)


def _found(likeness: Likeness, of: Owner, ids: pl.Series, asked: Sequence[Any]) -> tuple[list[str | None], Rows, Any, TargetError | None]:
    """Names, rows (-1 for a record) and vectors of those that can be looked up, in the order asked; what to say of the first other one."""
    rows_by_id = dict(zip(ids, range(len(ids)), strict=True))
    records = [dict(one) for one in asked if isinstance(one, Mapping)]
    strange = [str(one) for one in asked if not isinstance(one, Mapping) and str(one) not in rows_by_id]
    kept = [one for one in asked if isinstance(one, Mapping) or str(one) in rows_by_id]
    is_record = np.array([isinstance(one, Mapping) for one in kept], dtype=bool)
    rows = np.array([-1 if isinstance(one, Mapping) else rows_by_id[str(one)] for one in kept], dtype=np.int64)
    names = [one.get(f"{of}_id") if isinstance(one, Mapping) else str(one) for one in kept]
    vectors = likeness.of_rows(np.maximum(rows, 0))
    if records:
        vectors[is_record] = likeness.of_records(records)
    error = None
    if strange:
        came = f"{len(strange):,} of {len(asked):,} {of}s it does not hold"
        error = TargetError(f"{of} '{strange[0]}'", must=f"in {PLACES[of]}", came=came, do=did_you_mean(strange[0], _few(ids, strange[0])))
    return names, rows, vectors, error


def _few(ids: pl.Series, name: str) -> list[str]:
    """Ids that begin alike, so that a spelling is not sought among millions."""
    return ids.filter(ids.str.starts_with(name[:1])).head(10_000).to_list()


def _unplaced(likeness: Likeness, of: Owner, names: Sequence[str | None], known: Mask) -> TargetError | None:
    without = [name for name, placed in zip(names, known, strict=True) if not placed]
    if not without:
        return None
    thing = f"the {of} told by its columns" if without[0] is None else f"{of} '{without[0]}'"
    must = {"content": "told by features", "behaviour": "with events", "joint": "told by features or with events"}
    other = {"content": "behaviour", "behaviour": "content"}.get(likeness.space)
    do = f"Ask in space '{other}'." if other else f"Train again with events of it, or tell more of the {of}."
    came = f"{len(without):,} of {len(names):,} {of}s without"
    return TargetError(thing, must=f"{must[likeness.space]}, to be compared by {likeness.space}", came=came, do=do)


def _tell(errors: Sequence[TargetError | None], unknown: Unknown) -> None:
    for error in errors:
        if error is not None and unknown == "raise":
            raise error
        if error is not None and unknown == "warn":
            warnings.warn(str(error), stacklevel=4)


def _table(
    of: Owner, ids: pl.Series, names: Sequence[str | None], asked: Rows, rows: Rows, scores: Floats, likeness: Likeness
) -> pl.DataFrame:
    listed, k = rows.ravel() >= 0, rows.shape[1]
    columns: dict[str, Any] = {
        f"{of}_id": pl.Series([name for name in names for _ in range(k)], dtype=pl.String),
        "rank": np.tile(np.arange(1, k + 1), len(names)),
        "other_id": ids.gather(np.maximum(rows.ravel(), 0)),
        "score": scores.ravel(),
    }
    if of == "user":
        columns["related"] = related_to(likeness.related, np.repeat(asked, k), rows.ravel(), len(ids))
    return pl.DataFrame(columns).filter(pl.Series(listed, dtype=pl.Boolean))


def related_to(related: tuple[Rows, Rows], one: Rows, other: Rows, users: int) -> Mask:
    """Whether two user rows each `[n]`, `[n]` are related."""
    result: Mask = np.isin(one * users + other, related[0] * users + related[1]) & (one >= 0) & (other >= 0)
    return result
