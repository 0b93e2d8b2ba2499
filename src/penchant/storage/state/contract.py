"""What every record store must pass. A new back end inherits it:

class TestMyRecordStore(RecordStoreContract):
    open = staticmethod(my_record_store)     # folder -> RecordStore; the same folder again = the same store
"""

from pathlib import Path
from typing import Any

from penchant.schema.errors import StorageError
from penchant.storage.state.records import RecordStore


class RecordStoreContract:
    """The shared suite; `open` is the back end under test."""

    @staticmethod
    def open(folder: Path) -> RecordStore:
        """Opens the store that lives in `folder`, a new one when the folder is empty."""
        raise NotImplementedError

    def test_that_records_come_back_whole_after_reopening(self, tmp_path: Path) -> None:
        records: dict[str, dict[str, Any]] = {
            "i2": {"title": "哪吒 <b>", "genres": ["a", "b"], "year": 2025},
            "i1": {"price": 0.1, "none": None, "yes": True},
        }
        store = self.open(tmp_path)
        store.put("item", records)
        store.close()
        store = self.open(tmp_path)
        read = list(store.all("item"))
        store.close()
        assert read == sorted(records.items())

    def test_that_the_last_record_put_replaces_the_whole_earlier_one(self, tmp_path: Path) -> None:
        store = self.open(tmp_path)
        store.put("item", {"i1": {"title": "old", "year": 1}})
        store.put("item", {"i1": {"title": "new"}})
        read = list(store.all("item"))
        store.close()
        assert read == [("i1", {"title": "new"})]

    def test_that_kinds_do_not_mix_and_an_unused_one_is_empty(self, tmp_path: Path) -> None:
        store = self.open(tmp_path)
        store.put("item", {"1": {"a": 1}})
        store.put("user", {"1": {"b": 2}})
        read = [list(store.all("item")), list(store.all("user")), list(store.all("key"))]
        store.close()
        assert read == [[("1", {"a": 1})], [("1", {"b": 2})], []]

    def test_that_deleting_counts_only_what_was_there(self, tmp_path: Path) -> None:
        store = self.open(tmp_path)
        store.put("user", {"u1": {}, "u2": {}, "u3": {}})
        deleted = store.delete("user", ["u1", "u3", "nobody"]), store.delete("user", [])
        left = list(store.all("user"))
        store.close()
        assert (deleted, left) == ((2, 0), [("u2", {})])

    def test_that_more_records_than_a_page_come_back_once_each(self, tmp_path: Path) -> None:
        store = self.open(tmp_path)
        store.put("item", {f"{n}": {"n": n} for n in range(20_001)})
        read = [record["n"] for _, record in store.all("item")]
        store.close()
        assert sorted(read) == list(range(20_001))

    def test_that_records_are_put_all_or_none(self, tmp_path: Path) -> None:
        store = self.open(tmp_path)
        try:
            store.put("item", {"good": {}, "bad": {"price": float("nan")}})
            refused = False
        except StorageError:
            refused = True
        read = list(store.all("item"))
        store.close()
        assert (refused, read) == (True, [])
