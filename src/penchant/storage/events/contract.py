"""What every event log must pass. A new back end inherits it:

class TestMyEventLog(EventLogContract):
    open = staticmethod(my_event_log)     # folder -> EventLog; the same folder again = the same log
"""

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

from penchant.schema.errors import StorageError
from penchant.schema.event import Event
from penchant.storage.events.log import EventLog


def an_event(event_id: str, **changes: Any) -> Event:
    """A small event; `changes` replace its fields."""
    return replace(Event(event_id, "u1", "i1", 1.5), **changes)


class EventLogContract:
    """The shared suite; `open` is the back end under test."""

    @staticmethod
    def open(folder: Path) -> EventLog:
        """Opens the log that lives in `folder`, a new one when the folder is empty."""
        raise NotImplementedError

    def test_that_events_come_back_whole_and_in_order_of_arrival(self, tmp_path: Path) -> None:
        full = Event(
            "e2", "用户", "🎬", 1700000000.25, "rating", 4.5, "home",
            {"device": "phone", "n": 2**53 + 1, "x": 0.1, "none": None, "yes": True}, "r1", ("a", "b"),
        )  # fmt: skip
        log = self.open(tmp_path)
        log.append([an_event("e1", timestamp=99.0), full])
        log.append([an_event("e0", timestamp=1.0)])
        read = list(log.read())
        log.close()
        assert [event for _, event in read] == [an_event("e1", timestamp=99.0), full, an_event("e0", timestamp=1.0)]
        assert type(read[1][1].context["n"]) is int

    def test_that_nothing_is_lost_and_numbering_goes_on_after_reopening(self, tmp_path: Path) -> None:
        log = self.open(tmp_path)
        log.append([an_event("e1"), an_event("e2")])
        log.close()
        log = self.open(tmp_path)
        before = [sequence for sequence, _ in log.read()]
        log.append([an_event("e3")])
        after = [(sequence, event.event_id) for sequence, event in log.read(after=before[-1])]
        log.close()
        assert before == sorted(set(before))
        assert before[0] >= 1
        assert [name for _, name in after] == ["e3"]
        assert after[0][0] > before[-1]

    def test_that_an_event_id_is_stored_once_within_a_batch_and_the_first_wins(self, tmp_path: Path) -> None:
        log = self.open(tmp_path)
        appended = log.append([an_event("e1", value=1.0), an_event("e1", value=2.0), an_event("e2")])
        values = [event.value for _, event in log.read()]
        log.close()
        assert (appended.accepted, appended.duplicates) == (2, 1)
        assert appended.stored == (an_event("e1", value=1.0), an_event("e2"))
        assert values == [1.0, None]

    def test_that_an_event_id_is_stored_once_across_a_restart(self, tmp_path: Path) -> None:
        log = self.open(tmp_path)
        log.append([an_event("e1")])
        log.close()
        log = self.open(tmp_path)
        appended = log.append([an_event("e1"), an_event("e2")])
        count = log.count()
        log.close()
        assert (appended.accepted, appended.duplicates, count) == (1, 1, 2)

    def test_that_concurrent_retries_of_one_event_store_it_once(self, tmp_path: Path) -> None:
        log = self.open(tmp_path)
        futures = [log.submit([an_event("same"), an_event(f"own-{n}")]) for n in range(20)]
        appended = [future.result(10) for future in futures]
        count = log.count()
        log.close()
        assert sum(one.accepted for one in appended) == 21
        assert sum(one.duplicates for one in appended) == 19
        assert count == 21

    def test_that_many_threads_lose_nothing(self, tmp_path: Path) -> None:
        log = self.open(tmp_path)
        threads = [threading.Thread(target=lambda t=t: [log.append([an_event(f"{t}-{n}")]) for n in range(10)]) for t in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        names = {event.event_id for _, event in log.read()}
        log.close()
        assert names == {f"{t}-{n}" for t in range(4) for n in range(10)}

    def test_that_an_empty_batch_stores_nothing(self, tmp_path: Path) -> None:
        log = self.open(tmp_path)
        appended, count = log.append([]), log.count()
        log.close()
        assert (appended.accepted, appended.duplicates, count) == (0, 0, 0)

    def test_that_a_batch_with_a_value_that_cannot_be_kept_is_refused_whole(self, tmp_path: Path) -> None:
        log = self.open(tmp_path)
        refused = 0
        for bad in (an_event("bad", value=float("nan")), an_event("bad", timestamp=float("inf")), an_event("bad", user_id="\ud800")):
            try:
                log.append([an_event("good"), bad])
            except StorageError:
                refused += 1
        count = log.count()
        kept = log.append([an_event("later")]).accepted
        log.close()
        assert (refused, count, kept) == (3, 0, 1)

    def test_that_a_second_holder_is_refused_until_the_first_lets_go(self, tmp_path: Path) -> None:
        log = self.open(tmp_path)
        try:
            self.open(tmp_path).close()
            refused = False
        except StorageError:
            refused = True
        log.close()
        self.open(tmp_path).close()
        assert refused

    def test_that_a_closed_log_refuses_and_closing_twice_is_harmless(self, tmp_path: Path) -> None:
        log = self.open(tmp_path)
        log.close()
        log.close()
        try:
            log.append([an_event("e1")])
            refused = False
        except StorageError:
            refused = True
        assert refused
