"""An nginx over the shipped templates, with certificates, and clients that trust them."""

import shutil
import ssl
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import httpx2
import trustme

from tests.servers.nginx import NginxServer

NAMES = {name: f"{name}.cryptomaltese.com" for name in ("ai-api", "telegram", "mail")}
SERVERS = {"ai-api": "NGINX_AI", "telegram": "NGINX_TELEGRAM", "mail": "NGINX_MAIL"}
LOOPBACK_PROXY = "real_ip_header X-Real-IP;\nset_real_ip_from 127.0.0.1;\n"


def server_line(*urls: str) -> str:
    """Return the lines of an upstream over these addresses."""
    return " ".join(
        f"server {url.removeprefix('http://')} max_fails=1 fail_timeout=1s;" for url in urls
    )


@dataclass
class EdgeServer:
    """A running nginx and the authorities it knows."""

    nginx: NginxServer
    authority: trustme.CA
    clients: trustme.CA

    @cached_property
    def trust(self) -> ssl.SSLContext:
        """Return what a client needs to believe the certificates."""
        context = ssl.create_default_context()
        self.authority.configure_trust(context)
        return context

    def client(
        self, host: str = "ai-api", trust: ssl.SSLContext | None = None
    ) -> httpx2.AsyncClient:
        """Return a client whose every address is a path on `host`."""
        name = NAMES[host]
        transport = NamedTransport(name, verify=trust or self.trust)
        base = f"https://127.0.0.1:{self.nginx.https_port}"
        return httpx2.AsyncClient(base_url=base, headers={"Host": name}, transport=transport)

    def log_lines(self, count: int = 1) -> list[str]:
        """Return the log once it has that many requests: nginx writes it a second later."""
        give_up_s = time.monotonic() + 30
        while True:
            lines = (self.nginx.directory / "nginx.log").read_text().splitlines()
            if sum(line.startswith("{") for line in lines) >= count:
                return lines
            assert time.monotonic() < give_up_s, lines
            time.sleep(0.1)

    def peer_trust(self) -> ssl.SSLContext:
        """Return what a client with a certificate of ours needs."""
        context = ssl.create_default_context()
        self.authority.configure_trust(context)
        self.clients.issue_cert("telegram.internal").configure_cert(context)
        return context


class NamedTransport(httpx2.AsyncHTTPTransport):
    """Asks for one host name by SNI, whatever address it connects to."""

    def __init__(self, name: str, verify: ssl.SSLContext) -> None:
        super().__init__(verify=verify)
        self._name = name

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request."""
        request.extensions = {**request.extensions, "sni_hostname": self._name}
        return await super().handle_async_request(request)


def put_certificate(folder: Path, authority: trustme.CA, name: str) -> None:
    """Write a certificate where the templates look for it."""
    place = folder / "certificates" / name
    place.mkdir(parents=True, exist_ok=True)
    made = authority.issue_cert(name)
    made.private_key_pem.write_to_path(str(place / "privkey.pem"))
    chain = b"".join(blob.bytes() for blob in made.cert_chain_pems)
    (place / "fullchain.pem").write_bytes(chain)


@contextmanager
def edge(*hosts: str, **variables: str) -> Iterator[EdgeServer]:
    """Run nginx for `hosts` (ai-api alone by default); one without servers has a dead one."""
    hosts = hosts or ("ai-api",)
    folder = Path(tempfile.mkdtemp(prefix="neo-nginx-"))
    folder.chmod(0o755)
    authority, clients = trustme.CA(), trustme.CA()
    names = {host: variables.get(f"{SERVERS[host]}_HOST", NAMES[host]) for host in hosts}
    for name in names.values():
        put_certificate(folder, authority, name)
    clients.cert_pem.write_to_path(str(folder / "certificates" / "clients.pem"))
    (folder / "snippets").mkdir()
    (folder / "snippets" / "real_ip_loopback.conf").write_text(LOOPBACK_PROXY)
    dead = {f"{SERVERS[host]}_SERVERS": server_line("127.0.0.1:1") for host in hosts}
    server = NginxServer(folder, hosts, {**dead, **variables})
    try:
        server.start()
        yield EdgeServer(server, authority, clients)
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
