"""Charts: ticks, geometry by hand, and what a screen reader finds."""

import re
from math import nan
from xml.etree import ElementTree

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from penchant.report.charts import WIDTH, Bar, BarChart, LineChart, Series, Sketch, Strip, Vector, VectorChart, nice_ticks

SVG = "{http://www.w3.org/2000/svg}"


def parsed(chart: LineChart | BarChart | VectorChart) -> ElementTree.Element:
    return ElementTree.fromstring(str(chart.svg()))


def words(chart: LineChart | BarChart | VectorChart) -> list[str]:
    return [element.text or "" for element in parsed(chart).iter(f"{SVG}text")]


def of_class(chart: LineChart | BarChart, tag: str, name: str) -> list[ElementTree.Element]:
    return [element for element in parsed(chart).iter(f"{SVG}{tag}") if name in element.get("class", "").split()]


@given(st.floats(-1e9, 1e9), st.floats(-1e9, 1e9))
@example(0.0, 5e-324)
@example(5e-324, 5e-324)
def test_ticks_are_few_round_and_enclose_the_values(one: float, other: float) -> None:
    low, high = sorted((one, other))
    ticks = nice_ticks(low, high)
    slack = 1e-6 * max(abs(low), abs(high), 1e-300)
    assert ticks[0] <= low + slack
    assert ticks[-1] >= high - slack
    assert 3 <= len(ticks) <= 9
    assert list(ticks) == sorted(set(ticks))


def test_a_single_value_gets_ticks_around_it() -> None:
    assert nice_ticks(0, 0)[0] < 0 < nice_ticks(0, 0)[-1]


def test_lines_run_from_the_first_to_the_last_value_from_left_to_right() -> None:
    chart = LineChart("Loss", "epoch", "loss", [Series("train", [1, 2, 3], [1.0, 0.5, 0.0])])
    (line,) = of_class(chart, "polyline", "line")
    points = [tuple(map(float, point.split(","))) for point in line.get("points").split()]
    (left, top), (middle, half), (right, bottom) = points
    assert 0 < left < right < WIDTH
    assert middle == pytest.approx((left + right) / 2, abs=0.1)
    assert half == pytest.approx((top + bottom) / 2, abs=0.1)
    assert top < bottom, "larger values stand higher, and SVG counts down"


def test_a_missing_value_breaks_the_line() -> None:
    chart = LineChart("Loss", "epoch", "loss", [Series("train", [1, 2, 3, 4, 5], [1, 2, nan, 2, 1])])
    assert len(of_class(chart, "polyline", "line")) == 2


def test_heights_from_zero_are_as_the_values() -> None:
    chart = LineChart("Cost", "rows", "ms", [Series("cost", [1, 2], [40.0, 80.0])], from_zero=True)
    (line,) = of_class(chart, "polyline", "line")
    low, high = (float(point.split(",")[1]) for point in line.get("points").split())
    floor = max(float(rule.get("y1")) for rule in of_class(chart, "line", "grid"))
    assert (floor - low) / (floor - high) == pytest.approx(40 / 80, abs=0.01)
    assert "0" in words(chart)


def test_a_legend_names_several_series_but_not_one() -> None:
    one, two = Series("train", [1, 2], [1, 2]), Series("valid", [1, 2], [2, 1])
    assert "train" not in words(LineChart("t", "x", "y", [one]))
    assert {"train", "valid"} <= set(words(LineChart("t", "x", "y", [one, two])))


def test_a_long_legend_wraps_inside_the_chart() -> None:
    chart = LineChart("t", "x", "y", [Series(f"a rather long model name {place}", [1, 2], [1, 2]) for place in range(10)])
    placed = [(float(each.get("x")), float(each.get("y"))) for each in of_class(chart, "text", "legend")]
    assert len(set(placed)) == 10
    assert all(x + 7 * 26 <= WIDTH for x, _ in placed)


def test_a_calibration_chart_has_one_scale_and_a_diagonal() -> None:
    chart = LineChart("t", "said", "seen", [Series("m", [0.1, 0.4], [0.2, 0.9], marks=True)], diagonal=True)
    assert len(of_class(chart, "line", "diagonal")) == 1
    assert len(of_class(chart, "circle", "mark")) == 2
    assert words(chart).count("0.8") == 2


def test_bars_are_as_long_as_their_values_and_whiskers_stand_at_their_ends() -> None:
    chart = BarChart("NDCG", [Bar("ours", 0.4, 0.3, 0.5, strong=True), Bar("theirs", 0.2)])
    long, short = (float(bar.get("width")) for bar in of_class(chart, "rect", "bar"))
    assert long == pytest.approx(2 * short, rel=0.01)
    assert len(of_class(chart, "path", "whisker")) == 1
    assert words(chart) == ["ours", "0.4", "theirs", "0.2"]


def test_negative_bars_end_at_zero() -> None:
    chart = BarChart("gain", [Bar("loss", -1.0), Bar("gain", 1.0)])
    down, up = of_class(chart, "rect", "bar")
    assert float(down.get("x")) + float(down.get("width")) == pytest.approx(float(up.get("x")), abs=0.1)


