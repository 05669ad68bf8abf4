"""A private Dovecot 2.3 on loopback, for tests and the demo: one mailbox per line of `users`.

As root it runs as Debian's own users; otherwise as the current user. Standard library only.
Certificates are made with openssl. Access tokens are asked about at `introspection_url`
(RFC 7662), where one is given.
"""

import getpass
import os
import secrets
import shutil
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from deploy.local.ports import free_port
from deploy.local.server import Server, ServerNotStarted, accepts_connections, children_of

CONFIGURATION = """
base_dir = {base}/run
state_dir = {base}/state
log_path = {base}/log
protocols = imap
listen = 127.0.0.1
postmaster_address = postmaster@{domain}
recipient_delimiter = +
disable_plaintext_auth = no
auth_mechanisms = plain login xoauth2
auth_failure_delay = 0
ssl = yes
ssl_cert = <{base}/cert.pem
ssl_key = <{base}/key.pem
mail_location = maildir:{base}/mail/%u
mail_uid = {user}
mail_gid = {group}
first_valid_uid = 1
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {login}
mail_max_userip_connections = 100
passdb {{
  driver = passwd-file
  args = scheme=plain username_format=%u {base}/users
}}
{oauth}
userdb {{
  driver = static
  args = uid={user} gid={group} home={base}/mail/%u allow_all_users=yes
}}
namespace inbox {{
  inbox = yes
  mailbox "{sent}" {{
    auto = create
    special_use = \\Sent
  }}
}}
service imap-login {{
  {chroot}
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = {imaps}
    ssl = yes
  }}
}}
service anvil {{
  {chroot}
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
"""


OAUTH = """
passdb {{
  driver = oauth2
  mechanisms = xoauth2
  args = {base}/oauth.conf
}}
"""
INTROSPECTION = """
introspection_mode = post
introspection_url = {url}
username_attribute = username
active_attribute = active
active_value = true
"""


class Dovecot(Server):
    """One server over `directory`, which it owns and whose parents must be open to its user."""

    directory_mode = 0o755

    def __init__(
        self,
        directory: Path,
        address: str = "questions@neo.example",
        *,
        introspection_url: str = "",
        sent_folder: str = "Sent",
    ) -> None:
        super().__init__("dovecot", directory.resolve())
        self.address = address
        self.introspection_url = introspection_url
        self.sent_folder = sent_folder
        self.password = secrets.token_hex(8)
        self.imap_port = free_port()
        self.imaps_port = free_port()

    @property
    def ca(self) -> Path:
        """Return the self-signed certificate."""
        return self.directory / "cert.pem"

    def prepare(self) -> Sequence[str | Path]:
        """Write the configuration once; return the command."""
        if shutil.which("dovecot") is None:
            raise ServerNotStarted(
                "no dovecot; on Debian: apt-get install -y --no-install-recommends dovecot-imapd"
            )
        if not (self.directory / "dovecot.conf").exists():
            self._write_configuration()
        return ["dovecot", "-F", "-c", self.directory / "dovecot.conf"]

    def answers(self) -> bool:
        """Whether the master has started its listeners."""
        return (self.directory / "run" / "master.pid").exists() and accepts_connections(
            self.imap_port
        )

    def stop(self) -> None:
        """Stop the master and the processes it leaves behind."""
        for child in self.stop_master_only():
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGTERM)

    def stop_master_only(self) -> list[int]:
        """Stop only the master, as a faulty restart does; return the processes left behind."""
        if self._process is None:
            return []
        left_over = children_of(self._process.pid)
        super().stop()
        return left_over

    def forget_mail(self) -> None:
        """Delete the maildir: the next UIDVALIDITY is another one."""
        shutil.rmtree(self.directory / "mail" / self.address, ignore_errors=True)

    def _write_configuration(self) -> None:
        as_root = os.geteuid() == 0
        user = "dovecot" if as_root else getpass.getuser()
        for name in ("run", "state", "mail"):
            (self.directory / name).mkdir(parents=True, exist_ok=True)
        (self.directory / "users").write_text(
            f"{self.address}:{{plain}}{self.password}\n", encoding="ascii"
        )
        make_certificate(self.directory)
        text = CONFIGURATION.format(
            base=self.directory,
            sent=self.sent_folder,
            oauth=OAUTH.format(base=self.directory) if self.introspection_url else "",
            domain=self.address.partition("@")[2],
            user=user,
            group=user,
            login="dovenull" if as_root else user,
            chroot="" if as_root else "chroot =",
            imap=self.imap_port,
            imaps=self.imaps_port,
        )
        (self.directory / "dovecot.conf").write_text(text, encoding="utf-8")
        introspection = INTROSPECTION.format(url=self.introspection_url)
        (self.directory / "oauth.conf").write_text(introspection, encoding="ascii")
        if as_root:
            shutil.chown(self.directory / "mail", user, user)


def make_certificate(directory: Path) -> None:
    """Write `key.pem` and a self-signed `cert.pem` for this machine, valid for 30 days."""
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30"),
            *("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"),
            *("-keyout", str(directory / "key.pem"), "-out", str(directory / "cert.pem")),
        ],
        capture_output=True,
        check=True,
    )
