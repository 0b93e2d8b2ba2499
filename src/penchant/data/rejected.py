"""Rows that packing leaves out, put aside on disk as they are found, so that none is held."""

from pathlib import Path

import polars as pl

from penchant.data.log import Array


class RejectedRows:
    """Rows with their reason and number, in pieces until they are written as one file.

    Args:
        folder: Where the pieces lie meanwhile; it is there.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._pieces: list[pl.LazyFrame] = []

    def add(self, rows: pl.DataFrame, reason: str, numbers: Array | None) -> None:
        """Put rows aside.

        Args:
            rows: Whole rows, or what is kept of them.
            reason: The rule that left them out.
            numbers: Where each stood among the rows read, from 1, `[rows]`; None for rows of an earlier packing.
        """
        if rows.is_empty():
            return
        number = pl.lit(None, dtype=pl.Int64) if numbers is None else pl.Series(numbers, dtype=pl.Int64)
        piece = self.folder / f"rejected{len(self._pieces):06}.parquet"
        rows.with_columns(reason=pl.lit(reason), row=number).write_parquet(piece)
        self._pieces.append(pl.scan_parquet(piece))

    def write(self, file: Path) -> None:
        """All of them as one Parquet file; none where there are none. A column that some batches held in another type is text."""
        if not self._pieces:
            return
        schemas = [piece.collect_schema() for piece in self._pieces]
        kinds = {name: {schema[name] for schema in schemas if name in schema} - {pl.Null} for name in {n for s in schemas for n in s}}
        mixed = {name for name, found in kinds.items() if len(found) > 1 and not all(kind.is_numeric() for kind in found)}
        texts = [
            piece.with_columns(pl.col(name).cast(pl.String) for name in schema if name in mixed)
            for piece, schema in zip(self._pieces, schemas, strict=True)
        ]
        file.parent.mkdir(parents=True, exist_ok=True)
        pl.concat(texts, how="diagonal_relaxed").sink_parquet(file)
