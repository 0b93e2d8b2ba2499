"""Text tables with one separator character (CSV, TSV and their kin): quoted fields, line breaks inside quotes, ragged rows."""

import codecs
import re
from collections import deque
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import IO, Any

import polars as pl

from penchant.data.sources.formats import ROWS_AT_ONCE, Format, Keep, SourceFile, unreadable
from penchant.data.sources.names import id_columns, listed
from penchant.schema.errors import DataError

_SEPARATORS = "\t,;|"
_NUMBER = re.compile(r"-?\d+(\.\d+)?(_duplicated_\d+)?")
_WITH_COMMA = r"^[+-]?\d+(,\d+)?$"

Content = Path | IO[bytes]


def read_delimited(
    file: SourceFile, content: Content, separator: str, keep: Keep, types: dict[str, Any] | None = None, quote: str | None = '"'
) -> tuple[pl.DataFrame, list[str]]:
    """The kept part of a delimited text.

    Ids, and columns with leading zeros, are read as text. Rows with too many fields are cut and broken quotes are taken literally,
    each with a note that counts them; rows with too few fields end in missing values. Between semicolons a comma is the decimal mark,
    with a note, where every number of a column's first thousand can be read so and one must.

    Args:
        file: The file, for names and errors.
        content: What is read: the path itself, or its text in UTF-8.
        separator: One character of one byte.
        keep: What of it is wanted.
        types: Column types where they are known.
        quote: The quote character; None when quotes mean nothing.

    Raises:
        DataError: when the bytes are not of the stated encoding, or it has no header and no `names`.
    """
    options, notes = _options(file, content, separator, quote)
    options |= {"schema_overrides": types} if types else {}
    try:
        return _collect(content, options, keep), notes
    except pl.exceptions.ComputeError as error:
        if "utf-8" in str(error).lower():
            raise undecodable(file) from None
    except OSError as error:  # of a packed file that was cut
        raise unreadable(file.shown, error) from None
    frame, mended = _mended(file, content, options, keep)
    return frame, notes + mended


def delimited_batches(
    file: SourceFile,
    content: Content,
    separator: str,
    keep: Keep,
    notes: list[str],
    types: dict[str, Any] | None = None,
    quote: str | None = '"',
) -> Iterator[pl.DataFrame]:
    """As `read_delimited`, a batch at a time; a text that is not UTF-8 or must be mended is read whole, which a note says.

    A sound text is gone through twice: a column's type may first show in its last row, when earlier batches have long been handed on.
    """
    options, found = _options(file, content, separator, quote)
    options |= {"schema_overrides": types} if types else {}
    fitting = _fitting(content, options, keep) if isinstance(content, Path) else None
    if fitting is not None:
        notes.extend(found)
        yield from _batches(content, fitting, keep)
        return
    frame, found = read_delimited(file, content, separator, keep, types, quote)
    why = "its text must be mended" if isinstance(content, Path) else f"its text is in {file.settings.encoding}"
    notes += [*found, f"{file.shown}: was read whole, because {why}"]
    yield frame


def _fitting(content: Content, options: dict[str, Any], keep: Keep) -> dict[str, Any] | None:
    """The options with which every batch can be read; None when the text must be mended."""
    for tried in (options, options | {"infer_schema_length": None}):
        try:
            deque(_batches(content, tried, keep), maxlen=0)
        except (pl.exceptions.ComputeError, OSError) as error:
            if "could not parse" not in str(error):
                return None
        else:
            return tried
    return None


def _batches(content: Content, options: dict[str, Any], keep: Keep) -> Iterator[pl.DataFrame]:
    return keep(_scan(content, options)).collect_batches(chunk_size=ROWS_AT_ONCE, maintain_order=True)


def undecodable(file: SourceFile) -> DataError:
    """The error for bytes that are not of the stated encoding, with the line of the first."""
    encoding, raw = file.settings.encoding, b"".join(file.pieces())
    try:
        raw.decode(encoding)
        place = "bytes that are not"
    except UnicodeDecodeError as error:
        place = f"byte 0x{raw[error.start]:02x} in line {raw.count(bytes([10]), 0, error.start) + 1:,}"
    do = 'Set `encoding` in the recipe; "latin1" reads many older files.'
    return DataError(file.shown, must=f"text in {encoding}", came=place, do=do)


def as_utf8(file: SourceFile) -> Content:
    """The file's path when polars reads it as it lies (UTF-8, plain or packed), else its whole text as UTF-8 in memory."""
    if codecs.lookup(file.settings.encoding).name == "utf-8":
        return file.path
    return in_memory(file)


def in_memory(file: SourceFile) -> BytesIO:
    """The whole text, unpacked, as UTF-8 without a mark at its start.

    Raises:
        DataError: when the bytes are not of the stated encoding.
    """
    content, decoder = BytesIO(), codecs.getincrementaldecoder(file.settings.encoding)()
    try:
        for piece in file.pieces():
            text = decoder.decode(piece)
            content.write((text if content.tell() else text.removeprefix("\ufeff")).encode())
        content.write(decoder.decode(b"", final=True).encode())
    except UnicodeDecodeError:
        raise undecodable(file) from None
    content.seek(0)
    return content


