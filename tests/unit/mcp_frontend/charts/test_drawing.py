"""Charts really drawn. A warning of what draws fails the test, like everywhere here."""

import io
import math
from array import array
from collections.abc import Iterable, Sequence

import numpy as np
import pytest
from PIL import Image

from mcp_frontend.charts.chart import Chart, Series
from mcp_frontend.charts.drawing import HEIGHT_PX, WIDTH_PX, draw, lonely, shortened, shown_label, with_gaps

NOON_MS = 1_740_830_400_000
HOUR_MS = 3_600_000
MAX_BYTES = 150_000
BLUE = (31, 119, 180)


def _series(values: Sequence[float], label: str = "a", period_s: int = 60, skip: Iterable[int] = ()) -> Series:
    places = [place for place in range(len(values)) if place not in set(skip)]
    times_ms = array("q", [NOON_MS + place * period_s * 1_000 for place in places])
    return Series(label, times_ms, array("d", [values[place] for place in places]), period_s)


def _chart(*series: Series, title: str = "AWS/EC2 CPUUtilization", value_label: str = "Average") -> Chart:
    return Chart(title, "account prod", value_label, NOON_MS, NOON_MS + HOUR_MS, series)


def _pixels(chart: Chart) -> "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]":
    png = draw(chart)
    assert len(png) < MAX_BYTES
    picture = Image.open(io.BytesIO(png))
    assert (picture.format, picture.size) == ("PNG", (WIDTH_PX, HEIGHT_PX))
    return np.asarray(picture.convert("RGB"))


def _is_blue(
    pixels: "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]",
) -> "np.ndarray[tuple[int, ...], np.dtype[np.bool_]]":
    distance: np.ndarray[tuple[int, ...], np.dtype[np.bool_]] = np.abs(pixels.astype(int) - BLUE).max(axis=-1) < 24
    return distance


def test_light_background() -> None:
    assert (_pixels(_chart(_series([1.0] * 60)))[[0, -1], [0, -1]] > 250).all()


def test_gaps_stay_empty() -> None:
    plot = slice(40, 310)  # rows between the subtitle and the legend
    whole = _is_blue(_pixels(_chart(_series([5.0] * 60))))[plot].any(axis=0)
    broken = _is_blue(_pixels(_chart(_series([5.0] * 60, skip=range(20, 40)))))[plot].any(axis=0)
    middle = slice(WIDTH_PX * 2 // 5, WIDTH_PX * 3 // 5)
    assert whole[middle].all()
    assert not broken[middle].any()
    assert broken.any()


@pytest.mark.parametrize("place", [0, 30, 59])
def test_one_point_is_seen(place: int) -> None:
    one = _series([7.0] * 60, skip=set(range(60)) - {place})
    assert _is_blue(_pixels(_chart(one)))[40:310].sum() > 5


@pytest.mark.parametrize(
    "series",
    [
        (),
        (_series([]),),
        (_series([math.nan] * 60),),
        (_series([math.inf, -math.inf, math.nan, 3.0]),),
        (_series([0.0] * 60),),
        (_series([-1.0, 5.0]),),
        (_series([1e300, 1e-300]),),
        (_series([3e9, 3.1e9]),),
        (Series("", array("q", [NOON_MS, NOON_MS]), array("d", [1.0, 2.0])),),
        tuple(_series([n * 1.0] * 60, f"series {n}") for n in range(40)),
    ],
)
def test_whatever_there_is_can_be_drawn(series: tuple[Series, ...]) -> None:
    _pixels(_chart(*series))


@pytest.mark.parametrize(
    "text", ["$x$ and $", "_private", "a\nb\tc\x00", "注文 🔥", "Größe µ ∑", "العربية", "x" * 5_000, "\\frac"]
)
def test_whatever_it_is_called_can_be_drawn(text: str) -> None:
    few = [_series([1.0, 2.0], text)]
    for series in (few, few * 5):
        _pixels(_chart(*series, title=text, value_label=text))


@pytest.mark.parametrize("hours", [1 / 3_600, 1, 24 * 400])
def test_any_time_range_can_be_drawn(hours: float) -> None:
    chart = Chart("t", "s", "v", NOON_MS, NOON_MS + int(hours * HOUR_MS), (_series([1.0, 2.0]),))
    _pixels(chart)


def test_many_lines_of_noise_stay_small() -> None:
    noise = np.random.default_rng(1)
    _pixels(_chart(*(_series(list(noise.random(60)), f"s{n}") for n in range(330))))


@pytest.mark.parametrize(
    ("seconds", "period_s", "gaps"),
    [
        ([0, 60, 120], 60, 0),
        ([0, 60, 180, 240], 60, 1),
        ([0, 300, 600, 1_500], 60, 1),  # published every five minutes, though asked for by the minute
        (sorted({second // 180 * 180 for second in range(0, 9_000, 300)}), 180, 0),
        ([0, 10, 20, 100], 0, 1),
        ([5], 60, 0),
        ([], 60, 0),
    ],
)
def test_where_lines_break(seconds: list[int], period_s: int, gaps: int) -> None:
    times_ms = array("q", [NOON_MS + 1_000 * second for second in seconds])
    times, values = with_gaps(Series("a", times_ms, array("d", [1.0] * len(seconds)), period_s))
    assert len(times) == len(values) == len(seconds) + gaps
    assert np.isnan(values).sum() == gaps
    assert (np.diff(times) > np.timedelta64(0)).all()


def test_which_points_are_lonely() -> None:
    nan = math.nan
    assert lonely(np.array([1, nan, 1, 1, nan, nan, 1])).tolist() == [True, False, False, False, False, False, True]
    assert lonely(np.array([])).tolist() == []


def test_labels() -> None:
    assert shown_label(" a\n b ", 1, 30) == "a b"
    assert shown_label("", 1, 30) == "(no label)"
    assert shown_label("注文 µs", 3, 30) == "3: ?? µs"
    assert shown_label("prefix-" + "x" * 50 + "-end", 1, 15) == "prefix-…xxx-end"
    assert shortened("abcdef", 6) == "abcdef"
