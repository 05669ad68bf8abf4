"""Pictures of a load test as SVG, by pygal: what came back, how fast, what memory it held."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import pygal
from pygal.style import Style

from ai_core.api.console.charts import DARK
from tests.load.sampling import Kill, Memory
from tests.load.scenarios import percentile
from tests.load.tally import Second

POINTS = 90
"""At most so many of a line: more are put together."""
STYLE = Style(
    background="transparent",
    plot_background="transparent",
    foreground="#77706b",
    foreground_strong="#77706b",
    foreground_subtle="#b5aca4",
    colors=("#2f7d5b", "#c77700", "#b3263a", "#4a6fa5", "#8a5a9e"),
    font_family="sans-serif",
    title_font_size=16,
    label_font_size=13,
    major_label_font_size=13,
    legend_font_size=14,
)
Line = Sequence[tuple[float, float | None]]


def draw_load(seconds: Sequence[Second], file: Path, kills: Sequence[Kill] = ()) -> None:
    """Draw requests a second by outcome, and a tenth of the users."""
    groups = _groups(seconds)
    lines = {
        "answered a second": _rate(groups, lambda each: len(each.answered_ms)),
        "refused honestly": _rate(groups, lambda each: len(each.refused_ms)),
        "failed": _rate(groups, lambda each: each.failed.total()),
        "users / 10": _rate(groups, lambda each: each.users / 10),
    }
    _draw("Requests a second", lines, file, _marks(kills, seconds))


def draw_latency(seconds: Sequence[Second], file: Path, kills: Sequence[Kill] = ()) -> None:
    """Draw the median and the 95th percentile of the answers."""
    groups = _groups(seconds)
    lines: dict[str, Line] = {
        name: [(at_s, percentile((ms for one in told for ms in one.answered_ms), part))
               for at_s, told in groups]
        for name, part in (("median", 0.5), ("95 % below", 0.95))
    }  # fmt: skip
    _draw("Milliseconds to the last byte of an answer", lines, file, _marks(kills, seconds))


def draw_memory(memory: Sequence[Memory], file: Path, kills: Sequence[Kill] = ()) -> None:
    """Draw what each part holds."""
    began_s = memory[0].at_s
    step = -(-len(memory) // POINTS)
    names = sorted({name for sample in memory for name in sample.mib})
    lines: dict[str, Line] = {
        name: [(each.at_s - began_s, each.mib.get(name)) for each in memory[::step]]
        for name in names
    }
    marks = [(kill.at_s - began_s, kill.part) for kill in kills]
    _draw("MiB held (PSS)", lines, file, marks)


def _draw(
    title: str, lines: Mapping[str, Line], file: Path, marks: Iterable[tuple[float, str]]
) -> None:
    chart = pygal.XY(
        width=900, height=340, style=STYLE, js=[], title=title, x_title="seconds",
        show_dots=False, legend_at_bottom=True, legend_at_bottom_columns=5, range=(0, None),
        include_x_axis=True,
    )  # fmt: skip
    chart.config.css.append(DARK)
    for name, line in lines.items():
        chart.add(name, [point for point in line if point[1] is not None])
    top = max((value or 0 for line in lines.values() for _, value in line), default=0)
    dashes = {"width": 1, "dasharray": "4, 4"}
    for at_s, part in marks:
        chart.add(f"kill of {part}", [(at_s, 0), (at_s, top)], stroke_style=dashes)
    file.write_bytes(chart.render())


def _groups(seconds: Sequence[Second]) -> list[tuple[float, Sequence[Second]]]:
    """Return runs of seconds, each with when it began."""
    size = -(-len(seconds) // POINTS)
    runs = [seconds[first : first + size] for first in range(0, len(seconds), size)]
    return [(run[0].at_s - seconds[0].at_s, run) for run in runs]


def _rate(
    groups: Sequence[tuple[float, Sequence[Second]]], count: Callable[[Second], float]
) -> Line:
    return [(at_s, round(sum(map(count, told)) / len(told), 1)) for at_s, told in groups]


def _marks(kills: Sequence[Kill], seconds: Sequence[Second]) -> list[tuple[float, str]]:
    return [(kill.at_s - seconds[0].at_s, kill.part) for kill in kills]
