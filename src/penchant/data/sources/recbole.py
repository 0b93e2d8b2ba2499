"""RecBole's atomic files: tab separated, each column named `name:type` with type token, float, token_seq or float_seq."""

import re
from collections.abc import Collection

import polars as pl

from penchant.data.sources.delimited import as_utf8, read_delimited
from penchant.data.sources.formats import Format, Keep, SourceFile
from penchant.data.sources.layouts import Layout
from penchant.data.sources.names import Role
from penchant.schema.errors import DataError

_TYPED = re.compile(r"(?P<name>.+):(?P<type>token|float|token_seq|float_seq)")


def _typed(file: SourceFile) -> dict[str, str] | None:
    """Column type by name, or None when a column has no known type."""
    fields = [_TYPED.fullmatch(field.strip()) for field in file.first_line.split(file.settings.separator or "\t")]
    return {field["name"]: field["type"] for field in fields if field} if all(fields) else None


def _likeness(file: SourceFile) -> float:
    return 0.9 if _typed(file) else 0.0


def _read(file: SourceFile, keep: Keep) -> tuple[pl.DataFrame, list[str]]:
    types = _typed(file)
    if types is None:
        came, do = f"'{file.first_line[:80]}'", "Name the right `format`, or leave it out to have it guessed."
        raise DataError(f"header of {file.shown}", must="`name:type` with token, float, token_seq or float_seq", came=came, do=do)

    def typed(frame: pl.LazyFrame) -> pl.LazyFrame:
        return keep(frame.select(_column(name, kind) for name, kind in types.items()))

    text = {f"{name}:{kind}": pl.String for name, kind in types.items()}
    try:
        return read_delimited(file, as_utf8(file), file.settings.separator or "\t", typed, types=text, quote=None)
    except pl.exceptions.InvalidOperationError as error:
        came = f"other text ({str(error).splitlines()[0][:120]})"
        raise DataError(f"float column of {file.shown}", must="numbers", came=came, do="Mend the values or type it token.") from None


def _column(name: str, kind: str) -> pl.Expr:
    column = pl.col(f"{name}:{kind}")
    match kind:
        case "float":
            column = column.cast(pl.Float64)
        case "token_seq":
            column = column.str.split(" ")
        case "float_seq":
            column = column.str.split(" ").cast(pl.List(pl.Float64))
    return column.alias(name)


def _files(names: Collection[str]) -> dict[Role, str]:
    """The tables of a folder with one `NAME.inter`, and `NAME.user` and `NAME.item` where they are."""
    logs = [name for name in names if name.endswith(".inter")]
    if len(logs) != 1:
        return {}
    roles: dict[Role, str] = {"events": "inter", "users": "user", "items": "item"}
    wanted = {role: f"{logs[0].removesuffix('inter')}{ending}" for role, ending in roles.items()}
    return {role: name for role, name in wanted.items() if name in names}


FORMATS = (Format("recbole", ("inter", "user", "item"), _likeness, _read),)
LAYOUTS = (Layout("recbole", _files),)
