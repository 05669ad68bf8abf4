"""The compose files: the schema, no dangling name, every variable a setting, nothing left open."""

import re
import subprocess
import sys
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from ai_core.settings import Settings as AiCoreSettings
from mail_service.settings import Settings as MailSettings
from mail_service.settings import WorkerSettings as MailWorker
from shared.settings import StrictSettings
from telegram_service.answering.document_reader import READER_MEMORY_MIB
from telegram_service.settings import Settings as TelegramSettings

ROOT = Path(__file__).resolve().parents[2]
STACKS = ["ai", "telegram", "mail", "all", "watch"]
SETTINGS: dict[str, type[StrictSettings]] = {
    "AI_CORE_": AiCoreSettings,
    "TELEGRAM_": TelegramSettings,
    "MAIL_": MailSettings,
}
THIS_HOST = {"127.0.0.1", "host.docker.internal"}
STORES = ("redis", "postgres")
WORKER_MIB = 160
"""What a worker itself takes: 110 MiB measured, and room."""


def read(stack: str) -> dict[str, Any]:
    """Return a compose file with `extends` followed, as compose itself merges it."""
    return deepcopy(_read(stack))


@cache
def _read(stack: str) -> dict[str, Any]:
    text = (ROOT / f"docker-compose.{stack}.yml").read_text()
    whole: dict[str, Any] = yaml.safe_load(text)
    for name, service in whole["services"].items():
        if base := service.pop("extends", None):
            origin = _read(base["file"].split(".")[1])["services"][base["service"]]
            whole["services"][name] = merge(origin, service)
    return whole


def merge(below: Any, above: Any) -> Any:
    if isinstance(below, dict) and isinstance(above, dict):
        keys = [*below, *(key for key in above if key not in below)]
        return {
            key: merge(below[key], above[key])
            if key in below and key in above
            else above.get(key, below.get(key))
            for key in keys
        }
    if isinstance(below, list) and isinstance(above, list):
        return [*below, *above]
    return above


def services(*stacks: str) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (stack, name, service)
        for stack in stacks or STACKS
        for name, service in read(stack)["services"].items()
    ]


def problems(compose: dict[str, Any]) -> list[str]:
    """Return every name a service uses that nothing declares."""
    found = []
    for name, service in compose["services"].items():
        used = {
            "services": list(service.get("depends_on", [])),
            "networks": list(service.get("networks", [])),
            "secrets": [
                each if isinstance(each, str) else each["source"]
                for each in service.get("secrets", [])
            ],
            "volumes": [
                source
                for source in (each.split(":")[0] for each in service.get("volumes", []))
                if re.fullmatch(r"[a-z][\w-]*", source)
            ],
        }
        for kind, names in used.items():
            declared = compose.get(kind, {})
            if kind == "networks":
                declared = {**declared, "default": {}}
            found += [f"{name}: {kind} {each}" for each in names if each not in declared]
    return found


