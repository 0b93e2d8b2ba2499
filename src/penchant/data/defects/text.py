"""Text that was damaged on its way: replacement characters, control characters, and UTF-8 that was read as Latin-1."""

from collections.abc import Iterator

import polars as pl

from penchant.data.defects.defect import Defect, Tables, located

_REPLACED = "\ufffd"
_CONTROL = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]"
_READ_TWICE = "Ã[\u0080-\u00bf]|â€[\u0080-\u00bf™œ\u009d“”]"


def find(tables: Tables) -> Iterator[Defect]:
    """Cells with replacement or control characters, or with UTF-8 read as Latin-1 (warning)."""
    for table, frame in tables.named():
        for column in frame:
            if column.dtype != pl.String:
                continue
            broken = column.str.contains(_REPLACED, literal=True) | column.str.contains(f"{_CONTROL}|{_READ_TWICE}")
            example = column.filter(broken)
            what = f"{table} whose {column.name} is broken text" + (f" (such as {example[0][:60]!r})" if example.len() else "")
            mend = "Set `encoding` for this file, or mend the export."
            yield from located(frame, broken, code="broken_text", table=table, column=column.name, severity="warning", what=what, mend=mend)