def test_that_charts_may_share_a_scale() -> None:
    """0.5 of a span from -1 to 1 is a quarter of the width, from its middle."""
    chart = BarChart("t", [Bar("a", 0.5)], span=(-1.0, 1.0))
    bar = next(element for element in parsed(chart).iter(f"{SVG}rect"))
    assert (float(bar.get("x", 0)), float(bar.get("width", 0))) == (197.0, 97.5)


def test_that_a_vectors_numbers_are_shaded_by_side_and_size() -> None:
    chart = VectorChart("t", [Vector("one", (1.0, -0.5, 0.0, nan)), Vector("other", (0.5, 0.5, 0.25, -1.0))])
    cells = [(path.get("class"), path.get("fill-opacity"), path.get("d", "").count("M")) for path in parsed(chart).iter(f"{SVG}path")]
    assert cells == [("above", "1.0", 1), ("below", "0.5", 1), ("above", "0.25", 1), ("above", "0.5", 2), ("below", "1.0", 1)]
    assert words(chart)[:2] == ["one", "other"]
    assert next(parsed(chart).iter(f"{SVG}path")).get("d") == "M2.0 19h99.0v16h-99.0z"
    assert (parsed(chart).findtext(f"{SVG}desc") or "").startswith("one: 3 numbers from -0.5 to 1; other: 4 numbers from -1 to 0.5")


@pytest.mark.parametrize(
    "chart",
    [
        LineChart("t", "x", "y", []), BarChart("t", []), BarChart("t", [Bar("a", nan)]), BarChart("t", [Bar("a", 0.0)]),
        VectorChart("t", []), VectorChart("t", [Vector("a", ())]), VectorChart("t", [Vector("a", (0.0, nan))]),
    ],
)  # fmt: skip
def test_charts_without_values_are_still_charts(chart: LineChart | BarChart | VectorChart) -> None:
    assert parsed(chart).find(f"{SVG}title").text == "t"


def test_a_chart_is_told_in_words() -> None:
    chart = LineChart("Loss", "epoch", "loss", [Series("train", [1, 2], [0.6, 0.4])])
    assert parsed(chart).get("role") == "img"
    assert parsed(chart).find(f"{SVG}desc").text == "loss over epoch: train from 0.6 to 0.4."
    assert parsed(BarChart("n", [Bar("a", 3)], unit="events")).find(f"{SVG}desc").text == "a 3 events."


def test_names_are_escaped() -> None:
    svg = str(BarChart("<i>", [Bar("<script>alert(1)</script>", 1)]).svg())
    assert "<script" not in svg
    assert "<i>" not in svg


def test_nothing_needs_an_inline_style() -> None:
    assert "style=" not in str(LineChart("t", "x", "y", [Series("a", [1], [1])]).svg())


def test_that_a_strip_marks_the_bars_with_faults_and_names_its_ends() -> None:
    drawn = str(Strip("Events", ["Mon", "Tue", "Wed"], [4, 8, 0], [0, 2, 0], "events").svg())
    assert drawn.count('class="bar"') == 3
    assert drawn.count('class="faulty"') == 2
    assert '<rect class="bar" x="0" y="46.0" width="8.6" height="44.0"/>' in drawn
    assert "<title>Tue: 8 events, 2 of them faulty</title>" in drawn
    assert "<span>Mon</span><span>most: 8 on Tue</span><span>Wed</span>" in drawn
    assert "No values" in str(Strip("Events", [], [], [], "events").svg())


def test_that_a_sketch_is_one_shape_and_nothing_without_values() -> None:
    drawn = str(Sketch([2, 0, 1], True, "<b>").svg())
    assert drawn.count("M") == 2
    assert "v-22h" in drawn
    assert "v-11h" in drawn
    assert "&lt;b&gt;" in drawn
    assert str(Sketch([0, 0], True, "").svg()) == str(Sketch([], True, "").svg()) == ""


def test_that_a_name_too_long_for_its_row_is_cut_and_whole_when_pointed_at() -> None:
    name = "user 17 · " + ", ".join(f"circumstance{place} value{place}" for place in range(9))
    svg = VectorChart("Vectors", [Vector("short", (1.0,)), Vector(name, (0.5,), "moved by 45%")]).svg()
    assert f">{name}</text>" not in svg
    assert f"<title>{name}</title>" in svg
    shown = next(text for text in re.findall(r">([^<]*)</text>", svg) if text.startswith("user 17"))
    assert shown.endswith("…")
    assert len(shown) + len("moved by 45%") < 60
    assert ">short</text>" in svg
    assert "moved by 45%" in svg
    wide = BarChart("Bars", [Bar("电影" * 40, 1.0)]).svg()
    shown = next(text for text in re.findall(r">([^<]*)</text>", wide) if text.startswith("电影"))
    assert len(shown) < 30
