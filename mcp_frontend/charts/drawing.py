"""Draws charts with matplotlib's objects: no pyplot, no settings of the process, no fonts but matplotlib's own.

Importing this takes most of a second and drawing keeps the interpreter busy, so only the drawing process imports it.
"""

import io
import unicodedata
from collections.abc import Sequence
from datetime import UTC
from functools import cache
from typing import Any, Final, Literal

import numpy as np
from matplotlib import colormaps, get_data_path
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, get_font
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.ticker import EngFormatter, MaxNLocator, ScalarFormatter
from numpy.typing import NDArray
from PIL import Image

from mcp_frontend.charts.chart import Chart, Series

WIDTH_PX, HEIGHT_PX = 1_000, 400
_DPI: Final = 100
_INK, _MUTED, _GRID = "#222222", "#666666", "#dddddd"
_DASHES: Final = ("-", "--", ":", "-.")
# A third of the bytes of a picture in full colors, and no visible difference; fewer where even that is too large.
_PALETTES: Final = (128, 32, 8)
_MAX_BYTES: Final = 140_000
_ROWS_BESIDE, _ROWS_BELOW = 14, 3
_LABEL_BESIDE, _LABEL_BELOW = 32, 130
_MAX_TITLE, _MAX_SUBTITLE, _MAX_VALUE_LABEL = 88, 150, 45
_MANY_LINES: Final = 10
_LARGE: Final = 10_000
_GAP_STEPS: Final = 1.5
_ENOUGH_STEPS: Final = 8

Times = NDArray[np.datetime64]
Values = NDArray[np.float64]


def draw(chart: Chart) -> bytes:
    """`chart` as a PNG file of 1000 x 400 pixels on white. Raises whatever matplotlib does."""
    figure = Figure(figsize=(WIDTH_PX / _DPI, HEIGHT_PX / _DPI), dpi=_DPI, facecolor="white", layout="constrained")
    canvas = FigureCanvasAgg(figure)
    axes = figure.subplots()
    _set_frame(axes)
    _set_words(axes, chart)
    lines = [_draw_line(axes, series, place, len(chart.series)) for place, series in enumerate(chart.series)]
    _set_times(axes, chart)
    _set_values(axes, chart)
    _set_legend(figure, axes, lines, chart.series)
    for text in figure.findobj(Text):
        text.set_parse_math(False)  # a dollar in a label is a dollar
    canvas.draw()
    return _to_png(canvas)


def with_gaps(series: Series) -> tuple[Times, Values]:
    """The points, and a value of NaN wherever points are missing.

    They are missing where the next one comes later than its series' period, or than is usual for the series: many
    metrics are published less often than they were asked for, and then fall into every other period or so.
    """
    times_ms = np.asarray(series.times_ms, dtype=np.int64)
    values = np.asarray(series.values, dtype=np.float64)
    values = np.where(np.isfinite(values), values, np.nan)
    steps_ms = np.diff(times_ms)
    if len(steps_ms):
        usual_ms = np.median(steps_ms)
        if len(steps_ms) >= _ENOUGH_STEPS:
            usual_ms = max(usual_ms, np.median((steps_ms[:-1] + steps_ms[1:]) / 2))
        step_ms = max(1_000.0 * series.period_s, float(usual_ms))
        gaps = np.flatnonzero(steps_ms > _GAP_STEPS * step_ms) + 1
        times_ms = np.insert(times_ms, gaps, times_ms[gaps - 1] + 1)
        values = np.insert(values, gaps, np.nan)
    return times_ms.astype("datetime64[ms]"), values


def lonely(values: Values) -> NDArray[np.bool_]:
    """Which values have no neighbour, so that no line shows them."""
    there = np.isfinite(values)
    edge = np.array([False])
    before, after = np.concatenate((edge, there[:-1])), np.concatenate((there[1:], edge))
    alone: NDArray[np.bool_] = there & ~before & ~after
    return alone


def shown_label(label: str, number: int, max_characters: int) -> str:
    """`label` on one line, shortened in the middle. What the font lacks is "?", and then the series' number helps."""
    text = " ".join(unicodedata.normalize("NFC", label).split()) or "(no label)"
    known = "".join(character if ord(character) in _characters() else "?" for character in text)
    return shortened(known if known == text else f"{number}: {known}", max_characters)


def shortened(text: str, max_characters: int) -> str:
    """`text` without its middle where it is too long: both ends of names tell them apart."""
    if len(text) <= max_characters:
        return text
    kept = max_characters - 1
    return f"{text[: kept - kept // 2]}…{text[-(kept // 2) :]}"


def _set_frame(axes: Axes) -> None:
    axes.grid(visible=True, color=_GRID, linewidth=0.7)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(_GRID)
    axes.tick_params(color=_GRID, labelcolor=_INK)


