"""Any database that SQLAlchemy knows: a `url` and a `query`. The database is opened for reading only.

Rows come in batches through a cursor on the server's side where there is one, so that memory holds the table once.
"""

import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from uuid import UUID

import polars as pl

from penchant.data.sources.formats import Keep
from penchant.data.sources.names import Role
from penchant.data.sources.places import Place
from penchant.data.sources.unified import unified
from penchant.schema.errors import DataError
from penchant.schema.sections.data import SourceSettings

if TYPE_CHECKING:
    from sqlalchemy import URL, Engine

BATCH_ROWS = 20_000
_PATIENCE = 10
"""Seconds to wait for a server to answer at all."""
_SQLITE = b"SQLite format 3\x00"
_INSTALL = "Install it with: pip install 'penchant[sql]'"


@dataclass(frozen=True)
class Query:
    """A query to a database through SQLAlchemy.

    Attributes:
        settings: Its `url` and `query`; columns of the result are the table's columns.
        directory: Where the relative path of a SQLite file starts.
    """

    settings: SourceSettings
    directory: Path

    @property
    def shown(self) -> str:
        """What an error calls it: never with user or password."""
        return self.settings.shown

    def read(self, keep: Keep) -> tuple[pl.DataFrame, list[str]]:
        """The rows in the query's order. Raises `DataError`, never with user or password in it."""
        return unified(list(self.batches(keep, [])), self.shown), []

    def batches(self, keep: Keep, notes: list[str]) -> Iterator[pl.DataFrame]:
        """The kept part of the rows as the database hands them over, at least one batch. Raises `DataError` as `read` does."""
        with self._connected() as connection:
            found = False
            for batch in self._batches(connection):
                found = True
                yield keep(batch.lazy()).collect()
        if not found:
            raise DataError(self.shown, must="with at least one row", came="none", do="Change `query`, or take it out of the recipe.")

    @contextmanager
    def _connected(self) -> Iterator[Any]:
        engine = _engine(self)
        from sqlalchemy.exc import SQLAlchemyError

        try:
            connection = engine.connect()
        except SQLAlchemyError as error:
            do = "Check that it runs, and the host, port, database, user and password of `url`."
            raise DataError(self.shown, must="at a database that answers", came=without_secrets(error, engine.url), do=do) from None
        reading = {"postgresql_readonly": True} if engine.dialect.name == "postgresql" else {}
        with connection:
            yield connection.execution_options(stream_results=True, max_row_buffer=BATCH_ROWS, **reading)

    def _batches(self, connection: Any) -> Iterator[pl.DataFrame]:
        from sqlalchemy.exc import SQLAlchemyError

        try:
            # Without parameters the driver must not look for any: '%' and ':' are the query's own.
            result = connection.execution_options(no_parameters=True).exec_driver_sql(self.settings.query or "")
            if not result.returns_rows:
                raise not_a_table(self.shown)
            names = unlike(list(result.keys()), self.shown)
            # The driver's own tuples: an object of SQLAlchemy's for every row costs more than reading it.
            while rows := result.cursor_strategy.fetchmany(result, result.cursor, BATCH_ROWS):
                yield _frame(names, rows)
        except SQLAlchemyError as error:
            raise not_understood(self.shown, without_secrets(error, connection.engine.url)) from None


def unlike(names: Sequence[str], shown: str) -> list[str]:
    """The names of a result's columns, which must differ. Raises `DataError`."""
    again = next((name for place, name in enumerate(names) if name in names[:place]), None)
    if again is not None:
        raise DataError(f"columns of {shown}", must="of different names", came=f"'{again}' twice", do=f"Write `{again} AS ...` for one.")
    return list(names)


def not_a_table(shown: str) -> DataError:
    """The error for a statement that changes something or gives nothing."""
    return DataError(shown, must="a query that gives rows", came="a statement that gives none", do="Write a SELECT into `query`.")


def not_understood(shown: str, came: str) -> DataError:
    """The error for a query that the database refuses."""
    return DataError(shown, must="SQL that this database can answer", came=came, do="Mend `query` in the recipe.")


