"""Certificates issued and renewed by certbot from a real ACME server, while nginx serves."""

import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import trustme
from cryptography import x509

from deploy.local.ports import free_port
from tests.deploy.edge_server import NAMES
from tests.servers.nginx import NginxServer

pytestmark = [
    pytest.mark.slow,
    pytest.mark.needs("nginx"),
    pytest.mark.needs("pebble"),
    pytest.mark.needs("certbot"),
]

ROOT = Path(__file__).resolve().parents[2]
NAME = NAMES["mail"]


@contextmanager
def running(
    command: list[str], log: Path, environment: dict[str, str] | None = None
) -> Iterator[None]:
    with log.open("wb") as lines:
        process = subprocess.Popen(
            command,
            env={**os.environ, **(environment or {})},
            stdout=lines,
            stderr=lines,
            start_new_session=True,
        )
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)


class Authority:
    """Pebble, and the DNS server that tells it that every name is here."""

    def __init__(self, folder: Path, http_port: int) -> None:
        self.folder = folder
        self.port = free_port()
        self._dns_port, self._http_port = free_port(), http_port
        ca = trustme.CA()
        own = ca.issue_cert("localhost", "127.0.0.1")
        ca.cert_pem.write_to_path(str(folder / "authority.pem"))
        own.private_key_pem.write_to_path(str(folder / "key.pem"))
        own.cert_chain_pems[0].write_to_path(str(folder / "cert.pem"))

    @contextmanager
    def serving(self) -> Iterator[None]:
        pebble = {
            "listenAddress": f"127.0.0.1:{self.port}",
            "managementListenAddress": f"127.0.0.1:{free_port()}",
            "certificate": str(self.folder / "cert.pem"),
            "privateKey": str(self.folder / "key.pem"),
            "httpPort": self._http_port,
            "tlsPort": free_port(),
        }
        (self.folder / "pebble.json").write_text(json.dumps({"pebble": pebble}))
        here = f"127.0.0.1:{self._dns_port}"
        names = ["pebble-challtestsrv", "-dns01", here, "-management", f"127.0.0.1:{free_port()}"]
        names += ["-http01", "", "-https01", "", "-tlsalpn01", "", "-defaultIPv6", ""]
        pebble_command = ["pebble", "-config", str(self.folder / "pebble.json"), "-dnsserver", here]
        with ExitStack() as stack:
            stack.enter_context(running(names, self.folder / "dns.log"))
            quick = {"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0"}
            stack.enter_context(running(pebble_command, self.folder / "pebble.log", quick))
            wait_until(lambda: listens(self.port), "pebble does not start")
            yield

    def renew(
        self, server: NginxServer, when: str, email: str = ""
    ) -> subprocess.CompletedProcess[str]:
        environment = {
            "ACME_EMAIL": email,
            "ACME_CERTIFICATES": str(server.directory / "certificates"),
            "ACME_WEBROOT": str(server.webroot),
            "ACME_HOME": str(self.folder / "certbot"),
            "ACME_SERVER": f"https://localhost:{self.port}/dir",
            "ACME_ONCE": "1",
            "ACME_WHEN": when,
            "REQUESTS_CA_BUNDLE": str(self.folder / "authority.pem"),
        }
        return subprocess.run(
            [ROOT / "deploy" / "host" / "acme" / "renew.sh", NAME],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def account(self) -> str:
        """Return what the authority tells certbot of the account."""
        home = self.folder / "certbot"
        told = subprocess.run(
            [
                "certbot", "show_account", "--server", f"https://localhost:{self.port}/dir",
                "--config-dir", home, "--work-dir", home / "work", "--logs-dir", home / "logs",
            ],
            env={**os.environ, "REQUESTS_CA_BUNDLE": str(self.folder / "authority.pem")},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )  # fmt: skip
        return told.stdout


class Visitor(threading.Thread):
    """Asks on a new connection each time, without end; knows what it was answered."""

    def __init__(self, server: NginxServer) -> None:
        super().__init__(daemon=True)
        self.outcomes: Counter[str] = Counter()
        self.over = threading.Event()
        self._server = server

    def run(self) -> None:
        while not self.over.is_set():
            try:
                with connected(self._server) as line:
                    line.sendall(
                        f"GET /live HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\n\r\n".encode()
                    )
                    self.outcomes[line.recv(12).decode()] += 1
            except OSError as error:
                self.outcomes[type(error).__name__] += 1
            time.sleep(0.01)


@contextmanager
def connected(server: NginxServer) -> Iterator[ssl.SSLSocket]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection(("127.0.0.1", server.https_port), timeout=5) as line,
        context.wrap_socket(line, server_hostname=NAME) as secured,
    ):
        yield secured


def certificate(server: NginxServer) -> x509.Certificate:
    with connected(server) as line:
        return x509.load_der_x509_certificate(line.getpeercert(binary_form=True) or b"")


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_until(there: Callable[[], bool], otherwise: str, timeout_s: float = 30) -> None:
    give_up_s = time.monotonic() + timeout_s
    while not there():
        assert time.monotonic() < give_up_s, otherwise
        time.sleep(0.05)


