"""Tables in: one file per format, layout or place, found by scanning this folder, and what every table goes through after reading.

Adding one is one file here with a `FORMATS`, `LAYOUTS` or `PLACES` tuple, its name in the recipe's `format` if it has one, and its test.
"""

from penchant.data.sources.names import Role
from penchant.data.sources.table import Table, read_events, read_table

__all__ = ["Role", "Table", "read_events", "read_table"]
