"""What every record store promises."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, Literal, Protocol

Kind = Literal["user", "item", "key"]
Record = dict[str, Any]


class RecordStore(Protocol):
    """Keeps one record (names to JSON values) per kind and id; the last one put is the one kept.

    Every method raises StorageError when records cannot be kept or read.
    """

    def submit(self, kind: Kind, records: Mapping[str, Record]) -> "Future[None]":
        """Starts to put records, all or none; the future is done once they are durable."""
        ...

    def put(self, kind: Kind, records: Mapping[str, Record]) -> None:
        """Puts records, all or none, each replacing the whole earlier one; returns once they are durable."""
        ...

    def all(self, kind: Kind) -> Iterator[tuple[str, Record]]:
        """Every (id, record) of a kind, by id."""
        ...

    def delete(self, kind: Kind, ids: Sequence[str]) -> int:
        """Deletes records durably and says how many there were; unknown ids count as none."""
        ...

    def close(self) -> None:
        """Makes what waits durable and lets go of the files."""
        ...
