"""JSON lines: one JSON object per line."""

import codecs
import collections
import glob
from pathlib import Path

import polars as pl

from penchant.data.sources.delimited import as_utf8, in_memory
from penchant.data.sources.formats import Format, Keep, SourceFile, unreadable
from penchant.schema.errors import DataError


def _likeness(file: SourceFile) -> float:
    return 0.9 if file.first_line.startswith("{") and file.first_line.rstrip().endswith("}") else 0.0


def read_lines(file: SourceFile, keep: Keep) -> tuple[pl.DataFrame, list[str]]:
    """The kept part of a file of JSON objects; a key that a line lacks is missing there.

    Raises:
        DataError: when a line is no object or its types do not go with the others'.
    """
    content = as_utf8(file)
    # polars would read such a mark as a letter, and such a path as a pattern.
    if isinstance(content, Path) and (file.head.startswith(codecs.BOM_UTF8) or glob.has_magic(str(content))):
        content = in_memory(file)
    try:
        # A key or a type may first appear far down, and what the first look did not see would be dropped in silence.
        return keep(pl.scan_ndjson(content, infer_schema_length=None)).collect(), []
    except OSError as error:  # of a packed file that was cut
        raise unreadable(file.shown, error) from None
    except pl.exceptions.ComputeError as error:
        collections.deque(file.pieces(), maxlen=0)  # raises when the fault is that a packed file was cut
        came = f"a line that is not ({str(error).splitlines()[0][:120]})"
        raise DataError(
            file.shown, must=f"one JSON object per line, in {file.settings.encoding}", came=came, do="Mend that line."
        ) from None


FORMATS = (Format("jsonl", ("jsonl", "ndjson"), _likeness, read_lines),)
