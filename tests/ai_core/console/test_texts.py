"""Every sentence that a page of the desk says exists, in both languages, with the same facts."""

import re
from pathlib import Path
from string import Formatter
from typing import get_args

from ai_core.api.console.audit import SUBJECTS
from ai_core.api.console.entry_form import APPLIES, BOUNDS, SOURCE_FIELDS, WHEN
from ai_core.api.console.navigation import SECTIONS
from ai_core.api.console.rendering import TEMPLATES
from ai_core.console.entry_drafts import SHAPES
from ai_core.console.roles import Action, Role
from ai_core.console.texts import ConsoleTexts
from ai_core.knowledge.faults import KINDS
from ai_core.knowledge.law_checks import Lapse
from ai_core.law import figures

ROOT = Path(__file__).parents[3]
SAID = re.compile(r"\bt\(\s*[\"']([a-z_]+)[\"']\s*[,)]")
DONE = re.compile(r"visit\.to\([^()]*(?:\([^()]*\)[^()]*)*, \"([a-z_]+)\"\)")
REFUSED = re.compile(r"ConsoleRefusal\(\"([a-z_]+)\"")
RECORDED = re.compile(
    r"(?:recording|write|write_in)\(\s*(?:db, )?[^,]+,\s*\"([a-z_]+\.[a-z_]+)\"", re.DOTALL
)


def sources() -> str:
    folders = (ROOT / "ai_core" / "console", ROOT / "ai_core" / "api" / "console")
    return "\n".join(path.read_text() for folder in folders for path in folder.glob("*.py"))


def test_every_key_that_is_said_has_its_sentence() -> None:
    texts = ConsoleTexts.read()
    code = sources()
    said = {key for path in TEMPLATES.glob("*.html") for key in SAID.findall(path.read_text())}
    said |= {section.label for section in SECTIONS}
    said |= {f"role_{role}" for role in Role}
    said |= {f"action_{action.replace('.', '_')}" for action in Action}
    said |= {f"subject_{subject}" for subject in SUBJECTS}
    done = {f"done_{key}" for key in DONE.findall(code)}
    said |= done
    refused = {f"problem_{key}" for key in REFUSED.findall(code)}
    recorded = {f"did_{action.replace('.', '_')}" for action in RECORDED.findall(code)}
    assert min(len(done), len(refused), len(recorded)) > 12
    said |= refused | recorded
    said |= {f"entry_fault_{kind}" for kind in KINDS | {kind for _, kind in SHAPES}}
    said |= {f"entry_fault_{kind}" for kind in get_args(Lapse.__annotations__["reason"])}
    said |= {f"unit_{unit}" for unit in figures.UNIT_NAMES}
    for facts in (APPLIES, WHEN):
        said |= {f"fact_{fact}" for fact in facts}
        said |= {f"fact_{fact}_{value}" for fact, values in facts.items() for value in values}
    said |= {f"fact_{bound}" for bound in BOUNDS} | {f"source_{name}" for name in SOURCE_FIELDS[1:]}
    assert not {key for key in said if key not in texts}


def test_both_languages_name_the_same_facts() -> None:
    texts = ConsoleTexts.read()
    for key, versions in texts._sentences.items():
        named = [
            {name for _, name, _, _ in Formatter().parse(versions[language]) if name}
            for language in ("fr", "en")
        ]
        assert named[0] == named[1], key