def _options(file: SourceFile, content: Content, separator: str, quote: str | None) -> tuple[dict[str, Any], list[str]]:
    names = file.settings.names
    options: dict[str, Any] = {"separator": separator, "has_header": names is None, "quote_char": quote}
    if names is not None:
        options["new_columns"] = list(names)
    sample = _sample(content, options)
    if names is not None and len(names) != sample.width:
        came = f"{len(names)} names and {sample.width} columns"
        raise DataError(f"`names` of {file.shown}", must="one name per column", came=came, do="Correct `names` in the recipe.")
    if names is None and all(_NUMBER.fullmatch(name) for name in sample.columns):
        first = f"a first line of numbers ({', '.join(sample.columns[:5])})"
        raise DataError(f"header of {file.shown}", must="column names", came=first, do="Give `names = [...]` in the recipe.")
    text = {*id_columns(sample.columns, file.settings), *_with_leading_zeros(sample)}
    commas, notes = _decimal_comma(file, sample, separator)
    return options | {"decimal_comma": commas, "schema_overrides": {name: pl.String for name in sample.columns if name in text}}, notes


def _decimal_comma(file: SourceFile, sample: pl.DataFrame, separator: str) -> tuple[bool, list[str]]:
    if file.settings.decimal or separator != ";":
        return file.settings.decimal == ",", []
    fitting = [column.name for column in sample if column.str.contains(",").any() and column.drop_nulls().str.contains(_WITH_COMMA).all()]
    if not fitting:
        return False, []
    return True, [f"{file.shown}: ',' was read as the decimal mark in {listed(fitting)}; decimal = '.' keeps them as text"]


def _sample(content: Content, options: dict[str, Any]) -> pl.DataFrame:
    given = {key: value for key, value in options.items() if key != "new_columns"}
    frame = _scan(content, given | {"infer_schema": False, "truncate_ragged_lines": True, "encoding": "utf8-lossy"}).head(1000).collect()
    names = options.get("new_columns", [])
    return frame.rename(dict(zip(frame.columns, names, strict=False)))


def _with_leading_zeros(sample: pl.DataFrame) -> list[str]:
    """Columns of codes such as postcodes, which a number would shorten."""
    return [column.name for column in sample if column.str.contains(r"^0\d+$").any()]


def _scan(content: Content, options: dict[str, Any]) -> pl.LazyFrame:
    if not isinstance(content, Path):
        content.seek(0)
    return pl.scan_csv(content, glob=False, **options)


def _collect(content: Content, options: dict[str, Any], keep: Keep) -> pl.DataFrame:
    try:
        return keep(_scan(content, options)).collect()
    except pl.exceptions.ComputeError as error:
        if "could not parse" not in str(error):
            raise
        # The type of a column may first show far down; only a full look at the file finds it.
        return keep(_scan(content, options | {"infer_schema_length": None})).collect()


def _mended(file: SourceFile, content: Content, options: dict[str, Any], keep: Keep) -> tuple[pl.DataFrame, list[str]]:
    notes = []
    for quote in (options["quote_char"], None):
        try:
            surplus = _surplus_rows(file, content, options | {"quote_char": quote})
            frame = _collect(content, options | {"quote_char": quote, "truncate_ragged_lines": True}, keep)
        except pl.exceptions.ComputeError as error:
            fault = str(error).splitlines()[0][:160]
            continue
        if quote != options["quote_char"]:
            notes.append(f"{file.shown}: quotes do not close, so they were read as ordinary characters")
        if surplus.len():
            notes.append(f"{file.shown}: {surplus.len():,} rows have too many fields and were cut, first row {surplus[0]:,}")
        return frame, notes
    raise DataError(file.shown, must="a delimited table", came=f"text that does not read as one ({fault})", do="Mend or export it again.")


def _surplus_rows(file: SourceFile, content: Content, options: dict[str, Any]) -> pl.Series:
    """Row numbers, from 1, of rows with more fields than columns."""
    width = _sample(content, options).width
    raw = b"".join(file.pieces()) if isinstance(content, Path) else _whole(content)
    rows = raw.split(b"\n", 1)[-1] if options["has_header"] else raw
    # A header of our own, one column wider: what lands in that column is too much.
    header = options["separator"].join(str(column) for column in range(width + 1))
    fixed = {"separator": options["separator"], "quote_char": options["quote_char"], "infer_schema": False, "truncate_ragged_lines": True}
    frame = pl.scan_csv(BytesIO(header.encode() + b"\n" + rows), **fixed, row_index_name="row", row_index_offset=1)
    return frame.filter(pl.col(str(width)).is_not_null()).select("row").collect().to_series()


def _whole(content: IO[bytes]) -> bytes:
    content.seek(0)
    return content.read()


def _counts(file: SourceFile) -> dict[str, int]:
    return {separator: file.first_line.count(separator) for separator in _SEPARATORS}


def _likeness(tabs: bool) -> Any:
    def likeness(file: SourceFile) -> float:
        if "\x00" in file.first_line:
            return 0.0
        counts = _counts(file)
        likeliest = max(counts, key=lambda separator: counts[separator])
        if not counts[likeliest]:
            return 0.1
        return 0.5 if (likeliest == "\t") == tabs else 0.2

    return likeness


def _separator(file: SourceFile, usual: str | None) -> str:
    counts = _counts(file)
    return file.settings.separator or usual or max(counts, key=lambda one: (counts[one], one == ","))


def _format(name: str, suffixes: tuple[str, ...], tabs: bool, usual: str | None) -> Format:
    def read(file: SourceFile, keep: Keep) -> tuple[pl.DataFrame, list[str]]:
        return read_delimited(file, as_utf8(file), _separator(file, usual), keep)

    def batches(file: SourceFile, keep: Keep, notes: list[str]) -> Iterator[pl.DataFrame]:
        return delimited_batches(file, as_utf8(file), _separator(file, usual), keep, notes)

    return Format(name, suffixes, _likeness(tabs), read, batches)


FORMATS = (_format("csv", ("csv", "txt", "dat"), False, None), _format("tsv", ("tsv", "tab"), True, "\t"))
