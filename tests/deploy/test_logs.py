"""The collector of logs: its files agree with the compose files and the lines that are written.

Neither Fluent Bit nor Loki is among the packages that the suite can install: that they read their
files is not tested here.
"""

import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
import structlog
import yaml

from shared.logs import set_up_logs
from tests.deploy.test_compose import read

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deploy" / "monitoring" / "logs"
COLLECTOR = yaml.safe_load((FOLDER / "fluent-bit.yaml").read_text())
LOKI = yaml.safe_load((FOLDER / "loki.yaml").read_text())
[TAIL] = COLLECTOR["pipeline"]["inputs"]
[OUT] = COLLECTOR["pipeline"]["outputs"]


def filters(name: str) -> list[dict[str, Any]]:
    return [each for each in COLLECTOR["pipeline"]["filters"] if each["name"] == name]


def test_what_is_collected_goes_where_loki_listens_and_grafana_looks() -> None:
    place = f"{OUT['host']}:{OUT['port']}"
    source = yaml.safe_load(
        (ROOT / "deploy/monitoring/grafana/provisioning/datasources/loki.yml").read_text()
    )
    assert place == f"loki:{LOKI['server']['http_listen_port']}"
    assert source["datasources"][0]["url"] == f"http://{place}"
    services = read("watch")["services"]
    assert services["loki"]["networks"] == services["logs"]["networks"] == ["front"]
    assert not services["loki"].get("ports")


def test_lines_are_read_where_docker_writes_them_and_wait_in_a_volume() -> None:
    volumes = [each.split(":") for each in read("watch")["services"]["logs"]["volumes"]]
    mounted = {place: (source, *mode) for source, place, *mode in volumes}
    assert mounted["/var/lib/docker/containers"] == ("/var/lib/docker/containers", "ro")
    assert TAIL["path"].startswith("/var/lib/docker/containers/")
    state = COLLECTOR["service"]["storage.path"], TAIL["db"]
    assert {str(Path(place).parent) for place in state} == {"/var/lib/fluent-bit"}
    assert mounted["/var/lib/fluent-bit"] == ("logs",)
    assert TAIL["storage.type"] == "filesystem"
    assert OUT["storage.total_limit_size"]


@pytest.mark.parametrize("stack", ["ai", "telegram", "mail", "all", "watch"])
def test_each_line_of_a_container_names_its_service(stack: str) -> None:
    [rename] = [each["hard_rename"] for each in filters("modify")]
    label, _, shown = rename.partition(" ")
    for service in read(stack)["services"].values():
        assert service["logging"]["driver"] == "json-file"
        assert service["logging"]["options"]["labels"] == label
    assert f"${shown}" in OUT["label_keys"]


def test_every_parser_that_is_named_is_there() -> None:
    known = {each["name"] for each in COLLECTOR["parsers"]}
    assert {TAIL["parser"], *(each["parser"] for each in filters("parser"))} == known
    steps = [*COLLECTOR["pipeline"]["filters"], OUT]
    assert {each["match"] for each in steps} == {TAIL["tag"]}


def test_the_ids_and_the_level_have_the_names_that_our_lines_and_nginx_give_them() -> None:
    written = io.StringIO()
    before = structlog.get_config()
    try:
        set_up_logs("ai_core", stream=written)
        structlog.get_logger().info("request", request_id="r-1", trace_id="a" * 32)
    finally:
        structlog.configure(**before)
    line = json.loads(written.getvalue())
    wanted = re.findall(r"\$(\w+)", OUT["structured_metadata"])
    assert set(wanted) == {"trace_id", "request_id"} <= line.keys()
    assert {"level"} == set(re.findall(r"\$(\w+)", OUT["label_keys"])) - {"container"}
    assert line["level"] == "info"
    edge = (ROOT / "nginx" / "nginx.conf").read_text()
    for name in wanted:
        assert f'"{name}":"$' in edge


def test_no_label_has_many_values() -> None:
    """Each value is a stream of its own to Loki: an id among them would be one for each request."""
    labels = {*re.findall(r"(\w+)=", OUT["labels"]), *re.findall(r"\$(\w+)", OUT["label_keys"])}
    assert labels == {"job", "container", "level"}
    assert len(labels) <= LOKI["limits_config"]["max_label_names_per_series"]


def test_lines_are_deleted_when_the_page_on_privacy_says() -> None:
    days = int(LOKI["limits_config"]["retention_period"].removesuffix("d"))
    assert LOKI["compactor"]["retention_enabled"] is True
    page = (ROOT / "docs" / "privacy.md").read_text()
    assert re.search(rf"^\| log lines \|.*\b{days} days\b", page, re.MULTILINE)
