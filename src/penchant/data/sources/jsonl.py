"""JSON lines: one JSON object per line."""

import polars as pl

from penchant.data.sources.formats import Format, Keep, SourceFile
from penchant.schema.errors import DataError


def _likeness(file: SourceFile) -> float:
    return 0.9 if file.first_line.startswith("{") and file.first_line.rstrip().endswith("}") else 0.0


def _read(file: SourceFile, keep: Keep) -> tuple[pl.DataFrame, list[str]]:
    try:
        return keep(pl.scan_ndjson(file.path)).collect(), []
    except pl.exceptions.ComputeError:
        # A key or a type may first appear far down; only a full look at the file finds it.
        return _read_slowly(file, keep)


def _read_slowly(file: SourceFile, keep: Keep) -> tuple[pl.DataFrame, list[str]]:
    try:
        return keep(pl.scan_ndjson(file.path, infer_schema_length=None)).collect(), []
    except pl.exceptions.ComputeError as error:
        came = f"a line that is not ({str(error).splitlines()[0][:120]})"
        raise DataError(file.shown, must="one JSON object per line, in UTF-8", came=came, do="Mend that line.") from None


FORMATS = (Format("jsonl", ("jsonl", "ndjson"), _likeness, _read),)
