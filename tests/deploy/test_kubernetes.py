"""The manifests of deploy/kubernetes, as `kubectl kustomize` builds them: schemas, names, settings,
probes, network policies, and what they share with the compose files. No cluster is asked.
"""

import ast
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias, get_args

import kubernetes_validate
import pytest
import yaml
from pydantic import BaseModel

from ai_core.knowledge.entry_folders import FOLDER as KNOWLEDGE
from ai_core.settings import Settings as AiCoreSettings
from mail_service.settings import Settings as MailSettings
from shared.settings import StrictSettings
from telegram_service.settings import Settings as TelegramSettings

pytestmark = pytest.mark.needs("kubectl")

ROOT = Path(__file__).resolve().parents[2]
KUBERNETES = ROOT / "deploy" / "kubernetes"
OVERLAYS = ("production", "staging")
KUBERNETES_VERSION = "1.34"
BUILD_TIMEOUT_S = 30
SETTINGS: dict[str, type[StrictSettings]] = {
    "AI_CORE_": AiCoreSettings,
    "TELEGRAM_": TelegramSettings,
    "MAIL_": MailSettings,
}
PORTS = {"neo-ai_core": 8000, "neo-telegram": 8001, "neo-mail": 8002}
OPERATORS = {"postgres-app", "certificate", "letsencrypt-account"}
"""Secrets that CloudNativePG and cert-manager write."""
REFERENCES = {
    "secret": "Secret",
    "secretRef": "Secret",
    "secretKeyRef": "Secret",
    "accessKeyId": "Secret",
    "secretAccessKey": "Secret",
    "credentials": "Secret",
    "configMap": "ConfigMap",
    "configMapRef": "ConfigMap",
}
"""Fields that name a Secret or a ConfigMap."""
CUSTOM = {
    ("postgresql.cnpg.io/v1", "Cluster"): {
        "instances", "imageName", "bootstrap", "postgresql", "enableSuperuserAccess", "enablePDB",
        "primaryUpdateStrategy", "primaryUpdateMethod", "affinity", "storage", "walStorage",
        "resources", "plugins",
    },
    ("postgresql.cnpg.io/v1", "ScheduledBackup"): {
        "schedule", "backupOwnerReference", "cluster", "method", "pluginConfiguration",
    },
    ("barmancloud.cnpg.io/v1", "ObjectStore"): {"retentionPolicy", "configuration"},
    ("keda.sh/v1alpha1", "ScaledObject"): {
        "scaleTargetRef", "pollingInterval", "cooldownPeriod", "minReplicaCount",
        "maxReplicaCount", "fallback", "advanced", "triggers",
    },
    ("cert-manager.io/v1", "ClusterIssuer"): {"acme"},
    ("monitoring.coreos.com/v1", "PodMonitor"): {"selector", "podMetricsEndpoints"},
}  # fmt: skip
"""Kinds of operators and the fields of `spec` that we use, read from their definitions."""

Manifest: TypeAlias = dict[str, Any]


def build(folder: Path) -> list[Manifest]:
    """Return what `kubectl kustomize` makes of a folder."""
    done = subprocess.run(
        ["kubectl", "kustomize", str(folder)],
        capture_output=True,
        text=True,
        check=False,
        timeout=BUILD_TIMEOUT_S,
    )
    assert done.returncode == 0, done.stderr
    assert "deprecated" not in done.stderr
    return [each for each in yaml.load_all(done.stdout, yaml.CSafeLoader) if each]


@cache
def overlay(name: str) -> list[Manifest]:
    """Return the manifests of an overlay."""
    return build(KUBERNETES / "overlays" / name)


@pytest.fixture(params=OVERLAYS)
def manifests(request: pytest.FixtureRequest) -> list[Manifest]:
    """The manifests of each overlay."""
    return overlay(request.param)


