"""A private Cyrus IMAP 3 on loopback: the second kind of server that the mailbox is tried on.

Its parser, its answers and its rights are others than Dovecot's. As root it runs as Debian's own
user, otherwise as the current one.
"""

import getpass
import imaplib
import os
import secrets
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from deploy.local.dovecot import make_certificate
from deploy.local.ports import free_port
from deploy.local.server import Server, ServerNotStarted, accepts_connections

UNPACKED = Path("/usr/local/lib/cyrus-imapd/usr/lib/cyrus/bin")
"""Where `./neo test` unpacks it: Debian does not install two IMAP servers."""
SYSTEM_PATH = f"{UNPACKED}:{os.defpath}:/usr/sbin"
ADMINISTRATOR = "cyrus"
STATE_FOLDERS = ("db", "socket", "proc", "log", "msg", "lock", "user", "quota")
SETTINGS = """
configdirectory: {base}/state
partition-default: {base}/mail
defaultpartition: default
cyrus_user: {user}
admins: {administrator}
servername: localhost
virtdomains: userid
defaultdomain: localhost
unixhierarchysep: yes
altnamespace: yes
allowplaintext: yes
sasl_mech_list: PLAIN LOGIN
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_sasldb_path: {base}/passwords
tls_server_cert: {base}/cert.pem
tls_server_key: {base}/key.pem
delete_mode: immediate
idlesocket: {base}/state/socket/idle
maxlogins_per_host: 0
failedloginpause: 0
"""
PROGRAMS = """
START {{
  recover cmd="ctl_cyrusdb -r -C {base}/imapd.conf"
}}
DAEMON {{
  idled cmd="{idled} -C {base}/imapd.conf"
}}
SERVICES {{
  imap cmd="{imapd} -C {base}/imapd.conf -U 100" listen="127.0.0.1:{imap}"
  imaps cmd="{imapd} -s -C {base}/imapd.conf -U 100" listen="127.0.0.1:{imaps}"
}}
"""


class Cyrus(Server):
    """One server with one mailbox over `directory`, whose parents must be open to its user."""

    directory_mode = 0o755
    start_timeout_s = 30.0

    def __init__(self, directory: Path, address: str = "questions@neo.example") -> None:
        super().__init__("cyrus", directory.resolve())
        self.address = address
        self.password = secrets.token_hex(8)
        self.imap_port = free_port()
        self.imaps_port = free_port()

    @property
    def ca(self) -> Path:
        """Return the self-signed certificate."""
        return self.directory / "cert.pem"

    def prepare(self) -> Sequence[str | Path]:
        """Write the configuration once; return the command."""
        if not (self.directory / "imapd.conf").exists():
            self._write_configuration()
        paths = ("-C", self.directory / "imapd.conf", "-M", self.directory / "cyrus.conf")
        return [_program("cyrmaster"), *paths, "-p", self.directory / "master.pid"]

    def answers(self) -> bool:
        """Whether the master has started its listeners."""
        return accepts_connections(self.imap_port)

    def stop(self) -> None:
        """Stop the master and its processes."""
        if self._process is not None:
            self.kill()

    def forget_mail(self) -> None:
        """Make the mailbox anew: the next UIDVALIDITY is another one."""
        mailbox = f"user/{self.address}"
        with self._client(ADMINISTRATOR) as administrator:
            administrator.setacl(mailbox, ADMINISTRATOR, "lrswipkxtecdan")
            administrator.delete(mailbox)
            administrator.create(mailbox)
        with self._client(self.address) as owner:
            owner._simple_command("CREATE", "Sent", r"(USE (\Sent))")

    def restrict(self, rights: str) -> None:
        """Leave the owner these rights on the inbox (RFC 4314): without w it keeps no keyword."""
        with self._client(ADMINISTRATOR) as administrator:
            administrator.setacl(f"user/{self.address}", self.address, rights)

    def _client(self, user: str) -> imaplib.IMAP4:
        client = imaplib.IMAP4("127.0.0.1", self.imap_port, timeout=10)
        client.login(user, self.password)
        return client

    def _write_configuration(self) -> None:
        user = "cyrus" if os.geteuid() == 0 else getpass.getuser()
        for name in ("mail", *(f"state/{each}" for each in STATE_FOLDERS)):
            (self.directory / name).mkdir(parents=True)
        make_certificate(self.directory)
        for name in (f"{ADMINISTRATOR}@localhost", self.address):
            self._set_password(*name.split("@"))
        text = PROGRAMS.format(
            base=self.directory,
            idled=_program("idled"),
            imapd=_program("imapd"),
            imap=self.imap_port,
            imaps=self.imaps_port,
        )
        (self.directory / "cyrus.conf").write_text(text, encoding="utf-8")
        text = SETTINGS.format(base=self.directory, user=user, administrator=ADMINISTRATOR)
        (self.directory / "imapd.conf").write_text(text, encoding="utf-8")
        if user == "cyrus":
            for path in (self.directory, *self.directory.rglob("*")):
                shutil.chown(path, user, "mail")

    def _set_password(self, name: str, domain: str) -> None:
        subprocess.run(
            [
                *(_program("saslpasswd2"), "-c", "-p", "-f", self.directory / "passwords"),
                *("-u", domain, name),
            ],
            input=self.password.encode(),
            capture_output=True,
            check=True,
        )


def _program(name: str) -> str:
    path = shutil.which(name, path=SYSTEM_PATH)
    if path is None:
        raise ServerNotStarted(
            f"no {name} of Cyrus; as root on Debian, ./neo test installs it beside Dovecot"
        )
    return path
