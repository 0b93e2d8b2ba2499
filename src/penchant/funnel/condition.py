"""A filter over item columns as one polars expression: what a request and its user tell stands in it as values."""

import ast
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any, Literal

import polars as pl
from polars import selectors

from penchant.schema.errors import did_you_mean
from penchant.schema.filter import MEMBERSHIPS, Filter, Owner, column_of, value_of

Kind = Literal["number", "text", "truth", "numbers", "texts", "missing", "any"]
"""What a column or value is; `numbers` and `texts` are lists; `any` = known only when asked."""
ELEMENT: Mapping[Kind, Kind] = {"numbers": "number", "texts": "text", "any": "any", "missing": "missing"}
_COMPARE: Mapping[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge,
}  # fmt: skip
_CALCULATE: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
}  # fmt: skip
_WORDS: Mapping[Kind, str] = {
    "number": "a number", "text": "a text", "truth": "true or false", "numbers": "a list of numbers", "texts": "a list of texts",
    "missing": "null", "any": "anything",
}  # fmt: skip


@dataclass(frozen=True)
class Names:
    """The columns there are, and what each is.

    Attributes:
        item, user: Kinds by name.
        context: Names whose values a request tells.
    """

    item: Mapping[str, Kind]
    user: Mapping[str, Kind]
    context: frozenset[str] = frozenset()

    def kind(self, owner: Owner, name: str) -> Kind | None:
        """What a column is; None where there is none."""
        if owner == "context":
            return "any" if name in self.context or name == "timestamp" else None
        return (self.item if owner == "item" else self.user).get(name)

    def nearest(self, owner: Owner, name: str) -> str:
        """The name that may have been meant."""
        own: Mapping[Owner, Any] = {"item": self.item, "user": self.user, "context": self.context | {"timestamp"}}
        other = next((each for each in own if each != owner and name in own[each]), None)
        return did_you_mean(name, own[owner]) if other is None else f"Did you mean '{other}.{name}'?"


@dataclass(frozen=True)
class Told:
    """What is known of who asks, by column: a value that is not there is missing."""

    user: Mapping[str, Any]
    context: Mapping[str, Any]

    def value(self, owner: Owner, name: str) -> Any:
        """The value of a column that is none of an item's."""
        return (self.user if owner == "user" else self.context).get(name)


NOTHING_TOLD = Told({}, {})


@dataclass(frozen=True)
class _Term:
    """A piece as polars reads it; of a kind that is `fixed` where the catalogue or the filter itself says so, not the request."""

    kind: Kind
    expression: pl.Expr
    fixed: bool = True


_MISSING = pl.lit(None)


def check(asked: Filter, names: Names) -> None:
    """Refuse a filter that names columns that are not there, or holds texts against numbers. Raises FilterError."""
    _Reading(asked, names, None).condition(asked.tree)


def condition(asked: Filter, names: Names, told: Told) -> pl.Expr:
    """Whether each item passes, missing where that cannot be said; over a frame with the item columns that the filter reads.

    Raises:
        FilterError: as `check`.
    """
    return _Reading(asked, names, told).condition(asked.tree)