@pytest.fixture
def secrets(tmp_path: Path) -> dict[tuple[str, str], set[str]]:
    """What deploy/kubernetes/secrets makes of files: (namespace, name) to keys."""
    text = (KUBERNETES / "secrets" / "kustomization.yaml").read_text()
    (tmp_path / "kustomization.yaml").write_text(text)
    for path in re.findall(r"files/[\w./-]+", text):
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(credentials(file.stem) if file.suffix == ".env" else "x")
    made = build(tmp_path)
    assert {each["kind"] for each in made} == {"Secret"}
    return {identity(each): set(each["data"]) for each in made}


def credentials(name: str) -> str:
    """Return the variables that docs/kubernetes.md says to write into files/NAME.env."""
    page = (ROOT / "docs" / "kubernetes.md").read_text()
    block = page.partition(f"files/{name}.env <<'ENV'\n")[2].partition("\nENV")[0]
    assert block, f"docs/kubernetes.md does not write files/{name}.env"
    return block


def identity(manifest: Manifest) -> tuple[str, str]:
    return manifest["metadata"].get("namespace", ""), manifest["metadata"]["name"]


def of_kind(manifests: list[Manifest], *kinds: str) -> list[Manifest]:
    return [each for each in manifests if each["kind"] in kinds]


def pods(manifests: list[Manifest]) -> Iterator[tuple[tuple[str, str], Manifest]]:
    """Yield (namespace, name) and the template of each pod we define."""
    for each in of_kind(manifests, "Deployment", "StatefulSet"):
        yield identity(each), each["spec"]["template"]
    for each in of_kind(manifests, "CronJob"):
        yield identity(each), each["spec"]["jobTemplate"]["spec"]["template"]


def containers(manifests: list[Manifest]) -> Iterator[tuple[tuple[str, str], Manifest]]:
    for name, pod in pods(manifests):
        for container in pod["spec"].get("initContainers", []) + pod["spec"]["containers"]:
            yield name, container


def labels_match(selector: Manifest, labels: dict[str, str]) -> bool:
    assert set(selector) <= {"matchLabels"}
    wanted: dict[str, str] = selector.get("matchLabels", {})
    return wanted.items() <= labels.items()


def is_setting(model: type[BaseModel], path: list[str]) -> bool:
    """Return whether a dotted path of names leads to a field of a model."""
    field = model.model_fields.get(path[0].lower())
    if field is None:
        return False
    if len(path) == 1:
        return True
    kinds = [field.annotation, *get_args(field.annotation)]
    sections = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]
    return any(is_setting(section, path[1:]) for section in sections)


def named_by(path: str) -> set[str]:
    """Return every literal of a module that begins with a slash: its routes."""
    tree = ast.parse((ROOT / path).read_text())
    return {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and node.value.startswith("/")
    }


@pytest.mark.slow
def test_every_manifest_follows_the_schema_of_its_kind() -> None:
    production = overlay("production")
    # What both overlays have alike is read once.
    both = [*production, *(each for each in overlay("staging") if each not in production)]
    for each in both:
        kind = (each["apiVersion"], each["kind"])
        if kind in CUSTOM:
            assert set(each["spec"]) <= CUSTOM[kind], kind
            assert set(each) == {"apiVersion", "kind", "metadata", "spec"}, kind
        else:
            kubernetes_validate.validate(each, KUBERNETES_VERSION, strict=True)


def test_every_variable_is_a_setting_and_nothing_is_left_to_fill_in(
    manifests: list[Manifest],
) -> None:
    named = set()
    for each in of_kind(manifests, "ConfigMap"):
        named |= {name for name in each.get("data", {}) if re.fullmatch(r"[A-Z][A-Z_]+", name)}
    for _, container in containers(manifests):
        named |= {each["name"] for each in container.get("env", [])}
    ours = {(prefix, name) for name in named for prefix in SETTINGS if name.startswith(prefix)}
    assert len(ours) >= 12
    for prefix, name in ours:
        assert is_setting(SETTINGS[prefix], name.removeprefix(prefix).split("__")), name
    assert "fill-me-in" not in yaml.safe_dump_all(manifests)


