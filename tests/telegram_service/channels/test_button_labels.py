"""Labels of the bot's own buttons, as LINE and WhatsApp show them."""

import re
import tomllib
from pathlib import Path

import telegram_service
from telegram_service.channels.line.formatting import quick_reply
from telegram_service.channels.message import Button, OutgoingMessage
from telegram_service.channels.whatsapp.formatting import content

FOLDER = Path(telegram_service.__file__).parent
SAID = re.compile(r'context\.button\(\s*context\.say\(f?"(\w+)')


def labels() -> list[str]:
    """Every sentence that the code puts on a button, in every language."""
    code = "".join(path.read_text(encoding="utf-8") for path in sorted(FOLDER.rglob("*.py")))
    named = set(SAID.findall(code))
    texts = tomllib.loads((FOLDER / "texts" / "bot.toml").read_text(encoding="utf-8"))
    begun = tuple(each for each in named if each not in texts)  # an f-string names the beginning
    keys = [key for key in texts if key in named or key.startswith(begun)]
    assert len(keys) >= 18
    return [label for key in keys for label in texts[key].values()]


def test_every_label_is_shown_whole_on_line_and_as_a_button_on_whatsapp() -> None:
    for label in labels():
        button = Button(label=label, data="v1|set|show|00000000")
        assert quick_reply(button)["action"]["label"] == label
        message = OutgoingMessage(text="Lequel ?", buttons=((button,),))
        assert content(message)["interactive"]["type"] == "button", label
