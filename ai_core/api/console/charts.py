"""Charts as SVG by pygal, loaded as images: they hold their own style, and nothing in them runs."""

import sys
from collections.abc import Mapping, Sequence

import pygal
from pygal.style import Style

# pygal leaves a finder of plugins behind that every later import warns of; none are used here.
sys.meta_path[:] = [one for one in sys.meta_path if type(one) is not pygal.PluginImportFixer]

STYLE = Style(
    background="transparent",
    plot_background="transparent",
    foreground="#77706b",
    foreground_strong="#77706b",
    foreground_subtle="#b5aca4",
    colors=("#2f7d5b", "#c77700", "#b3263a"),
    font_family="sans-serif",
    label_font_size=13,
    legend_font_size=14,
)
DARK = (
    "inline:@media (prefers-color-scheme: dark) {"
    "text { fill: #d5cfc9 !important } .guides, .axis path { stroke: #55504c !important } }"
)


def stacked_bars(labels: Sequence[str], series: Mapping[str, Sequence[int]]) -> bytes:
    """Return an SVG of 900 by 300 units: the series stacked over each label, in green to red."""
    chart = pygal.StackedBar(width=900, height=300, style=STYLE, js=[], legend_at_bottom=True)
    chart.legend_at_bottom_columns = len(series)
    chart.config.css.append(DARK)
    chart.x_labels = list(labels)
    for name, values in series.items():
        chart.add(name, list(values))
    drawn: bytes = chart.render()
    return drawn