def test_secret_files_named_like_variables_are_settings(
    manifests: list[Manifest], secrets: dict[tuple[str, str], set[str]]
) -> None:
    projected = {
        item["path"]
        for _, pod in pods(manifests)
        for volume in pod["spec"]["volumes"]
        for source in volume.get("projected", {}).get("sources", [])
        for item in source["secret"].get("items", [])
    }
    keys = set().union(*secrets.values())
    for name in {each for each in projected | keys if each.startswith(tuple(SETTINGS))}:
        prefix = next(each for each in SETTINGS if name.startswith(each))
        assert is_setting(SETTINGS[prefix], name.removeprefix(prefix).split("__")), name
    # The stores' addresses come from the operator and from the Redis of the namespace.
    for prefix in SETTINGS:
        assert {f"{prefix}POSTGRES__URL", f"{prefix}REDIS__URL"} <= projected


def test_files_that_settings_name_are_mounted(
    manifests: list[Manifest], secrets: dict[tuple[str, str], set[str]]
) -> None:
    for each in of_kind(manifests, "ConfigMap"):
        for name, value in each.get("data", {}).items():
            if re.fullmatch(r"[A-Z_]+_FILE", name) and value.startswith("/run/secrets/"):
                namespace, full = identity(each)
                owner = full.rpartition("-")[0]  # without the hash of its content
                assert Path(value).name in secrets[namespace, owner], (name, value)


def referred(node: Any) -> Iterator[tuple[str, str, set[str]]]:
    """Yield (Secret or ConfigMap, name, keys) of every reference below a part of a manifest."""
    if isinstance(node, list):
        for each in node:
            yield from referred(each)
    elif isinstance(node, dict):
        for name, value in node.items():
            if name in REFERENCES and isinstance(value, dict):
                keys = {
                    item["key"] for item in value.get("items", [value] if "key" in value else [])
                }
                yield REFERENCES[name], value.get("secretName") or value["name"], keys
            else:
                yield from referred(value)


def test_every_secret_and_configuration_that_is_named_exists(
    manifests: list[Manifest], secrets: dict[tuple[str, str], set[str]]
) -> None:
    there = {("Secret", *name): keys for name, keys in secrets.items()}
    for each in of_kind(manifests, "ConfigMap"):
        there["ConfigMap", *identity(each)] = set(each["data"])
    seen = set()
    for each in manifests:
        namespace, _ = identity(each)
        for kind, name, keys in referred(each.get("spec", {})):
            if name in OPERATORS:
                continue
            assert keys <= there[kind, namespace, name], (namespace, kind, name)
            seen.add((kind, namespace, name))
    optional = {("Secret", "neo-models", "vllm")}
    assert {each for each in there if each[0] == "Secret"} - seen <= optional, (
        "made, used by nobody"
    )


def test_no_secret_is_in_the_repository(manifests: list[Manifest]) -> None:
    assert not of_kind(manifests, "Secret")
    assert (KUBERNETES / "secrets" / ".gitignore").read_text().split() == ["/files/"]


def test_images_have_a_version_and_are_those_of_compose(manifests: list[Manifest]) -> None:
    images = {container["image"] for _, container in containers(manifests)}
    images |= {each["spec"]["imageName"] for each in of_kind(manifests, "Cluster")}
    for image in images:
        tag = image.partition("@")[0].rpartition("/")[2].partition(":")[2]
        assert re.search(r"\d", tag), image
    compose = (ROOT / "docker-compose.ai.yml").read_text()
    redis = re.search(r"REDIS_IMAGE:-([^}]+)}", compose)
    postgres = re.search(r"POSTGRES_IMAGE:-postgres:([\d.]+)", compose)
    assert redis
    assert redis[1] in images
    assert postgres
    assert any(f"/postgresql:{postgres[1]}-" in image for image in images)
    built = {image.partition(":")[0].rpartition("/")[2] for image in images if "/neo-" in image}
    files = {path.stem for path in (ROOT / "deploy" / "images").glob("*.Dockerfile")}
    assert built == {f"neo-{name}" for name in files}


