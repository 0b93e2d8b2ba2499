"""The event log: what users did, in order of arrival, each event once."""

from penchant.storage.events.log import Appended, EventLog
from penchant.storage.events.sqlite import SQLiteEventLog

__all__ = ["Appended", "EventLog", "SQLiteEventLog"]