@pytest.fixture
def server() -> Iterator[NginxServer]:
    """An nginx that begins with the placeholder, and watches its certificates."""
    folder = Path(tempfile.mkdtemp(prefix="neo-acme-"))
    folder.chmod(0o755)
    certificates = folder / "certificates"
    subprocess.run([ROOT / "nginx" / "start" / "placeholder.sh", certificates, NAME], check=True)
    nginx = shutil.which("nginx") or "/usr/sbin/nginx"
    settings = {
        "NGINX": f"{nginx} -p {folder}/ -c {folder}/nginx.conf -e stderr",
        "NGINX_LOOK_EVERY_S": "0.2",
    }
    watch = [str(ROOT / "nginx" / "start" / "reload_on_change.sh"), str(certificates), "localhost"]
    limits = {"NGINX_MAIL_RATE": "1000r/s", "NGINX_MAIL_BURST": "1000"}
    dead = {"NGINX_MAIL_SERVERS": "server 127.0.0.1:1;"}
    server = NginxServer(folder, ("mail",), {**limits, **dead})
    try:
        server.start()
        with running(watch, folder / "watch.log", settings):
            yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.slow(13)
def test_a_certificate_is_issued_and_renewed_and_no_request_is_dropped(
    server: NginxServer, tmp_path: Path
) -> None:
    authority = Authority(tmp_path, server.http_port)
    placeholder = certificate(server)
    visitor = Visitor(server)
    visitor.start()
    with authority.serving():
        issued = authority.renew(server, "--keep-until-expiring")
        assert issued.returncode == 0, issued.stderr
        wait_until(lambda: "Pebble" in certificate(server).issuer.rfc4514_string(), "not in force")
        first = certificate(server)

        kept = authority.renew(server, "--keep-until-expiring")
        assert kept.returncode == 0
        renewed = authority.renew(server, "--force-renewal")
        assert renewed.returncode == 0, renewed.stderr
        wait_until(lambda: certificate(server).serial_number != first.serial_number, "not renewed")
    visitor.over.set()
    visitor.join(10)

    assert placeholder.issuer == placeholder.subject
    names = first.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [NAME]
    assert "not yet due" in kept.stdout + kept.stderr
    assert set(visitor.outcomes) == {"HTTP/1.1 502"}
    key = server.directory / "certificates" / NAME / "privkey.pem"
    assert key.stat().st_mode & 0o077 == 0


def test_the_certificate_authority_gets_the_contact_address(
    server: NginxServer, tmp_path: Path
) -> None:
    authority = Authority(tmp_path, server.http_port)
    with authority.serving():
        issued = authority.renew(server, "--keep-until-expiring", email="operators@example.org")
        assert issued.returncode == 0, issued.stderr
        assert "operators@example.org" in authority.account()


def test_an_authority_that_is_away_leaves_the_certificate_in_force(
    server: NginxServer, tmp_path: Path
) -> None:
    before = certificate(server)

    failed = Authority(tmp_path, server.http_port).renew(server, "--keep-until-expiring")

    assert failed.returncode != 0
    assert certificate(server) == before


def test_a_placeholder_never_replaces_a_certificate(server: NginxServer) -> None:
    place = server.directory / "certificates"
    before = (place / NAME / "fullchain.pem").read_bytes()
    subprocess.run([ROOT / "nginx" / "start" / "placeholder.sh", place, NAME], check=True)

    assert (place / NAME / "fullchain.pem").read_bytes() == before


def test_who_reads_keys_as_one_of_a_group_reads_the_placeholder_s_too(tmp_path: Path) -> None:
    script = ROOT / "nginx" / "start" / "placeholder.sh"
    for mode in ("600", "640"):
        environment = {**os.environ, "ACME_MODE": mode}
        subprocess.run([script, tmp_path / mode, NAME], check=True, env=environment)
        key = tmp_path / mode / NAME / "privkey.pem"
        assert f"{key.stat().st_mode & 0o777:o}" == mode


def test_the_authority_is_not_asked_before_nginx_can_show_a_challenge(tmp_path: Path) -> None:
    asked = tmp_path / "asked"
    certbot = tmp_path / "certbot"
    certbot.write_text(f"#!/bin/sh\ntouch {asked}\n")
    certbot.chmod(0o755)
    port = free_port()
    environment = {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "ACME_EDGE": f"127.0.0.1:{port}",
        "ACME_CERTIFICATES": str(tmp_path),
        "ACME_WEBROOT": str(tmp_path),
        "ACME_ONCE": "1",
    }
    renew = [str(ROOT / "deploy" / "host" / "acme" / "renew.sh"), NAME]
    with running(renew, tmp_path / "renew.log", environment):
        time.sleep(1)  # nothing listens yet: it may not be asked
        assert not asked.exists()
        with socket.create_server(("127.0.0.1", port)):
            wait_until(asked.exists, "the authority was not asked")
