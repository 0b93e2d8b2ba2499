"""Tables in: one file per format, found by scanning this folder, and what every table goes through after reading.

Adding a format is one file here with a `FORMATS` tuple, and its test.
"""

from penchant.data.sources.names import Role
from penchant.data.sources.table import Table, read_events, read_table

__all__ = ["Role", "Table", "read_events", "read_table"]