def _frame(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> pl.DataFrame:
    return pl.DataFrame([_column(name, values) for name, values in zip(names, zip(*rows, strict=True), strict=True)])


def _column(name: str, values: Sequence[Any]) -> pl.Series:
    """A column of what a driver returns: decimals as floats; UUIDs, and values of several kinds (SQLite allows them), as text."""
    kinds = set(map(type, values)) - {NoneType}
    if kinds <= {int, float, Decimal} and len(kinds | {int}) > 1:
        return pl.Series(name, [None if value is None else float(value) for value in values], dtype=pl.Float64)
    if len(kinds) > 1 or kinds & {UUID}:
        return _as_text(name, values)
    try:
        return pl.Series(name, values)
    except (TypeError, ValueError, OverflowError, pl.exceptions.PolarsError):
        return _as_text(name, values)


def _as_text(name: str, values: Sequence[Any]) -> pl.Series:
    return pl.Series(name, [None if value is None else str(value) for value in values], dtype=pl.String)


def _engine(query: Query) -> "Engine":
    try:
        import sqlalchemy
    except ModuleNotFoundError:
        raise absent(query.shown, "SQLAlchemy") from None
    url = _url(query)
    options: dict[str, Any] = {"poolclass": sqlalchemy.NullPool}
    if url.get_backend_name() == "sqlite":
        address = f"file:{quote(str(_sqlite_file(query, url).absolute()))}?mode=ro"
        return sqlalchemy.create_engine("sqlite://", creator=lambda: sqlite3.connect(address, uri=True), **options)
    if url.drivername == "postgresql+psycopg" and "connect_timeout" not in url.query:
        options["connect_args"] = {"connect_timeout": _PATIENCE}
    try:
        return sqlalchemy.create_engine(url, **options)
    except (sqlalchemy.exc.NoSuchModuleError, ModuleNotFoundError) as error:
        named = error.name if isinstance(error, ModuleNotFoundError) else None
        raise absent(query.shown, named or f"SQLAlchemy dialect for {url.drivername}") from None


def _url(query: Query) -> "URL":
    import sqlalchemy

    secret = query.settings.url
    try:
        url = sqlalchemy.make_url(secret.get_secret_value() if secret else "")
    except (sqlalchemy.exc.ArgumentError, ValueError):
        came, do = (
            "text that is none",
            "For example 'postgresql://user:password@host:5432/shop'; write @ : / ? in a password as %40 %3A %2F %3F.",
        )
        raise DataError(query.shown, must="at a database's URL", came=came, do=do) from None
    # SQLAlchemy's own choices would be the driver of ten years ago, and a name that libpq knows but it does not.
    return url.set(drivername="postgresql+psycopg") if url.drivername in ("postgres", "postgresql") else url


def absent(shown: str, package: str) -> DataError:
    """The error for a package that reading this database takes."""
    do = _INSTALL if package in ("SQLAlchemy", "psycopg", "DuckDB", "pyarrow") else "Install it, or export the table to a file."
    return DataError(shown, must="readable with an installed package", came=f"no {package}", do=do)


def _sqlite_file(query: Query, url: "URL") -> Path:
    path = query.directory / (url.database or "")
    if not path.is_file():
        do = f"Correct `url` in the recipe; its path is relative to '{query.directory}'."
        raise DataError(query.shown, must="at a database file", came="nothing there", do=do)
    with path.open("rb") as content:
        start = content.read(len(_SQLITE))
    if start not in (_SQLITE, b""):
        raise DataError(query.shown, must="at a SQLite file", came="a file of another kind", do="Correct `url`, or read it by its `path`.")
    return path


def without_secrets(error: Exception, url: "URL") -> str:
    """The first line of what a driver says, without user, password and options of the URL."""
    said = str(getattr(error, "orig", None) or error).strip().splitlines()
    text = " ".join(said[0].split())[:240] if said else type(error).__name__
    options = [one for value in url.query.values() for one in ([value] if isinstance(value, str) else value)]
    for secret in filter(None, (str(url.password or ""), *options)):
        for spelling in {secret, quote(secret, safe="")}:
            text = text.replace(spelling, "***")
    return re.sub(rf"\b{re.escape(url.username)}\b", "***", text) if url.username else text


def _is_query(settings: SourceSettings, directory: Path) -> bool:
    return settings.url is not None and not settings.url.get_secret_value().startswith("duckdb:")


def _open(settings: SourceSettings, directory: Path, role: Role) -> Query:
    return Query(settings, directory)


PLACES = (Place(_is_query, _open),)
