"""Dashboards and panels of a few kinds, built with Grafana's own SDK.

Only generating the dashboards needs the SDK (extra [dev]); Grafana reads the JSON files.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from grafana_foundation_sdk.builders import (
    bargauge,
    common,
    dashboard,
    prometheus,
    stat,
    timeseries,
)
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import (
    BarGaugeDisplayMode,
    BigValueColorMode,
    BigValueGraphMode,
    GraphThresholdsStyleMode,
    LegendDisplayMode,
    LegendPlacement,
    SortOrder,
    StackingMode,
    TooltipDisplayMode,
    VisibilityMode,
    VizOrientation,
)
from grafana_foundation_sdk.models.dashboard import DataSourceRef, Threshold, ThresholdsMode

SOURCE = DataSourceRef(type_val="prometheus", uid="prometheus")
COLUMNS = 24
HEIGHT = 7
PanelBuilder = timeseries.Panel | stat.Panel | bargauge.Panel


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel: expressions with the legend of each, and the unit of their values.

    `alarm` is the threshold of the warning colour; `width` is in 24ths of the page.
    """

    title: str
    lines: tuple[tuple[str, str], ...]
    unit: str = "short"
    kind: Literal["timeseries", "stat", "bargauge"] = "timeseries"
    width: int = 8
    alarm: float | None = None
    stacked: bool = False

    def build(self) -> PanelBuilder:
        """Return Grafana's panel; the dashboard sets its position."""
        panel = BUILDERS[self.kind](self)
        steps = [Threshold(color="green")]
        if self.alarm is not None:
            steps.append(Threshold(value=self.alarm, color="red"))
        thresholds = dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps)
        panel.title(self.title).datasource(SOURCE).unit(self.unit).min(0).thresholds(thresholds)
        panel.span(self.width).height(HEIGHT)
        for ref_id, (expression, legend) in zip("ABCDEFGH", self.lines, strict=False):
            query = prometheus.Dataquery().ref_id(ref_id).expr(expression).legend_format(legend)
            panel.with_target(query if self.kind == "timeseries" else query.instant())
        return panel


@dataclass(frozen=True, slots=True)
class Dashboard:
    """Rows of panels, each row under its title."""

    uid: str
    title: str
    rows: tuple[tuple[str, tuple[Panel, ...]], ...]

    def document(self) -> dict[str, Any]:
        """Return what Grafana reads."""
        built = (
            dashboard.Dashboard(self.title)
            .uid(self.uid)
            .tags(["code-du-travail-neo"])
            .readonly()
            .refresh("30s")
            .time("now-6h", "now")
            .timezone("browser")
            .annotation(
                dashboard.AnnotationQuery()
                .name("Alerts")
                .enable(True)
                .datasource(SOURCE)
                .expr('ALERTS{alertstate="firing"}')
                .icon_color("red")
            )
        )
        for title, panels in self.rows:
            built.with_row(dashboard.Row(title))
            for panel in panels:
                built.with_panel(panel.build())
        document: dict[str, Any] = json.loads(JSONEncoder(sort_keys=True).encode(built.build()))
        for number, each in enumerate(document["panels"], start=1):
            each["id"] = number
        # Read by the Prometheus source alone, so the SDK does not know them.
        document["annotations"]["list"][0] |= ALERT_TEXTS
        return document


ALERT_TEXTS = {"titleFormat": "{{alertname}}", "textFormat": "{{job}} {{instance}}"}


def _timeseries(panel: Panel) -> timeseries.Panel:
    mode = StackingMode.NORMAL if panel.stacked else StackingMode.NONE
    line = GraphThresholdsStyleMode.OFF if panel.alarm is None else GraphThresholdsStyleMode.LINE
    legend = common.VizLegendOptions().display_mode(LegendDisplayMode.LIST)
    return (
        timeseries.Panel()
        .fill_opacity(10)
        .show_points(VisibilityMode.NEVER)
        .stacking(common.StackingConfig().mode(mode))
        .thresholds_style(common.GraphThresholdsStyleConfig().mode(line))
        .legend(legend.placement(LegendPlacement.BOTTOM).show_legend(True))
        .tooltip(
            common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.DESCENDING)
        )
    )


def _stat(_panel: Panel) -> stat.Panel:
    built = stat.Panel().reduce_options(_latest())
    return built.color_mode(BigValueColorMode.BACKGROUND).graph_mode(BigValueGraphMode.NONE)


def _bargauge(_panel: Panel) -> bargauge.Panel:
    built = bargauge.Panel().reduce_options(_latest())
    return built.orientation(VizOrientation.HORIZONTAL).display_mode(BarGaugeDisplayMode.BASIC)


def _latest() -> common.ReduceDataOptions:
    return common.ReduceDataOptions().calcs(["lastNotNull"]).fields("").values(False)


BUILDERS: Mapping[str, Callable[[Panel], PanelBuilder]] = {
    "timeseries": _timeseries,
    "stat": _stat,
    "bargauge": _bargauge,
}
