"""Settings of ai_core. `AI_CORE_REDIS__URL=…` sets `settings.redis.url`."""

from pathlib import Path
from typing import Literal

from pydantic import Field, IPvAnyNetwork, PostgresDsn, RedisDsn, SecretStr
from pydantic_settings import SettingsConfigDict

from shared.privacy.settings import PrivacySettings
from shared.settings import (
    ErrorReportSettings,
    Section,
    StrictSettings,
    TracingSettings,
    WatchSettings,
)

PASSAGE_TOKENS = 1_200
MODELS_SOCKET = "NEO_MODELS_SOCKET"
"""Variable that names the socket of the process that owns the models, in one of several workers."""


class ServerSettings(Section):
    """Address of the API, how many processes share it, and the largest body it reads."""

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=1, le=65_535)
    workers: int = Field(
        default=1,
        ge=1,
        le=64,
        description="Processes that share the port, one for each core at most. SIGHUP replaces "
        "several one by one, without a pause.",
    )
    max_body_bytes: int = Field(default=1024 * 1024 - 1, gt=0)
    trusted_proxies: tuple[IPvAnyNetwork, ...] = Field(
        default=(), description="Trusted proxies, whose X-Forwarded-For is used."
    )


class RedisSettings(Section):
    """Keys, limits, cache and conversations."""

    url: RedisDsn = RedisDsn("redis://127.0.0.1:6379/0")


class PostgresSettings(Section):
    """Feedback, statistics, conversations that are kept, the operator's entries, accounts, audit.

    Everything answers without it; what needs it is then off.
    """

    url: PostgresDsn | Literal[""] = Field(default="", description="Empty: off.")
    replica_url: PostgresDsn | Literal[""] = Field(
        default="", description="A read replica, for the desk's statistics; empty: none."
    )
    replica_age_s: float = Field(
        default=60.0, gt=0, description="Statistics older than this are read from the primary."
    )
    key_file: Path = Field(
        default=Path("/run/secrets/ai_core_vault"),
        description="Keys that seal what people wrote (shared/privacy/encryption.py).",
    )
    events_days: int = Field(
        default=400, ge=31, description="How long statistics and verdicts are kept."
    )
    texts_days: int = Field(
        default=30, ge=1, description="How long kept conversations, comments and questions are."
    )
    keep_questions: bool = Field(
        default=False, description="Keep the masked words of questions, to improve the answers."
    )


class ModelSettings(Section):
    """The models: `folder` holds models.toml and what is fetched or made of them."""

    default: str = Field(default="", description="It wins over the default of models.toml.")
    folder: Path | None = Field(default=None, description="None: `models` in the data folder.")
    memory_bytes: int = Field(
        default=0,
        ge=0,
        description="For all models together; 0: 80 % of what is free at the start.",
    )
    wait_s: float = Field(default=30.0, gt=0, description="How long a request waits for a model.")


class ConversationSettings(Section):
    """How long a conversation is stored after its last turn, and how many turns of it."""

    silence_s: int = Field(default=24 * 3600, gt=0)
    turns_kept: int = Field(default=20, ge=2)


class AnswerSettings(Section):
    """What a model reads and may say, and the length of its queue.

    A small model prefills 150 to 600 tokens/s on a VPS, so 1,200 tokens of passages cost two to
    eight seconds before the first token; raise it where a GPU does the prefill.
    """

    passage_tokens: int = Field(default=PASSAGE_TOKENS, ge=200, le=32_000)
    quotes_lead_below_b: float = Field(
        default=3.0,
        ge=0,
        description="A model with fewer billions of parameters does not write the answer: the law "
        "is quoted, and the model adds a summary. 0: every model writes.",
    )
    check_sentences: bool = Field(
        default=True,
        description="Remove a model's sentences that name no source, or whose figures stand in "
        "none. References, quotations and addresses are checked in any case.",
    )
    flags_file: Path | None = Field(
        default=None,
        description="Feature flags (ai_core/answering/flags.py); None: `flags.toml` in the data "
        "folder. A missing file has no flags.",
    )
    most_waiting: int = Field(default=64, ge=1, le=10_000, description="Answers in a model's line.")
    longest_wait_s: float = Field(
        default=120.0, gt=0, description="Whoever would wait longer for a slot is refused."
    )


class KnowledgeSettings(Section):
    """The knowledge entries; the operator's own lie in `knowledge/entries` in the data folder."""

    shipped: bool = Field(
        default=True, description="Answer with the entries that come with the service too."
    )
    folder: Path | None = Field(
        default=None,
        description="Where entries published at the desk and their index are written; None: "
        "`knowledge` in the data folder.",
    )


class PageSettings(Section):
    """The page at `/`: the file that holds the publishable key it works with, and its visitors."""

    key_file: Path | None = None
    hosts: tuple[str, ...] = Field(
        default=(),
        description="Host names under which browsers reach this service, besides those of the "
        "loopback and the address it listens on.",
    )
    visitor_secret_file: Path | None = Field(
        default=None,
        description="Secret for the pseudonyms of visitors; None: `visitor_secret` in the data "
        "folder. A missing file is made.",
    )


MAIL_ADDRESS = r"^$|^[^\s@<>,;:\"]+@[^\s@<>,;:\"]+$"