def _set_words(axes: Axes, chart: Chart) -> None:
    axes.set_title(
        _line(chart.title, _MAX_TITLE), loc="left", pad=20, color=_INK, fontproperties=_font(11, "Sans-Bold")
    )
    subtitle = axes.annotate(
        _line(chart.subtitle, _MAX_SUBTITLE),
        (0, 1),
        xycoords="axes fraction",
        xytext=(0, 7),
        textcoords="offset points",
        color=_MUTED,
        fontproperties=_font(8.5),
    )
    subtitle.set_in_layout(False)
    axes.set_ylabel(_line(chart.value_label, _MAX_VALUE_LABEL), color=_INK, fontproperties=_font(9))
    if not any(np.isfinite(series.values).any() for series in chart.series):
        axes.annotate(
            "no data in this time",
            (0.5, 0.5),
            xycoords="axes fraction",
            ha="center",
            color=_MUTED,
            fontproperties=_font(12),
        )


def _draw_line(axes: Axes, series: Series, place: int, count: int) -> Line2D:
    times, values = with_gaps(series)
    palette = colormaps["tab10"]
    color, dashes = palette(place % palette.N), _DASHES[place // palette.N % len(_DASHES)]
    width = 1.0 if count > _MANY_LINES else 1.5
    (line,) = axes.plot(times, values, color=color, linestyle=dashes, linewidth=width)
    if (alone := lonely(values)).any():
        axes.plot(times[alone], values[alone], color=color, linestyle="none", marker="o", markersize=3.5, clip_on=False)
    return line


def _set_times(axes: Axes, chart: Chart) -> None:
    locator = AutoDateLocator(tz=UTC, minticks=4, maxticks=10)
    axes.xaxis.set_major_locator(locator)
    formatter = ConciseDateFormatter(locator, tz=UTC)
    formatter.offset_formats = [f"{form} UTC".strip() for form in formatter.offset_formats]
    axes.xaxis.set_major_formatter(formatter)
    axes.set_xlim(*date2num([np.datetime64(time_ms, "ms") for time_ms in (chart.start_ms, chart.end_ms)]))
    for text in (*axes.get_xticklabels(), axes.xaxis.get_offset_text()):
        text.set_fontproperties(_font(9))
        text.set_color(_INK)


def _set_values(axes: Axes, chart: Chart) -> None:
    """Values from 0 where they are not far from it; thousands and millions by their prefix."""
    values = np.concatenate([np.empty(0), *(np.asarray(series.values) for series in chart.series)])
    values = values[np.isfinite(values)]
    axes.yaxis.set_major_locator(MaxNLocator(nbins=6))
    largest = float(np.abs(values).max(initial=0.0))
    axes.yaxis.set_major_formatter(EngFormatter() if largest >= _LARGE else ScalarFormatter(useOffset=False))
    if not len(values):
        axes.set_yticks([])
    elif largest == 0:
        axes.set_ylim(-0.02, 1)
    elif values.min() >= 0 and (values.min() <= largest / 2 or values.min() == largest):
        axes.set_ylim(bottom=0)
    for text in (*axes.get_yticklabels(), axes.yaxis.get_offset_text()):
        text.set_fontproperties(_font(9))
        text.set_color(_INK)


def _set_legend(figure: Figure, axes: Axes, lines: Sequence[Line2D], series: Sequence[Series]) -> None:
    """Below the chart for few series, beside it for many, and never more rows than fit."""
    below = len(series) <= _ROWS_BELOW
    rows = len(series) if below or len(series) <= _ROWS_BESIDE else _ROWS_BESIDE - 1
    width = _LABEL_BELOW if below else _LABEL_BESIDE
    labels = [shown_label(one.label, number, width) for number, one in enumerate(series[:rows], 1)]
    handles = list(lines[:rows])
    if rows < len(series):
        handles.append(Line2D([], [], linestyle="none"))
        labels.append(f"and {len(series) - rows} more")
    if labels and below:
        figure.legend(handles, labels, loc="outside lower left", frameon=False, labelcolor=_INK, prop=_font(9))
    elif labels:
        beside: dict[str, Any] = {"bbox_to_anchor": (1.01, 1), "borderaxespad": 0.0}
        axes.legend(handles, labels, loc="upper left", frameon=False, labelcolor=_INK, prop=_font(8.5), **beside)


def _line(text: str, max_characters: int) -> str:
    known = "".join(character if ord(character) in _characters() else "?" for character in " ".join(text.split()))
    return shortened(known, max_characters)


@cache
def _font(size_pt: float, face: Literal["Sans", "Sans-Bold"] = "Sans") -> FontProperties:
    return FontProperties(fname=f"{get_data_path()}/fonts/ttf/DejaVu{face}.ttf", size=size_pt)


@cache
def _characters() -> frozenset[int]:
    """What the font has."""
    return frozenset(get_font(f"{get_data_path()}/fonts/ttf/DejaVuSans.ttf").get_charmap())


def _to_png(canvas: FigureCanvasAgg) -> bytes:
    picture = Image.frombuffer("RGBA", canvas.get_width_height(), canvas.buffer_rgba()).convert("RGB")
    png = b""
    for colors in _PALETTES:
        file = io.BytesIO()
        picture.quantize(colors, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).save(file, "PNG")
        png = file.getvalue()
        if len(png) <= _MAX_BYTES:
            break
    return png
