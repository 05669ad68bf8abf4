"""What LINE refuses in the messages of a call.

Lengths are in UTF-16 units, those of an action's label and texts in characters as people see them
("Character counting in a text"). A label in a Flex Message may be longer than 20 in some places; 20
is refused here everywhere, which is strict under every reading.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import orjson

from telegram_service.emulators.line.errors import Faults

JsonObject = Mapping[str, Any]

MAX_MESSAGES = 5
MAX_TEXT_UNITS = 5_000
MAX_ALT_TEXT_UNITS = 1_500
MAX_QUICK_REPLIES = 13
MAX_LABEL = 20
MAX_DATA_UNITS = 300
MAX_SPOKEN = 300
"""`text` of a message action, `displayText` of a postback action."""
MAX_URI_UNITS = 1_000
MAX_BUBBLE_BYTES, MAX_CAROUSEL_BYTES, MAX_BUBBLES = 30 * 1024, 50 * 1024, 12
URI_SCHEMES = frozenset({"http", "https", "line", "tel"})
MESSAGE_FIELDS = {
    "text": {"type", "text", "quickReply", "quoteToken", "emojis", "sender"},
    "flex": {"type", "altText", "contents", "quickReply", "sender"},
}
"""The kinds of message our bot sends; any other kind is refused as a misspelt one is."""
COMPONENTS = frozenset({"box", "button", "image", "video", "icon", "text", "span", "separator"})
SIZES = frozenset({"nano", "micro", "deca", "hecto", "kilo", "mega", "giga"})


def units(text: str) -> int:
    """Return the length in UTF-16 units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def seen_characters(text: str) -> int:
    """Return how many characters people see, nearly: combining marks belong to the one before.

    Grapheme clusters (Unicode Standard Annex 29) without their rarer rules: never fewer than
    there are, so a label that passes here passes at LINE.
    """

    return sum(unicodedata.combining(character) == 0 for character in text)


def check_messages(messages: object) -> None:
    """Refuse what LINE refuses in `messages` of a call. Raises LineError."""
    faults = Faults()
    if not isinstance(messages, list) or not 1 <= len(messages) <= MAX_MESSAGES:
        faults.add("messages", f"Size must be between 1 and {MAX_MESSAGES}")
        faults.refuse_if_any()
    assert isinstance(messages, list)  # noqa: S101 - refused above
    for number, message in enumerate(messages):
        _check_message(faults, f"messages[{number}]", message)
    faults.refuse_if_any()


def _check_message(faults: Faults, where: str, message: JsonObject) -> None:
    kind = message.get("type")
    fields = MESSAGE_FIELDS.get(str(kind))
    if fields is None:
        faults.add(f"{where}.type", "Must be one of the following values: [text, flex]")
        return
    for name in message.keys() - fields:
        faults.add(f"{where}.{name}", "Unknown property")
    if kind == "text":
        _check_length(faults, f"{where}.text", message.get("text"), MAX_TEXT_UNITS)
    else:
        _check_length(faults, f"{where}.altText", message.get("altText"), MAX_ALT_TEXT_UNITS)
        _check_container(faults, f"{where}.contents", message.get("contents"))
    if "quickReply" in message:
        _check_quick_reply(faults, f"{where}.quickReply", message["quickReply"])


def _check_length(faults: Faults, where: str, text: object, most: int) -> None:
    if not isinstance(text, str) or not text.strip():
        faults.add(where, "May not be empty")
    elif units(text) > most:
        faults.add(where, f"Length must be between 0 and {most}")


def _check_quick_reply(faults: Faults, where: str, reply: JsonObject) -> None:
    items = reply.get("items")
    if not isinstance(items, list) or not 1 <= len(items) <= MAX_QUICK_REPLIES:
        faults.add(f"{where}.items", f"Size must be between 1 and {MAX_QUICK_REPLIES}")
        return
    for number, item in enumerate(items):
        spot = f"{where}.items[{number}]"
        if item.get("type") != "action":
            faults.add(f"{spot}.type", "Must be one of the following values: [action]")
        check_action(faults, f"{spot}.action", item.get("action"), labelled=True)


