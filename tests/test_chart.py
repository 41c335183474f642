"""Charts: points where they belong, nothing that cannot be drawn, and names as text."""

import math
import re
from xml.etree import ElementTree

import pytest

from zerokd.chart import (
    BOTTOM_MARGIN,
    CHART_HEIGHT,
    CHART_WIDTH,
    LEFT_MARGIN,
    MAX_LINE_POINTS,
    RIGHT_MARGIN,
    TOP_MARGIN,
    Axis,
    Line,
    Panel,
    draw_chart,
    draw_chart_file,
    format_short_number,
    insert_gaps,
)


def points(svg):
    text = re.search(r'points="([^"]*)"', svg)[1]
    return [tuple(map(float, pair.split(","))) for pair in text.split()]


def test_corners_of_the_data_are_corners_of_the_chart():
    found = points(draw_chart("t", [Line("a", [0, 10], [1e-3, 1.0])], "x", "y", log=True))
    assert found == [(LEFT_MARGIN, CHART_HEIGHT - BOTTOM_MARGIN), (CHART_WIDTH - RIGHT_MARGIN, TOP_MARGIN)]


def test_a_decade_is_the_same_length_everywhere():
    ys = [y for _, y in points(draw_chart("t", [Line("a", [1, 2, 3], [0.01, 0.1, 1.0])], "x", "y", log=True))]
    assert math.isclose(ys[0] - ys[1], ys[1] - ys[2], abs_tol=0.11)


def test_what_cannot_be_drawn_is_left_out():
    line = Line("a", [1, 2, 3, 4, 5, 6], [1.0, None, math.nan, math.inf, 0.0, 2.0])
    log_chart, linear_chart = draw_chart("t", [line], "x", "y", log=True), draw_chart("t", [line], "x", "y")
    assert (log_chart.count("<circle"), log_chart.count("<polyline")) == (2, 0)
    assert (linear_chart.count("<circle"), linear_chart.count("<polyline"), len(points(linear_chart))) == (1, 1, 2)
    assert "nothing to draw" in draw_chart("t", [Line("a", [1], [None])], "x", "y")
    assert "nothing to draw" in draw_chart("t", [], "x", "y")


def test_a_line_does_not_bridge_what_is_not_there():
    svg = draw_chart("t", [Line("a", range(7), [1.0, 2.0, 3.0, None, 3.0, 2.0, 1.0])], "x", "y")
    before, after = (text.count(",") for text in re.findall(r'points="([^"]*)"', svg))
    assert (before, after) == (3, 3)


def test_small_values_stay_on_the_chart():
    found = points(draw_chart("t", [Line("a", [1, 2], [1.0, 1e-30])], "x", "y", log=True))
    assert found[1][1] <= CHART_HEIGHT - BOTTOM_MARGIN


def test_one_point_is_a_dot_and_many_are_thinned():
    assert "<circle" in draw_chart("t", [Line("a", [1], [2.0])], "x", "y")
    assert len(points(draw_chart("t", [Line("a", range(5000), [1.0] * 5000)], "x", "y"))) <= MAX_LINE_POINTS


def test_names_are_text():
    svg = draw_chart('"><script>', [Line("<img onerror=alert(1)>", [1, 2], [1.0, 2.0])], "<b>", "&")
    assert "<script>" not in svg
    assert "<img" not in svg
    assert "&lt;img onerror=alert(1)&gt;" in svg


def test_colours_stay_with_their_line():
    svg = draw_chart("t", [Line("a", [1, 2], [1.0, 2.0], 3), Line("b", [1, 2], [1.0, 2.0], 13)], "x", "y")
    assert '<polyline class="s3 d0"' in svg
    assert '<polyline class="s3 d1"' in svg
    assert '<li class="s3 d1">b</li>' in svg


@pytest.mark.parametrize(
    ("axis", "ticks"),
    [
        (Axis(0, 1, False), [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (Axis(3, 47, False), [10, 20, 30, 40]),
        (Axis(1, 3, integer=True), [1, 2, 3]),
        (Axis(1, 1, integer=True), [1]),
        (Axis(1e-3, 1, True), [1e-3, 1e-2, 0.1, 1]),
        (Axis(0.3, 0.7, True), [0.3, 0.7]),
    ],
)
def test_ticks_are_round_numbers(axis, ticks):
    assert axis.compute_ticks() == pytest.approx(ticks)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (1200, "1200"), (0.35, "0.35"), (1e-7, "1e-7"), (123456789, "1e8"), (-2.5, "-2.5"), (1 / 3, "0.333")],
)
def test_numbers_are_short(value, text):
    assert format_short_number(value) == text


@pytest.mark.parametrize("count", [2, MAX_LINE_POINTS, MAX_LINE_POINTS + 1, 1000, 5000])
def test_thinning_keeps_both_ends(count):
    ys = [1.0, *[0.0] * (count - 2), 2.0]
    found = points(draw_chart("t", [Line("a", range(count), ys)], "x", "y"))
    assert found[0][1] > found[-1][1]
    assert found[-1][1] < CHART_HEIGHT / 2
    assert len(found) <= MAX_LINE_POINTS


@pytest.mark.parametrize(
    ("xs", "broken_at"),
    [
        ([1, 2, 3, 4], []),
        ([4, 8, 12, 16], []),  # each fourth step
        ([1, 2, 4, 5], [3.0]),  # one was not finite
        ([4, 8, 12, 40, 44], [26.0]),  # not computed for a while
        ([7], []),
    ],
)
def test_a_line_is_broken_where_a_term_was_not_computed(xs, broken_at):
    places, values = insert_gaps(xs, [1.0] * len(xs))
    assert [x for x, y in zip(places, values, strict=True) if y is None] == broken_at
    assert [x for x, y in zip(places, values, strict=True) if y is not None] == xs


def test_a_file_has_its_style_legend_and_titles_and_no_variables():
    panels = [Panel(f"<{name}>", [Line("a & b", [1, 2], [1.0, 2.0], 3)], "epoch", "y") for name in ("one", "two")]
    root = ElementTree.fromstring(draw_chart_file(panels))
    text = draw_chart_file(panels)
    titles = [node.text for node in root.iter("{http://www.w3.org/2000/svg}text") if node.get("class") == "title"]
    assert titles == ["<one>", "<two>"]
    assert text.count("a &amp; b") == 2
    assert "prefers-color-scheme: dark" in text
    assert "prefers-color-scheme" not in draw_chart_file(panels, False)
    assert "var(" not in text
    assert root.get("viewBox") == f"0 0 {CHART_WIDTH} {2 * (30 + CHART_HEIGHT + 2 * 22)}"
