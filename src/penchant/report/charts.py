"""Charts as inline SVG: lines, bars with whiskers, calibration, vectors. No script, no style attribute, colours from the page's CSS.

Every chart is 400 units wide, so that its letters stay readable on a phone, and carries a title and a description
for those who hear the page. nan breaks a line and leaves out a bar.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import ceil, floor, isfinite, log10

from markupsafe import Markup, escape

from penchant.report.words import fitted

WIDTH = 400
COLOURS = 8
"""Series colours of the style sheet; a ninth series begins again, with dashes."""
_LEFT, _RIGHT, _TOP, _BOTTOM = 50, 14, 12, 42
_HEIGHT = 250
_SHADES = 8
_COLUMN, _STRONG_COLUMN = 7, 8
"""Width of a character, with some to spare: letters of names are 12 high."""
_SMALLEST = 1e-290
"""Differences below it are none; logarithms of denormal numbers fail."""


@dataclass(frozen=True)
class Series:
    """One line: y over x, equally many; nan where unknown."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    marks: bool = False
    """Whether each point is marked."""


@dataclass(frozen=True)
class LineChart:
    """Lines that share their axes.

    Attributes:
        title: What is shown.
        x, y: Names of the axes, with units.
        series: At least one point altogether, or a note is drawn instead.
        diagonal: Whether both axes are one scale with y = x drawn in, as for a calibration curve.
        from_zero: Whether y begins at 0, so that heights may be compared.
        description: The chart in words; written from the numbers when absent.
    """

    title: str
    x: str
    y: str
    series: Sequence[Series]
    diagonal: bool = False
    from_zero: bool = False
    description: str = ""

    def svg(self) -> Markup:
        """The chart as an `<svg>` element."""
        points = [point for series in self.series for point in _points(series)]
        if not points:
            return _frame(self.title, "No values.", 60, [_text(WIDTH / 2, 34, "No values", "middle", "axis")])
        xs, ys = ([point[axis] for point in points] for axis in (0, 1))
        if self.diagonal:
            xs = ys = [0.0, *xs, *ys]
        ys = [0.0, *ys] if self.from_zero else ys
        legend, legend_height = _legend([series.name for series in self.series])
        x_ticks, y_ticks = nice_ticks(min(xs), max(xs)), nice_ticks(min(ys), max(ys))
        x_span = (min(xs), max(xs)) if min(xs) < max(xs) and not self.diagonal else (x_ticks[0], x_ticks[-1])
        across = _Scale(x_ticks, x_span, _LEFT, WIDTH - _RIGHT)
        up = _Scale(y_ticks, (y_ticks[0], y_ticks[-1]), legend_height + _HEIGHT - _BOTTOM, legend_height + _TOP)
        body = [*legend, *_axes(across, up, self.x, self.y), *(_diagonal(across, up) if self.diagonal else [])]
        for place, series in enumerate(self.series):
            body += _line(series, place, across, up)
        return _frame(self.title, self.description or self._in_words(), legend_height + _HEIGHT, body)

    def _in_words(self) -> str:
        ends = [f"{name} from {_label(line[0][1])} to {_label(line[-1][1])}" for name, line in self._lines()]
        return f"{self.y} over {self.x}: {'; '.join(ends)}."

    def _lines(self) -> Iterator[tuple[str, list[tuple[float, float]]]]:
        return ((series.name, line) for series in self.series if (line := _points(series)))


@dataclass(frozen=True)
class Bar:
    """A bar from 0 to `value`, with a whisker from `low` to `high` where they are known."""

    name: str
    value: float
    low: float = float("nan")
    high: float = float("nan")
    strong: bool = False
    """Whether this is the bar the reader came for."""
    text: str = ""
    """What is written at the bar's end; the value when absent."""


@dataclass(frozen=True)
class BarChart:
    """Horizontal bars, names above them; none without bars.

    Attributes:
        title: What is shown.
        bars: From top to bottom.
        unit: Written into the description ("events").
        description: The chart in words; written from the numbers when absent.
        span: Values that the width must hold too, for several charts on one scale.
    """

    title: str
    bars: Sequence[Bar]
    unit: str = ""
    description: str = ""
    span: Sequence[float] = ()

    def svg(self) -> Markup:
        """The chart as an `<svg>` element."""
        known = [bar for bar in self.bars if isfinite(bar.value)]
        if not known:
            return _frame(self.title, "No values.", 60, [_text(WIDTH / 2, 34, "No values", "middle", "axis")])
        ends = [end for bar in known for end in (0.0, bar.value, bar.low, bar.high, *self.span) if isfinite(end)]
        scale = _Scale((), (min(ends), max(max(ends), min(ends) + 1e-12)), 2, WIDTH - 8)
        height = 40 * len(known)
        zero = scale(0)
        body = [part for place, bar in enumerate(known) for part in _bar(bar, 40 * place, scale)]
        return _frame(self.title, self.description or self._in_words(known), height, [*body, _rule(zero, 16, zero, height, "zero")])

    def _in_words(self, known: Sequence[Bar]) -> str:
        return "; ".join(f"{bar.name} {bar.text or _label(bar.value)}" for bar in known) + (f" {self.unit}." if self.unit else ".")


