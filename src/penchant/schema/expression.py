"""Small safe column expressions: `rating >= 4 and event in ("click", "buy")`.

One text is read once and then used on a whole frame (`polars()`) and on one row (`value(row)`), so that
a label, a filter or a history rule means the same offline and online.

Grammar: column names; col('name') for a column whose name is no plain word or is a word of Python (class, from);
numbers, 'text', true, false, null; + - * /; == != < <= > >=; in (…), not in (…); and, or, not; parentheses; missing(…).
A comparison with a missing value is missing, and a missing condition does not hold; missing(…) alone says yes or no of a missing
value: `not missing(comment) and comment != ''` holds where there is a text, and is no, not missing, where there is none.
Arithmetic is done in float64 whatever the column's type; division by zero is missing. As a condition, a number other than 0 holds.
"""

import ast
import keyword
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import isfinite, isnan
from typing import Any

import polars as pl
from polars import selectors

from penchant.schema.errors import RecipeError

_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
}  # fmt: skip
_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le,
    ast.Gt: operator.gt, ast.GtE: operator.ge,
}  # fmt: skip
_CONSTANTS = {"true": True, "false": False, "null": None}
_QUOTED = re.compile(r"'[^']*(?:'|$)|\"[^\"]*(?:\"|$)")
_RESERVED = frozenset(keyword.kwlist) - {"and", "or", "not", "in"}


@dataclass(frozen=True)
class Expression:
    """A checked column expression.

    Attributes:
        text: As it was written.
        columns: The columns it reads; `true`, `false` and `null` are none.

    Raises:
        RecipeError: when the text is not of the grammar above.
    """

    text: str
    columns: frozenset[str] = field(init=False)
    _tree: ast.expr = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        try:
            tree = ast.parse(self.text.strip(), mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            raise self._unreadable() from None
        names: set[str] = set()
        self._check(tree, names, depth=0)
        object.__setattr__(self, "columns", frozenset(names))
        object.__setattr__(self, "_tree", tree)

    def _unreadable(self) -> RecipeError:
        """Text that does not parse; where a word of Python stands in it, a column of that name may have been meant."""
        reserved = next((word for word in re.findall(r"\w+", _QUOTED.sub(" ", self.text)) if word in _RESERVED), None)
        if reserved is None:
            return self._refused("text that does not parse")
        return self._refused(
            f"the bare word '{reserved}'", f"For example: \"col('{reserved}') == 1\" where the column '{reserved}' is meant."
        )

    def _refused(self, came: str, do: str = "For example: \"rating >= 4\" or \"event in ('click', 'buy')\".") -> RecipeError:
        return RecipeError(
            f"expression '{self.text[:200]}'",
            must="column names, col('name'), missing(name), numbers and 'texts' joined by + - * / == != < <= > >= in, and, or, not",
            came=came,
            do=do,
        )

    def _check(self, node: ast.AST, names: set[str], depth: int) -> None:
        if depth > 32:
            raise self._refused("an expression nested deeper than 32 levels")
        match node:
            case ast.Name(id=name):
                if name not in _CONSTANTS:
                    names.add(name)
                return
            case ast.Call(func=ast.Name(id="col"), args=[ast.Constant(value=str(name))], keywords=[]) if name:
                names.add(name)
                return
            case ast.Call(func=ast.Name(id="missing"), args=[asked], keywords=[]):
                children: list[ast.AST] = [asked]
            case ast.Constant(value=int() | float() as number):
                if abs(number) >= 2**63 or not isfinite(number):
                    raise self._refused("a number of more than 64 bits")
                return
            case ast.Constant(value=str() | None):
                return
            case ast.Compare(ops=[ast.In() | ast.NotIn()], comparators=[ast.Tuple(elts=elements) | ast.List(elts=elements)]):
                children = [node.left, *elements]
                if not elements or not all(_is_value(element) for element in elements):
                    raise self._refused("'in' followed by something other than a list of values")
            case ast.Compare(ops=ops) if all(type(op) in _COMPARE for op in ops):
                children = [node.left, *node.comparators]
            case ast.BoolOp():
                children = list(node.values)
            case ast.UnaryOp(op=ast.Not() | ast.USub()):
                children = [node.operand]
            case ast.BinOp(op=op) if type(op) in _BINARY:
                children = [node.left, node.right]
            case _:
                raise self._refused(f"'{(ast.get_source_segment(self.text.strip(), node) or type(node).__name__)[:80]}'")
        for child in children:
            self._check(child, names, depth + 1)

    def polars(self) -> pl.Expr:
        """The expression over a frame's columns."""
        return _to_polars(self._tree)

    def value(self, row: Mapping[str, Any]) -> Any:
        """The expression's value for one row; columns the row lacks are missing (None), and so is what a type does not allow."""
        return _of_row(self._tree, row)

    def holds(self, row: Mapping[str, Any]) -> bool:
        """Whether the condition holds for one row; missing counts as no."""
        return _truth(self.value(row)) is True


def _is_value(node: ast.AST) -> bool:
    """A number (with a sign or without), a text, true, false or null."""
    match node:
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float())) | ast.Constant():
            return True
        case ast.Name(id=name):
            return name in _CONSTANTS
    return False


