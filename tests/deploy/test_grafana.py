"""The dashboards as Grafana reads them, their expressions on a live Prometheus.

There is no Grafana among Debian's packages: how they look is not tested. That Grafana knows each of
their keys is: its makers generate a Python package from its schema, and what a dashboard says that
the schema lacks is gone when it was read and written by that.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard as Schema

from deploy.monitoring.grafana.__main__ import FOLDER, files
from deploy.monitoring.grafana.dashboards import ALL, OVERVIEW
from deploy.monitoring.grafana.panels import COLUMNS
from tests.deploy.monitoring_stack import Watched
from tests.deploy.promql import metrics_of
from tests.deploy.test_prometheus import known_metrics

OF_PROMETHEUS = {"/annotations/list/textFormat", "/annotations/list/titleFormat"}
"""Keys that Grafana's Prometheus source reads, and its schema leaves to the sources."""


def unknown(dashboard: dict[str, Any]) -> set[str]:
    """Return the places of a dashboard that Grafana's schema does not keep."""
    register_default_plugins()
    read_and_written = JSONEncoder(sort_keys=True).encode(Schema.from_json(dashboard))
    return set(lost(dashboard, json.loads(read_and_written), ""))


def lost(ours: Any, theirs: Any, place: str) -> Iterator[str]:
    if isinstance(ours, dict):
        for key, value in ours.items():
            if not isinstance(theirs, dict) or key not in theirs:
                yield f"{place}/{key}"
            else:
                yield from lost(value, theirs[key], f"{place}/{key}")
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for value, kept in zip(ours, theirs, strict=True):
            yield from lost(value, kept, place)
    elif ours != theirs:
        yield f"{place}: {ours!r} became {theirs!r}"


def panels(dashboard: dict[str, Any]) -> list[dict[str, Any]]:
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def test_the_files_are_what_the_code_draws() -> None:
    assert {path: path.read_text() for path in FOLDER.iterdir()} == files()


@pytest.mark.parametrize("path", sorted(FOLDER.iterdir()), ids=lambda path: path.stem)
def test_grafana_knows_every_key_of_a_dashboard(path: Path) -> None:
    assert unknown(json.loads(path.read_text())) <= OF_PROMETHEUS


def test_a_key_that_grafana_does_not_know_would_be_seen() -> None:
    dashboard = OVERVIEW.document()
    panel = panels(dashboard)[0]
    panel["fieldConfig"]["defaults"]["units"] = "s"
    panel["targets"][0]["legend"] = "all"
    panel["options"]["colour"] = "red"
    assert unknown(dashboard) - OF_PROMETHEUS == {
        "/panels/fieldConfig/defaults/units",
        "/panels/targets/legend",
        "/panels/options/colour",
    }


@pytest.mark.parametrize("dashboard", ALL, ids=lambda dashboard: dashboard.uid)
def test_no_panel_covers_another(dashboard: Any) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in dashboard.document()["panels"]:
        place = panel["gridPos"]
        across = range(place["x"], place["x"] + place["w"])
        cells = {(x, y) for x in across for y in range(place["y"], place["y"] + place["h"])}
        assert not cells & taken
        assert max(x for x, _ in cells) < COLUMNS
        taken |= cells


def test_the_overview_shows_system_application_and_business() -> None:
    assert {title for title, _ in OVERVIEW.rows} == {
        "Now",
        "Business",
        "Application",
        "System",
        "Hosts",
    }


@pytest.mark.needs("prometheus")
async def test_every_panel_asks_a_live_prometheus_for_measures_the_services_really_show(
    watched: Watched,
) -> None:
    known = await known_metrics(watched) | {"ALERTS"}
    unknown = {}
    asked = 0
    for path in FOLDER.iterdir():
        for panel in panels(json.loads(path.read_text())):
            for target in panel["targets"]:
                await watched.ask("query", query=target["expr"])
                asked += 1
                if missing := metrics_of(target["expr"]) - known:
                    unknown[f"{path.stem}: {panel['title']}"] = missing

    assert asked > 50
    assert not unknown


@pytest.mark.needs("prometheus")
async def test_a_misspelt_expression_or_name_would_be_seen(watched: Watched) -> None:
    with pytest.raises(AssertionError, match="parse error"):
        await watched.ask("query", query="sum by (job (up)")

    assert metrics_of('sum by (job) (rate(no_such_total{a="b"}[5m])) / up > 3') == {
        "no_such_total",
        "up",
    }
    assert "no_such_total" not in await known_metrics(watched)