@dataclass(frozen=True)
class _Reading:
    """One reading of a filter; `told` None = nobody asks yet."""

    asked: Filter
    names: Names
    told: Told | None

    def condition(self, node: ast.expr) -> pl.Expr:
        term = self.term(node)
        if term.kind in ("text", "texts", "numbers"):
            if term.fixed:
                do = "Compare it with something, for example: == 'Drama'."
                self.asked.refuse(node, "filter_types", "a condition, or a number", _WORDS[term.kind], do)
            return pl.lit(None, dtype=pl.Boolean)
        return term.expression.cast(pl.Boolean)

    def term(self, node: ast.expr) -> _Term:
        column = column_of(node)
        if column is not None:
            return self._column(node, *column)
        match node:
            case ast.Constant() | ast.Name():
                return _value(value_of(node))
            case ast.Call(func=ast.Name(id="missing"), args=[inner]):
                return _Term("truth", self.term(inner).expression.is_null())
            case ast.Call(args=[inner]):
                return self._time(inner)
            case ast.BoolOp(op=op, values=values):
                parts = [self.condition(each) for each in values]
                return _Term("truth", pl.all_horizontal(parts) if isinstance(op, ast.And) else pl.any_horizontal(parts))
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return _Term("truth", ~self.condition(operand))
            case ast.UnaryOp(operand=operand):
                return _Term("number", -self._number(operand))
            case ast.BinOp(left=left, op=op, right=right):
                one, other = self._number(left), self._number(right)
                result: pl.Expr = _CALCULATE[type(op)](one, other).fill_nan(None)
                return _Term("number", pl.when(other != 0).then(result) if isinstance(op, ast.Div) else result)
            case ast.Compare(left=left, ops=[op], comparators=[right]) if isinstance(op, MEMBERSHIPS):
                inside = self._inside(left, right)
                return _Term("truth", ~inside if isinstance(op, ast.NotIn) else inside)
            case ast.Compare(left=left, ops=ops, comparators=rest):
                sides = [left, *rest]
                pairs = zip(ops, sides, sides[1:], strict=False)
                return _Term("truth", pl.all_horizontal([self._compared(_COMPARE[type(op)], *pair) for op, *pair in pairs]))
        raise AssertionError(f"unchecked piece {node!r}")

    def _column(self, node: ast.AST, owner: Owner, name: str) -> _Term:
        kind = self.names.kind(owner, name)
        if kind is None:
            self.asked.refuse(
                node, "filter_column", f"a column of {owner} that is known here", f"'{name}'", self.names.nearest(owner, name)
            )
        if owner == "item":
            return _Term(kind, selectors.by_name(name).as_expr())  # pl.col would read "*" and "^…$" as patterns
        if self.told is None:
            return _Term(kind, _MISSING, kind != "any")
        found = _value(plain(self.told.value(owner, name)))
        return _Term(found.kind, found.expression, fixed=False)

    def _number(self, node: ast.expr) -> pl.Expr:
        term = self.term(node)
        if term.kind in ("number", "truth", "missing", "any"):
            return term.expression.cast(pl.Float64)
        if term.fixed:
            self.asked.refuse(node, "filter_types", "a number", _WORDS[term.kind], "Calculate with numbers only.")
        return pl.lit(None, dtype=pl.Float64)

    def _compared(self, compare: Callable[[Any, Any], Any], left: ast.expr, right: ast.expr) -> pl.Expr:
        one, other = self.term(left), self.term(right)
        for side, node in ((one, left), (other, right)):
            if side.kind in ("numbers", "texts"):
                if side.fixed:
                    do = "Ask what is in it, for example: 'Drama' in item.genres."
                    self.asked.refuse(node, "filter_types", "one value, to be compared", _WORDS[side.kind], do)
                return pl.lit(None, dtype=pl.Boolean)
        return self._alike(one, other, right, compare)

    def _alike(self, one: _Term, other: _Term, node: ast.expr, compare: Callable[[Any, Any], Any]) -> pl.Expr:
        """A comparison of single values; missing where they are of two kinds and the filter is not to blame."""
        if "missing" in (one.kind, other.kind) or "any" in (one.kind, other.kind):
            return pl.lit(None, dtype=pl.Boolean)
        if (one.kind == "text") != (other.kind == "text"):
            if one.fixed and other.fixed:
                do = "Put a text in quotes, and a number in none."
                self.asked.refuse(node, "filter_types", f"{_WORDS[one.kind]}, as what it is compared with", _WORDS[other.kind], do)
            return pl.lit(None, dtype=pl.Boolean)
        kind = pl.String if one.kind == "text" else pl.Float64
        found: pl.Expr = compare(one.expression.cast(kind), other.expression.cast(kind))
        return found

    def _inside(self, left: ast.expr, right: ast.expr) -> pl.Expr:
        """Whether a value is in a list, or a list has something in common with it."""
        one = self.term(left)
        if isinstance(right, ast.Tuple | ast.List):
            other = _value([value_of(each) for each in right.elts])
            if other.kind == "any":
                return self._among_mixed(one, left, right)
        else:
            other = self.term(right)
        if other.kind not in ELEMENT:
            if other.fixed:
                do = "Use == to compare with one value."
                self.asked.refuse(right, "filter_types", "a list, after 'in'", _WORDS[other.kind], do)
            return pl.lit(None, dtype=pl.Boolean)
        element = ELEMENT[other.kind]
        own = ELEMENT.get(one.kind, one.kind)
        if "missing" in (own, element) or "any" in (own, element):
            return pl.lit(None, dtype=pl.Boolean)
        if (own == "text") != (element == "text"):
            if one.fixed and other.fixed:
                do = "Put texts in quotes, and numbers in none."
                self.asked.refuse(left, "filter_types", f"{_WORDS[element]}, as what the list holds", _WORDS[own], do)
            return pl.lit(None, dtype=pl.Boolean)
        kind = pl.String if own == "text" else pl.Float64
        lists = other.expression.cast(pl.List(kind))
        if one.kind in ELEMENT:
            mine = one.expression.cast(pl.List(kind))
            return mine.list.set_intersection(lists).list.len() > 0
        return lists.list.contains(one.expression.cast(kind))

    def _among_mixed(self, one: _Term, left: ast.expr, right: ast.Tuple | ast.List) -> pl.Expr:
        """Values of several kinds, null among them: compared one by one, those of another kind and null saying nothing."""
        parts = [_value(value_of(each)) for each in right.elts]
        if one.kind in ELEMENT and one.kind not in ("any", "missing"):
            do = "Name texts only, or numbers only."
            self.asked.refuse(right, "filter_types", "values of one kind, to be looked for in a list", "several kinds", do)
        kept = [_Term(part.kind, part.expression, fixed=False) for part in parts]
        return pl.any_horizontal([self._alike(one, part, right, operator.eq) for part in kept])

    def _time(self, node: ast.expr) -> _Term:
        term = self.term(node)
        if term.kind in ("number", "missing", "any"):
            return _Term("number", term.expression.cast(pl.Float64), term.fixed)
        if term.kind != "text":
            if term.fixed:
                do = "For example: time(item.until) > context.timestamp."
                self.asked.refuse(node, "filter_types", "a date as text", _WORDS[term.kind], do)
            return _Term("number", pl.lit(None, dtype=pl.Float64))
        return _Term("number", seconds_of_text(term.expression), term.fixed)