def test_every_compose_file_follows_the_schema_of_compose() -> None:
    done = subprocess.run(
        [
            Path(sys.executable).with_name("check-jsonschema"),
            "--builtin-schema",
            "vendor.compose-spec",
            *(ROOT / f"docker-compose.{stack}.yml" for stack in STACKS),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("stack", ["ai", "telegram", "mail", "all"])
def test_a_compose_file_uses_no_name_that_nothing_declares(stack: str) -> None:
    assert problems(read(stack)) == []


@pytest.mark.parametrize("stack", ["ai", "telegram", "mail", "all"])
def test_the_watch_fits_over_every_stack(stack: str) -> None:
    assert problems(merge(read(stack), read("watch"))) == []


def test_the_check_finds_what_dangles() -> None:
    broken = read("telegram")
    del broken["secrets"]["telegram_vault"]
    del broken["networks"]["telegram-data"]
    del broken["volumes"]["telegram-redis"]
    broken["services"]["nginx"]["depends_on"] = {"telegram": {"condition": "service_healthy"}}
    found = problems(broken)
    assert "worker: secrets telegram_vault" in found
    assert "postgres: networks telegram-data" in found
    assert "redis: volumes telegram-redis" in found
    assert "nginx: services telegram" in found


def test_a_container_can_do_little(subtests: pytest.Subtests) -> None:
    for stack, name, service in services():
        with subtests.test(stack=stack, name=name):
            assert service["read_only"] is True
            assert service["cap_drop"] == ["ALL"]
            assert "cap_add" not in service
            assert "privileged" not in service
            assert service["security_opt"] == ["no-new-privileges:true"]
            is_root = str(service.get("user", "10001")).split(":")[0] == "0"
            assert is_root == ((stack, name) == ("watch", "logs"))
            assert {"mem_limit", "cpus", "pids_limit", "tmpfs"} <= set(service)


def test_what_is_published_at_the_desk_is_on_a_volume_that_its_user_may_write() -> None:
    service = read("ai")["services"]["ai-api"]
    folder = service["environment"]["AI_CORE_KNOWLEDGE__FOLDER"]
    (volume,) = [each.partition(":")[0] for each in service["volumes"] if each.endswith(folder)]
    assert volume in read("ai")["volumes"]
    # A new volume takes the owner of the image's folder.
    dockerfile = (ROOT / service["build"]["dockerfile"]).read_text()
    (owned,) = re.findall(r"install -d -o neo -g neo (.+) \\", dockerfile)
    assert folder in owned.split()


def test_a_container_starts_again_and_its_log_has_an_end(subtests: pytest.Subtests) -> None:
    for stack, name, service in services():
        with subtests.test(stack=stack, name=name):
            once = name.endswith("restore")
            assert service["restart"] == ("no" if once else "unless-stopped")
            assert {"max-size", "max-file"} <= set(service["logging"]["options"])


def test_a_container_whose_program_is_deaf_while_it_starts_has_an_init_to_stop_it(
    subtests: pytest.Subtests,
) -> None:
    for stack, name, service in services():
        with subtests.test(stack=stack, name=name):
            python = "_IMAGE:-neo-" in service["image"]
            shell = service.get("entrypoint", [""])[0] == "/bin/sh"
            assert service.get("init", False) is (python or shell)


def test_only_nginx_is_reached_from_outside(subtests: pytest.Subtests) -> None:
    for stack, name, service in services("ai", "telegram", "mail", "all"):
        with subtests.test(stack=stack, name=name):
            assert ("ports" in service) == (name == "nginx")


def test_the_watch_is_open_on_loopback_alone(subtests: pytest.Subtests) -> None:
    for stack, name, service in services("watch"):
        with subtests.test(stack=stack, name=name):
            assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))


@pytest.mark.parametrize("stack", ["ai", "telegram", "mail", "all"])
def test_a_store_is_on_internal_networks_alone_and_nginx_on_none_of_them(stack: str) -> None:
    compose = read(stack)
    internal = {name for name, network in compose["networks"].items() if network.get("internal")}
    for name, service in compose["services"].items():
        if name.endswith(STORES):
            assert set(service["networks"]) <= internal
        if name == "nginx":
            assert not set(service["networks"]) & internal


def test_every_variable_of_ours_is_a_setting(subtests: pytest.Subtests) -> None:
    for stack, name, service in services("ai", "telegram", "mail", "all"):
        with subtests.test(stack=stack, name=name):
            given = [*service.get("environment", {})]
            given += [each for each in service.get("secrets", []) if isinstance(each, str)]
            for variable in given:
                for prefix, settings in SETTINGS.items():
                    if variable.startswith(prefix):
                        section, _, field = variable.removeprefix(prefix).lower().partition("__")
                        kind = settings.model_fields[section].annotation
                        assert not field or field in getattr(kind, "model_fields", {}), variable


@pytest.mark.parametrize("stack", STACKS)
def test_no_file_of_ours_holds_a_secret(stack: str) -> None:
    text = (ROOT / f"docker-compose.{stack}.yml").read_text()
    assert not re.search(r"(?i)(password|token|secret)[\"']?\s*[:=]\s*[\"']?[\w-]{8,}$", text)


@pytest.mark.parametrize("stack", ["telegram", "mail"])
def test_as_many_workers_as_wanted_can_run(stack: str) -> None:
    worker = read(stack)["services"]["worker"]
    assert "container_name" not in worker
    assert "ports" not in worker


def test_backup_and_restore_containers_run_only_on_request(subtests: pytest.Subtests) -> None:
    for stack, name, service in services("ai", "telegram", "mail", "all"):
        with subtests.test(stack=stack, name=name):
            asked = {each for each in ("acme", "backup", "restore") if name.endswith(each)}
            assert set(service.get("profiles", [])) == asked


