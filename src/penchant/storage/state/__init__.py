"""Records that change online: what is known of users, items and keys."""

from penchant.storage.state.records import Kind, RecordStore
from penchant.storage.state.sqlite import SQLiteRecordStore

__all__ = ["Kind", "RecordStore", "SQLiteRecordStore"]