def _to_polars(node: ast.AST) -> pl.Expr:
    match node:
        case ast.Name(id=name):
            return pl.lit(_CONSTANTS[name]) if name in _CONSTANTS else pl.col(name)
        case ast.Call(func=ast.Name(id="col"), args=[ast.Constant(value=str(name))]):
            return selectors.by_name(name).as_expr()  # pl.col would read "*" and "^…$" as patterns
        case ast.Call(args=[asked]):
            return _to_polars(asked).is_null()
        case ast.Constant(value=value):
            return pl.lit(value)
        case ast.BoolOp(op=op, values=values):
            parts = [_condition(value) for value in values]
            return pl.all_horizontal(parts) if isinstance(op, ast.And) else pl.any_horizontal(parts)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return ~_condition(operand)
        case ast.UnaryOp(operand=operand):
            return -_number(operand)
        case ast.BinOp(left=left, op=op, right=right):
            result: pl.Expr = _BINARY[type(op)](_number(left), _number(right)).fill_nan(None)
            return pl.when(_number(right) != 0).then(result) if isinstance(op, ast.Div) else result
        case ast.Compare(left=left, ops=[ast.In() | ast.NotIn() as op], comparators=[ast.Tuple(elts=values) | ast.List(elts=values)]):
            side = _to_polars(left)  # one comparison per value: is_in refuses a list of another numeric type
            inside = pl.any_horizontal([side == _to_polars(value) for value in values])
            return ~inside if isinstance(op, ast.NotIn) else inside
        case ast.Compare(left=left, ops=ops, comparators=comparators):
            sides = [_to_polars(side) for side in (left, *comparators)]
            return pl.all_horizontal([_COMPARE[type(op)](a, b) for op, a, b in zip(ops, sides, sides[1:], strict=False)])
    raise AssertionError(f"unchecked node {node!r}")


def _number(node: ast.AST) -> pl.Expr:
    # Packed columns are of the smallest type that holds them: 5 * 100 in 8 bits is -12.
    return _to_polars(node).cast(pl.Float64)


def _condition(node: ast.AST) -> pl.Expr:
    # Packed true and false are the numbers 1 and 0, and polars' "not 1" is -2.
    return _to_polars(node).cast(pl.Boolean)


def _of_row(node: ast.AST, row: Mapping[str, Any]) -> Any:
    match node:
        case ast.Name(id=name):
            return _CONSTANTS[name] if name in _CONSTANTS else row.get(name)
        case ast.Call(func=ast.Name(id="col"), args=[ast.Constant(value=str(name))]):
            return row.get(name)
        case ast.Call(args=[asked]):
            value = _of_row(asked, row)
            return value is None or (isinstance(value, float) and isnan(value))
        case ast.Constant(value=value):
            return value
        case ast.BoolOp(op=op, values=values):
            return _three_valued(isinstance(op, ast.And), [_truth(_of_row(value, row)) for value in values])
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return _opposite(_truth(_of_row(operand, row)))
        case ast.UnaryOp(operand=operand):
            return _calculated(operator.sub, 0.0, _of_row(operand, row))
        case ast.BinOp(left=left, op=op, right=right):
            return _calculated(_BINARY[type(op)], _of_row(left, row), _of_row(right, row))
        case ast.Compare(left=left, ops=[ast.In() | ast.NotIn() as op], comparators=[ast.Tuple(elts=values) | ast.List(elts=values)]):
            side = _of_row(left, row)
            inside = _three_valued(False, [_compared(operator.eq, side, _of_row(value, row)) for value in values])
            return _opposite(inside) if isinstance(op, ast.NotIn) else inside
        case ast.Compare(left=left, ops=ops, comparators=comparators):
            sides = [_of_row(side, row) for side in (left, *comparators)]
            return _three_valued(True, [_compared(_COMPARE[type(op)], a, b) for op, a, b in zip(ops, sides, sides[1:], strict=False)])
    raise AssertionError(f"unchecked node {node!r}")


def _calculated(function: Callable[[Any, Any], Any], left: Any, right: Any) -> float | None:
    try:
        result: float = function(float(left), float(right))
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return None
    return None if isnan(result) else result


def _compared(function: Callable[[Any, Any], Any], left: Any, right: Any) -> bool | None:
    if left is None or right is None or isinstance(left, str) != isinstance(right, str):
        return None
    try:
        return bool(function(left, right))
    except TypeError:
        return None


def _truth(value: Any) -> bool | None:
    """A value as a condition: numbers hold unless they are 0; texts and missing values say nothing."""
    return bool(value) if isinstance(value, int | float) else None


def _opposite(condition: bool | None) -> bool | None:
    return None if condition is None else not condition


def _three_valued(all_of: bool, values: list[bool | None]) -> bool | None:
    """SQL's three-valued AND (all_of) or OR."""
    decisive = not all_of
    if any(value is decisive for value in values):
        return decisive
    return None if any(value is None for value in values) else all_of