@dataclass(frozen=True)
class Vector:
    """Numbers under a name, and what is said of them at its right."""

    name: str
    values: Sequence[float]
    text: str = ""


@dataclass(frozen=True)
class VectorChart:
    """Vectors as rows of shaded cells, one colour above 0 and one below, the deeper the farther; all on one scale.

    Attributes:
        title: What is shown.
        rows: From top to bottom.
        description: The chart in words; written from the numbers when absent.
    """

    title: str
    rows: Sequence[Vector]
    description: str = ""

    def svg(self) -> Markup:
        """The chart as an `<svg>` element."""
        most = max((abs(value) for row in self.rows for value in row.values if isfinite(value)), default=0.0)
        if not most:
            return _frame(self.title, "No values.", 60, [_text(WIDTH / 2, 34, "No values", "middle", "axis")])
        body = [part for place, row in enumerate(self.rows) for part in _shaded(row, 44 * place, most)]
        height = 44 * len(self.rows)
        scale = [_text(2, height + 14, f"blue above 0, orange below; deepest: {_label(most)}", "start", "axis")]
        return _frame(self.title, self.description or self._in_words(), height + 20, [*body, *scale])

    def _in_words(self) -> str:
        known = [(row.name, [value for value in row.values if isfinite(value)]) for row in self.rows]
        told = (f"{name}: {len(values)} numbers from {_label(min(values))} to {_label(max(values))}" for name, values in known if values)
        return "; ".join(told) + "."


@dataclass(frozen=True)
class Strip:
    """Bars over time or any order, as wide as the page; a part of each may be faulty.

    Attributes:
        title: What is shown.
        names: What each bar is (a day), from left to right.
        values: Height of each bar, at least 0.
        faulty: How much of each bar is faulty; the whole bar is marked below, so that one row among thousands is seen too.
        unit: Of the values ("events").
    """

    title: str
    names: Sequence[str]
    values: Sequence[int]
    faulty: Sequence[int]
    unit: str

    def svg(self) -> Markup:
        """The bars as an `<svg>` that fills its box, with the first, the highest and the last bar's name under it."""
        if not self.values:
            return Markup('<p class="ends"><span>No values</span></p>')
        most = max(max(self.values), 1)
        wide, parts = 10 * len(self.values), [Markup("<title>{}</title><desc>{}</desc>").format(self.title, self._in_words())]
        for place, (name, value, bad) in enumerate(zip(self.names, self.values, self.faulty, strict=True)):
            told = f"{name}: {value:,} {self.unit}" + (f", {bad:,} of them faulty" if bad else "")
            parts.append(_strip_bar(10 * place, round(88 * value / most, 1), round(88 * bad / most, 1), bad > 0, told))
        shape = '<svg class="strip" viewBox="0 0 {} 100" preserveAspectRatio="none" role="img" xmlns="http://www.w3.org/2000/svg">'
        highest = self.values.index(max(self.values))
        ends = (self.names[0], f"most: {self.values[highest]:,} on {self.names[highest]}", self.names[-1])
        row = Markup("").join(Markup("<span>{}</span>").format(end) for end in ends)
        return Markup(shape).format(wide) + Markup("").join(parts) + Markup('</svg><p class="ends">') + row + Markup("</p>")

    def _in_words(self) -> str:
        return f"{sum(self.values):,} {self.unit} from {self.names[0]} to {self.names[-1]}; {sum(self.faulty):,} of them faulty."