def seconds_of_text(texts: pl.Expr) -> pl.Expr:
    """Seconds since 1970 of dates (`2024-05-01`) and moments (`2024-05-01T12:00:00`, in UTC without an offset); missing for other text."""
    text = texts.cast(pl.String).str.strip_chars()
    moments = text.str.replace(" ", "T", literal=True).str.replace(r"Z$", "+00:00")
    apart = moments.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%:z", time_unit="us", time_zone="UTC", strict=False)
    here = moments.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f", time_unit="us", strict=False).dt.replace_time_zone("UTC")
    days = text.str.to_date("%Y-%m-%d", strict=False).cast(pl.Datetime("us", "UTC"))
    return pl.coalesce(apart, here, days).dt.epoch("us").cast(pl.Float64) / 1e6


def plain(value: Any) -> Any:
    """A value as filters know it: dates and times as seconds since 1970, other objects as text."""
    match value:
        case datetime():
            return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
        case date():
            return datetime.combine(value, time(), UTC).timestamp()
        case None | bool() | int() | float() | str():
            return value
        case list() | tuple() | pl.Series():
            return [plain(each) for each in value]
    return str(value)


def _value(value: Any) -> _Term:
    """A value told by the filter or the request."""
    kind = kind_of(value)
    if kind in ("any", "missing"):
        return _Term(kind, _MISSING)
    if kind in ("numbers", "texts"):
        inner: Any = pl.Float64 if kind == "numbers" else pl.String
        return _Term(
            kind, pl.lit(pl.Series([[float(each) if kind == "numbers" else each for each in value]], dtype=pl.List(inner))).first()
        )
    return _Term(kind, pl.lit(value))


def kind_of(value: Any) -> Kind:
    """What a plain value is; "any" for a list of several kinds."""
    match value:
        case None:
            return "missing"
        case bool():
            return "truth"
        case int() | float():
            return "number" if value == value else "missing"
        case list():
            kinds = {kind_of(each) for each in value}
            if kinds <= {"number", "truth"}:
                return "numbers"
            return "texts" if kinds == {"text"} else "any"
    return "text"
