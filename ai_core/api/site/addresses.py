"""Where each page of the site is, in each language: French at the root, others below their code."""

from shared.languages import Language

FRENCH: Language = "fr"
CHAT = "/"
CALCULATORS = "/calculs"
LANGUAGE_PARAMETER = "langue"
"""By which the pages that run in the browser are told their language (ai_core/web/language.js)."""


def in_language(path: str, language: Language) -> str:
    """Return the address of a page in a language; `path` is its address in French."""
    return path if language == FRENCH else f"/{language}{path}"


def chat(language: Language) -> str:
    """Return the address of the page where questions are asked."""
    return CHAT if language == FRENCH else f"{CHAT}?{LANGUAGE_PARAMETER}={language}"


def calculators(language: Language, calculator: str | None = None) -> str:
    """Return the address of the forms of calculators, or of one of them."""
    parameters = [f"calculateur={calculator}"] if calculator else []
    parameters += [] if language == FRENCH else [f"{LANGUAGE_PARAMETER}={language}"]
    return CALCULATORS + ("?" + "&".join(parameters) if parameters else "")


def theme(category: str) -> str:
    """Return the address of a theme, in French."""
    return f"/themes/{category}"


def entry(topic_id: str) -> str:
    """Return the address of a knowledge entry, in French."""
    return f"/questions/{topic_id}"
