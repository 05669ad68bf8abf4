"""The machines of the stage: each a folder that stands for a root, with the tree at opt/neo.

What an operator types is typed there, in a shell that finds three programs of ours first: `docker`
(docker_command.py), `curl`, for which the hosts' names lead here and the stage's authority is
believed, and `nano`, which writes down what it is given.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import trustme

from deploy.host.init.writing import GROUP
from tests.stage.container_engine import Engine, call
from tests.stage.external_client import ExternalClient

ROOT = Path(__file__).resolve().parents[2]
DOMAIN = "example.org"
"""The page's own."""
HOSTS = ("ai-api", "telegram", "mail")
HTTP_PORT, HTTPS_PORT, PROMETHEUS_PORT, ALERTMANAGER_PORT = 18_080, 18_443, 19_090, 19_093
PORTS = {
    "HTTP_PORT": f"127.0.0.1:{HTTP_PORT}",
    "HTTPS_PORT": f"127.0.0.1:{HTTPS_PORT}",
    "PROMETHEUS_PORT": str(PROMETHEUS_PORT),
    "ALERTMANAGER_PORT": str(ALERTMANAGER_PORT),
}
DEBIAN_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
TYPING_TIMEOUT_S = 900.0
RECORD = "typed.log"
"""What was typed in the last run, and what was answered."""
NEXT = "next"
"""The branch with the version after this one."""
VERSION, NEXT_VERSION = "ARG VERSION=0.1.0\n", "ARG VERSION=0.1.1\n"
COMMITTER = ("-c", "user.name=stage", "-c", "user.email=stage@example.org")
DOCKER = """\
#!/bin/sh
PYTHONSAFEPATH=1 PYTHONPATH={root} exec {python} -m tests.stage.docker_command "$@"
"""
# Asked again while nobody answers: podman does not wait for `service_healthy` as docker does.
CURL = """\
#!/bin/sh
exec /usr/bin/curl --silent --show-error --cacert {authority} --connect-to ::127.0.0.1:{port} \
    --retry 90 --retry-delay 1 --retry-all-errors "$@"
"""
NANO = """\
#!/usr/bin/python3
import os, re, sys
with open(sys.argv[1]) as file:
    text = file.read()
for line in os.environ["TYPED"].splitlines():
    name = line.partition("=")[0]
    text = re.sub(f"^{name}=.*\\n", "", text, flags=re.MULTILINE) + line + "\\n"
with open(sys.argv[1], "w") as file:
    file.write(text)
"""


@dataclass(frozen=True)
class SimulatedHost:
    """A machine, and what it shares with the others: the engine, where the code comes from, the
    authority of the certificates, somebody who asks from outside.
    """

    engine: Engine
    root: Path
    source: Path
    authority: trustme.CA
    client: ExternalClient

    @property
    def tree(self) -> Path:
        """Return the folder of the code."""
        return self.root / "opt" / "neo"

    def machine(self, name: str) -> "SimulatedHost":
        """Return an empty machine."""
        root = self.root.with_name(name)
        shutil.rmtree(root, ignore_errors=True)
        (root / "opt").mkdir(parents=True)
        return replace(self, root=root)

    def type_in(self, commands: str, said: Mapping[str, str] | None = None, typed: str = "") -> str:
        """Run commands in one shell, from the tree, that stops at the first failure.

        `said` replaces what the page leaves to its reader; `typed` are the lines that nano is
        given. Returns what was written. Raises StageFailed.
        """
        for written, meant in (said or {}).items():
            commands = commands.replace(written, meant)
        path = f"{self.engine.folder / 'bin'}:{DEBIAN_PATH}"
        return call(
            ["bash", "-euo", "pipefail", "-c", commands],
            {**self.engine.environment, **PORTS, "PATH": path, "TYPED": typed},
            folder=self.tree if self.tree.exists() else self.root,
            timeout_s=TYPING_TIMEOUT_S,
            record=self.engine.folder / RECORD,
        )

    def certify(self, *hosts: str) -> None:
        """Put certificates of the stage's authority where step 4 of the page says."""
        for host in hosts:
            folder = self.tree / "deploy" / "certificates" / f"{host}.{DOMAIN}"
            folder.mkdir(parents=True)
            issued = self.authority.issue_cert(f"{host}.{DOMAIN}")
            chain = b"".join(pem.bytes() for pem in issued.cert_chain_pems)
            (folder / "fullchain.pem").write_bytes(chain)
            (folder / "privkey.pem").write_bytes(issued.private_key_pem.bytes())
            for file in folder.iterdir():
                file.chmod(0o440)
                os.chown(file, 0, GROUP)

    def publish(self, service: str) -> None:
        """Put a version of a service after this one where the code comes from."""
        dockerfile = self.source / "deploy" / "images" / f"{service}.Dockerfile"
        git = ["git", "-C", str(self.source), *COMMITTER]
        call([*git, "checkout", "--quiet", "-b", NEXT])
        text = dockerfile.read_text(encoding="utf-8")
        dockerfile.write_text(text.replace(VERSION, NEXT_VERSION), encoding="utf-8")
        call([*git, "commit", "--quiet", "--all", "--message", "The next version"])
        call([*git, "checkout", "--quiet", "main"])


def make_simulated_host(engine: Engine, root: Path = ROOT) -> SimulatedHost:
    """Make the first machine, with the tree as it is but for its secrets."""
    source = make_source(engine, root)
    authority = trustme.CA()
    believed = engine.folder / "authority.pem"
    authority.cert_pem.write_to_path(str(believed))
    make_programs(engine.folder / "bin", believed)
    (engine.folder / RECORD).unlink(missing_ok=True)
    shutil.rmtree(engine.folder / "machines", ignore_errors=True)
    client = ExternalClient(DOMAIN, HTTPS_PORT, believed)
    first = SimulatedHost(engine, engine.folder / "machines" / "first", source, authority, client)
    return first.machine("first")


def make_source(engine: Engine, root: Path) -> Path:
    """Make a repository of the tree as it is, committed or not; return its folder."""
    source = engine.folder / "source"
    shutil.rmtree(source, ignore_errors=True)
    source.mkdir()
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=root, capture_output=True, check=True).stdout
    pack = ["tar", "--create", "--null", "--files-from=-", "--ignore-failed-read"]
    packed = subprocess.run(pack, cwd=root, input=names, capture_output=True, check=True).stdout
    subprocess.run(["tar", "--extract"], cwd=source, input=packed, check=True)
    git = ["git", "-C", str(source), *COMMITTER]
    call([*git, "init", "--quiet", "--initial-branch", "main"])
    call([*git, "add", "--force", "--all"])
    call([*git, "commit", "--quiet", "--message", "This version"])
    return source


def make_programs(folder: Path, authority: Path) -> None:
    """Write the programs that an operator's shell finds first."""
    folder.mkdir(exist_ok=True)
    programs = {
        "docker": DOCKER.format(root=ROOT, python=sys.executable),
        "curl": CURL.format(authority=authority, port=HTTPS_PORT),
        "nano": NANO,
    }
    for name, text in programs.items():
        (folder / name).write_text(text, encoding="utf-8")
        (folder / name).chmod(0o755)
