"""Answers given a moment ago, for whoever asks the same again before anything has changed for them."""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import blake2b

import orjson

from penchant.serving.protocol import RecommendationAnswer, RecommendationRequest

LONGEST_ANSWER = 10.0
"""Seconds after which an answer is not kept: what changed while it was made may be forgotten by then."""
_PRUNE = 10_000


@dataclass(frozen=True, slots=True)
class _Kept:
    answer: RecommendationAnswer
    at: float
    user_id: str | None


class AnswerCache:
    """Answers by request. The event loop's alone.

    A user's own events and records end their answers at once, and so do items put and another model; what others do shows after `seconds`.
    Degraded answers, and those in which something was left to chance, are not kept.

    Args:
        seconds: How long an answer stands; 0 keeps none.
        most: Answers kept; the least recently used give way.
        clock: Monotonic seconds.
    """

    def __init__(self, seconds: float, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._most, self._clock = seconds, most, clock
        self._kept: OrderedDict[bytes, _Kept] = OrderedDict()
        self._of_user: dict[str, set[bytes]] = {}
        self._touched: dict[str, float] = {}
        self._cleared = -1.0

    def __len__(self) -> int:
        return len(self._kept)

    def begin(self) -> float:
        """Now, for `keep`: call it before the answer is asked for."""
        return self._clock()

    def find(self, request: RecommendationRequest) -> RecommendationAnswer | None:
        """The answer to the same request, if it still stands."""
        key = self._key(request)
        kept = None if key is None else self._kept.get(key)
        if key is None or kept is None:
            return None
        if self._clock() - kept.at >= self._seconds:
            self._drop(key)
            return None
        self._kept.move_to_end(key)
        return kept.answer

    def keep(self, request: RecommendationRequest, begun: float, answer: RecommendationAnswer) -> None:
        """Keeps a good answer, unless something has changed for its user since `begun`."""
        key = self._key(request)
        if key is None or answer.degraded or any(item.propensity < 1 for item in answer.items):
            return
        changed = max(self._cleared, self._touched.get(request.user_id or "", -1.0))
        if changed >= begun or self._clock() - begun > LONGEST_ANSWER:
            return
        self._drop(key)
        self._kept[key] = _Kept(answer, begun, request.user_id)
        if request.user_id is not None:
            self._of_user.setdefault(request.user_id, set()).add(key)
        if len(self._kept) > self._most:
            self._drop(next(iter(self._kept)))

    def touch(self, users: Iterable[str]) -> None:
        """Something has changed for these users, or is about to."""
        if not self._seconds:
            return
        now = self._clock()
        for user in users:
            self._touched[user] = now
            for key in [*self._of_user.get(user, ())]:
                self._drop(key)
        if len(self._touched) > _PRUNE:
            self._touched = {user: at for user, at in self._touched.items() if now - at <= LONGEST_ANSWER}

    def clear(self) -> None:
        """Something has changed for everybody."""
        self._cleared = self._clock()
        self._kept.clear()
        self._of_user.clear()

    def _drop(self, key: bytes) -> None:
        kept = self._kept.pop(key, None)
        if kept is not None and kept.user_id is not None:
            own = self._of_user[kept.user_id]
            own.discard(key)
            if not own:
                del self._of_user[kept.user_id]

    def _key(self, request: RecommendationRequest) -> bytes | None:
        """What the answer hangs on; None for what is never kept: visits tell something new every time."""
        if not self._seconds or request.session:
            return None
        told = (
            request.user_id, request.session_id, request.scenario, request.context, request.n, request.exclude_seen, request.explain,
            request.language, request.filter, request.diversity, request.profile,
        )  # fmt: skip
        try:
            return blake2b(orjson.dumps(told, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS), digest_size=16).digest()
        except TypeError:
            return None
