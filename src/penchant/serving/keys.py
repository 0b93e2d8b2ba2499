"""API keys: random, shown once, kept as SHA-256."""

import hashlib
import hmac
import secrets
from datetime import UTC, datetime

from penchant.storage.state import RecordStore

PREFIX = "pk_"


class Keys:
    """The keys that open the door.

    Args:
        records: Where their hashes are kept, under the kind "key".
    """

    def __init__(self, records: RecordStore) -> None:
        self._records = records
        self._hashes = {bytes.fromhex(digest): str(record.get("name", "unnamed")) for digest, record in records.all("key")}

    def first(self) -> str | None:
        """Makes a key when there is none and returns it, to be shown once; None when there are keys already."""
        return None if self._hashes else self.add("first")

    def add(self, name: str) -> str:
        """Makes a key of 256 random bits, keeps its hash durably, and returns the key."""
        key = PREFIX + secrets.token_urlsafe(32)
        digest = _digest(key)
        self._records.put("key", {digest.hex(): {"name": name, "created": datetime.now(UTC).isoformat(timespec="seconds")}})
        self._hashes[digest] = name
        return key

    def admit(self, presented: str) -> bool:
        """Whether this is one of the keys; takes as long for a near miss as for a far one."""
        return self.name_of(presented) is not None

    def name_of(self, presented: str) -> str | None:
        """What the key is called, for the audit trail; None when it is none of them."""
        digest = _digest(presented)
        matches = [name for known, name in list(self._hashes.items()) if hmac.compare_digest(digest, known)]
        return matches[0] if matches else None


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf8", "surrogatepass")).digest()
