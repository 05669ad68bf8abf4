"""What goes over the wire: events for the webhook, messages of ours, files."""

from dataclasses import dataclass

from telegram_service.emulators.whatsapp.errors import JsonObject
from telegram_service.emulators.whatsapp.people import shown


@dataclass(frozen=True)
class Event:
    """One message or status on its way to the webhook, not before `due_s` (monotonic)."""

    number: str
    change: JsonObject
    due_s: float = 0.0

    @property
    def is_status(self) -> bool:
        """Return whether this is a status of a message of ours."""
        return "statuses" in self.change


@dataclass(frozen=True)
class Sent:
    """A message of ours that was accepted."""

    id: str
    number: str
    body: JsonObject
    at_s: float

    @property
    def text(self) -> str:
        """Return what stands in the message, with its formatting marks."""
        body = self.body
        match body["type"]:
            case "text":
                return str(body["text"]["body"])
            case "interactive":
                return str(body["interactive"]["body"]["text"])
            case "document":
                return str(body["document"].get("caption", ""))
        return ""

    @property
    def shown(self) -> str:
        """Return the text as a phone shows it."""
        return shown(self.text)

    @property
    def choices(self) -> list[tuple[str, str, str]]:
        """Return what can be tapped: kind of reply, label (a row's whole one), id."""
        action = self.body.get("interactive", {}).get("action", {})
        buttons = [each["reply"] for each in action.get("buttons", [])]
        rows = [row for section in action.get("sections", []) for row in section["rows"]]
        found = [("button_reply", each["title"], each["id"]) for each in buttons]
        return found + [
            ("list_reply", row.get("description") or row["title"], row["id"]) for row in rows
        ]


@dataclass(frozen=True)
class Media:
    """A file on Meta's servers."""

    content: bytes
    mime_type: str
