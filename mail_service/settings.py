"""The settings of mail_service. `MAIL_IMAP__HOST=…` sets `settings.imap.host`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field, PostgresDsn, RedisDsn, SecretStr
from pydantic_settings import SettingsConfigDict

from shared.languages import Language
from shared.privacy.settings import PrivacySettings
from shared.reading.settings import ScanSettings
from shared.settings import (
    ErrorReportSettings,
    Section,
    StrictSettings,
    TracingSettings,
    WatchSettings,
)

Mode = Literal["automatic", "review", "dry_run"]

PUBLIC_DOMAINS = (
    "gmail.com outlook.com outlook.fr hotmail.com hotmail.fr live.fr yahoo.fr yahoo.com orange.fr "
    "wanadoo.fr free.fr sfr.fr laposte.net icloud.com proton.me protonmail.com bbox.fr"
)


class OAuthSettings(Section):
    """Where access tokens come from, for a provider that takes no password (XOAUTH2).

    Without a file of a refresh token the application asks for itself (client credentials).
    """

    token_url: str = Field(default="", description="Empty: log in with the password.")
    client_id: str = ""
    client_secret_file: Path | None = None
    refresh_token_file: Path | None = None
    scope: str = ""


class ImapSettings(Section):
    """The IMAP mailbox; without a host the service waits for one."""

    host: str = ""
    port: int = Field(default=993, ge=1, le=65_535)
    tls: bool = True
    tls_ca: Path | None = Field(default=None, description="A private CA, for a server of one's own")
    user: str = ""
    password: SecretStr = SecretStr("")
    oauth: OAuthSettings = OAuthSettings()
    folder: str = "INBOX"
    sent_folder: str = Field(
        default="auto",
        description="auto: the one the server marks for it, or else Sent; empty: keep no copy.",
    )
    poll_s: float = Field(default=30.0, gt=0, le=30)
    timeout_s: float = Field(default=20.0, gt=0)


class SmtpSettings(Section):
    """The SMTP relay for our replies."""

    host: str = ""
    port: int = Field(default=587, ge=1, le=65_535)
    tls: Literal["starttls", "implicit", "none"] = "starttls"
    tls_ca: Path | None = None
    user: str = ""
    password: SecretStr = SecretStr("")
    oauth: OAuthSettings = OAuthSettings()
    timeout_s: float = Field(default=60.0, gt=0)
    bounce_domain: str = Field(
        default="", description="Envelope senders are bounces+TOKEN@ here; empty: a null sender."
    )


class MailboxSettings(Section):
    """One more mailbox, with its own relay, mode, language and signature."""

    name: str = Field(pattern=r"^[a-z0-9_-]{1,32}$")
    address: str
    aliases: tuple[str, ...] = ()
    mode: Mode = "review"
    language: Language = Field(
        default="fr", description="Of replies to mails that tell none themselves."
    )
    sender_name: str = Field(default="", description="Empty: reply.name.")
    signature: tuple[str, ...] = Field(
        default=(), description="Lines below the closing; none: the sender's name."
    )
    imap: ImapSettings
    smtp: SmtpSettings


class AiSettings(Section):
    """ai_core, over authenticated HTTPS."""

    url: str = "http://127.0.0.1:8000"
    api_key: SecretStr = SecretStr("")
    client_certificate: Path | None = Field(
        default=None, description="Our certificate and its key, for mutual TLS."
    )
    tls_ca: Path | None = Field(default=None, description="The authority to believe, when private.")
    model: str | None = None
    timeout_s: float = Field(default=120.0, gt=0)


class RedisSettings(Section):
    """Notifies the workers of other processes; a hint only, the ledger is polled too."""

    url: RedisDsn = RedisDsn("redis://127.0.0.1:6379/0")


class PostgresSettings(Section):
    """The ledger."""

    url: PostgresDsn = PostgresDsn("postgresql://127.0.0.1:5432/mail")


class VaultSettings(Section):
    """The key file that encrypts stored texts; see shared/privacy/encryption.py."""

    key_file: Path = Path("/run/secrets/mail_vault")


class ServerSettings(Section):
    """Where the API and the review page listen."""

    host: str = "127.0.0.1"
    port: int = Field(default=8002, ge=1, le=65_535)
    max_body_bytes: int = Field(default=256 * 1024, gt=0)
    api_key: SecretStr = Field(
        default=SecretStr(""), description="Opens the API; empty: the API answers 401 to all."
    )


class SenderSettings(Section):
    """The allow list and block list: addresses, or `@domain` with its subdomains."""

    allowed: tuple[str, ...] = ()
    blocked: tuple[str, ...] = ()


class AuthenticationSettings(Section):
    """How senders are authenticated."""

    server: str = Field(
        default="",
        description="authserv-id of the server whose Authentication-Results we trust; several are "
        "separated by spaces.",
    )
    results_above_received: bool = Field(
        default=False,
        description="Count that field only above the server's own Received line, where no sender "
        "can write; for servers that write it there.",
    )
    dns: bool = Field(
        default=False,
        description="Where that server says nothing, verify DKIM and DMARC ourselves.",
    )
    received_by: str = Field(
        default="",
        description="The server that takes our mail from outside, as its Received lines name it "
        "(by NAME), where that is not its authserv-id; several are separated by spaces.",
    )
    required: bool = Field(default=False, description="Quarantine what is not authenticated.")


class SpamSettings(Section):
    """The source of the spam score, and its threshold."""

    rspamd_url: str = ""
    rspamd_password: SecretStr = SecretStr("")
    header: str = Field(
        default="", description="Score header of a trusted upstream, such as X-Spam-Score."
    )
    score: float = Field(default=5.0, description="From here on, a person decides.")


class QuotaSettings(Section):
    """Quotas of mails and replies."""

    sender_hour: int = Field(default=10, gt=0)
    sender_day: int = Field(default=30, gt=0)
    everyone_hour: int = Field(default=2_000, gt=0)
    everyone_minute: int = Field(default=200, gt=0)
    replies_per_conversation_day: int = Field(default=3, gt=0, le=3)
    replies_per_sender_hour: int = Field(default=3, gt=0)
    max_bytes: int = Field(default=25 * 1024 * 1024, gt=0)
    public_domains: tuple[str, ...] = tuple(PUBLIC_DOMAINS.split())


class DkimSettings(Section):
    """Signs our replies when a key is given; most relays sign themselves."""

    selector: str = ""
    key_file: Path | None = None


class ReplySettings(Section):
    """What our replies contain about us."""

    name: str = "Code du Travail Neo"
    signature: tuple[str, ...] = Field(
        default=(), description="Lines below the closing; none: the name."
    )
    privacy_url: str = ""
    feedback_url: str = Field(
        default="",
        pattern=r"^(https?://[^\s/?#]+[^\s?#]*)?$",
        description="Public address of this service, of which only /feedback is to be reached from "
        "outside: letters then ask whether they helped.",
    )
    plus_addresses: bool = Field(
        default=False,
        description="Ask for answers at NAME+TOKEN@, by which a thread is known without its "
        "references; only for a server that delivers such addresses.",
    )
    holding_after_s: float = Field(default=240.0, gt=0)


class RetentionSettings(Section):
    """Retention times in days."""

    text_days: int = Field(default=30, gt=0)
    ledger_days: int = Field(default=365, gt=0)


class WorkerSettings(Section):
    """Concurrency and time limits of the worker."""

    mails: int = Field(default=4, gt=0, le=64)
    senders: int = Field(default=2, gt=0, le=16)
    readers: int = Field(default=2, gt=0, le=16)
    reading_s: float = Field(default=10.0, gt=0)
    reading_mib: int = Field(default=320, ge=128)
    lease_s: float = Field(default=300.0, gt=0)
    audit_every_s: float = Field(default=600.0, gt=0)
    metrics_port: int = Field(
        default=0, ge=0, le=65_535, description="Where the worker shows its metrics; 0: nowhere."
    )
    metrics_host: str = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class RuleThresholds:
    """The thresholds of the rules: sizes in bytes, counts per hour, minute or day."""

    max_bytes: int = 25 * 1024 * 1024
    sender_hour: int = 10
    sender_day: int = 30
    everyone_hour: int = 2_000
    everyone_minute: int = 200
    replies_per_conversation_day: int = 3
    replies_per_sender_hour: int = 3
    replies_per_sender_3_hours: int = 10
    replies_per_domain_hour: int = 60
    spam_score: float = 5.0
    public_domains: tuple[str, ...] = ()
    """Public mail providers: the limit per domain does not apply to them."""


class Settings(StrictSettings):
    """mail_service, configured from the environment only."""

    model_config = SettingsConfigDict(
        env_prefix="MAIL_", env_nested_delimiter="__", extra="forbid", frozen=True
    )

    log_level: str = "info"
    address: str = "questions@localhost"
    aliases: tuple[str, ...] = ()
    mode: Mode = "review"
    language: Language = Field(
        default="fr", description="Of replies to mails that tell none themselves."
    )
    imap: ImapSettings = ImapSettings()
    smtp: SmtpSettings = SmtpSettings()
    mailboxes: tuple[MailboxSettings, ...] = ()
    ai: AiSettings = AiSettings()
    redis: RedisSettings = RedisSettings()
    postgres: PostgresSettings = PostgresSettings()
    vault: VaultSettings = VaultSettings()
    server: ServerSettings = ServerSettings()
    senders: SenderSettings = SenderSettings()
    authentication: AuthenticationSettings = AuthenticationSettings()
    spam: SpamSettings = SpamSettings()
    quotas: QuotaSettings = QuotaSettings()
    dkim: DkimSettings = DkimSettings()
    reply: ReplySettings = ReplySettings()
    retention: RetentionSettings = RetentionSettings()
    worker: WorkerSettings = WorkerSettings()
    scans: ScanSettings = ScanSettings()
    privacy: PrivacySettings = PrivacySettings()
    watch: WatchSettings = WatchSettings()
    tracing: TracingSettings = TracingSettings()
    error_reports: ErrorReportSettings = ErrorReportSettings()

    @property
    def every_mailbox(self) -> tuple[MailboxSettings, ...]:
        """Return the mailboxes, the one of the plain settings first."""
        first = MailboxSettings(
            name="main",
            address=self.address,
            aliases=self.aliases,
            mode=self.mode,
            language=self.language,
            signature=self.reply.signature,
            imap=self.imap,
            smtp=self.smtp,
        )
        return (first, *self.mailboxes)

    @property
    def addresses(self) -> frozenset[str]:
        """Return every address that is ours, in lower case."""
        ours = [name for box in self.every_mailbox for name in (box.address, *box.aliases)]
        return frozenset(name.lower() for name in ours)

    @property
    def limits(self) -> RuleThresholds:
        """Return the thresholds of the rules."""
        quotas = self.quotas
        return RuleThresholds(
            max_bytes=quotas.max_bytes,
            sender_hour=quotas.sender_hour,
            sender_day=quotas.sender_day,
            everyone_hour=quotas.everyone_hour,
            everyone_minute=quotas.everyone_minute,
            replies_per_conversation_day=quotas.replies_per_conversation_day,
            replies_per_sender_hour=quotas.replies_per_sender_hour,
            spam_score=self.spam.score,
            public_domains=quotas.public_domains,
        )