def test_pods_run_without_root_and_write_only_their_volumes(manifests: list[Manifest]) -> None:
    for name, pod in pods(manifests):
        spec = pod["spec"]
        assert spec["securityContext"]["runAsUser"] == 10001, name
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert spec["automountServiceAccountToken"] is False, name
    for name, container in containers(manifests):
        context = container["securityContext"]
        assert context["readOnlyRootFilesystem"] is True, name
        assert context["runAsNonRoot"] is True, name
        assert context["allowPrivilegeEscalation"] is False, name
        assert context["capabilities"] == {"drop": ["ALL"]}, name
        for bound in ("requests", "limits"):
            assert {"cpu", "memory"} <= container["resources"][bound].keys(), name
    for namespace in of_kind(manifests, "Namespace"):
        labels = namespace["metadata"]["labels"]
        assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


def test_what_ai_core_writes_is_on_volumes_that_can_be_written(manifests: list[Manifest]) -> None:
    (pod,) = [pod for name, pod in pods(manifests) if name == ("neo-ai", "ai-api")]
    (container,) = pod["spec"]["containers"]
    mounts = {each["mountPath"]: each for each in container["volumeMounts"]}
    volumes = {each["name"]: each for each in pod["spec"]["volumes"]}
    data = AiCoreSettings.model_fields["data_dir"].default
    for folder in (data / "models", data / "published"):
        mount = mounts[str(folder)]
        assert not mount.get("readOnly"), folder
        assert "emptyDir" in volumes[mount["name"]], folder
    # None of them hides what the image brings: the law, and the index of the shipped entries.
    assert not {str(data), str(data / KNOWLEDGE), str(data / "corpus")} & mounts.keys()
    (settings,) = [
        each["data"]
        for each in manifests
        if each["kind"] == "ConfigMap" and each["metadata"]["name"].startswith("ai-core")
    ]
    assert settings["AI_CORE_KNOWLEDGE__FOLDER"] == str(data / "published")


def test_ports_and_probes_are_those_of_the_services(manifests: list[Manifest]) -> None:
    routes = (
        named_by("ai_core/api/health.py")
        & named_by("telegram_service/app.py")
        & named_by("mail_service/api/health.py")
    )
    probed = set()
    for name, container in containers(manifests):
        image = container["image"].partition(":")[0].rpartition("/")[2]
        ports = {port["name"]: port["containerPort"] for port in container.get("ports", [])}
        probes = [each for each in container if each.endswith("Probe")]
        for probe in probes:
            rule = next(iter(set(container[probe]) & {"httpGet", "tcpSocket", "exec"}))
            if rule != "exec":
                assert container[probe][rule]["port"] in ports, name
            if image in PORTS:
                assert container[probe]["httpGet"]["path"] in routes, name
                probed.add((image, probe, container[probe]["httpGet"]["path"]))
        if image in PORTS and probes:
            assert ports == {"http": PORTS[image]}, name
    kinds = {("startupProbe", "/live"), ("livenessProbe", "/live"), ("readinessProbe", "/ready")}
    assert probed == {(image, *kind) for image in PORTS for kind in kinds}