@dataclass(frozen=True)
class Sketch:
    """A distribution as small as a word.

    Attributes:
        values: Height of each bar, at least 0.
        gaps: Whether there is space between the bars, as between categories.
        told: The distribution in words.
    """

    values: Sequence[int]
    gaps: bool
    told: str

    def svg(self) -> Markup:
        """The bars as one shape in an `<svg>`; nothing without values."""
        if not self.values or not max(self.values):
            return Markup("")
        most, step = max(self.values), 96 / len(self.values)
        wide = round(min(step, 16) * (0.8 if self.gaps else 1.0), 1)
        at = min(step, 16)
        bars = "".join(
            f"M{round(place * at, 1):g} 24v-{max(round(22 * value / most, 1), 0.6):g}h{wide:g}V24z"
            for place, value in enumerate(self.values) if value
        )  # fmt: skip
        shape = (
            '<svg class="sketch" viewBox="0 0 96 24" role="img" xmlns="http://www.w3.org/2000/svg"><title>{}</title><path d="{}"/></svg>'
        )
        return Markup(shape).format(self.told, bars)


def nice_ticks(low: float, high: float, about: int = 5) -> tuple[float, ...]:
    """Round numbers at equal steps of 1, 2 or 5 times a power of ten that enclose [low, high].

    >>> nice_ticks(0.13, 0.87)
    (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
    >>> nice_ticks(3, 3)
    (2.0, 2.5, 3.0, 3.5, 4.0)
    """
    size = max(abs(low), abs(high))
    if high - low <= max(1e-12 * size, _SMALLEST):
        spread = size / 3 if size > _SMALLEST else 1.0
        low, high = low - spread, high + spread
    rough = (high - low) / about
    power = 10.0 ** floor(log10(rough))
    step = power * next(factor for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
    first, last = floor(low / step + 1e-9), ceil(high / step - 1e-9)
    digits = max(0, -floor(log10(step))) + 1
    return tuple(round(place * step, digits) for place in range(first, last + 1))


class _Scale:
    """Maps a span of values onto pixels; only ticks inside the span are kept."""

    def __init__(self, ticks: Sequence[float], span: tuple[float, float], start: float, end: float) -> None:
        self.ticks = [tick for tick in ticks if span[0] <= tick <= span[1]]
        self.span, self.start, self.end = span, start, end

    def __call__(self, value: float) -> float:
        share = (value - self.span[0]) / (self.span[1] - self.span[0])
        return round(self.start + share * (self.end - self.start), 1)


def _points(series: Series) -> list[tuple[float, float]]:
    return [(x, y) for x, y in zip(series.x, series.y, strict=True) if isfinite(x) and isfinite(y)]


def _frame(title: str, description: str, height: float, body: Iterable[Markup]) -> Markup:
    head = Markup(
        '<svg class="chart" viewBox="0 0 {} {}" role="img" xmlns="http://www.w3.org/2000/svg"><title>{}</title><desc>{}</desc>'
    ).format(WIDTH, round(height), title, description)
    return head + Markup("").join(body) + Markup("</svg>")


def _axes(across: _Scale, up: _Scale, x: str, y: str) -> Iterator[Markup]:
    for tick in up.ticks:
        yield _rule(across.start, up(tick), across.end, up(tick), "grid")
        yield _text(across.start - 7, up(tick) + 4, _label(tick), "end", "axis")
    shown = across.ticks if len(across.ticks) <= 7 else across.ticks[::2]
    for tick in shown:
        yield _rule(across(tick), up.start, across(tick), up.start + 4, "tick")
        yield _text(across(tick), up.start + 18, _label(tick), "middle", "axis")
    yield _rule(across.start, up.start, across.end, up.start, "tick")
    yield _text((across.start + across.end) / 2, up.start + 37, x, "middle", "axis")
    middle = (up.start + up.end) / 2
    yield Markup('<text class="axis" text-anchor="middle" transform="translate(11 {}) rotate(-90)">{}</text>').format(middle, y)


def _diagonal(across: _Scale, up: _Scale) -> list[Markup]:
    low, high = max(across.span[0], up.span[0]), min(across.span[1], up.span[1])
    return [_rule(across(low), up(low), across(high), up(high), "diagonal")]


def _line(series: Series, place: int, across: _Scale, up: _Scale) -> Iterator[Markup]:
    look = _look(place)
    pairs = zip(series.x, series.y, strict=True)
    for whole, run in groupby(pairs, key=lambda pair: isfinite(pair[0]) and isfinite(pair[1])):
        if whole:
            path = " ".join(f"{across(x)},{up(y)}" for x, y in run)
            yield Markup('<polyline class="line {}" points="{}"/>').format(look, path)
    if series.marks or len(_points(series)) == 1:
        for x, y in _points(series):
            told = f"{series.name}: {_label(y)} at {_label(x)}"
            yield Markup('<circle class="mark {}" cx="{}" cy="{}" r="3.5"><title>{}</title></circle>').format(look, across(x), up(y), told)


def _legend(names: Sequence[str]) -> tuple[list[Markup], int]:
    """Names with their colours in as many rows as they need; nothing for a single series."""
    if len(names) < 2:
        return [], 0
    parts, x, y = [], 4.0, 14
    for place, name in enumerate(names):
        wide = 34 + 7.0 * len(name)
        if x > 4 and x + wide > WIDTH:
            x, y = 4.0, y + 20
        parts += [Markup('<path class="line {}" d="M{} {}h18"/>').format(_look(place), x, y - 4), _text(x + 24, y, name, "start", "legend")]
        x += wide
    return parts, y + 8


def _bar(bar: Bar, top: float, scale: _Scale) -> Iterator[Markup]:
    start, end = sorted((scale(0), scale(bar.value)))
    strong = " strong" if bar.strong else ""
    yield from _named(bar.name, bar.text or _label(bar.value), top, strong)
    shape = Markup('<rect class="bar{}" x="{}" y="{}" width="{}" height="14" rx="2"/>')
    yield shape.format(strong, start, top + 19, round(max(end - start, 0.5), 1))
    if isfinite(bar.low) and isfinite(bar.high):
        low, high = scale(bar.low), scale(bar.high)
        path = f"M{low} {top + 26}H{high}M{low} {top + 22}v8M{high} {top + 22}v8"
        yield Markup('<path class="whisker" d="{}"/>').format(path)


def _shaded(row: Vector, top: float, most: float) -> Iterator[Markup]:
    """A row's cells, all those of one shade as one shape: wide vectors would else fill the page's file."""
    yield from _named(row.name, row.text, top)
    wide = (WIDTH - 4) / max(len(row.values), 1)
    shades: dict[tuple[str, int], list[str]] = {}
    for place, value in enumerate(row.values):
        shade = ceil(_SHADES * abs(value) / most) if isfinite(value) else 0
        if shade:
            cell = f"M{2 + place * wide:.1f} {top + 19:g}h{wide:.1f}v16h-{wide:.1f}z"
            shades.setdefault(("above" if value > 0 else "below", shade), []).append(cell)
    for (side, shade), cells in sorted(shades.items()):
        yield Markup('<path class="{}" fill-opacity="{}" d="{}"/>').format(side, round(shade / _SHADES, 2), "".join(cells))


def _strip_bar(x: float, high: float, bad: float, faulty: bool, told: str) -> Markup:
    parts = [Markup('<rect class="bar" x="{}" y="{}" width="8.6" height="{}"/>').format(x, round(90 - high, 1), high)]
    if faulty:
        parts += [
            Markup('<rect class="faulty" x="{}" y="{}" width="8.6" height="{}"/>').format(x, round(90 - bad, 1), bad),
            Markup('<rect class="faulty" x="{}" y="93" width="8.6" height="7"/>').format(x),
        ]
    return Markup("<g><title>{}</title>").format(told) + Markup("").join(parts) + Markup("</g>")


def _look(place: int) -> str:
    return f"s{place % COLOURS + 1}" + (" dashed" if place >= COLOURS else "")


def _rule(x1: float, y1: float, x2: float, y2: float, kind: str) -> Markup:
    return Markup('<line class="{}" x1="{}" y1="{}" x2="{}" y2="{}"/>').format(kind, x1, y1, x2, y2)


def _text(x: float, y: float, words: str, anchor: str, kind: str) -> Markup:
    return Markup('<text class="{}" x="{}" y="{}" text-anchor="{}">{}</text>').format(kind, x, y, anchor, escape(words))


def _named(name: str, figure: str, top: float, strong: str = "") -> Iterator[Markup]:
    """A name and at its right a figure; a name too long for what is left is cut, and whole when pointed at."""
    room = (WIDTH - 6) / (_STRONG_COLUMN if strong else _COLUMN) - (len(figure) + 2 if figure else 0)
    cut = fitted(name, room)
    told = _text(2, top + 13, cut, "start", "legend" + strong)
    yield told if cut == name else Markup("<g>{}<title>{}</title></g>").format(told, name)
    if figure:
        yield _text(WIDTH - 4, top + 13, figure, "end", "figure" + strong)


def _label(value: float) -> str:
    """A number short enough for an axis.

    >>> _label(1200000), _label(0.25), _label(1500), _label(3.0)
    ('1.2M', '0.25', '1,500', '3')
    """
    if abs(value) >= 1e6:
        return f"{value / 1e6:.4g}M"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
