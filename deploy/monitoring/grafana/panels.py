"""The few shapes of Grafana's dashboard JSON that we use.

Its schema: https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

SOURCE = {"type": "prometheus", "uid": "prometheus"}
COLUMNS = 24
HEIGHT = 7
Kind = Literal["timeseries", "stat", "bargauge"]


@dataclass(frozen=True, slots=True)
class Panel:
    """One picture: expressions with the legend of each, and the unit of their values.

    `alarm` colours values from there on; `width` is in 24ths of the page.
    """

    title: str
    lines: tuple[tuple[str, str], ...]
    unit: str = "short"
    kind: Kind = "timeseries"
    width: int = 8
    alarm: float | None = None
    stacked: bool = False


@dataclass(frozen=True, slots=True)
class Dashboard:
    """Rows of panels, each row under its title."""

    uid: str
    title: str
    rows: tuple[tuple[str, tuple[Panel, ...]], ...]

    def document(self) -> dict[str, Any]:
        """Return what Grafana reads."""
        panels: list[dict[str, Any]] = []
        top = 0
        for title, row in self.rows:
            place = {"h": 1, "w": COLUMNS, "x": 0, "y": top}
            panels.append({"id": len(panels) + 1, "type": "row", "title": title, "gridPos": place})
            laid, top = lay(row, top + 1)
            for panel, where in laid:
                panels.append({"id": len(panels) + 1, **drawn(panel), "gridPos": where})
        return {
            "uid": self.uid,
            "title": self.title,
            "tags": ["code-du-travail-neo"],
            "schemaVersion": 38,
            "version": 1,
            "editable": False,
            "refresh": "30s",
            "time": {"from": "now-6h", "to": "now"},
            "timezone": "browser",
            "annotations": {"list": [ALERTS]},
            "templating": {"list": []},
            "panels": panels,
        }


ALERTS = {
    "name": "Alerts",
    "enable": True,
    "datasource": SOURCE,
    "expr": 'ALERTS{alertstate="firing"}',
    "titleFormat": "{{alertname}}",
    "textFormat": "{{job}} {{instance}}",
    "iconColor": "red",
}


def lay(row: Sequence[Panel], top: int) -> tuple[list[tuple[Panel, dict[str, int]]], int]:
    """Return each panel with its place, and the first free line below."""
    laid = []
    left = 0
    for panel in row:
        if left + panel.width > COLUMNS:
            left, top = 0, top + HEIGHT
        laid.append((panel, {"h": HEIGHT, "w": panel.width, "x": left, "y": top}))
        left += panel.width
    return laid, top + HEIGHT


def drawn(panel: Panel) -> dict[str, Any]:
    """Return a panel without its place."""
    steps: list[dict[str, Any]] = [{"color": "green", "value": None}]
    if panel.alarm is not None:
        steps.append({"color": "red", "value": panel.alarm})
    defaults: dict[str, Any] = {
        "unit": panel.unit,
        "min": 0,
        "thresholds": {"mode": "absolute", "steps": steps},
    }
    if panel.kind == "timeseries":
        defaults["custom"] = {
            "fillOpacity": 10,
            "showPoints": "never",
            "stacking": {"mode": "normal" if panel.stacked else "none"},
            "thresholdsStyle": {"mode": "off" if panel.alarm is None else "line"},
        }
    return {
        "type": panel.kind,
        "title": panel.title,
        "datasource": SOURCE,
        "targets": [
            {"refId": chr(ord("A") + at), "expr": expression, "legendFormat": legend}
            | ({} if panel.kind == "timeseries" else {"instant": True})
            for at, (expression, legend) in enumerate(panel.lines)
        ],
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": OPTIONS[panel.kind],
    }


OPTIONS: dict[Kind, dict[str, Any]] = {
    "timeseries": {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
        "tooltip": {"mode": "multi", "sort": "desc"},
    },
    "stat": {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "colorMode": "background",
        "graphMode": "none",
    },
    "bargauge": {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "orientation": "horizontal",
        "displayMode": "basic",
    },
}
