"""The rules as Prometheus reads them, before the services as they are."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from ai_core.metrics import SECONDS as ANSWER_SECONDS
from mail_service.metrics import SECONDS as MAIL_SECONDS
from telegram_service.state.counters import BUCKETS_MS
from tests.deploy.monitoring_stack import Watched, until
from tests.deploy.promql import metrics_of
from tests.servers.monitoring import SHIPPED

ROOT = SHIPPED.parents[2]
RULES = "".join(
    (SHIPPED / "rules" / f"{name}.yml").read_text() for name in ("alerts", "objectives", "host")
)
ALERTS = re.findall(r"- alert: (\w+)", RULES)
NOT_RUN_HERE = {
    "alertmanager_notifications_failed_total",
    "fluentbit_output_retries_failed_total",
    "fluentbit_output_dropped_records_total",
    "node_nf_conntrack_entries",
    "node_nf_conntrack_entries_limit",
}
"""Of Alertmanager before a notification, of Fluent Bit, of a kernel that tracks connections."""
pytestmark = [pytest.mark.needs("prometheus"), pytest.mark.needs("prometheus-node-exporter")]


async def known_metrics(watched: Watched) -> set[str]:
    """Return every name Prometheus has heard of, and those it makes itself."""
    told = await watched.ask("targets/metadata", limit="10000")
    names = {entry["metric"] for entry in told}
    ends = ("_bucket", "_sum", "_count", "_total")
    parts = {f"{name}{end}" for name in names for end in ends}
    groups = (await watched.ask("rules"))["groups"]
    made = {r["name"] for group in groups for r in group["rules"] if r["type"] == "recording"}
    return names | parts | made | {"up"}


def promtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    fewer_collections = {"GOGC": "400", "GOMEMLIMIT": "1GiB"}  # a fifth of its time
    return subprocess.run(
        ["promtool", *arguments],
        env={**os.environ, **fewer_collections},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_promtool_accepts_the_configuration_as_shipped(tmp_path: Path) -> None:
    folder = tmp_path / "prometheus"
    shutil.copytree(SHIPPED, folder)
    (folder / "secrets").mkdir()
    (folder / "secrets" / "ai_core_admin_key").write_text("key")

    checked = promtool("check", "config", folder / "prometheus.yml")

    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "WARNING" not in checked.stdout


@pytest.mark.slow(22)
def test_each_alert_is_quiet_while_all_is_well_and_fires_with_its_words_when_it_is_not() -> None:
    files = sorted((SHIPPED / "tests").glob("*.yml"))

    tested = promtool("test", "rules", *files)

    assert tested.returncode == 0, tested.stdout + tested.stderr
    shown = [re.findall(r"- alertname: (\w+)", file.read_text()) for file in files]
    assert {name for names in shown for name in names} == set(ALERTS)


def test_every_alert_has_its_runbook_and_every_runbook_its_alert() -> None:
    runbooks = (ROOT / "docs" / "runbooks.md").read_text()
    links = re.findall(r"runbook_url: (\S+)", RULES)

    assert [f"docs/runbooks.md#{name.lower()}" for name in ALERTS] == links
    assert re.findall(r"^### (\w+)$", runbooks, re.MULTILINE) == ALERTS


def test_every_limit_of_an_objective_is_a_bucket_that_its_service_shows() -> None:
    shown = {
        "e2e_request_latency_seconds": {str(float(top)) for top in ANSWER_SECONDS},
        "mail_seconds_to_settle": {str(float(top)) for top in MAIL_SECONDS},
        "telegram_first_sign_seconds": {str(top / 1000) for top in BUCKETS_MS},
    }
    limits = dict(re.findall(r'(\w+)_bucket\{le="([\d.]+)"\}', RULES))
    assert limits.keys() == shown.keys()
    for name, limit in limits.items():
        assert limit in shown[name], name


async def test_every_rule_asks_for_measures_the_services_really_show(watched: Watched) -> None:
    rules = [rule for group in (await watched.ask("rules"))["groups"] for rule in group["rules"]]
    wanted = {name for rule in rules for name in metrics_of(rule["query"])}
    missing = wanted

    async def all_scraped() -> bool:  # on a busy machine some are still to come
        nonlocal missing
        missing = wanted - await known_metrics(watched)
        return missing <= NOT_RUN_HERE

    assert {rule["health"] for rule in rules} <= {"ok", "unknown"}
    try:
        await until(all_scraped)
    except AssertionError:
        assert missing <= NOT_RUN_HERE
        raise


async def test_prometheus_measures_each_program_of_the_services(watched: Watched) -> None:
    async def jobs() -> bool:
        up = (await watched.ask("query", query="up == 1"))["result"]
        found = sorted({series["metric"]["job"] for series in up})
        return found == ["ai_core", "host", "mail_service", "prometheus", "telegram_service"]

    await until(jobs)
    assert await watched.value('part_up{job="ai_core", part="redis"}') == 1
    assert await watched.value('part_up{job="telegram_service", part="postgres"}') == 0
    assert 0 < (await watched.value("instance:memory_available:ratio") or 0) < 1
    assert 0 < (await watched.value("instance:disk_free:ratio") or 0) < 1


async def test_what_is_measured_of_the_host_are_disks_that_can_fill(watched: Watched) -> None:
    async def measured() -> bool:
        return bool((await watched.ask("query", query="node_filesystem_avail_bytes"))["result"])

    await until(measured)
    sizes = (await watched.ask("query", query="node_filesystem_size_bytes"))["result"]
    kinds = {series["metric"]["fstype"] for series in sizes}
    assert not kinds & {"tmpfs", "overlay", "proc", "sysfs", "squashfs", "iso9660"}
    devices = (await watched.ask("query", query="node_network_receive_errs_total"))["result"]
    assert not {series["metric"]["device"] for series in devices} & {"lo", "docker0"}