@pytest.mark.parametrize("stack", ["ai", "telegram", "mail"])
def test_a_service_shows_the_times_of_the_backups_that_are_made(stack: str) -> None:
    compose = read(stack)
    backup = compose["services"]["backup"]
    place = backup["environment"]["BACKUP_SUCCEEDED"]
    showing = [
        service
        for service in compose["services"].values()
        if any(key.endswith("_WATCH__BACKUPS") for key in service.get("environment", {}))
    ]
    assert len(showing) == 1
    [variable] = [each for each in showing[0]["environment"] if each.endswith("_WATCH__BACKUPS")]
    assert showing[0]["environment"][variable] == place
    assert f"{stack}-backups-succeeded:{place}" in backup["volumes"]
    assert f"{stack}-backups-succeeded:{place}:ro" in showing[0]["volumes"]
    dockerfile = (ROOT / showing[0]["build"]["dockerfile"]).read_text()
    assert f"install -d -o 999 -g 999 {place}" in dockerfile


@pytest.mark.parametrize("stack", ["ai", "telegram", "mail"])
def test_a_backup_knows_the_stores_and_a_restore_fills_their_volumes(stack: str) -> None:
    compose = read(stack)
    made, back = (compose["services"][each] for each in ("backup", "restore"))
    for store in {"redis", "postgres"} & set(compose["services"]):
        address = Path(made["environment"][f"BACKUP_{store.upper()}_URL_FILE"])
        assert address.name in made["secrets"]
        place = back["environment"][f"BACKUP_{store.upper()}_DATA"]
        volume = f"{stack}-{store}:{place}"
        assert volume in back["volumes"]
        assert volume in compose["services"][store]["volumes"]


@pytest.mark.parametrize("stack", ["ai", "telegram", "mail"])
def test_postgres_lets_the_backup_copy_it(stack: str) -> None:
    volumes = read(stack)["services"]["postgres"]["volumes"]
    assert any("/docker-entrypoint-initdb.d/allow_replication.sh" in each for each in volumes)


def test_prometheus_finds_every_target_under_its_name_in_the_file_for_one_host() -> None:
    names = set()
    for stack in ("ai", "telegram", "mail", "watch"):
        for name, service in read(stack)["services"].items():
            networks = service.get("networks", {})
            front = networks.get("front") if isinstance(networks, dict) else None
            names |= {name, *((front or {}).get("aliases", []))}
    for path in (ROOT / "deploy/monitoring/prometheus/targets").glob("*.yml"):
        for group in yaml.safe_load(path.read_text()):
            for target in group["targets"]:
                assert target.partition(":")[0] in {*names, *THIS_HOST}


def test_the_worker_of_the_mailbox_shows_its_metrics_where_prometheus_looks() -> None:
    environment = read("mail")["services"]["worker"]["environment"]
    assert environment["MAIL_WORKER__METRICS_HOST"] == "0.0.0.0"  # noqa: S104 - in its container
    targets = (ROOT / "deploy/monitoring/prometheus/targets/mail_service.yml").read_text()
    assert f"mail-worker:{environment['MAIL_WORKER__METRICS_PORT']}" in targets


def test_a_file_that_is_mounted_exists() -> None:
    for stack in STACKS:
        for service in read(stack)["services"].values():
            for volume in service.get("volumes", []):
                source = volume.split(":")[0]
                if source.startswith(
                    (
                        *("./nginx/", "./deploy/host/redis/", "./deploy/host/acme"),
                        *("./deploy/backup/", "./deploy/monitoring/"),
                    )
                ):
                    assert (ROOT / source).exists()


@pytest.mark.parametrize(
    ("stack", "children_mib"),
    [
        ("telegram", READER_MEMORY_MIB),
        ("mail", MailWorker().readers * MailWorker().reading_mib),
    ],
)
def test_the_children_that_read_files_fit_into_their_worker(stack: str, children_mib: int) -> None:
    limit = re.search(r":-(\d+)([mg])", read(stack)["services"]["worker"]["mem_limit"])
    assert limit
    limit_mib = int(limit[1]) * {"m": 1, "g": 1024}[limit[2]]
    assert children_mib + WORKER_MIB <= limit_mib
