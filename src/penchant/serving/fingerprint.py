"""State as a hash, to hold what was built live against what is rebuilt from the event log."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import orjson

from penchant.features.counters import Counters
from penchant.models.recommender import Recommender
from penchant.serving.memory import Memory


def fingerprint(
    recommender: Recommender, ids: Sequence[str], memory: Memory, records: Mapping[str, Any], profiles: Mapping[str, Any]
) -> str:
    """SHA-256 in hex of all that events, items and users told have changed.

    Rows of the catalogue are told by id: they follow the order in which items came, which says nothing of their state.

    Args:
        recommender: Whose counters count events.
        ids: Items by row.
        memory: Users' pasts.
        records: Items' records by id.
        profiles: What was told of users, by id.
    """
    digest = hashlib.sha256()
    for part in _parts(recommender, ids, memory, records, profiles):
        content = orjson.dumps(part, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS, default=_plain)
        digest.update(len(content).to_bytes(8, "big") + content)
    return digest.hexdigest()


def _parts(
    recommender: Recommender, ids: Sequence[str], memory: Memory, records: Mapping[str, Any], profiles: Mapping[str, Any]
) -> Iterator[Any]:
    for user, past in memory.told():
        yield "past", user, [ids[row] for row in past.items], past.times, past.columns, sorted(ids[row] for row in past.seen)
    for item, events in memory.waiting():
        yield "waiting", item, [event.event_id for event in events]
    for owner, features in getattr(getattr(recommender, "features", None), "features", {}).items():
        for name, feature in features.items():
            if isinstance(feature, Counters):
                yield "counter", owner, name, feature.state_of_past.since()
    for item in sorted(records):
        yield "item", item, records[item]
    for user in sorted(profiles):
        yield "user", user, profiles[user]


def _plain(value: Any) -> Any:
    """Arrays as their bytes: a NaN is one like another, and no digit is lost."""
    return [value.dtype.str, value.shape, value.tobytes().hex()] if isinstance(value, np.ndarray | np.generic) else str(value)
