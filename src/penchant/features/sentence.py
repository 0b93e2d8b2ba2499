"""A row of several columns as one sentence: a user's profile as an encoder of texts can read it."""

import re
from collections.abc import Mapping
from functools import cached_property

import polars as pl

from penchant.features.feature import as_text
from penchant.schema.settings import ContradictionError

_ENDS = re.compile(r"(?<=[,;.])\s+|(?<=[，；。、！？])\s*|\n+")
"""Where one piece of a template ends and the next begins."""
_NAME = re.compile(r"\{([^{}]*)\}")
_LOOSE = " \t\n,;，；、"
"""What may not stand at the end of a sentence whose last piece was left out."""


class Sentence:
    """A template such as "{age} years old, {occupation}, likes {genres}" or "{age}岁，{occupation}，喜欢{genres}".

    Its pieces end with a comma, a semicolon or a full stop, of either script. A piece with a column that is missing is left out;
    where all such pieces are, there is no sentence. A list reads as its elements with commas.

    Raises:
        ContradictionError: for a template that names no column, or has a brace without its partner.
    """

    def __init__(self, template: str) -> None:
        self.template = template
        if not self.columns or "" in self.columns or re.search(r"[{}]", _NAME.sub("", template)):
            do = "For example '{age} years old, likes {genres}'."
            raise ContradictionError("a sentence with columns in braces", f"'{template[:200]}'", do)

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The columns it names, each once, in their order."""
        return columns_of(self.template)

    def of(self, columns: Mapping[str, pl.Series]) -> list[str]:
        """The sentences of columns `{name: [n]}`; an empty one where all is missing. A column that is not there is missing throughout."""
        rows = max((len(values) for values in columns.values()), default=0)
        told = {name: _texts(columns[name]) if name in columns else [""] * rows for name in self.columns}
        pieces = _cut(self.template)
        return [_sentence(pieces, {name: texts[row] for name, texts in told.items()}) for row in range(rows)]


def columns_of(template: str) -> tuple[str, ...]:
    """The columns a template names, each once, in their order."""
    return tuple(dict.fromkeys(_NAME.findall(template)))


def _cut(template: str) -> list[str]:
    """The pieces, each with what stands between it and the next."""
    ends = [match.end() for match in _ENDS.finditer(template)]
    starts = [0, *ends]
    return [template[start:end] for start, end in zip(starts, [*ends, len(template)], strict=True) if end > start]


def _sentence(pieces: list[str], row: Mapping[str, str]) -> str:
    kept = [piece for piece in pieces if all(row[name] for name in _NAME.findall(piece))]
    if not any(_NAME.search(piece) for piece in kept):
        return ""
    whole = "".join(_NAME.sub(lambda match: row[match[1]], piece) for piece in kept)
    return whole.strip() if kept[-1] is pieces[-1] else whole.rstrip(_LOOSE)


def _texts(values: pl.Series) -> list[str]:
    """Cells as stripped texts, lists (packed or not) with commas between their elements, empty where missing."""
    if values.dtype == pl.List:
        values = values.list.eval(pl.element().cast(pl.String)).list.join("\x1f")
    cells = as_text(values).fill_null("").to_list()
    return [", ".join(part.strip() for part in cell.split("\x1f") if part.strip()) for cell in cells]