def check_action(faults: Faults, where: str, action: object, *, labelled: bool) -> None:
    """Refuse a postback, message or uri action that LINE refuses."""
    if not isinstance(action, Mapping):
        faults.add(where, "May not be null")
        return
    label = action.get("label", "")
    if (labelled and not label.strip()) or seen_characters(label) > MAX_LABEL:
        faults.add(f"{where}.label", f"Length must be between 1 and {MAX_LABEL}")
    match action.get("type"):
        case "postback":
            _check_length(faults, f"{where}.data", action.get("data"), MAX_DATA_UNITS)
            _check_spoken(faults, f"{where}.displayText", action.get("displayText"))
        case "message":
            _check_length(faults, f"{where}.text", action.get("text"), 10 * MAX_SPOKEN)
            _check_spoken(faults, f"{where}.text", action.get("text"))
        case "uri":
            _check_uri(faults, f"{where}.uri", action.get("uri"))
        case _:
            faults.add(f"{where}.type", "Must be one of: [postback, message, uri]")


def _check_spoken(faults: Faults, where: str, text: object) -> None:
    if isinstance(text, str) and seen_characters(text) > MAX_SPOKEN:
        faults.add(where, f"Length must be between 0 and {MAX_SPOKEN}")


def _check_uri(faults: Faults, where: str, uri: object) -> None:
    scheme = urlsplit(uri).scheme if isinstance(uri, str) else ""
    if scheme not in URI_SCHEMES:
        faults.add(where, "Invalid action URI scheme")
    elif units(str(uri)) > MAX_URI_UNITS:
        faults.add(where, f"Length must be between 0 and {MAX_URI_UNITS}")


def _check_container(faults: Faults, where: str, container: object) -> None:
    if not isinstance(container, Mapping):
        faults.add(where, "May not be null")
        return
    match container.get("type"):
        case "bubble":
            _check_bubble(faults, where, container)
        case "carousel":
            bubbles = container.get("contents") or []
            if not 1 <= len(bubbles) <= MAX_BUBBLES:
                faults.add(f"{where}.contents", f"Size must be between 1 and {MAX_BUBBLES}")
            if len(orjson.dumps(container)) > MAX_CAROUSEL_BYTES:
                faults.add(where, "The carousel is too large")
            for number, bubble in enumerate(bubbles):
                _check_bubble(faults, f"{where}.contents[{number}]", bubble)
        case _:
            faults.add(f"{where}.type", "Must be one of: [bubble, carousel]")


def _check_bubble(faults: Faults, where: str, bubble: JsonObject) -> None:
    if bubble.get("size", "mega") not in SIZES:
        faults.add(f"{where}.size", "Unknown size")
    if len(orjson.dumps(bubble)) > MAX_BUBBLE_BYTES:
        faults.add(where, "The bubble is too large")
    parts = [name for name in ("header", "hero", "body", "footer") if name in bubble]
    if not parts:
        faults.add(where, "At least one block must be specified")
    for name in parts:
        _check_component(faults, f"{where}.{name}", bubble[name])


def _check_component(faults: Faults, where: str, component: JsonObject) -> None:
    kind = component.get("type")
    if kind not in COMPONENTS:
        faults.add(f"{where}.type", "Unknown component")
    if kind == "box":
        contents: Sequence[JsonObject] = component.get("contents", ())
        if component.get("layout") not in {"horizontal", "vertical", "baseline"}:
            faults.add(f"{where}.layout", "Unknown layout")
        for number, child in enumerate(contents):
            _check_component(faults, f"{where}.contents[{number}]", child)
    if kind == "text" and not component.get("contents"):
        _check_length(faults, f"{where}.text", component.get("text"), MAX_TEXT_UNITS)
    if kind == "button" or "action" in component:
        action = component.get("action")
        check_action(faults, f"{where}.action", action, labelled=kind == "button")
