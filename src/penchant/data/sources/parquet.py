"""Parquet files; only the wanted columns and rows are read."""

import polars as pl

from penchant.data.sources.formats import Format, Keep, SourceFile
from penchant.schema.errors import DataError

_MAGIC = b"PAR1"


def _likeness(file: SourceFile) -> float:
    return 1.0 if file.head.startswith(_MAGIC) else 0.0


def _read(file: SourceFile, keep: Keep) -> tuple[pl.DataFrame, list[str]]:
    try:
        return keep(pl.scan_parquet(file.path, glob=False)).collect(), []
    except (pl.exceptions.ComputeError, pl.exceptions.SchemaError, OSError) as error:
        came = f"bytes that do not read as one ({str(error).splitlines()[0][:120]})"
        raise DataError(file.shown, must="a whole Parquet file", came=came, do="Write it again.") from None


FORMATS = (Format("parquet", ("parquet", "pq"), _likeness, _read),)
