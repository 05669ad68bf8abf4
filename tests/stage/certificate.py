"""A host without any certificate: nginx starts on a placeholder, and ACME brings the first one.

The authority is Pebble (https://github.com/letsencrypt/pebble), in a container of its own; it finds
nginx by the host name, and asks it for the challenge as any authority would.
"""

import json
import socket
import ssl
import time
from pathlib import Path

import trustme
import yaml
from cryptography import x509

from tests.stage.documented_commands import blocks, says
from tests.stage.images import official_image
from tests.stage.operating import AI_STACK, clone_and_init
from tests.stage.simulated_host import DOMAIN, HTTPS_PORT, SimulatedHost
from tests.stage.stack_checks import Figures, stop_each, until

HOST = f"ai-api.{DOMAIN}"
STAGE = "docker-compose.stage.yml"
"""The stack's compose file with what the authority needs."""
SETTINGS = f"""\
sed -i 's/^COMPOSE_FILE=.*/COMPOSE_FILE={STAGE}/' .env
sed -i 's/^COMPOSE_PROFILES=.*/COMPOSE_PROFILES=acme/' .env
sed -i 's/^ACME_EMAIL=.*/ACME_EMAIL=operators@example.org/' .env
echo ACME_SERVER=https://pebble:14000/dir >>.env
"""
PEBBLE = {
    "pebble": {
        "listenAddress": "0.0.0.0:14000",
        "managementListenAddress": "127.0.0.1:15000",
        "certificate": "/pebble/certificate.pem",
        "privateKey": "/pebble/key.pem",
        "httpPort": 80,
        "tlsPort": 443,
    }
}


def run_certificate(host: SimulatedHost) -> Figures:
    """Type the steps on a machine without a certificate; its first real one is what counts.

    Raises StageFailed.
    """
    machine = host.machine("certificate")
    clone_and_init(machine, "ai")
    write_stage(machine.tree)
    machine.type_in(SETTINGS)
    machine.type_in("docker compose up -d --build ai-api redis")
    begin_pebble(machine)
    started = time.monotonic()
    machine.type_in(blocks("### 5.")[0].rpartition("curl ")[0])
    until(lambda: "Pebble" in issuer(), "a certificate of the authority in force")
    figures = Figures("certificate", time.monotonic() - started)
    stop_each(machine, figures, AI_STACK.project, ("acme",), lambda: "Pebble" in issuer())
    machine.type_in(says("docker compose restart acme"))
    return figures


def write_stage(tree: Path) -> None:
    """Write the stack's file with nginx under its host name and an authority of our own."""
    stack = yaml.safe_load((tree / "docker-compose.ai.yml").read_text(encoding="utf-8"))
    stack["services"]["nginx"]["networks"] = {"front": {"aliases": [HOST]}}
    stack["services"]["acme"]["environment"]["REQUESTS_CA_BUNDLE"] = "/opt/neo/acme/authority.pem"
    (tree / STAGE).write_text(yaml.safe_dump(stack), encoding="utf-8")


def begin_pebble(host: SimulatedHost) -> None:
    """Start the authority, whose own certificate the ACME client is told to believe."""
    folder = host.tree / "pebble"
    folder.mkdir()
    authority = trustme.CA()
    own = authority.issue_cert("pebble")
    own.private_key_pem.write_to_path(str(folder / "key.pem"))
    own.cert_chain_pems[0].write_to_path(str(folder / "certificate.pem"))
    (folder / "config.json").write_text(json.dumps(PEBBLE), encoding="utf-8")
    authority.cert_pem.write_to_path(str(host.tree / "deploy" / "host" / "acme" / "authority.pem"))
    host.engine.podman(
        "run", "--detach", "--name", "pebble", "--network", "neo-ai_front",
        "--volume", f"{folder}:/pebble:ro", "--env", "PEBBLE_VA_NOSLEEP=1",
        "--env", "PEBBLE_WFE_NONCEREJECT=0", "--entrypoint", "pebble",
        official_image(host.tree, "certbot"), "-config", "/pebble/config.json",
    )  # fmt: skip


def issuer() -> str:
    """Return who issued the certificate that is served. Raises OSError when nobody answers."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection(("127.0.0.1", HTTPS_PORT), timeout=5) as line,
        context.wrap_socket(line, server_hostname=HOST) as secured,
    ):
        shown = secured.getpeercert(binary_form=True) or b""
    return x509.load_der_x509_certificate(shown).issuer.rfc4514_string()
