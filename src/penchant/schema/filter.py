"""Filters over items: `item.price < 20 and 'Drama' in item.genres and user.age >= item.least_age`.

One text is read once and then asked of whole columns of items at once. Grammar:

- columns: `item.price`, `user.age`, `context.device`; `item['short name']` for a name that is no plain word; a bare name is an item's;
- numbers, 'texts', true, false, null;
- `+ - * /` on numbers, `== != < <= > >=`, `and`, `or`, `not`, parentheses;
- `x in ('a', 'b')`, `'Drama' in item.genres`, `item.genres in ('Drama', 'War')` (some in common), and `not in`;
- `missing(x)`, and `time(x)`: seconds since 1970 of a date told as text, `time(item.until) > context.timestamp`.

A comparison with a missing value is missing; an item passes where the whole is true, not where it is missing. Dates and times kept as
such are seconds since 1970. The moment, `context.timestamp`, is always known.
"""

import ast
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal, NoReturn

from penchant.schema.errors import FilterError, did_you_mean

LONGEST = 4096
"""Characters of a filter."""
DEEPEST = 32
"""Conditions inside one another."""
MOST_VALUES = 1000
"""Values of a list after `in`."""
Owner = Literal["item", "user", "context"]
OWNERS: tuple[Owner, ...] = ("item", "user", "context")
ORDERS = (ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE)
MEMBERSHIPS = (ast.In, ast.NotIn)
ARITHMETIC = (ast.Add, ast.Sub, ast.Mult, ast.Div)
CONSTANTS = {"true": True, "false": False, "null": None}
FUNCTIONS = ("missing", "time")
_QUOTED = re.compile(r"'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"")
_EXAMPLE = "For example: \"item.price < 20 and 'Drama' in item.genres\"."


@dataclass(frozen=True)
class Filter:
    """A filter that is well-formed.

    Attributes:
        text: As it was written.
        tree: What it says, made of the grammar's pieces alone.
        columns: The columns it reads, by owner.

    Raises:
        FilterError: when the text is not of the grammar, too long or too deep.
    """

    text: str
    tree: ast.expr = field(init=False, repr=False, compare=False)
    columns: Mapping[Owner, frozenset[str]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if len(self.text) > LONGEST:
            raise FilterError(
                LONGEST + 1, "filter_limit", must=f"at most {LONGEST:,} characters", came=f"{len(self.text):,}", do="Make it shorter."
            )
        found: list[tuple[Owner, str]] = []
        tree = self._parsed()
        self._check(tree, found, 0)
        object.__setattr__(self, "tree", tree)
        object.__setattr__(self, "columns", {owner: frozenset(name for own, name in found if own == owner) for owner in OWNERS})

    def _parsed(self) -> ast.expr:
        line, indent = _one_line(self.text)
        place = _QUOTED.sub(lambda quoted: "x" * len(quoted[0]), line).find("#") + 1  # a comment would swallow what follows
        try:
            if not place:
                return ast.parse(line, mode="eval").body
        except (ValueError, RecursionError, MemoryError):
            place = 1
        except SyntaxError as error:
            place = error.offset or len(line) + 1  # without one where the text ends too early
        place = min(place, len(line) + 1) + indent
        raise FilterError(place, "filter_syntax", must="a condition that can be read", came="text that cannot", do=_EXAMPLE)

    def place(self, node: ast.AST) -> int:
        """The character at which a piece begins, counted from 1."""
        line, indent = _one_line(self.text)
        return len(line.encode()[: getattr(node, "col_offset", 0)].decode(errors="ignore")) + indent + 1

    def refuse(self, node: ast.AST, code: str, must: str, came: str, do: str) -> NoReturn:
        """Raise what is wrong with a piece."""
        raise FilterError(self.place(node), code, must=must, came=came, do=do)

    def _check(self, node: ast.AST, found: list[tuple[Owner, str]], depth: int) -> None:
        if depth > DEEPEST:
            self.refuse(node, "filter_limit", f"nested at most {DEEPEST} levels deep", "a deeper one", "Take it apart.")
        for child in self._children(node, found):
            self._check(child, found, depth + 1)

    def _children(self, node: ast.AST, found: list[tuple[Owner, str]]) -> Iterable[ast.AST]:
        """The pieces that a piece is made of; columns are put into `found`."""
        column = column_of(node)
        if column is not None:
            found.append(column)
            return ()
        match node:
            case ast.Name(id=name) if name in CONSTANTS:
                return ()
            case ast.Constant(value=value) if _is_plain(value):
                return ()
            case ast.Call(func=ast.Name(id=name), args=[asked], keywords=[]) if name in FUNCTIONS:
                return (asked,)
            case ast.Compare(left=left, ops=[op], comparators=[right]) if isinstance(op, MEMBERSHIPS):
                return (left, *self._values(right))
            case ast.Compare(left=left, ops=ops, comparators=rest) if all(isinstance(op, ORDERS) for op in ops):
                return (left, *rest)
            case ast.BoolOp(values=values):
                return values
            case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand):
                return (operand,)
            case ast.BinOp(left=left, op=op, right=right) if isinstance(op, ARITHMETIC):
                return (left, right)
            case ast.Attribute(value=ast.Name(id=name)) | ast.Subscript(value=ast.Name(id=name)):
                self.refuse(node, "filter_column", "a column of item, user or context", "one of another owner", did_you_mean(name, OWNERS))
            case ast.Call(func=ast.Name(id=name)):
                self.refuse(node, "filter_syntax", "a function there is, of one value", "another", did_you_mean(name, FUNCTIONS))
            case _:
                pass
        return self.refuse(
            node, "filter_syntax", "made of columns, values, comparisons, in, and, or, not", f"a {type(node).__name__}", _EXAMPLE
        )

    def _values(self, right: ast.expr) -> Iterable[ast.AST]:
        """What stands after `in`: a column of lists, or some values."""
        if not isinstance(right, ast.Tuple | ast.List):
            if column_of(right) is None:
                do = "For example: \"item.genre in ('Drama', 'War')\"."
                self.refuse(right, "filter_syntax", "a list of values in brackets or a column, after 'in'", "something else", do)
            return (right,)
        if len(right.elts) > MOST_VALUES:
            self.refuse(right, "filter_limit", f"a list of at most {MOST_VALUES:,} values", f"{len(right.elts):,}", "Name fewer.")
        for each in right.elts:
            if not is_value(each):
                self.refuse(each, "filter_syntax", "a number, a text, true, false or null in a list", "something else", _EXAMPLE)
        return ()


@lru_cache(256)
def read_filter(text: str) -> Filter:
    """The filter of a text, read once. Raises FilterError."""
    return Filter(text)


def column_of(node: ast.AST) -> tuple[Owner, str] | None:
    """The owner and name of a column; None for a piece that is none."""
    match node:
        case ast.Name(id=name) if name not in CONSTANTS and name not in OWNERS:
            return "item", name
        case ast.Attribute(value=ast.Name(id="item" | "user" | "context" as owner), attr=name):
            return owner, name
        case ast.Subscript(value=ast.Name(id="item" | "user" | "context" as owner), slice=ast.Constant(value=str(name))):
            return owner, name
    return None


def is_value(node: ast.AST) -> bool:
    """A number (with a sign or without), a text, true, false or null."""
    match node:
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)):
            return _is_plain(number)
        case ast.Constant(value=value):
            return _is_plain(value)
        case ast.Name(id=name):
            return name in CONSTANTS
    return False


def value_of(node: ast.AST) -> Any:
    """The value of a piece that `is_value`."""
    match node:
        case ast.UnaryOp(operand=ast.Constant(value=int() | float() as number)):
            return -number
        case ast.Constant(value=value):
            return value
        case ast.Name(id=name):
            return CONSTANTS[name]
    raise AssertionError(f"no value: {node!r}")


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, str) or (isinstance(value, int | float) and abs(value) < 2**63)


def _one_line(text: str) -> tuple[str, int]:
    """A filter over several lines as one, without the spaces before it, and how many these are."""
    line = text.replace("\n", " ").replace("\r", " ").replace("\t", " ")
    return line.lstrip(" "), len(line) - len(line.lstrip(" "))
