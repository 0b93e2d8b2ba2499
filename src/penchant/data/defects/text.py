"""Text that was damaged on its way: replacement characters, control characters, and UTF-8 that was read as Latin-1."""

from collections.abc import Iterator

import polars as pl

from penchant.data.defects.defect import Defect, Tables, having, located

_REPLACED = "\ufffd"
_CONTROL = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]"
_READ_TWICE = "Ã[\u0080-\u00bf]|â€[\u0080-\u00bf™œ\u009d“”]"


def find(tables: Tables) -> Iterator[Defect]:
    """Cells with replacement or control characters, or with UTF-8 read as Latin-1 (warning)."""
    for table, frame in tables.named():
        for column in frame:
            if column.dtype != pl.String:
                continue
            texts = tables.counts(table, column)["text"]
            bad = texts.filter(texts.str.contains(_REPLACED, literal=True) | texts.str.contains(f"{_CONTROL}|{_READ_TWICE}"))
            broken = having(column, bad)
            yield from located(
                frame, broken, code="broken_text", table=table, column=column.name, severity="warning",
                what=f"{table} whose {column.name} is broken text", mend="Set `encoding` for this file, or mend the export.", show=_around,
            )  # fmt: skip


def _around(texts: pl.Series) -> pl.Series:
    """What is broken in each text, with a little before and after."""
    return texts.str.extract(f"(.{{0,20}}(?:{_REPLACED}|{_CONTROL}|{_READ_TWICE}).{{0,20}})")