class ContactSettings(Section):
    """The contact form: the mailbox that gets its messages, and the relay that takes them.

    Without `to` or `smtp_host` there is no form.
    """

    to: str = Field(default="", pattern=MAIL_ADDRESS)
    sender: str = Field(default="", pattern=MAIL_ADDRESS, description="Empty: as `to`.")
    smtp_host: str = ""
    smtp_port: int = Field(default=587, ge=1, le=65_535)
    tls: Literal["starttls", "implicit", "none"] = "starttls"
    tls_ca: Path | None = Field(default=None, description="The authority to believe, when private.")
    user: str = ""
    password: SecretStr = SecretStr("")
    timeout_s: float = Field(default=20.0, gt=0, le=120)
    visitor_day: int = Field(default=5, ge=1, description="Messages a day, of one visitor.")
    everyone_day: int = Field(default=200, ge=1, description="Messages a day, of all visitors.")


class SiteSettings(Section):
    """The pages around the one at `/`: who operates the site, and under which address.

    What is empty is said to be missing, on the legal notice and on the page on privacy.
    """

    url: str = Field(
        default="",
        pattern=r"^$|^https?://[^\s/?#]+$",
        description="Public address, as https://travail.example.fr; search engines are told of it. "
        "Empty: they are told to stay away.",
    )
    operator: str = Field(default="", description="Name of the person or body that publishes it.")
    address: str = Field(default="", description="Postal address of the operator.")
    telephone: str = ""
    email: str = Field(default="", pattern=MAIL_ADDRESS, description="Shown to visitors.")
    registration: str = Field(default="", description="Legal form and number (RCS, SIREN, RNA).")
    publication_director: str = ""
    hosting: str = Field(default="", description="Name, address and telephone of who hosts it.")
    legal_basis: Literal["", "legitimate_interests", "public_task", "consent"] = Field(
        default="", description="Of the processing of questions (GDPR, article 6)."
    )
    data_protection: str = Field(default="", description="How to reach whoever answers for data.")
    recipients: str = Field(
        default="", description="Who else receives data, such as a remote model's server."
    )
    contact: ContactSettings = ContactSettings()


SERVICE_ADDRESS = r"^$|^https?://[^\s?#]+$"
ConsoleRole = Literal["owner", "operator", "editor", "reviewer", "reader"]


class ConsoleSettings(Section):
    """The desk at `/console`: closed unless it is opened, with accounts in Postgres.

    With an OpenID provider, accounts are made at the first sign-in of whoever its claims give a
    role.
    """

    open: bool = Field(default=False, description="Serve the desk; otherwise it is a 404.")
    second_factor: bool = Field(
        default=True, description="Whoever signs in with a password needs a one-time code too."
    )
    idle_s: int = Field(default=1_800, ge=60, description="A session ends this long after its use.")
    longest_s: int = Field(default=12 * 3_600, ge=300, description="And this long after its start.")
    oidc_issuer: str = Field(
        default="", description="The provider's issuer; empty: passwords only."
    )
    oidc_name: str = Field(default="OpenID", description="What the button calls the provider.")
    oidc_client_id: str = ""
    oidc_client_secret_file: Path | None = Field(
        default=None, description="None: a public client, protected by PKCE alone."
    )
    oidc_url: str = Field(
        default="",
        description="Our address as browsers see it, to return to: https://HOST, no path.",
    )
    oidc_scopes: str = "openid profile"
    oidc_claim: str = Field(default="groups", description="The claim that tells the role.")
    oidc_roles: dict[str, ConsoleRole] = Field(
        default_factory=dict, description="Which value of the claim gives which role."
    )
    telegram_url: str = Field(
        default="",
        pattern=SERVICE_ADDRESS,
        description="telegram_service as ai_core reaches it; empty: the bot is not shown.",
    )
    telegram_key_file: Path | None = Field(
        default=None, description="A file with its TELEGRAM_SERVER__API_KEY."
    )
    mail_url: str = Field(
        default="",
        pattern=SERVICE_ADDRESS,
        description="mail_service as ai_core reaches it; empty: the mailbox is not shown.",
    )
    mail_key_file: Path | None = Field(
        default=None, description="A file with its MAIL_SERVER__API_KEY."
    )
    mail_review_url: str = Field(
        default="",
        pattern=SERVICE_ADDRESS,
        description="The mailbox's review page as browsers reach it; empty: no link to it.",
    )


class WebSocketSettings(Section):
    """Connections to `/api/v1/ws`."""

    most_connections: int = Field(default=4_000, ge=1, description="In one process.")
    per_visitor: int = Field(
        default=8, ge=1, description="Of one address, with a publishable key, in one process."
    )
    idle_s: float = Field(
        default=600.0, gt=0, description="A connection that sends nothing for so long is closed."
    )


class Settings(StrictSettings):
    """ai_core, configured from the environment only."""

    model_config = SettingsConfigDict(
        env_prefix="AI_CORE_", env_nested_delimiter="__", extra="forbid", frozen=True
    )

    data_dir: Path = Path("/var/lib/ai_core")
    log_level: str = "info"
    server: ServerSettings = ServerSettings()
    redis: RedisSettings = RedisSettings()
    postgres: PostgresSettings = PostgresSettings()
    models: ModelSettings = ModelSettings()
    knowledge: KnowledgeSettings = KnowledgeSettings()
    answers: AnswerSettings = AnswerSettings()
    conversations: ConversationSettings = ConversationSettings()
    page: PageSettings = PageSettings()
    site: SiteSettings = SiteSettings()
    console: ConsoleSettings = ConsoleSettings()
    websocket: WebSocketSettings = WebSocketSettings()
    privacy: PrivacySettings = PrivacySettings()
    watch: WatchSettings = WatchSettings()
    tracing: TracingSettings = TracingSettings()
    error_reports: ErrorReportSettings = ErrorReportSettings()
