"""The commands of `./neo` that are programs of their own: module, arguments, what they need."""

from dataclasses import dataclass

from deploy.local.extras import AUDIT_EXTRAS, TEST_EXTRAS
from deploy.local.layout import ROOT

DEMOS = ("telegram", "line", "whatsapp", "mail")
AI = ("embedded", "ai")


@dataclass(frozen=True, slots=True)
class Program:
    """`python -m MODULE WORDS …`, with these extras installed; none needs Python alone."""

    module: str
    words: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()


PROGRAMS = {
    "run": Program("deploy.local.supervisor"),
    "keys": Program("ai_core", ("keys",), AI),
    "console": Program("ai_core", ("console",), AI),
    "corpus": Program("ai_core", ("corpus",), AI),
    "knowledge": Program("ai_core", ("knowledge",), AI),
    "calculators": Program("ai_core", ("calculators",), AI),
    "model": Program("ai_core", ("model",), AI),
    "telegram": Program("telegram_service", (), ("embedded", "telegram")),
    "mail": Program("mail_service", (), ("embedded", "mail")),
    "backup": Program("deploy.backup", (), ("embedded", "ai", "telegram", "mail")),
    "drill": Program("deploy.drill", (), ("embedded", "ai", "telegram", "mail")),
    "dns": Program("deploy.host.dns_records", (), ("mail",)),
    "init": Program("deploy.host.init"),
    "lock": Program("deploy.local.lock", (), (*TEST_EXTRAS, *AUDIT_EXTRAS)),
    "audit": Program("deploy.local.audit", (), ("audit",)),
    "images": Program("deploy.images.pins"),
    "smoke": Program("deploy.host.smoke"),
    "publish": Program("deploy.images.publish"),
    "release": Program("deploy.host.release"),
    "fuzz": Program("tests.fuzz", (), TEST_EXTRAS),
}


def bench_names() -> list[str]:
    """Return the names of the measurements, from the files of tests/bench that can be run."""
    files = sorted((ROOT / "tests" / "bench").glob("[!_]*.py"))
    return [file.stem for file in files if "__main__" in file.read_text(encoding="utf-8")]
