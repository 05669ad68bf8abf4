"""What the Cloud API accepts in a message, from the pages of its documentation named below."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from telegram_service.emulators.whatsapp.errors import GraphError, JsonObject

MAX_TEXT = 4_096
"""messages/text-messages."""
MAX_BODY = 1_024
"""messages/interactive-reply-buttons-messages. For lists more has been documented, and less."""
MAX_BUTTONS, MAX_BUTTON_TITLE, MAX_BUTTON_ID = 3, 20, 256
MAX_ROWS, MAX_ROW_TITLE, MAX_ROW_DESCRIPTION, MAX_ROW_ID = 10, 24, 72, 200
MAX_SECTIONS = 10
MAX_CAPTION = 1_024
MAX_OPAQUE = 512
"""reference/whatsapp-business-phone-number/message-api: biz_opaque_callback_data."""
KEYS = {
    "messaging_product", "recipient_type", "to", "recipient", "type", "context",
    "biz_opaque_callback_data",
}  # fmt: skip


def check_message(body: Mapping[str, Any]) -> None:
    """Refuse a message that the Cloud API refuses. Raises GraphError."""
    required(body, "messaging_product")
    if body["messaging_product"] != "whatsapp":
        raise GraphError(100, "Param messaging_product must be one of {WHATSAPP}")
    if not body.get("to") and not body.get("recipient"):
        raise GraphError(100, "The parameter to is required.")
    kind = str(body.get("type", "text"))
    check = KINDS.get(kind)
    if check is None:
        raise GraphError(100, f"Param type must be one of {sorted(KINDS)}")
    unexpected(body, KEYS | {kind}, "message")
    if len(str(body.get("biz_opaque_callback_data", ""))) > MAX_OPAQUE:
        raise GraphError(100, f"biz_opaque_callback_data is longer than {MAX_OPAQUE}")
    if "context" in body:
        required(body["context"], "message_id")
    required(body, kind)
    check(body[kind])


def check_text(text: Mapping[str, Any]) -> None:
    """Check a text message."""
    unexpected(text, {"body", "preview_url"}, "text")
    length(text, "body", MAX_TEXT, 100)


def check_document(document: Mapping[str, Any]) -> None:
    """Check a document message: uploaded, or by its address."""
    unexpected(document, {"id", "link", "caption", "filename"}, "document")
    if ("id" in document) == ("link" in document):
        raise GraphError(131009, "document needs either an id or a link")
    if "caption" in document:
        length(document, "caption", MAX_CAPTION, 100)


def check_template(template: Mapping[str, Any]) -> None:
    """Check a template message; whether the template exists is the account's to say."""
    unexpected(template, {"name", "language", "components"}, "template")
    required(template, "name")
    required(template, "language")
    required(template["language"], "code")


def check_interactive(interactive: Mapping[str, Any]) -> None:
    """Check a message with reply buttons, a list, or a button that opens an address."""
    unexpected(interactive, {"type", "header", "body", "footer", "action"}, "interactive")
    kind = interactive.get("type")
    actions = {"button": check_buttons, "list": check_list, "cta_url": check_address}
    if kind not in actions:
        raise GraphError(131009, f"Interactive type {kind} is not supported")
    required(interactive, "body")
    required(interactive, "action")
    length(interactive["body"], "text", MAX_BODY, 131009)
    actions[kind](interactive["action"])


def check_buttons(action: Mapping[str, Any]) -> None:
    """Check the reply buttons of a message."""
    unexpected(action, {"buttons"}, "action")
    buttons = action.get("buttons") or []
    if not 1 <= len(buttons) <= MAX_BUTTONS:
        raise GraphError(131009, f"Invalid buttons count. Min: 1, Max: {MAX_BUTTONS}")
    for button in buttons:
        if button.get("type") != "reply":
            raise GraphError(131009, "Button type must be reply")
    replies = [button["reply"] for button in buttons]
    for reply in replies:
        length(reply, "title", MAX_BUTTON_TITLE, 131009)
        length(reply, "id", MAX_BUTTON_ID, 131009)
    different([reply["id"] for reply in replies], "Button id")
    different([reply["title"] for reply in replies], "Button title")


def check_list(action: Mapping[str, Any]) -> None:
    """Check the rows of a list message."""
    unexpected(action, {"button", "sections"}, "action")
    length(action, "button", MAX_BUTTON_TITLE, 131009)
    sections = action.get("sections") or []
    if not 1 <= len(sections) <= MAX_SECTIONS:
        raise GraphError(131009, f"Invalid sections count. Min: 1, Max: {MAX_SECTIONS}")
    for section in sections:
        unexpected(section, {"title", "rows"}, "section")
        if len(sections) > 1:
            length(section, "title", MAX_ROW_TITLE, 131009)
    rows = [row for section in sections for row in section.get("rows", [])]
    if not 1 <= len(rows) <= MAX_ROWS:
        raise GraphError(131009, f"Total row count exceed max allowed count: {MAX_ROWS}")
    for row in rows:
        unexpected(row, {"id", "title", "description"}, "row")
        length(row, "title", MAX_ROW_TITLE, 131009)
        length(row, "id", MAX_ROW_ID, 131009)
        if "description" in row:
            length(row, "description", MAX_ROW_DESCRIPTION, 131009)
    different([row["id"] for row in rows], "Row id")


def check_address(action: Mapping[str, Any]) -> None:
    """Check a button that opens an address."""
    unexpected(action, {"name", "parameters"}, "action")
    if action.get("name") != "cta_url":
        raise GraphError(131009, "Param name must be cta_url")
    parameters = action.get("parameters") or {}
    length(parameters, "display_text", MAX_BUTTON_TITLE, 131009)
    if not str(parameters.get("url", "")).startswith(("https://", "http://")):
        raise GraphError(131009, "Invalid url in cta_url")


KINDS: Mapping[str, Callable[[JsonObject], None]] = {
    "text": check_text,
    "interactive": check_interactive,
    "document": check_document,
    "template": check_template,
}


def required(values: Mapping[str, Any], name: str) -> None:
    """Refuse an object without a field."""
    if not values.get(name):
        raise GraphError(131008, f"Parameter '{name}' is mandatory")


def unexpected(values: Mapping[str, Any], known: set[str], what: str) -> None:
    """Refuse an object with a field that the API does not know."""
    if unknown := set(values) - known:
        raise GraphError(100, f'Unexpected key "{min(unknown)}" on param "{what}".')


def length(values: Mapping[str, Any], name: str, limit: int, code: int) -> None:
    """Refuse a text that is empty or longer than `limit` characters."""
    value = values.get(name)
    if not isinstance(value, str) or not value.strip():
        raise GraphError(131008, f"Parameter '{name}' is mandatory")
    if len(value.encode("utf-16-le")) // 2 > limit:
        raise GraphError(code, f"Param {name} must be at most {limit} characters long.")


def different(values: Sequence[str], what: str) -> None:
    """Refuse values of which two are the same."""
    if len(set(values)) < len(values):
        raise GraphError(131009, f"{what} must be unique")