def test_ingresses_lead_to_services_that_exist_and_keep_closed_what_nginx_closes(
    manifests: list[Manifest],
) -> None:
    services = {identity(each): each["spec"] for each in of_kind(manifests, "Service")}
    opened: dict[str, dict[str, str]] = {}
    for each in of_kind(manifests, "Ingress"):
        (rule,) = each["spec"]["rules"]
        assert each["spec"]["tls"][0]["hosts"] == [rule["host"]]
        for path in rule["http"]["paths"]:
            backend = path["backend"]["service"]
            service = services[identity(each)[0], backend["name"]]
            assert backend["port"]["number"] in {port["port"] for port in service["ports"]}
            opened.setdefault(rule["host"].partition(".")[0], {})[path["path"]] = backend["name"]
    assert "selector" not in services["neo-ai", "closed"]
    assert {path for path, name in opened["ai-api"].items() if name == "closed"} == {
        "/console",
        "/metrics",
        "/api/v1/metrics",
    }
    assert set(opened["telegram"]) == {"/telegram/webhook", "/line/webhook", "/whatsapp/webhook"}
    assert set(opened["telegram"]) <= named_by("telegram_service/app.py")
    assert set(opened["mail"]) == {"/live", "/feedback/"}
    issuers = {identity(each)[1] for each in of_kind(manifests, "ClusterIssuer")}
    for each in of_kind(manifests, "Ingress"):
        assert each["metadata"]["annotations"]["cert-manager.io/cluster-issuer"] in issuers


def test_every_pod_has_network_policies_beside_the_denial(manifests: list[Manifest]) -> None:
    policies = of_kind(manifests, "NetworkPolicy")
    templates = [(name, pod["metadata"]["labels"]) for name, pod in pods(manifests)]
    templates += [
        (identity(each), {"cnpg.io/cluster": each["metadata"]["name"]})
        for each in of_kind(manifests, "Cluster")
    ]
    for (namespace, name), labels in templates:
        here = [each["spec"] for each in policies if identity(each)[0] == namespace]
        denials = [each for each in here if not each["podSelector"] and len(each) == 2]
        assert [each["policyTypes"] for each in denials] == [["Ingress", "Egress"]], namespace
        own = [
            each
            for each in here
            if each["podSelector"] and labels_match(each["podSelector"], labels)
        ]
        assert own, (namespace, name)
        for rule in (rule for each in own for rule in each.get("egress", [])):
            assert rule["ports"], (namespace, name)


def test_a_worker_may_reach_ai_core_and_ai_core_lets_it(manifests: list[Manifest]) -> None:
    policies = {identity(each): each["spec"] for each in of_kind(manifests, "NetworkPolicy")}
    admitted = {
        peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]
        for rule in policies["neo-ai", "ai-api"]["ingress"]
        for peer in rule["from"]
    }
    urls = [
        (identity(each)[0], value)
        for each in of_kind(manifests, "ConfigMap")
        for name, value in each.get("data", {}).items()
        if name.endswith("_AI__URL")
    ]
    assert len(urls) == 2
    for namespace, url in urls:
        assert url == f"http://ai-api.neo-ai:{PORTS['neo-ai_core']}"
        assert namespace in admitted


def test_the_desk_may_ask_the_bot_and_the_mailbox_and_nothing_else_of_theirs(
    manifests: list[Manifest],
) -> None:
    policies = {identity(each): each["spec"] for each in of_kind(manifests, "NetworkPolicy")}

    def peer(namespace: str, name: str) -> dict[str, Any]:
        return {
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
            "podSelector": {"matchLabels": {"app.kubernetes.io/name": name}},
        }

    for namespace, name, port in (
        ("neo-telegram", "telegram-bot", 8001),
        ("neo-mail", "mail-service", 8002),
    ):
        assert {"to": [peer(namespace, name)], "ports": [{"protocol": "TCP", "port": port}]} in (
            policies["neo-ai", "ai-api"]["egress"]
        )
        (admitting,) = policies[namespace, name]["ingress"]
        assert peer("neo-ai", "ai-api") in admitting["from"]
        assert admitting["ports"] == [{"protocol": "TCP", "port": port}]


