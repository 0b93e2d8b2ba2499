"""What was asked, answered and stored a moment ago, in memory only: what a candidate is tried on, and what the pages show."""

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice

from penchant.schema.event import Event
from penchant.serving.protocol import RecommendationAnswer, RecommendationRequest

MOST_REQUESTS = 200
MOST_EVENTS = 200
MOST_ANSWERS = 10_000
LONGEST_TEXT = 1024
"""Characters of one text in a profile; requests that tell longer ones are not kept, so that memory stays bounded."""


@dataclass(frozen=True, slots=True)
class Answered:
    """When a request was answered (monotonic seconds), how long that took, and how well it went."""

    at: float
    seconds: float
    degraded: bool
    fallback: str | None


class Recent:
    """The newest requests, answers and events. Nothing of it is ever written down; it ends with the process."""

    def __init__(self) -> None:
        self._requests: deque[RecommendationRequest] = deque(maxlen=MOST_REQUESTS)
        self._events: deque[tuple[int, Event]] = deque(maxlen=MOST_EVENTS)
        self._answers: deque[Answered] = deque(maxlen=MOST_ANSWERS)
        self._count = 0

    def asked(self, request: RecommendationRequest) -> None:
        """Somebody asked this."""
        if not request.profile or all(len(value) <= LONGEST_TEXT for value in request.profile.values() if isinstance(value, str | list)):
            self._requests.append(request if not request.given else replace(request, given={}))

    def answered(self, seconds: float, answer: RecommendationAnswer) -> None:
        """Somebody was answered after so many seconds."""
        self._answers.append(Answered(time.monotonic(), seconds, answer.degraded, answer.fallback))

    def stored(self, events: Sequence[Event]) -> None:
        """These are on the disk."""
        for event in events[-MOST_EVENTS:]:
            self._count += 1
            self._events.append((self._count, event))

    @property
    def requests(self) -> list[RecommendationRequest]:
        """The newest requests, the newest first."""
        return list(reversed(self._requests))

    def answers(self, within: float) -> list[Answered]:
        """The answers of the last so many seconds; of the newest `MOST_ANSWERS`."""
        since = time.monotonic() - within
        return [answer for answer in self._answers if answer.at >= since]

    @property
    def event_count(self) -> int:
        """Events stored since the start."""
        return self._count

    def events(self, after: int = 0) -> list[tuple[int, Event]]:
        """The newest events that came after this number, the newest first, each with a number that counts up."""
        return list(islice((pair for pair in reversed(self._events) if pair[0] > after), MOST_EVENTS))
