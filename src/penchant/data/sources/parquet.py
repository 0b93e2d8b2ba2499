"""Parquet files; only the wanted columns and rows are read."""

from collections.abc import Iterator
from contextlib import contextmanager

import polars as pl

from penchant.data.sources.formats import ROWS_AT_ONCE, Format, Keep, SourceFile
from penchant.schema.errors import DataError

_MAGIC = b"PAR1"


def _likeness(file: SourceFile) -> float:
    return 1.0 if file.head.startswith(_MAGIC) else 0.0


def _read(file: SourceFile, keep: Keep) -> tuple[pl.DataFrame, list[str]]:
    with _damage_told(file):
        return keep(pl.scan_parquet(file.path, glob=False)).collect(), []


def _batches(file: SourceFile, keep: Keep, notes: list[str]) -> Iterator[pl.DataFrame]:
    with _damage_told(file):
        yield from keep(pl.scan_parquet(file.path, glob=False)).collect_batches(chunk_size=ROWS_AT_ONCE, maintain_order=True)


@contextmanager
def _damage_told(file: SourceFile) -> Iterator[None]:
    try:
        yield
    except (pl.exceptions.ComputeError, pl.exceptions.SchemaError, OSError) as error:
        came = f"bytes that do not read as one ({str(error).splitlines()[0][:120]})"
        raise DataError(file.shown, must="a whole Parquet file", came=came, do="Write it again.") from None


FORMATS = (Format("parquet", ("parquet", "pq"), _likeness, _read, _batches),)
