"""The pages that a feedback link opens, in the language of the letter."""

from pathlib import Path
from typing import Any

import jinja2

from mail_service.reply.feedback_links import ANSWERS, FeedbackLinks
from shared.languages import Language
from shared.texts import Texts

ROOT = Path(__file__).parents[1]


class FeedbackPages:
    """Renders the pages. Creating one reads files: not in the event loop."""

    def __init__(self, links: FeedbackLinks) -> None:
        self.links = links
        self._texts = Texts.read(ROOT / "texts" / "reply.toml")
        environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(ROOT / "templates"),
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
            undefined=jinja2.StrictUndefined,
        )
        self._template = environment.get_template("feedback.html.j2")

    def question(self, language: Language, answer: str) -> str:
        """Return the page with a button for `answer`, and one for the other."""
        others = [other for other in ANSWERS if other != answer]
        return self._render(language, "feedback_question", [answer, *others])

    def thanks(self, language: Language) -> str:
        """Return the page that says thanks."""
        return self._render(language, "feedback_thanks", [])

    def gone(self, language: Language) -> str:
        """Return the page for a link whose letter is erased, or which we did not make."""
        return self._render(language, "feedback_gone", [])

    def _render(self, language: Language, key: str, answers: list[str]) -> str:
        say = self._texts.say
        values: dict[str, Any] = {
            "language": language,
            "sentence": say(key, language),
            "note": say("feedback_anonymous", language),
            "answers": [(each, say(f"feedback_{each}", language)) for each in answers],
        }
        return self._template.render(values)