def test_autoscalers_and_budgets_are_of_workloads_that_exist(manifests: list[Manifest]) -> None:
    workloads = {identity(each): each for each in of_kind(manifests, "Deployment", "StatefulSet")}
    scaled = [
        (identity(each)[0], each["spec"]["scaleTargetRef"]["name"])
        for each in of_kind(manifests, "HorizontalPodAutoscaler", "ScaledObject")
    ]
    assert len(scaled) == len(set(scaled)), "two autoscalers of one workload"
    assert set(scaled) == {name for name, each in workloads.items() if each["kind"] == "Deployment"}
    budgets = of_kind(manifests, "PodDisruptionBudget")
    for name, workload in workloads.items():
        labels = workload["spec"]["template"]["metadata"]["labels"]
        own = [
            each
            for each in budgets
            if identity(each)[0] == name[0] and labels_match(each["spec"]["selector"], labels)
        ]
        assert len(own) == 1, name


def test_queue_lengths_are_asked_of_metrics_that_we_export(manifests: list[Manifest]) -> None:
    ours = (ROOT / "telegram_service" / "metrics.py").read_text()
    ours += (ROOT / "mail_service" / "metrics.py").read_text()
    queries = [
        trigger["metadata"]["query"]
        for each in of_kind(manifests, "ScaledObject")
        for trigger in each["spec"]["triggers"]
    ]
    assert len(queries) == 2
    for query in queries:
        metric = re.search(r"(telegram|mail)_\w+", query)
        assert metric
        name = metric[0]
        assert f'"{name}"' in ours or f'("{name.removeprefix("telegram_")}"' in ours, query


def test_redis_persists_and_evicts_as_the_compose_files_say(manifests: list[Manifest]) -> None:
    for namespace, file in (("neo-ai", "cache"), ("neo-telegram", "queue"), ("neo-mail", "queue")):
        (found,) = [
            each["data"]
            for each in of_kind(manifests, "ConfigMap")
            if identity(each)[0] == namespace and "redis.sh" in each["data"]
        ]
        cluster = directives(found["redis.conf"] + found["policy.conf"])
        host = directives((ROOT / "deploy" / "host" / "redis" / f"{file}.conf").read_text())
        del host["include"]
        assert host.items() <= cluster.items(), namespace
        assert cluster["min-replicas-to-write"] == "1"


def directives(text: str) -> dict[str, str]:
    """Return the directives of a redis.conf."""
    lines = [line.split(maxsplit=1) for line in text.splitlines() if line[:1].strip("#")]
    return dict(lines)


def test_every_shell_script_parses() -> None:
    for script in KUBERNETES.rglob("*.sh"):
        done = subprocess.run(
            [shutil.which("sh") or "sh", "-n", str(script)],
            capture_output=True,
            text=True,
            check=False,
            timeout=BUILD_TIMEOUT_S,
        )
        assert done.returncode == 0, done.stderr


def test_ai_core_names_every_replica_of_the_model() -> None:
    manifests = overlay("production")
    (catalogue,) = [
        tomllib.loads(each["data"]["models.toml"])
        for each in of_kind(manifests, "ConfigMap")
        if "models.toml" in each.get("data", {})
    ]
    (vllm,) = [each for each in of_kind(manifests, "StatefulSet") if identity(each)[1] == "vllm"]
    (model,) = catalogue["model"]
    assert model["upstreams"] == [
        f"http://vllm-{number}.vllm.neo-models:8000/v1"
        for number in range(vllm["spec"]["replicas"])
    ]
    arguments = vllm["spec"]["template"]["spec"]["containers"][0]["args"]
    assert f"--served-model-name={model['upstream_model']}" in arguments
    (container,) = vllm["spec"]["template"]["spec"]["containers"]
    assert container["resources"]["limits"]["nvidia.com/gpu"] == 1


def test_without_the_model_component_nothing_of_it_is_left() -> None:
    manifests = overlay("staging")
    assert "neo-models" not in yaml.safe_dump_all(manifests)
    assert "vllm" not in yaml.safe_dump_all(manifests)
