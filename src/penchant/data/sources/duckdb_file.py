"""DuckDB files through DuckDB's own package: `duckdb:///shop.db`; `duckdb://` alone queries files beside the recipe."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from penchant.data.sources.names import Role
from penchant.data.sources.places import Place
from penchant.data.sources.sql import BATCH_ROWS, Query, absent, not_a_table, not_understood, unlike
from penchant.schema.errors import DataError
from penchant.schema.sections.data import SourceSettings

_SCHEME = "duckdb:"


@dataclass(frozen=True)
class DuckDBQuery(Query):
    """A query to a DuckDB file.

    Attributes:
        settings: Its `url` and `query`.
        directory: Where relative paths start, in the URL and in the query.
    """

    def _batches(self, connection: Any) -> Iterator[pl.DataFrame]:
        import duckdb

        try:
            statements = connection.extract_statements(self.settings.query or "")
            if not statements or statements[-1].type != duckdb.StatementType.SELECT:
                raise not_a_table(self.shown)
            relation = connection.sql(self.settings.query or "")
            unlike(relation.columns, self.shown)
            for batch in relation.to_arrow_reader(BATCH_ROWS):
                yield _plain(pl.DataFrame(pl.from_arrow(batch)))
        except duckdb.Error as error:
            raise not_understood(self.shown, str(error).strip().splitlines()[0][:240]) from None

    @contextmanager
    def _connected(self) -> Iterator[Any]:
        try:
            import duckdb
            import pyarrow  # noqa: F401 - DuckDB hands its rows over through it
        except ModuleNotFoundError as error:
            raise absent(self.shown, "pyarrow" if error.name == "pyarrow" else "DuckDB") from None
        path = self._file()
        try:
            connection = duckdb.connect(str(path) if path else ":memory:", read_only=path is not None)
        except duckdb.Error as error:
            came = str(error).strip().splitlines()[0][:240]
            do = "Correct `url`; a file that another program writes to must be closed there first."
            raise DataError(self.shown, must="at a DuckDB file that can be opened", came=came, do=do) from None
        with connection:
            connection.execute("SET file_search_path = ?", [str(self.directory.absolute())])
            yield connection

    def _file(self) -> Path | None:
        url = self.settings.url.get_secret_value() if self.settings.url else ""
        name = url.removeprefix(_SCHEME).removeprefix("//").removeprefix("/").partition("?")[0]
        if name in ("", ":memory:"):
            return None
        path = self.directory / name
        if not path.is_file():
            do = f"Correct `url` in the recipe; its path is relative to '{self.directory}'."
            raise DataError(self.shown, must="at a database file", came="nothing there", do=do)
        return path


def _plain(frame: pl.DataFrame) -> pl.DataFrame:
    """Decimals as floats: labels and features are numbers, not amounts of money."""
    return frame.cast({name: pl.Float64 for name, kind in frame.schema.items() if isinstance(kind, pl.Decimal)})


def _is_duckdb(settings: SourceSettings, directory: Path) -> bool:
    return settings.url is not None and settings.url.get_secret_value().startswith(_SCHEME)


def _open(settings: SourceSettings, directory: Path, role: Role) -> DuckDBQuery:
    return DuckDBQuery(settings, directory)


PLACES = (Place(_is_duckdb, _open),)
